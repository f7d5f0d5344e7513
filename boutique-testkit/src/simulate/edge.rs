//! What stands between a client and the network: tower's own layers, as the product stacks its.
//!
//! Outermost first: a deadline, retries of what is transient, a limit of requests in flight with
//! shedding, a time per try. The product's stack is over HTTP requests and is tested in its
//! crate; this one decides by the same [`FaultKind`].

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::fault::{Fault, FaultKind};
use tokio::time::{Sleep, sleep};
use tower::limit::ConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::load_shed::error::Overloaded;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::timeout::error::Elapsed;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder};

use super::node::Node;
use super::request::{Failure, Request};
use super::wire::{Served, Slot, Wire};

/// How patient an edge is.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// With one try.
    pub(super) each: Duration,
    /// With all of them.
    pub(super) all: Duration,
    /// Tries after the first.
    pub(super) again: u32,
}

impl Patience {
    /// Of a server that asks another for a request it carries out itself.
    pub(super) const SERVER: Self = Self {
        each: Duration::from_millis(900),
        all: Duration::from_millis(2_500),
        again: 2,
    };
    /// Of one that delivers a message, which comes again anyhow.
    pub(super) const PUSH: Self = Self {
        each: Duration::from_secs(8),
        all: Duration::from_secs(8),
        again: 0,
    };
    /// Of somebody outside, who asks again himself.
    pub(super) const CLIENT: Self = Self {
        each: Duration::from_secs(5),
        all: Duration::from_secs(5),
        again: 0,
    };
}

/// Requests in flight on one edge.
const IN_FLIGHT: usize = 64;

/// Sends a request again while its failure is transient.
struct Again<E> {
    tries: u32,
    left: u32,
    of: PhantomData<fn() -> E>,
}

impl<E> Clone for Again<E> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<Q: Request, A, E: Failure> Policy<Q, A, BoxError> for Again<E> {
    type Future = Sleep;

    fn retry(&mut self, _: &mut Q, outcome: &mut Result<A, BoxError>) -> Option<Sleep> {
        let error = outcome.as_ref().err()?;
        let transient = match error.downcast_ref::<E>() {
            Some(error) => error.kind().is_some_and(FaultKind::is_transient),
            None => error.is::<Elapsed>(),
        };
        if !transient {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let pause = 20 << (self.tries - self.left);
        Some(sleep(Duration::from_millis(pause)))
    }

    fn clone_request(&mut self, request: &Q) -> Option<Q> {
        (self.tries > 0).then(|| request.clone())
    }
}

/// What the layers erased: an answer of the network or of the layers themselves.
fn typed<E: Failure>(error: BoxError) -> E {
    match error.downcast::<E>() {
        Ok(error) => *error,
        Err(error) if error.is::<Elapsed>() => Fault::ambiguous("no answer in time").into(),
        Err(error) if error.is::<Overloaded>() => Fault::unavailable("too much at once").into(),
        Err(error) => Fault::ambiguous("the edge failed").because(error).into(),
    }
}

/// The way from `from` to whatever is in `slot`, as a service.
pub(super) fn edge<Q, A, E>(
    from: &Arc<Node>,
    slot: &Arc<Slot<Served<Q, A, E>>>,
    patience: Patience,
) -> BoxCloneSyncService<Q, A, E>
where
    Q: Request,
    A: Send + 'static,
    E: Failure,
{
    let wire = Wire {
        from: Arc::clone(from),
        slot: Arc::clone(slot),
    };
    let again = Again::<E> {
        tries: patience.again,
        left: patience.again,
        of: PhantomData,
    };
    BoxCloneSyncService::new(
        ServiceBuilder::new()
            .map_err(typed::<E>)
            .layer(TimeoutLayer::new(patience.all))
            .layer(RetryLayer::new(again))
            .layer(LoadShedLayer::new())
            .layer(ConcurrencyLimitLayer::new(IN_FLIGHT))
            .layer(TimeoutLayer::new(patience.each))
            .service(wire),
    )
}
