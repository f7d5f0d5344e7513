//! The admin port: is it alive, is it ready, and how is it doing.
//!
//! What a server depends on is checked in the background, not by whoever asks, so that probes
//! cost nothing and a slow dependency does not make a probe slow.

mod board;
mod check;
mod meters;
mod process;
mod recorder;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use board::{Checked, Dependency, Health};
pub use check::{check, upstreams};
pub use meters::{Meter, admitted, backlog, edge, outbox, stock};

use crate::config::Server;
use board::Board;

/// What is known of a server's health. Clones share it.
#[derive(Clone)]
pub struct Admin {
    inner: Arc<Inner>,
}

struct Inner {
    server: Server,
    board: Board,
    meters: Vec<Meter>,
    draining: AtomicBool,
    metrics: PrometheusHandle,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("server", &self.inner.server)
            .field("draining", &self.is_draining())
            .finish_non_exhaustive()
    }
}

/// How often samples are folded into histograms if nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);

impl Admin {
    /// Watches over these. It is not ready before [`Admin::watch`] has checked what it needs.
    ///
    /// From here on the process records metrics; create it before the first request.
    pub fn new(server: Server, dependencies: Vec<Dependency>, meters: Vec<Meter>) -> Self {
        Self {
            inner: Arc::new(Inner {
                server,
                board: Board::new(dependencies),
                meters,
                draining: AtomicBool::new(false),
                metrics: recorder::install(),
            }),
        }
    }

    /// From now on not ready: whoever routes requests here is to stop.
    pub fn drain(&self) {
        self.inner.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`Admin::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Relaxed)
    }

    /// Whether everything it needs is up and it does not drain.
    pub fn is_ready(&self) -> bool {
        !self.is_draining() && self.inner.board.is_up()
    }

    /// The first dependency within this process, such as its store, that gives no answer
    /// `within`, not even a bad one.
    pub async fn silent(&self, within: Duration) -> Option<&'static str> {
        self.inner.board.silent(within).await
    }

    /// Checks every dependency and reads every meter once, and tells what was found.
    pub async fn check(&self) -> Vec<Checked> {
        let Inner { board, meters, .. } = &*self.inner;
        board.check(CHECK_TIMEOUT).await;
        for meter in meters {
            meter.read(CHECK_TIMEOUT).await;
        }
        board.read()
    }

    /// Checks every dependency and reads every meter, at once and then `every` so often, until
    /// `stop`.
    pub async fn watch(&self, every: Duration, stop: &CancellationToken) {
        stop.run_until_cancelled(self.rounds(every)).await;
    }

    async fn rounds(&self, every: Duration) {
        let mut checks = interval(every);
        let mut upkeep = interval(UPKEEP);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = upkeep.tick() => self.inner.metrics.run_upkeep(),
                _ = checks.tick() => drop(self.check().await),
            }
        }
    }

    /// The paths of the admin port.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready))
            .route("/metrics", get(recorded))
            .with_state(self.clone())
    }
}

/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Status<'a> {
    status: &'a str,
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependencies: Option<Vec<Checked>>,
}

async fn alive(State(admin): State<Admin>) -> Response {
    Json(Status {
        status: "healthy",
        service: admin.inner.server.name(),
        dependencies: None,
    })
    .into_response()
}

async fn ready(State(admin): State<Admin>) -> Response {
    let (code, status) = match (admin.is_draining(), admin.is_ready()) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        (false, true) => (StatusCode::OK, "ready"),
    };
    let body = Status {
        status,
        service: admin.inner.server.name(),
        dependencies: Some(admin.inner.board.read()),
    };
    (code, Json(body)).into_response()
}

async fn recorded(State(admin): State<Admin>) -> Response {
    for meter in &admin.inner.meters {
        meter.scraped();
    }
    let mut text = admin.inner.metrics.render();
    process::write(&mut text);
    // The text format of Prometheus, version 0.0.4.
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
