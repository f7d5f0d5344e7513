//! A second request for an answer that is late, where asking twice costs nothing but the asking.
//!
//! Dean and Barroso, "The Tail at Scale" (2013).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use boutique_core::fault::Fault;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use super::super::exchange::Received;
use super::outgoing::Outgoing;
use super::retry::Extra;

/// When a second request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeSettings {
    /// What the 95th percentile of the upstream's latency is taken to be until it is known.
    pub start: Duration,
    /// It is never taken to be less than this.
    pub least: Duration,
}

impl Default for HedgeSettings {
    /// Begins at 50 ms, never below 1 ms.
    fn default() -> Self {
        Self {
            start: Duration::from_millis(50),
            least: Duration::from_millis(1),
        }
    }
}

/// An estimate of the 95th percentile of a stream of latencies, in one word.
///
/// Moves up by 19 parts where a latency is above it and down by one where it is not, so it rests
/// where one in twenty is above: the multiplicative form of frugal streaming (Ma, Muthukrishnan
/// and Sandler, "Frugal Streaming for Estimating Quantiles", 2013). A lost update between two
/// threads is one latency that was not seen.
#[derive(Debug)]
pub(crate) struct Tail {
    nanos: AtomicU64,
    least: u64,
}

impl Tail {
    pub(super) fn new(settings: HedgeSettings) -> Self {
        let nanos = |it: Duration| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX >> 16);
        let least = nanos(settings.least).max(1 << 12);
        Self {
            nanos: AtomicU64::new(nanos(settings.start).max(least)),
            least,
        }
    }

    pub(super) fn p95(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn see(&self, latency: Duration) {
        let estimate = self.nanos.load(Ordering::Relaxed);
        // One part in 512 a step: it halves or doubles within some hundred calls.
        let part = estimate >> 9;
        let moved = if latency.as_nanos() > u128::from(estimate) {
            estimate.saturating_add(19 * part)
        } else {
            estimate - part
        };
        let bounded = moved.clamp(self.least, 1 << 40);
        self.nanos.store(bounded, Ordering::Relaxed);
    }
}

/// Sends a pure request once more if its answer takes longer than 95 in 100 do and there is
/// budget for it; the first answer counts. Both are part of the one place that the request has
/// taken. Without an estimate of the tail it
/// does nothing.
#[derive(Clone, Debug)]
pub struct Hedge<S> {
    inner: S,
    tail: Option<Arc<Tail>>,
    extra: Arc<Extra>,
}

impl<S> Hedge<S> {
    pub(super) const fn new(inner: S, tail: Option<Arc<Tail>>, extra: Arc<Extra>) -> Self {
        Self { inner, tail, extra }
    }
}

impl<S> Service<Outgoing> for Hedge<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault> + Clone,
{
    type Response = Received;
    type Error = Fault;
    type Future = HedgeFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outgoing: Outgoing) -> Self::Future {
        let tail = self.tail.as_ref().filter(|_| outgoing.pure);
        let spare = tail.map(|tail| Spare {
            tail: Arc::clone(tail),
            extra: Arc::clone(&self.extra),
            begun: Instant::now(),
            seen: false,
            ask: Some((self.inner.clone(), outgoing.clone())),
        });
        HedgeFuture {
            timer: tail.map(|tail| sleep(tail.p95())),
            spare,
            first: Some(self.inner.call(outgoing)),
            second: None,
        }
    }
}

/// What a second request takes.
struct Spare<S> {
    tail: Arc<Tail>,
    extra: Arc<Extra>,
    begun: Instant,
    seen: bool,
    ask: Option<(S, Outgoing)>,
}

impl<S> Spare<S> {
    /// Tells how long the first request has taken, or already takes: once.
    fn see(&mut self) {
        if !std::mem::replace(&mut self.seen, true) {
            self.tail.see(self.begun.elapsed());
        }
    }
}

pin_project! {
    /// The first answer of at most two.
    pub struct HedgeFuture<S: Service<Outgoing>> {
        #[pin]
        first: Option<S::Future>,
        #[pin]
        timer: Option<Sleep>,
        #[pin]
        second: Option<Oneshot<S, Outgoing>>,
        spare: Option<Spare<S>>,
    }
}

impl<S: Service<Outgoing>> fmt::Debug for HedgeFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeFuture")
            .field("hedged", &self.second.is_some())
            .finish_non_exhaustive()
    }
}

impl<S> Future for HedgeFuture<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault> + Clone,
{
    type Output = Result<Received, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(first) = this.first.as_mut().as_pin_mut()
            && let Poll::Ready(answer) = first.poll(cx)
        {
            if let Some(spare) = this.spare
                && answer.is_ok()
            {
                spare.see();
            }
            // A failure is only the answer if nobody else is going to give one.
            if answer.is_ok() || this.second.is_none() {
                return Poll::Ready(answer);
            }
            this.first.set(None);
        }
        if let Some(timer) = this.timer.as_mut().as_pin_mut() {
            ready!(timer.poll(cx));
            this.timer.set(None);
            if let Some(spare) = this.spare {
                // However long it will have taken, it is more than the estimate.
                spare.see();
                if spare.extra.pay(&spare.extra.hedges)
                    && let Some((service, outgoing)) = spare.ask.take()
                {
                    this.second.set(Some(service.oneshot(outgoing)));
                }
            }
        }
        if let Some(second) = this.second.as_mut().as_pin_mut()
            && let Poll::Ready(answer) = second.poll(cx)
        {
            if answer.is_ok() || this.first.is_none() {
                return Poll::Ready(answer);
            }
            this.second.set(None);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_finds_the_tail_and_follows_it() {
        let tail = Tail::new(HedgeSettings::default());
        // 1 to 100 ms, every one as often, in an order that has nothing to do with size.
        let millis = |at: u64| Duration::from_millis(at * 37 % 100 + 1);
        (0..20_000).for_each(|at| tail.see(millis(at)));
        let found = tail.p95().as_millis();
        assert!((85..=105).contains(&found), "{found} ms");

        (0..20_000).for_each(|at| tail.see(millis(at) / 10));
        let found = tail.p95().as_micros();
        assert!((8_500..=10_500).contains(&found), "{found} µs");
    }
}
