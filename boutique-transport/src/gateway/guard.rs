//! What stands before one upstream: of the [`edge`](crate::http::edge) stack what fits bodies that
//! are still on their way.
//!
//! Outermost first:
//!
//! 1. the deadline of the request;
//! 2. retry, within a budget: of what was never sent, and of what has no body and may be sent
//!    twice ([`repeat`]);
//! 3. the circuit breaker. An answer is an answer, whatever its status: only an upstream that
//!    cannot be reached, breaks off, or is silent counts against it. A client that gives up, or
//!    lets its body wait, says nothing of the upstream, so nobody can open it for others;
//! 4. the limit of requests in flight, each from its first byte to the last of its answer.

use std::future::Future;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response};
use boutique_core::fault::{Fault, FaultKind};
use tokio::time::{Instant, sleep, timeout_at};

use super::body::{Fate, Lent, Through};
use crate::http::call::{DEADLINE, Lane};
use crate::http::edge::repeat::repeatable;
use crate::http::edge::{Circuit, EdgeState, Event, Refusal, RetrySettings, Stack};
use crate::http::gate::{Entry, Place};

/// A request on its way to an upstream.
pub(super) struct Onward {
    pub(super) parts: Parts,
    /// `None` if it has none.
    pub(super) body: Option<Through>,
    pub(super) until: Instant,
    pub(super) fate: Fate,
}

/// An answer, and the place it keeps until its body has ended.
pub(super) struct Passed {
    pub(super) answer: Response<Body>,
    pub(super) place: Option<Place>,
}

/// Why there is no answer.
pub(super) enum Lost {
    /// The deadline has passed.
    Late,
    /// The upstream, or what stands before it.
    Fault(Fault),
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What stands before one upstream. Clones share it.
#[derive(Clone)]
pub(super) struct Guard {
    state: EdgeState,
    retry: RetrySettings,
}

impl Guard {
    pub(super) fn new(stack: &Stack) -> Self {
        Self {
            state: stack.state(),
            retry: stack.settings().retry,
        }
    }

    /// Lets `carry` carry the request, as often as it takes.
    pub(super) async fn send<F>(
        &self,
        onward: Onward,
        carry: impl Fn(Request<Body>) -> F,
    ) -> Result<Passed, Lost>
    where
        F: Future<Output = Result<Response<Body>, Fault>>,
    {
        let Onward {
            parts,
            body,
            until,
            fate,
        } = onward;
        let extra = &self.state.extra;
        extra.earn();
        let body = body.map(Lent::new);
        let head = Request::from_parts(parts, ());
        let twice = body.is_none() && repeatable(&head);
        let mut unsure = None;
        let mut made = 0;
        loop {
            let request = attempt(&head, body.clone(), until);
            let fault = match self
                .once(until, body.as_ref(), &fate, || carry(request))
                .await
            {
                Err(Lost::Fault(fault)) => fault,
                other => return other,
            };
            let again = match fault.kind() {
                FaultKind::Unavailable => {
                    // Whoever refused already decided.
                    Refusal::of(&fault).is_none() && body.as_ref().is_none_or(Lent::is_whole)
                }
                FaultKind::Ambiguous => twice,
                FaultKind::Permanent => false,
            };
            let pause = self.retry.pause(made);
            let worth = again && made < self.retry.most && Instant::now() + pause < until;
            if !worth || !extra.pay(&extra.retries) {
                // A later refusal does not undo what may have been carried out before.
                let unsure = unsure.filter(|_| fault.kind() == FaultKind::Unavailable);
                return Err(unsure.unwrap_or(fault).into());
            }
            if fault.kind() == FaultKind::Ambiguous {
                unsure = Some(fault);
            }
            made += 1;
            sleep(pause).await;
        }
    }

    async fn once<F>(
        &self,
        until: Instant,
        body: Option<&Lent>,
        fate: &Fate,
        carry: impl FnOnce() -> F,
    ) -> Result<Passed, Lost>
    where
        F: Future<Output = Result<Response<Body>, Fault>>,
    {
        let circuit = &*self.state.circuit;
        let Some(epoch) = circuit.admit(Instant::now()) else {
            return Err(Refusal::Open.fault().into());
        };
        let mut pass = Pass {
            circuit,
            epoch,
            event: Event::Dropped,
        };
        let place = match self.state.gate.enter(Lane::Client) {
            Entry::In(place) => place,
            Entry::Wait(wait) => timeout_at(until, wait).await.map_err(|_| Lost::Late)?,
            Entry::Full => return Err(Refusal::Full.fault().into()),
        };
        let begun = Instant::now();
        match timeout_at(until, carry()).await {
            Ok(Ok(answer)) => {
                pass.event = Event::Passed;
                let place = Some(place);
                Ok(Passed { answer, place })
            }
            Ok(Err(fault)) => {
                if fault.kind().is_transient() && !fate.cut_off() {
                    pass.event = Event::Failed;
                }
                Err(fault.into())
            }
            Err(_) => {
                let since = body.map_or(Some(begun), |it| it.quiet_since(begun));
                if since.is_some_and(|it| it.elapsed() >= circuit.patience()) {
                    pass.event = Event::Failed;
                }
                Err(Lost::Late)
            }
        }
    }
}

/// The request once more, told how much time is left.
fn attempt(head: &Request<()>, body: Option<Lent>, until: Instant) -> Request<Body> {
    let mut request = Request::new(body.map_or_else(Body::empty, Body::new));
    *request.method_mut() = head.method().clone();
    *request.uri_mut() = head.uri().clone();
    *request.version_mut() = head.version();
    *request.headers_mut() = head.headers().clone();
    let left = until.saturating_duration_since(Instant::now()).as_millis();
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    request.headers_mut().insert(DEADLINE, left.into());
    request
}

/// Leave to ask once, of which the circuit hears in any case.
struct Pass<'a> {
    circuit: &'a Circuit,
    epoch: u64,
    event: Event,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.circuit.note(self.epoch, self.event, Instant::now());
    }
}

#[cfg(test)]
mod tests;
