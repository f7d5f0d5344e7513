//! A circuit breaker per upstream: while it is open, calls are refused at once.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use boutique_core::fault::Fault;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::Service;

use super::circuit::{Circuit, Event};
use super::outgoing::Refusal;

/// Refuses calls with [`Refusal::Open`] while the upstream's circuit is open.
///
/// Only transient faults of the upstream count against it, and calls that were given up after
/// they had been unanswered for long; a wait for a place in its limit is part of that, because
/// places are short when answers are late.
#[derive(Clone, Debug)]
pub struct Breaker<S> {
    inner: S,
    circuit: Arc<Circuit>,
}

impl<S> Breaker<S> {
    pub(super) const fn new(inner: S, circuit: Arc<Circuit>) -> Self {
        Self { inner, circuit }
    }
}

impl<S, R> Service<R> for Breaker<S>
where
    S: Service<R, Error = Fault>,
{
    type Response = S::Response;
    type Error = Fault;
    type Future = BreakerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let now = Instant::now();
        let state = match self.circuit.admit(now) {
            None => State::Refused,
            Some(epoch) => State::Asking {
                asking: self.inner.call(request),
                pass: Pass {
                    circuit: Some(Arc::clone(&self.circuit)),
                    epoch,
                    begun: now,
                },
            },
        };
        BreakerFuture { state }
    }
}

/// Leave to make one call, whose outcome the circuit hears of in any case.
#[derive(Debug)]
struct Pass {
    circuit: Option<Arc<Circuit>>,
    epoch: u64,
    begun: Instant,
}

impl Pass {
    fn tell(&mut self, event: Event) {
        if let Some(circuit) = self.circuit.take() {
            circuit.note(self.epoch, event, Instant::now());
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(circuit) = &self.circuit else {
            return;
        };
        let event = if self.begun.elapsed() >= circuit.patience() {
            Event::Failed
        } else {
            Event::Dropped
        };
        self.tell(event);
    }
}

pin_project! {
    /// The answer, or that the circuit is open.
    #[derive(Debug)]
    pub struct BreakerFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Project]
    #[derive(Debug)]
    enum State<F> {
        Refused,
        Asking { #[pin] asking: F, pass: Pass },
    }
}

impl<F, T> Future for BreakerFuture<F>
where
    F: Future<Output = Result<T, Fault>>,
{
    type Output = Result<T, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Project::Refused => Poll::Ready(Err(Refusal::Open.fault())),
            Project::Asking { asking, pass } => {
                let answer = ready!(asking.poll(cx));
                pass.tell(match &answer {
                    Err(fault) if Refusal::of(fault).is_some() => Event::Dropped,
                    Err(fault) if fault.kind().is_transient() => Event::Failed,
                    Ok(_) | Err(_) => Event::Passed,
                });
                Poll::Ready(answer)
            }
        }
    }
}
