//! A process: its tasks run behind a gate at which it can die, stand still, or lose the time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use boutique_core::clock::{Clock, Timer, Timestamp};
use boutique_core::flow::BoxFuture;
use boutique_core::ids::OrderId;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::fault::FaultKind;
use super::site::Site;
use super::world::{World, about, working_for};

/// The wall clocks of a world begin at this moment.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A process of the simulated shop.
pub(super) struct Node {
    pub(super) site: Site,
    pub(super) world: Arc<World>,
    /// How far its wall clock is off, in microseconds.
    skew: AtomicI64,
    /// Who starts it again.
    supervisor: UnboundedSender<Site>,
    state: Mutex<State>,
}

struct State {
    /// Counts its lives: a task of an earlier one is never polled again.
    life: u64,
    up: bool,
    paused_until: Option<Instant>,
    stalled_until: Instant,
    tasks: Vec<AbortHandle>,
    /// The length of `tasks` at which those that have ended are dropped.
    prune_at: usize,
}

impl Node {
    pub(super) fn new(site: Site, world: &Arc<World>, supervisor: UnboundedSender<Site>) -> Self {
        Self {
            site,
            world: Arc::clone(world),
            skew: AtomicI64::new(0),
            supervisor,
            state: Mutex::new(State {
                life: 0,
                up: true,
                paused_until: None,
                stalled_until: Instant::now(),
                tasks: Vec::new(),
                prune_at: 64,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which of its lives it lives; `None` while it is dead.
    pub(super) fn life(&self) -> Option<u64> {
        let state = self.state();
        state.up.then_some(state.life)
    }

    /// Begins its next life.
    pub(super) fn rise(&self) {
        let mut state = self.state();
        state.up = true;
        state.paused_until = None;
    }

    /// Runs `work` as a task of this process, for `order`'s sake.
    pub(super) fn spawn(
        self: &Arc<Self>,
        order: Option<OrderId>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let Some(life) = self.life() else { return };
        let task = tokio::spawn(Held {
            work: Some(Box::pin(work)),
            node: Arc::clone(self),
            life,
            order,
            nap: None,
            deferred: false,
        });
        let mut state = self.state();
        if state.tasks.len() >= state.prune_at {
            state.tasks.retain(|it| !it.is_finished());
            state.prune_at = (state.tasks.len() * 2).max(64);
        }
        state.tasks.push(task.abort_handle());
    }

    /// Runs `work` for the sake of whatever the present task works for.
    pub(super) fn spawn_along(self: &Arc<Self>, work: BoxFuture<'static, ()>) {
        self.spawn(about(), work);
    }

    /// Kills it: no task of this life goes on, and what it had not written is lost.
    fn die(&self) {
        let tasks = {
            let mut state = self.state();
            state.life += 1;
            state.up = false;
            std::mem::take(&mut state.tasks)
        };
        for task in tasks {
            task.abort();
        }
        // Nobody listens once the world is over.
        let _ = self.supervisor.send(self.site);
    }

    /// Lets it stand still.
    fn pause(&self, lasts: Duration) {
        self.state().paused_until = Some(Instant::now() + lasts);
    }

    fn paused_until(&self) -> Option<Instant> {
        let mut state = self.state();
        let until = state.paused_until?;
        if until <= Instant::now() {
            state.paused_until = None;
            return None;
        }
        Some(until)
    }

    /// Lets its disk stand still.
    pub(super) fn stall(&self, lasts: Duration) {
        self.state().stalled_until = Instant::now() + lasts;
    }

    /// How long its disk still stands still.
    pub(super) fn stalled(&self) -> Duration {
        let until = self.state().stalled_until;
        until.saturating_duration_since(Instant::now())
    }

    /// From here on nothing keeps it from working. Its clock stays off.
    pub(super) fn soothe(&self) {
        let mut state = self.state();
        state.stalled_until = Instant::now();
    }

    fn suffer(&self, kind: FaultKind) {
        match kind {
            FaultKind::Crash => self.die(),
            FaultKind::Pause => {
                let lasts = self.world.dice(|it| it.between(50, 6_000));
                self.pause(Duration::from_millis(lasts));
            }
            FaultKind::ClockSkew => {
                let off = self.world.dice(|it| it.between(0, 4_000_000)) as i64 - 2_000_000;
                self.skew.store(off, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

impl Clock for Node {
    /// The process's wall clock, which may be off.
    fn now(&self) -> Timestamp {
        let age = self.world.age();
        let skew = self.skew.load(Ordering::Relaxed);
        Timestamp::from_micros(BEGIN.after(age).as_micros() + skew)
    }
}

/// Ends waiting, by the wall clock of a process.
pub(super) struct NodeTimer(pub(super) Arc<Node>);

impl Timer for NodeTimer {
    fn until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(sleep(at.since(self.0.now())))
    }
}

/// A task of a process.
struct Held {
    work: Option<BoxFuture<'static, ()>>,
    node: Arc<Node>,
    life: u64,
    order: Option<OrderId>,
    nap: Option<Pin<Box<Sleep>>>,
    deferred: bool,
}

impl Held {
    /// Lets another task that is ready go first, now and then: whose turn it is, is the seed's
    /// to say.
    fn defers(&mut self) -> bool {
        self.deferred = !self.deferred && self.node.world.dice(|it| it.below(16)) == 0;
        self.deferred
    }
}

impl Future for Held {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let held = self.get_mut();
        if held.node.life() != Some(held.life) {
            held.work = None;
            return Poll::Ready(());
        }
        if held.node.site != Site::Clients {
            while let Some(until) = held.node.paused_until() {
                let nap = held.nap.insert(Box::pin(sleep_until(until)));
                if nap.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
            held.nap = None;
            if held.defers() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        let Some(work) = held.work.as_mut() else {
            return Poll::Ready(());
        };
        let order = held.order.as_ref();
        let poll = AssertUnwindSafe(|| working_for(order, || work.as_mut().poll(context)));
        // A task that panics is gone, like one of a server; its process goes on.
        let polled = catch_unwind(poll).unwrap_or_else(|panic| {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            let world = &held.node.world;
            world.breach(
                "nothing panics",
                held.node.site.as_str(),
                said.unwrap_or_default(),
            );
            Poll::Ready(())
        });
        if polled.is_ready() {
            held.work = None;
            return Poll::Ready(());
        }
        let node = &held.node;
        if node.site != Site::Clients
            && let Some(kind) = node.world.strike(node.site, &FaultKind::OF_A_WAIT, None)
        {
            node.suffer(kind);
            if kind == FaultKind::Crash {
                held.work = None;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
