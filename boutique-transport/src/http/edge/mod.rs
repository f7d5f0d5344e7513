//! What stands between a client and its upstream: one stack, in one place.
//!
//! Outermost first:
//!
//! 1. [`Deadline`]: gives a request what is left of its caller's time, and no more;
//! 2. [`Retry`]: asks again after a transient fault, within a budget, where asking twice is
//!    asking once;
//! 3. [`Breaker`]: leaves a failing upstream alone;
//! 4. [`Limit`]: bounds what is in flight; the rest waits a little or is shed, and recovery and
//!    relay have places that clients cannot take;
//! 5. [`Hedge`]: asks for a pure read once more when its answer is late; off unless asked for;
//! 6. [`Wire`]: the exchange.
//!
//! Every layer is as ready as what is inside it, a refusal reaches nothing further in, and to
//! drop a call frees what it has taken. No layer spawns or boxes: one call allocates only where
//! it waits for a place, and to keep a copy of a request that may have to be sent again.

mod breaker;
mod circuit;
mod deadline;
mod hedge;
mod limit;
mod outgoing;
pub mod repeat;
mod retry;
mod state;
mod wire;

use std::sync::Arc;

use boutique_core::fault::Fault;
use tower::Service;

pub use breaker::{Breaker, BreakerFuture};
pub use circuit::{CircuitReading, CircuitSettings, Phase};
pub use deadline::{Deadline, DeadlineFuture, DeadlineSettings};
pub use hedge::{Hedge, HedgeFuture, HedgeSettings};
pub use limit::{Limit, LimitFuture};
pub use outgoing::{Outgoing, Refusal};
pub use retry::{Retry, RetryFuture, RetrySettings};
pub use state::{EdgeReading, EdgeState};
pub use wire::{Wire, WireFuture};

pub(crate) use circuit::{Circuit, Event};
pub(crate) use retry::Extra;

use self::hedge::Tail;
use super::exchange::{Exchange, Received, Sent};
use super::gate::{Gate, GateSize};

/// What the stack before one upstream goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EdgeSettings {
    /// How long answers are waited for.
    pub deadline: DeadlineSettings,
    /// How requests are repeated.
    pub retry: RetrySettings,
    /// When the upstream is left alone.
    pub circuit: CircuitSettings,
    /// How many requests are in flight.
    pub limit: GateSize,
    /// When pure reads are asked for twice; never, unless set. For the CRM and fraud.
    pub hedge: Option<HedgeSettings>,
}

/// An exchange behind its stack: an exchange itself.
pub type Edge<S> = Deadline<Retry<Breaker<Limit<Hedge<Wire<S>>>>>>;

/// The stack before one upstream. Everything put behind it shares its budget, circuit and
/// places.
#[derive(Clone, Debug)]
pub struct Stack {
    settings: EdgeSettings,
    state: EdgeState,
}

impl Stack {
    /// The stack before the upstream called `name`.
    pub fn new(name: &'static str, settings: EdgeSettings) -> Self {
        let state = EdgeState {
            name,
            extra: Arc::new(Extra::new(&settings.retry)),
            circuit: Arc::new(Circuit::new(settings.circuit)),
            gate: Gate::new(settings.limit),
            tail: settings.hedge.map(|it| Arc::new(Tail::new(it))),
        };
        Self { settings, state }
    }

    /// `exchange` behind this stack.
    pub fn over<S>(&self, exchange: S) -> Edge<S>
    where
        S: Service<Sent, Response = Received, Error = Fault, Future: Send> + Exchange,
    {
        let EdgeState {
            extra,
            circuit,
            gate,
            tail,
            ..
        } = self.state.clone();
        let hedge = Hedge::new(Wire::new(exchange), tail, Arc::clone(&extra));
        let breaker = Breaker::new(Limit::new(hedge, gate), circuit);
        let retry = Retry::new(breaker, self.settings.retry, extra);
        Deadline::new(retry, self.settings.deadline)
    }

    /// What it goes by.
    pub const fn settings(&self) -> &EdgeSettings {
        &self.settings
    }

    /// How the upstream is doing, to be read at any time.
    pub fn state(&self) -> EdgeState {
        self.state.clone()
    }
}

#[cfg(test)]
mod tests;
