//! Letting a server listen, and end well.
//!
//! Told to end, a server says that it is not ready, goes on for a while so that whoever routes
//! to it hears of it, stops listening, finishes what is in flight, ends its duties after the
//! round they are in, and what it had put off until after an answer. Leases on the outbox end
//! with the round that took them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use boutique_transport::http::serve::{ServeOptions, Server as Listening};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{Admin, admitted, check, edge, upstreams};
use crate::config::{Common, Program, Serving};
use crate::exit::Failure;
use crate::logs;
use crate::output::Output;
use crate::parts::{Duty, Part};
use crate::runtime::runtime;
use crate::servers::Composed;
use crate::systemd::{self, Vital};

/// How a server was started.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Only say whether it could run.
    pub check: bool,
    /// Whoever starts it starts the servers that it asks and makes the folder of its file, too:
    /// a check need not find them.
    pub planned: bool,
    /// End when standard input does: whoever started it is gone.
    pub with_parent: bool,
}

/// Composes a server and runs it until it is told to end; `listening` is called when its ports
/// are taken, so that whoever connects from then on is answered.
///
/// # Errors
///
/// [`Failure`] if it cannot be composed or cannot listen.
pub fn run<C: Program>(
    config: &C,
    how: How,
    compose: impl AsyncFnOnce(&C) -> Result<Composed, Failure>,
    listening: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let common = config.common();
    if how.check {
        let (json, to) = (false, &mut io::stdout().lock());
        return runtime(1)?.block_on(check(config, how.planned, &mut Output { to, json }));
    }
    runtime(common.serving.workers)?.block_on(async {
        let telemetry = logs::start(common)?;
        let outcome = async {
            let mut composed = compose(config).await?;
            composed.dependencies.extend(upstreams(config)?);
            let stop = told_to_end(how.with_parent)?;
            let bound = Bound::new(&common.serving)?;
            listening()?;
            bound.serve(composed, common, stop).await
        }
        .await;
        telemetry.close().await;
        outcome
    })
}

/// Cancelled by SIGTERM, by Ctrl-C and, `with_parent`, by the end of standard input.
///
/// # Errors
///
/// If the system does not say when a signal comes.
pub fn told_to_end(with_parent: bool) -> io::Result<CancellationToken> {
    let told = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, told) = (signal(kind)?, told.clone());
        tokio::spawn(async move {
            signals.recv().await;
            told.cancel();
        });
    }
    if with_parent {
        let told = told.clone();
        // A thread of its own: the runtime's reading of standard input cannot be given up.
        let waiting = std::thread::Builder::new().name("parent".to_owned());
        waiting.spawn(move || {
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            told.cancel();
        })?;
    }
    Ok(told)
}

/// The ports of a server: taken, not yet served.
pub struct Bound {
    api: Listening,
    admin: Listening,
}

impl Bound {
    /// Takes the ports that `serving` says.
    ///
    /// # Errors
    ///
    /// [`Failure::Input`] naming the port that is taken or not allowed.
    pub fn new(serving: &Serving) -> Result<Self, Failure> {
        let options = ServeOptions {
            first_byte: serving.header_timeout,
            head: serving.header_timeout,
            body: serving.body_timeout,
            idle: serving.idle_timeout,
            connections: serving.connections,
            connections_per_address: serving.connections_per_address,
            peer: true,
            linger: serving.drain_wait,
            drain: drain_within(serving),
            ..ServeOptions::default()
        };
        let bind = |name: &str, address: SocketAddr, options| {
            Listening::bind(address, options).map_err(|error| {
                Failure::Input(format!("{name}: {address} cannot be listened on: {error}"))
            })
        };
        Ok(Self {
            api: bind("PORT", serving.api(), options)?,
            // Probes and whoever reads metrics are answered until the very end.
            admin: bind("ADMIN_PORT", serving.admin(), options)?,
        })
    }

    /// Serves `composed` until `stop`, then drains.
    ///
    /// # Errors
    ///
    /// None at present; what goes wrong meanwhile is in the log and on the admin port.
    pub async fn serve(
        self,
        composed: Composed,
        common: &Common,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let Composed {
            part,
            more,
            dependencies,
            mut meters,
            tasks,
        } = composed;
        let Part {
            server,
            router,
            duties,
            edges,
            gate,
        } = part;
        meters.extend(edges.into_iter().map(edge));
        meters.push(admitted(server.name(), gate));
        let admin = Admin::new(common.server, dependencies, meters);
        let (watching, working) = (CancellationToken::new(), CancellationToken::new());
        let (behind, rounds) = (TaskTracker::new(), TaskTracker::new());
        let (watched, ended, every) = (admin.clone(), watching.clone(), common.check_every);
        behind.spawn(async move { watched.watch(every, &ended).await });
        let admin_at = self.admin.local_addr();
        let (over, paths) = (watching.clone(), admin.router().merge(more));
        behind.spawn(async move {
            self.admin.run(paths, over.cancelled_owned()).await;
        });
        let vital = Vital {
            api: self.api.local_addr(),
            admin: admin_at,
            health: admin.clone(),
            duties: duties.iter().map(Duty::pulse).collect(),
        };
        behind.spawn(systemd::feed(vital, watching.clone()));
        let (standing, stand_down) = (TaskTracker::new(), CancellationToken::new());
        for duty in duties {
            match duty.is_standing() {
                true => standing.spawn(duty.run(stand_down.clone())),
                false => rounds.spawn(duty.run(working.clone())),
            };
        }
        tracing::info!(api = %self.api.local_addr(), "listening");
        systemd::ready();

        let drain = async {
            stop.cancelled().await;
            admin.drain();
            systemd::stopping();
            tracing::info!("draining");
        };
        // What takes messages in ends as what takes requests in does, and has the same time.
        let stood = async {
            stop.cancelled().await;
            stand_down.cancel();
            standing.close();
            timeout(drain_within(&common.serving), standing.wait()).await
        };
        let (drained, stood) = tokio::join!(self.api.run(router, drain), stood);
        if stood.is_err() {
            tracing::warn!("messages were not finished in time: they come again");
        }
        if drained.cut > 0 {
            tracing::warn!(connections = drained.cut, "not finished in time: cut off");
        }
        working.cancel();
        tasks.close();
        let rest = async {
            tasks.wait().await;
            rounds.close();
            rounds.wait().await;
        };
        // What is cut off here is what recovery is for.
        if timeout(LAST_ROUND, rest).await.is_err() {
            tracing::warn!("a duty's last round took too long: cut off");
        }
        watching.cancel();
        tracing::info!("ended");
        Ok(())
    }
}

/// How long requests and messages may take to end: what comes after the last answer has its
/// share of the time.
fn drain_within(serving: &Serving) -> Duration {
    let limit = serving.drain_limit;
    limit.saturating_sub(LAST_ROUND + LAST_SPANS).max(limit / 2)
}

/// How long duties may take to end after the last request has.
const LAST_ROUND: Duration = Duration::from_secs(1);
/// How long the collector may take for the last spans.
const LAST_SPANS: Duration = Duration::from_secs(1);
