//! Sees every call a process makes, and gives chosen ones their fate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, BoxFuture};
use tower::service_fn;
use tower::util::BoxCloneSyncService;

use super::Fate;
use crate::faulty::Gate;
use crate::sources::ManualClock;

/// One call of a process: the `nth` of this verb at this port or edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// Whom it asks.
    pub port: &'static str,
    /// What it asks.
    pub verb: &'static str,
    /// Counted from 1.
    pub nth: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.port, self.verb)?;
        if self.nth > 1 {
            write!(f, " #{}", self.nth)?;
        }
        Ok(())
    }
}

/// Which calls have a fate, and which.
pub type Plan = BTreeMap<Call, Fate>;

/// Something somebody else does meanwhile.
pub(super) type Meanwhile = Arc<dyn Fn(Call, Fate) -> BoxFuture<'static, ()> + Send + Sync>;

/// Stands at every call of one process. Clones are the same probe.
#[derive(Clone)]
pub(super) struct Probe(Arc<Shared>);

struct Shared {
    clock: Arc<ManualClock>,
    late: Duration,
    paused: Duration,
    meanwhile: OnceLock<Meanwhile>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    plan: Plan,
    calls: Vec<(Call, Timestamp)>,
    counts: BTreeMap<(&'static str, &'static str), usize>,
    crashed: bool,
    waker: Option<Waker>,
}

impl Probe {
    pub(super) fn new(clock: Arc<ManualClock>, late: Duration, paused: Duration) -> Self {
        Self(Arc::new(Shared {
            clock,
            late,
            paused,
            meanwhile: OnceLock::new(),
            seen: Mutex::default(),
        }))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on calls have the fates of `plan`; `meanwhile` does what others do.
    pub(super) fn arm(&self, plan: Plan, meanwhile: Meanwhile) {
        // A probe is armed once.
        drop(self.0.meanwhile.set(meanwhile));
        let mut seen = self.seen();
        *seen = Seen {
            plan,
            ..Seen::default()
        };
    }

    /// The calls so far and when each was made.
    pub(super) fn calls(&self) -> Vec<(Call, Timestamp)> {
        self.seen().calls.clone()
    }

    /// The fates that no call has met.
    pub(super) fn unmet(&self) -> Plan {
        self.seen().plan.clone()
    }

    /// Ends when the process has died.
    pub(super) async fn crash(&self) {
        std::future::poll_fn(|context| {
            let mut seen = self.seen();
            if seen.crashed {
                return Poll::Ready(());
            }
            seen.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn die<T>(&self) -> T {
        {
            let mut seen = self.seen();
            seen.crashed = true;
            if let Some(waker) = seen.waker.take() {
                waker.wake();
            }
        }
        std::future::pending().await
    }

    /// Before a call; its fate, if it has one.
    async fn enter(&self, port: &'static str, verb: &'static str) -> Result<Option<Fate>, Fault> {
        let (call, fate) = {
            let mut seen = self.seen();
            let nth = seen.counts.entry((port, verb)).or_default();
            *nth += 1;
            let nth = *nth;
            let call = Call { port, verb, nth };
            seen.calls.push((call, self.0.clock.now()));
            let fate = seen.plan.remove(&call);
            (call, fate)
        };
        match fate {
            Some(Fate::Unavailable) => {
                return Err(Fault::unavailable(format!("{call} is unavailable")));
            }
            Some(Fate::LostUndone) => return Err(Fault::ambiguous(format!("{call} was lost"))),
            Some(Fate::CrashBefore) => self.die().await,
            Some(Fate::Paused) => self.0.clock.advance(self.0.paused),
            Some(fate @ (Fate::Refused | Fate::Overtaken)) => {
                if let Some(meanwhile) = self.0.meanwhile.get() {
                    meanwhile(call, fate).await;
                }
            }
            Some(Fate::LostDone | Fate::Late | Fate::CrashAfter) | None => {}
        }
        Ok(fate)
    }

    /// After a call that had this fate.
    async fn leave(&self, verb: &'static str, fate: Option<Fate>) -> Result<(), Fault> {
        match fate {
            Some(Fate::LostDone) => Err(Fault::ambiguous(format!("the answer of {verb} was lost"))),
            Some(Fate::CrashAfter) => self.die().await,
            Some(Fate::Late) => {
                self.0.clock.advance(self.0.late);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The gate of a port of this name.
    pub(super) fn port(&self, port: &'static str) -> PortProbe {
        PortProbe {
            probe: self.clone(),
            port,
            inside: Arc::default(),
        }
    }

    /// An edge of this name; `refuse` is its no.
    pub(super) fn edge<Q, A, E>(
        &self,
        port: &'static str,
        verb: &'static str,
        service: BoxCloneSyncService<Q, A, E>,
        refuse: impl Fn(&Q) -> Result<A, E> + Clone + Send + Sync + 'static,
    ) -> BoxCloneSyncService<Q, A, E>
    where
        Q: Send + 'static,
        A: Send + 'static,
        E: From<Fault> + Send + 'static,
    {
        let probe = self.clone();
        BoxCloneSyncService::new(service_fn(move |question: Q| {
            let (probe, service, refuse) = (probe.clone(), service.clone(), refuse.clone());
            async move {
                let fate = probe.enter(port, verb).await?;
                let answer = if fate == Some(Fate::Refused) {
                    refuse(&question)
                } else {
                    service.ask(question).await
                };
                probe.leave(verb, fate).await?;
                answer
            }
        }))
    }
}

/// Calls that have entered and not left: verb and fate.
type Inside = Vec<(&'static str, Option<Fate>)>;

/// A [`Probe`] at one port.
#[derive(Clone)]
pub(super) struct PortProbe {
    probe: Probe,
    port: &'static str,
    /// Calls that have entered, with their fates. Two calls of one verb at the same time may
    /// swap theirs.
    inside: Arc<Mutex<Inside>>,
}

impl PortProbe {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Gate for PortProbe {
    async fn enter(&self, verb: &'static str) -> Result<(), Fault> {
        let fate = self.probe.enter(self.port, verb).await?;
        self.inside().push((verb, fate));
        Ok(())
    }

    async fn leave(&self, verb: &'static str) -> Result<(), Fault> {
        let fate = {
            let mut inside = self.inside();
            let at = inside.iter().position(|it| it.0 == verb);
            at.and_then(|at| inside.swap_remove(at).1)
        };
        self.probe.leave(verb, fate).await
    }
}
