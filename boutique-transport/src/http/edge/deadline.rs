//! The outermost layer: how long an answer is worth waiting for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use boutique_core::fault::Fault;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::super::call;
use super::super::exchange::{Received, Sent};
use super::outgoing::{Outgoing, Refusal};

/// How a hop divides its caller's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadlineSettings {
    /// The longest an answer is waited for, whatever the caller would wait. It is what ends a
    /// call that has no deadline of its own, such as recovery's.
    pub longest: Duration,
    /// What this hop needs to pass the answer on.
    pub own: Duration,
    /// Below this, asking is in vain: the least that the upstream needs.
    pub floor: Duration,
}

impl Default for DeadlineSettings {
    /// At most 10 s, 2 ms of it for this hop, at least 2 ms for the upstream.
    fn default() -> Self {
        Self {
            longest: Duration::from_secs(10),
            own: Duration::from_millis(2),
            floor: Duration::from_millis(2),
        }
    }
}

/// Gives each request what is left of the present call's time, less what this hop needs.
///
/// Refuses at once, with [`Refusal::Late`], when that is too little; fails as
/// [`Ambiguous`](boutique_core::fault::FaultKind::Ambiguous) when it has passed.
#[derive(Clone, Debug)]
pub struct Deadline<S> {
    inner: S,
    settings: DeadlineSettings,
}

impl<S> Deadline<S> {
    /// `inner` with a bound on its time.
    pub const fn new(inner: S, settings: DeadlineSettings) -> Self {
        Self { inner, settings }
    }
}

impl<S> Service<Sent> for Deadline<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault>,
{
    type Response = Received;
    type Error = Fault;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Sent) -> Self::Future {
        let DeadlineSettings {
            longest,
            own,
            floor,
        } = self.settings;
        let now = Instant::now();
        let (deadline, lane) = call::terms();
        let mut until = now + longest;
        if let Some(deadline) = deadline {
            if deadline < now + own + floor {
                return DeadlineFuture::Refused;
            }
            until = until.min(deadline - own);
        }
        DeadlineFuture::Waiting {
            inner: self.inner.call(Outgoing::new(request, until, lane)),
            timer: sleep_until(until),
        }
    }
}

pin_project! {
    /// The answer, or that it did not come in time.
    #[project = Project]
    #[derive(Debug)]
    pub enum DeadlineFuture<F> {
        /// There was no time to begin with.
        Refused,
        /// Asked.
        #[allow(missing_docs)]
        Waiting { #[pin] inner: F, #[pin] timer: Sleep },
    }
}

impl<F: Future<Output = Result<Received, Fault>>> Future for DeadlineFuture<F> {
    type Output = Result<Received, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Project::Refused => Poll::Ready(Err(Refusal::Late.fault())),
            Project::Waiting { inner, timer } => {
                if let Poll::Ready(answer) = inner.poll(cx) {
                    return Poll::Ready(answer);
                }
                ready!(timer.poll(cx));
                Poll::Ready(Err(Fault::ambiguous("no answer from the upstream in time")))
            }
        }
    }
}
