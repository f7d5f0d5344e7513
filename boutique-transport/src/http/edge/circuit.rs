//! When to leave a failing upstream alone: a circuit as a plain value, and its lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When a circuit opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitSettings {
    /// How many of the latest calls are looked at: 1 to 64.
    pub window: u32,
    /// How many it takes to judge by.
    pub least: u32,
    /// From which share of failures among them on it opens, in percent.
    pub share: u32,
    /// How long it stays open before it lets probes through.
    pub rest: Duration,
    /// How many probes have to succeed, one failure of which opens it again; also how many are
    /// let through at a time.
    pub probes: u32,
    /// How long a call may be unanswered before giving up on it counts as a failure of the
    /// upstream. Who gives up sooner says nothing of it.
    pub patience: Duration,
    /// What was seen is forgotten when nothing was for this long.
    pub memory: Duration,
}

impl Default for CircuitSettings {
    /// Half of the last 64 calls, of at least 20; a rest of 1 s; 3 probes; patience of 250 ms,
    /// many times what an answer takes; a memory of 30 s.
    fn default() -> Self {
        Self {
            window: 64,
            least: 20,
            share: 50,
            rest: Duration::from_secs(1),
            probes: 3,
            patience: Duration::from_millis(250),
            memory: Duration::from_secs(30),
        }
    }
}

/// Which of its three states a circuit is in (Nygard, *Release It!*, 2007).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls go through.
    Closed,
    /// None does.
    Open,
    /// A few do, to see.
    HalfOpen,
}

/// The latest calls, a bit each, the latest lowest; set if it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Window {
    failed: u64,
    seen: u32,
}

impl Window {
    fn with(self, failed: bool, settings: &CircuitSettings) -> Self {
        let size = settings.window.clamp(1, u64::BITS);
        Self {
            failed: ((self.failed << 1) | u64::from(failed)) & (u64::MAX >> (u64::BITS - size)),
            seen: (self.seen + 1).min(size),
        }
    }

    const fn is_bad(self, settings: &CircuitSettings) -> bool {
        let failures = self.failed.count_ones();
        self.seen >= settings.least && failures * 100 >= settings.share * self.seen && failures > 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { out: u32, good: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody wants to call.
    Asked,
    /// A call was answered, or failed in a way that is no fault of the upstream's health.
    Passed,
    /// A call failed.
    Failed,
    /// A call was given up too soon to tell.
    Dropped,
}

impl State {
    /// What comes of `event` at `now`, and whether a call may go through.
    pub(super) fn after(
        self,
        event: Event,
        now: Instant,
        settings: &CircuitSettings,
    ) -> (Self, bool) {
        use Event as E;
        let open = || Self::Open {
            until: now + settings.rest,
        };
        let closed = Self::Closed(Window::default());
        match (self, event) {
            (Self::Closed(_), E::Asked) => (self, true),
            (Self::Closed(window), E::Passed) => {
                (Self::Closed(window.with(false, settings)), false)
            }
            (Self::Closed(window), E::Failed) => {
                let window = window.with(true, settings);
                let bad = window.is_bad(settings);
                (if bad { open() } else { Self::Closed(window) }, false)
            }
            (Self::Open { until }, E::Asked) if now >= until => {
                (Self::HalfOpen { out: 1, good: 0 }, true)
            }
            (Self::HalfOpen { out, good }, E::Asked) if out + good < settings.probes.max(1) => {
                let out = out + 1;
                (Self::HalfOpen { out, good }, true)
            }
            (Self::HalfOpen { good, .. }, E::Passed) if good + 1 >= settings.probes => {
                (closed, false)
            }
            (Self::HalfOpen { out, good }, E::Passed) => {
                let (out, good) = (out.saturating_sub(1), good + 1);
                (Self::HalfOpen { out, good }, false)
            }
            (Self::HalfOpen { .. }, E::Failed) => (open(), false),
            (Self::HalfOpen { out, good }, E::Dropped) => {
                let out = out.saturating_sub(1);
                (Self::HalfOpen { out, good }, false)
            }
            (Self::Open { .. } | Self::HalfOpen { .. }, E::Asked)
            | (Self::Open { .. }, E::Passed | E::Failed)
            | (Self::Closed(_) | Self::Open { .. }, E::Dropped) => (self, false),
        }
    }

    pub(super) const fn phase(self) -> Phase {
        match self {
            Self::Closed(_) => Phase::Closed,
            Self::Open { .. } => Phase::Open,
            Self::HalfOpen { .. } => Phase::HalfOpen,
        }
    }
}

/// A circuit that calls share.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: CircuitSettings,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    since: Instant,
    latest: Instant,
    /// How often the phase has changed: what was let through in an earlier one is not counted.
    epoch: u64,
    opened: u64,
}

/// What a circuit looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitReading {
    /// Its state.
    pub phase: Phase,
    /// For how long it has been in it.
    pub since: Duration,
    /// How often it has opened.
    pub opened: u64,
}

impl Circuit {
    pub(crate) fn new(settings: CircuitSettings) -> Self {
        let now = Instant::now();
        let inner = Inner {
            state: State::Closed(Window::default()),
            since: now,
            latest: now,
            epoch: 0,
            opened: 0,
        };
        Self {
            settings,
            inner: Mutex::new(inner),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// The epoch in which a call may go through at `now`, if it may.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut inner = self.lock();
        inner
            .apply(Event::Asked, now, &self.settings)
            .then_some(inner.epoch)
    }

    /// What came of a call that was let through in `epoch`.
    pub(crate) fn note(&self, epoch: u64, event: Event, now: Instant) {
        let mut inner = self.lock();
        if inner.epoch == epoch {
            inner.apply(event, now, &self.settings);
        }
    }

    pub(crate) fn read(&self) -> CircuitReading {
        let inner = self.lock();
        CircuitReading {
            phase: inner.state.phase(),
            since: inner.since.elapsed(),
            opened: inner.opened,
        }
    }
}

impl Inner {
    fn apply(&mut self, event: Event, now: Instant, settings: &CircuitSettings) -> bool {
        let stale = now.saturating_duration_since(self.latest) > settings.memory;
        if stale && matches!(self.state, State::Closed(_)) {
            self.state = State::Closed(Window::default());
        }
        if matches!(event, Event::Passed | Event::Failed) {
            self.latest = now;
        }
        let (state, admitted) = self.state.after(event, now, settings);
        if state.phase() != self.state.phase() {
            self.since = now;
            self.epoch += 1;
            self.opened += u64::from(state.phase() == Phase::Open);
        }
        self.state = state;
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: CircuitSettings = CircuitSettings {
        window: 8,
        least: 4,
        share: 50,
        rest: Duration::from_secs(1),
        probes: 2,
        patience: Duration::from_secs(1),
        memory: Duration::from_secs(30),
    };

    fn short(state: State, now: Instant) -> String {
        match state {
            State::Closed(window) => {
                format!("closed {}/{}", window.failed.count_ones(), window.seen)
            }
            State::Open { until } => {
                let left = until.saturating_duration_since(now);
                format!("open {}ms", left.as_millis())
            }
            State::HalfOpen { out, good } => format!("half-open {out} out {good} good"),
        }
    }

    /// The whole table: every state that differs, every event.
    #[tokio::test(start_paused = true)]
    async fn the_table() {
        let now = Instant::now();
        let closed = |failed: u64, seen| State::Closed(Window { failed, seen });
        let states = [
            closed(0, 0),
            closed(0b001, 3),
            closed(0b0100_1110, 8),
            State::Open {
                until: now + Duration::from_millis(400),
            },
            State::Open { until: now },
            State::HalfOpen { out: 1, good: 0 },
            State::HalfOpen { out: 2, good: 0 },
            State::HalfOpen { out: 1, good: 1 },
            State::HalfOpen { out: 0, good: 1 },
        ];
        let events = [Event::Asked, Event::Passed, Event::Failed, Event::Dropped];
        let mut table = Vec::new();
        for state in states {
            for event in events {
                let (after, admitted) = state.after(event, now, &SETTINGS);
                let admitted = if admitted { ", through" } else { "" };
                let (from, to) = (short(state, now), short(after, now));
                table.push(format!("{from}, {event:?}: {to}{admitted}"));
            }
        }
        assert_eq!(
            table,
            [
                "closed 0/0, Asked: closed 0/0, through",
                "closed 0/0, Passed: closed 0/1",
                "closed 0/0, Failed: closed 1/1",
                "closed 0/0, Dropped: closed 0/0",
                "closed 1/3, Asked: closed 1/3, through",
                "closed 1/3, Passed: closed 1/4",
                "closed 1/3, Failed: open 1000ms",
                "closed 1/3, Dropped: closed 1/3",
                "closed 4/8, Asked: closed 4/8, through",
                "closed 4/8, Passed: closed 4/8",
                "closed 4/8, Failed: open 1000ms",
                "closed 4/8, Dropped: closed 4/8",
                "open 400ms, Asked: open 400ms",
                "open 400ms, Passed: open 400ms",
                "open 400ms, Failed: open 400ms",
                "open 400ms, Dropped: open 400ms",
                "open 0ms, Asked: half-open 1 out 0 good, through",
                "open 0ms, Passed: open 0ms",
                "open 0ms, Failed: open 0ms",
                "open 0ms, Dropped: open 0ms",
                "half-open 1 out 0 good, Asked: half-open 2 out 0 good, through",
                "half-open 1 out 0 good, Passed: half-open 0 out 1 good",
                "half-open 1 out 0 good, Failed: open 1000ms",
                "half-open 1 out 0 good, Dropped: half-open 0 out 0 good",
                "half-open 2 out 0 good, Asked: half-open 2 out 0 good",
                "half-open 2 out 0 good, Passed: half-open 1 out 1 good",
                "half-open 2 out 0 good, Failed: open 1000ms",
                "half-open 2 out 0 good, Dropped: half-open 1 out 0 good",
                "half-open 1 out 1 good, Asked: half-open 1 out 1 good",
                "half-open 1 out 1 good, Passed: closed 0/0",
                "half-open 1 out 1 good, Failed: open 1000ms",
                "half-open 1 out 1 good, Dropped: half-open 0 out 1 good",
                "half-open 0 out 1 good, Asked: half-open 1 out 1 good, through",
                "half-open 0 out 1 good, Passed: closed 0/0",
                "half-open 0 out 1 good, Failed: open 1000ms",
                "half-open 0 out 1 good, Dropped: half-open 0 out 1 good",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_let_through_before_the_circuit_opened_does_not_count_after() {
        let circuit = Circuit::new(SETTINGS);
        let admit = || circuit.admit(Instant::now());
        let calls: Vec<u64> = (0..6).filter_map(|_| admit()).collect();
        for call in &calls[..4] {
            circuit.note(*call, Event::Failed, Instant::now());
        }
        assert_eq!((circuit.read().phase, admit()), (Phase::Open, None));
        tokio::time::advance(SETTINGS.rest).await;
        let probe = admit().expect("a probe");
        // Two of the old calls end meanwhile: neither closes nor opens the circuit.
        circuit.note(calls[4], Event::Failed, Instant::now());
        circuit.note(calls[5], Event::Passed, Instant::now());
        assert_eq!(circuit.read().phase, Phase::HalfOpen);
        circuit.note(probe, Event::Passed, Instant::now());
        let probe = admit().expect("the second probe");
        circuit.note(probe, Event::Passed, Instant::now());
        let reading = CircuitReading {
            phase: Phase::Closed,
            since: Duration::ZERO,
            opened: 1,
        };
        assert_eq!(circuit.read(), reading);
    }

    #[tokio::test(start_paused = true)]
    async fn old_failures_are_forgotten() {
        let circuit = Circuit::new(SETTINGS);
        let fail = || {
            let epoch = circuit.admit(Instant::now()).expect("closed");
            circuit.note(epoch, Event::Failed, Instant::now());
        };
        (0..3).for_each(|_| fail());
        tokio::time::advance(SETTINGS.memory + Duration::from_millis(1)).await;
        fail();
        assert_eq!(circuit.read().phase, Phase::Closed);
    }
}
