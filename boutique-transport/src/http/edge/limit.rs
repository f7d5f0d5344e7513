//! How many requests to an upstream are in flight; the rest wait a little or are shed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use boutique_core::fault::Fault;
use boutique_core::flow::BoxFuture;
use pin_project_lite::pin_project;
use tower::Service;

use super::super::exchange::Received;
use super::super::gate::{Entry, Gate, Place};
use super::outgoing::{Outgoing, Refusal};

/// Lets a request through when the [`Gate`] has a place for it, and keeps the place until it is
/// answered or dropped. What finds the queue full is refused with [`Refusal::Full`].
///
/// The place is taken by the call and not by readiness, so that a wait for it is part of what
/// the deadline bounds.
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    gate: Gate,
}

impl<S> Limit<S> {
    /// `inner` behind `gate`.
    pub const fn new(inner: S, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<S> Service<Outgoing> for Limit<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault> + Clone,
{
    type Response = Received;
    type Error = Fault;
    type Future = LimitFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outgoing: Outgoing) -> Self::Future {
        let state = match self.gate.enter(outgoing.lane) {
            Entry::In(place) => State::Asking {
                asking: self.inner.call(outgoing),
                _place: place,
            },
            Entry::Wait(wait) => {
                // The service that was made ready waits along; its clone is made ready anew.
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                let waiting = Some((ready, outgoing));
                State::Waiting { wait, waiting }
            }
            Entry::Full => State::Shed,
        };
        LimitFuture { state }
    }
}

pin_project! {
    /// The answer, or that the request was shed.
    pub struct LimitFuture<S: Service<Outgoing>> {
        #[pin]
        state: State<S, S::Future>,
    }
}

impl<S: Service<Outgoing>> std::fmt::Debug for LimitFuture<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LimitFuture")
    }
}

pin_project! {
    #[project = Project]
    enum State<S, F> {
        Shed,
        Waiting { wait: BoxFuture<'static, Place>, waiting: Option<(S, Outgoing)> },
        Asking { #[pin] asking: F, _place: Place },
    }
}

impl<S> Future for LimitFuture<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault>,
{
    type Output = Result<Received, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Project::Shed => return Poll::Ready(Err(Refusal::Full.fault())),
                Project::Asking { asking, .. } => return asking.poll(cx),
                Project::Waiting { wait, waiting } => {
                    let place = ready!(wait.as_mut().poll(cx));
                    let waiting = waiting.take();
                    let (mut service, outgoing) = waiting.expect("is there until the place is");
                    let asking = service.call(outgoing);
                    state.set(State::Asking {
                        asking,
                        _place: place,
                    });
                }
            }
        }
    }
}
