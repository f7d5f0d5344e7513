//! How the upstream of a stack is doing, for readiness and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::super::gate::Gate;
use super::circuit::{Circuit, CircuitReading};
use super::hedge::Tail;
use super::retry::Extra;

/// A handle on what one upstream's stack knows. Clones look at the same.
#[derive(Clone, Debug)]
pub struct EdgeState {
    pub(crate) name: &'static str,
    pub(crate) extra: Arc<Extra>,
    pub(crate) circuit: Arc<Circuit>,
    pub(crate) gate: Gate,
    pub(crate) tail: Option<Arc<Tail>>,
}

/// What one upstream's stack knew at one moment; counts are since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeReading {
    /// The upstream.
    pub name: &'static str,
    /// Whether it is left alone, and since when.
    pub circuit: CircuitReading,
    /// Requests that hold a place.
    pub in_flight: usize,
    /// Requests that wait for one.
    pub queued: usize,
    /// Calls, each counted once however often its request was sent.
    pub calls: u64,
    /// Requests that found the queue full.
    pub shed: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Requests sent twice at a time.
    pub hedges: u64,
    /// Retries and hedges that the budget did not allow.
    pub unpaid: u64,
    /// After which time a pure read is hedged, where they are.
    pub hedged_after: Option<Duration>,
}

impl EdgeState {
    /// The upstream's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What is known now.
    pub fn read(&self) -> EdgeReading {
        let count = |it: &AtomicU64| it.load(Ordering::Relaxed);
        EdgeReading {
            name: self.name,
            circuit: self.circuit.read(),
            in_flight: self.gate.in_flight(),
            queued: self.gate.queued(),
            calls: count(&self.extra.calls),
            shed: self.gate.shed(),
            retries: count(&self.extra.retries),
            hedges: count(&self.extra.hedges),
            unpaid: count(&self.extra.unpaid),
            hedged_after: self.tail.as_deref().map(Tail::p95),
        }
    }
}
