//! What a server depends on, and how that was when it was last checked.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use boutique_core::assembly::Ports;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::flow::BoxFuture;
use boutique_transport::http::call::Call;
use boutique_transport::http::exchange::{Exchange, Target, Upstream};
use boutique_transport::sources::SystemClock;
use futures_util::future::join_all;
use http::Method;
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

/// Something a server depends on, and how to find out whether it is there.
pub struct Dependency {
    name: &'static str,
    needed: bool,
    own: bool,
    check: Box<dyn Fn() -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>,
}

impl fmt::Debug for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dependency")
            .field("name", &self.name)
            .field("needed", &self.needed)
            .finish_non_exhaustive()
    }
}

impl Dependency {
    /// Something called `name` that `check` looks at. Without a `needed` one the server is not
    /// ready: it could do nothing at all.
    pub fn new<F>(
        name: &'static str,
        needed: bool,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Self {
            name,
            needed,
            own: false,
            check: Box::new(move || Box::pin(check())),
        }
    }

    /// Another server, by its `GET /health`. Ask it by an exchange of its own, not through the
    /// edge stack, whose breaker would answer for it.
    pub fn upstream<S: Exchange>(name: &'static str, needed: bool, upstream: Upstream<S>) -> Self {
        Self::new(name, needed, move || {
            let upstream = upstream.clone();
            async move {
                let reply = upstream.bare(Method::GET, Target::path(["health"])).await?;
                match reply.status.is_success() {
                    true => Ok(()),
                    false => Err(reply.unexpected()),
                }
            }
        })
    }

    /// The server's own store. Always needed. All ports of a store are in one place, so a look
    /// at one of them, and a write to one that changes nothing, will do.
    pub fn store(ports: &Ports) -> Self {
        let (orders, signals) = (ports.checkout.clone(), ports.signals.clone());
        let store = Self::new("store", true, move || {
            let (orders, signals) = (orders.clone(), signals.clone());
            async move {
                orders.outbox().await?;
                // Nothing is as old: the writer is asked and has nothing to do.
                signals.forget(Timestamp::from_micros(i64::MIN)).await?;
                Ok(())
            }
        });
        Self { own: true, ..store }
    }
}

/// How a dependency was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Not checked yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// A dependency when it was last checked.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: &'static str,
    /// How it was.
    pub state: Health,
    /// Since when it has been so.
    #[serde(serialize_with = "as_text")]
    pub since: Timestamp,
    /// Whether the server can do nothing without it.
    pub needed: bool,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

fn as_text<S: serde::Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

/// Every dependency of a server.
pub(super) struct Board {
    dependencies: Vec<Dependency>,
    checked: Mutex<Vec<Checked>>,
    clock: SystemClock,
}

impl Board {
    pub(super) fn new(dependencies: Vec<Dependency>) -> Self {
        let clock = SystemClock::default();
        let since = clock.now();
        let unknown = dependencies.iter().map(|it| Checked {
            name: it.name,
            state: Health::Unknown,
            since,
            needed: it.needed,
            detail: None,
        });
        Self {
            checked: Mutex::new(unknown.collect()),
            dependencies,
            clock,
        }
    }

    /// All of them, as they were.
    pub(super) fn read(&self) -> Vec<Checked> {
        let checked = self.checked.lock();
        checked.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether every needed one is up.
    pub(super) fn is_up(&self) -> bool {
        let checked = self.checked.lock();
        let checked = checked.unwrap_or_else(PoisonError::into_inner);
        checked
            .iter()
            .all(|it| !it.needed || it.state == Health::Up)
    }

    /// The first of those in this process that gives no answer `within`, not even a bad one.
    pub(super) async fn silent(&self, within: Duration) -> Option<&'static str> {
        let asked = self.dependencies.iter().filter(|it| it.own);
        let answers = asked.map(|it| async move {
            let answer = timeout(within, Call::background().scope((it.check)())).await;
            answer.is_err().then_some(it.name)
        });
        join_all(answers).await.into_iter().flatten().next()
    }

    /// Checks all of them at the same time, each for at most `within`.
    pub(super) async fn check(&self, within: Duration) {
        let found = self.dependencies.iter().map(|it| {
            let deadline = Instant::now() + within;
            let call = Call {
                deadline: Some(deadline),
                ..Call::background()
            };
            async move {
                let late = |_| Err(Fault::unavailable("no answer in time"));
                let found = timeout_at(deadline, call.scope((it.check)())).await;
                found.unwrap_or_else(late)
            }
        });
        let found = join_all(found).await;
        let now = self.clock.now();
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        for (it, found) in checked.iter_mut().zip(found) {
            it.update(found.err(), now);
        }
    }
}

impl Checked {
    /// Notes what was found, with a line if that is news.
    fn update(&mut self, fault: Option<Fault>, now: Timestamp) {
        let state = if fault.is_none() {
            Health::Up
        } else {
            Health::Down
        };
        let detail = fault.map(|it| it.to_string());
        let dependency = self.name;
        if state != self.state {
            match &detail {
                None => tracing::info!(dependency, "up"),
                Some(why) => tracing::warn!(dependency, why, "down"),
            }
            (self.state, self.since) = (state, now);
        }
        let up = if state == Health::Up { 1.0 } else { 0.0 };
        metrics::gauge!("boutique_dependency_up", "dependency" => dependency).set(up);
        self.detail = detail;
    }
}
