//! The innermost layer: the exchange itself, told how much time is left, its answers told from
//! its failures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use boutique_core::fault::Fault;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::Service;

use super::super::call::DEADLINE;
use super::super::exchange::{Received, Sent, failure};
use super::outgoing::Outgoing;

/// Sends a request with what is left of its time at that moment, which is less at a second
/// attempt, and turns the answers that tell of a failure into that failure.
#[derive(Clone, Debug)]
pub struct Wire<S> {
    inner: S,
}

impl<S> Wire<S> {
    /// The exchange `inner` as the layers above know it.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S> Service<Outgoing> for Wire<S>
where
    S: Service<Sent, Response = Received, Error = Fault>,
{
    type Response = Received;
    type Error = Fault;
    type Future = WireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outgoing: Outgoing) -> Self::Future {
        let Outgoing {
            mut request, until, ..
        } = outgoing;
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let left = u64::try_from(left).unwrap_or(u64::MAX);
        request.headers_mut().insert(DEADLINE, left.into());
        WireFuture {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// The answer, or the failure it tells of.
    #[derive(Debug)]
    pub struct WireFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Received, Fault>>> Future for WireFuture<F> {
    type Output = Result<Received, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(self.project().inner.poll(cx))?;
        Poll::Ready(match failure(answer.status(), answer.body()) {
            Some(fault) => Err(fault),
            None => Ok(answer),
        })
    }
}
