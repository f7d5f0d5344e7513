//! `boutique up --processes`: every server as a process of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use boutique_core::fault::Fault;
use boutique_transport::http::exchange::{Reqwest, Target, Upstream, base};
use http::Method;
use tokio::process::Command;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::child::{BAD_INPUT, supervise};
use super::plan::Planned;
use crate::config::Server;
use crate::exit::Failure;

/// How long all servers together may take to become ready.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a server that is not ready is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// The servers of a plan, running.
pub struct Processes {
    stop: CancellationToken,
    misconfigured: CancellationToken,
    servers: TaskTracker,
    ids: Vec<(Server, Arc<AtomicU32>)>,
}

impl Processes {
    /// Starts every server of `plan` as a child that runs `program`, and keeps it running.
    pub fn start(program: &Path, plan: &[Planned]) -> Self {
        let (stop, servers) = (CancellationToken::new(), TaskTracker::new());
        let misconfigured = CancellationToken::new();
        let mut ids = Vec::with_capacity(plan.len());
        for planned in plan {
            let (planned, program, stop) = (planned.clone(), program.to_owned(), stop.clone());
            let (id, wrong) = (Arc::new(AtomicU32::new(0)), misconfigured.clone());
            ids.push((planned.server, Arc::clone(&id)));
            servers.spawn(async move {
                if !supervise(&program, &planned, &id, stop).await {
                    wrong.cancel();
                }
            });
        }
        servers.close();
        Self {
            stop,
            misconfigured,
            servers,
            ids,
        }
    }

    /// Ends when a server has ended because of its settings: it is not started again.
    pub async fn misconfigured(&self) {
        self.misconfigured.cancelled().await;
    }

    /// The process id of a server, if it runs at present.
    pub fn id(&self, server: Server) -> Option<u32> {
        let (_, id) = self.ids.iter().find(|(it, _)| *it == server)?;
        Some(id.load(Ordering::Relaxed)).filter(|it| *it != 0)
    }

    /// Asks every server to end, and waits until all have.
    pub async fn end(self) {
        self.stop.cancel();
        self.servers.wait().await;
    }
}

/// Lets every server of `plan` check its settings and its store, one after the other.
///
/// # Errors
///
/// [`Failure`] naming those that could not run, of the kind that the highest of their exit codes
/// says; each has said why.
pub(super) async fn check(program: &Path, plan: &[Planned]) -> Result<(), Failure> {
    let (mut unfit, mut worst) = (Vec::new(), 0);
    for planned in plan {
        let name = planned.server.name();
        let status = Command::new(program)
            .args(["serve", name, "--check", "--planned"])
            .envs(planned.env.iter().map(|(name, value)| (name, value)))
            .status()
            .await?;
        if !status.success() {
            unfit.push(name);
            worst = worst.max(status.code().unwrap_or_default());
        }
    }
    let text = format!("not fit to run: {}", unfit.join(", "));
    match (unfit.is_empty(), worst) {
        (true, _) => Ok(()),
        (false, BAD_INPUT) => Err(Failure::Input(text)),
        (false, 3) => Err(Fault::permanent(text).into()),
        (false, 4..) => Err(Fault::unavailable(text).into()),
        (false, _) => Err(Failure::Refused(text)),
    }
}

/// Waits until every server of `plan` says that it is ready.
///
/// # Errors
///
/// [`Failure::Fault`] naming the first that is not ready within a minute.
pub async fn ready(plan: &[Planned]) -> Result<(), Failure> {
    let exchange = Reqwest::new(Duration::from_secs(1))?;
    let all = async {
        for planned in plan {
            let url = base(&planned.admin_url()).map_err(|error| {
                Failure::Input(format!(
                    "{}: the admin port's URL {error}",
                    planned.server.name()
                ))
            })?;
            let admin = Upstream::new(url, exchange.clone());
            while !is_ready(&admin).await {
                sleep(ASK_AGAIN).await;
            }
        }
        Ok(())
    };
    match timeout(READY_WITHIN, all).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let text = "not every server became ready within a minute: see what they say above";
            Err(Fault::unavailable(text).into())
        }
    }
}

async fn is_ready(admin: &Upstream<Reqwest>) -> bool {
    let answer = admin.bare(Method::GET, Target::path(["readyz"])).await;
    answer.is_ok_and(|it| it.status.is_success())
}
