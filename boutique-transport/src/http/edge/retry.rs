//! Asking again, where that can help and does no harm.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use boutique_core::fault::{Fault, FaultKind};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::budget::{Budget as _, TpsBudget};
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

use super::super::call;
use super::super::exchange::Received;
use super::outgoing::{Outgoing, Refusal};

/// How often, how soon and how much of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrySettings {
    /// How many times one request is sent again.
    pub most: u32,
    /// The pause before the first repetition is drawn from zero to this, before the next from
    /// zero to twice this, and so on: full jitter.
    ///
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
    pub base: Duration,
    /// The longest a pause is drawn from.
    pub cap: Duration,
    /// How many extra requests, retries and hedges together, there may be for one call in the
    /// last ten seconds: between 0 and 1.
    pub share: f32,
    /// How many extra requests a second there may be besides, for an upstream that is hardly
    /// asked.
    pub reserve: u32,
}

impl Default for RetrySettings {
    /// Twice, after up to 25 and 50 ms; one in ten calls and one a second.
    fn default() -> Self {
        Self {
            most: 2,
            base: Duration::from_millis(25),
            cap: Duration::from_millis(250),
            share: 0.1,
            reserve: 1,
        }
    }
}

impl RetrySettings {
    /// How long to pause before a request is sent again that was repeated `made` times.
    pub(crate) fn pause(&self, made: u32) -> Duration {
        let doubled = self.base.saturating_mul(1 << made.min(16));
        jitter(doubled.min(self.cap), call::draw())
    }
}

/// What the extra requests to one upstream, retries and hedges, are paid from.
#[derive(Debug)]
pub(crate) struct Extra {
    tokens: TpsBudget,
    pub(crate) calls: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) hedges: AtomicU64,
    pub(crate) unpaid: AtomicU64,
}

impl Extra {
    pub(crate) fn new(settings: &RetrySettings) -> Self {
        const WINDOW: Duration = Duration::from_secs(10);
        let share = settings.share.clamp(0.0, 1.0);
        Self {
            tokens: TpsBudget::new(WINDOW, settings.reserve.min(1 << 20), share),
            calls: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            hedges: AtomicU64::new(0),
            unpaid: AtomicU64::new(0),
        }
    }

    /// Earns a share of an extra request.
    pub(crate) fn earn(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.tokens.deposit();
    }

    /// Pays for one extra request, counted as `kind`; false if there is nothing left.
    pub(crate) fn pay(&self, kind: &AtomicU64) -> bool {
        let paid = self.tokens.withdraw();
        let counted = if paid { kind } else { &self.unpaid };
        counted.fetch_add(1, Ordering::Relaxed);
        paid
    }
}

/// Sends a request again after a transient fault of the upstream, if it may be sent twice, there
/// is budget for it, and the pause leaves time for it.
///
/// What it gives up with is the latest fault, unless an earlier attempt may have been carried
/// out: then that one, since a later refusal does not undo it.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    settings: RetrySettings,
    extra: Arc<Extra>,
}

impl<S> Retry<S> {
    pub(super) const fn new(inner: S, settings: RetrySettings, extra: Arc<Extra>) -> Self {
        Self {
            inner,
            settings,
            extra,
        }
    }
}

impl<S> Service<Outgoing> for Retry<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault> + Clone,
{
    type Response = Received;
    type Error = Fault;
    type Future = RetryFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, outgoing: Outgoing) -> Self::Future {
        self.extra.earn();
        let again = (outgoing.repeatable && self.settings.most > 0).then(|| Again {
            service: self.inner.clone(),
            outgoing: outgoing.clone(),
            settings: self.settings,
            extra: Arc::clone(&self.extra),
            made: 0,
            ambiguous: None,
        });
        RetryFuture {
            state: State::First {
                asking: self.inner.call(outgoing),
            },
            again,
        }
    }
}

/// What it takes to ask again.
struct Again<S> {
    service: S,
    outgoing: Outgoing,
    settings: RetrySettings,
    extra: Arc<Extra>,
    made: u32,
    /// The fault of an attempt that may have been carried out.
    ambiguous: Option<Fault>,
}

impl<S> Again<S> {
    /// How long to pause before asking again; `None` to leave it.
    fn pause(&mut self, fault: &Fault) -> Option<Duration> {
        if !fault.kind().is_transient() || Refusal::of(fault).is_some() {
            return None;
        }
        if self.made >= self.settings.most {
            return None;
        }
        let pause = self.settings.pause(self.made);
        let in_time = Instant::now() + pause < self.outgoing.until;
        if !in_time || !self.extra.pay(&self.extra.retries) {
            return None;
        }
        self.made += 1;
        Some(pause)
    }
}

/// A share of `most` by `draw`, from none of it to all.
fn jitter(most: Duration, draw: u64) -> Duration {
    let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let drawn = (u128::from(nanos) * u128::from(draw)) >> u64::BITS;
    Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
}

pin_project! {
    /// The answer, after as many attempts as it took.
    pub struct RetryFuture<S: Service<Outgoing>> {
        #[pin]
        state: State<S, S::Future>,
        again: Option<Again<S>>,
    }
}

impl<S: Service<Outgoing>> fmt::Debug for RetryFuture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let retries = self.again.as_ref().map_or(0, |it| it.made);
        f.debug_struct("RetryFuture")
            .field("retries", &retries)
            .finish_non_exhaustive()
    }
}

pin_project! {
    #[project = Project]
    enum State<S: Service<Outgoing>, F> {
        First { #[pin] asking: F },
        Pausing { #[pin] pause: Sleep },
        Repeated { #[pin] asking: Oneshot<S, Outgoing> },
    }
}

impl<S> Future for RetryFuture<S>
where
    S: Service<Outgoing, Response = Received, Error = Fault> + Clone,
{
    type Output = Result<Received, Fault>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let answer = match this.state.as_mut().project() {
                Project::First { asking } => ready!(asking.poll(cx)),
                Project::Repeated { asking } => ready!(asking.poll(cx)),
                Project::Pausing { pause } => {
                    ready!(pause.poll(cx));
                    let again = this.again.as_ref().expect("only who can ask again pauses");
                    let asking = again.service.clone().oneshot(again.outgoing.clone());
                    this.state.set(State::Repeated { asking });
                    continue;
                }
            };
            let (Err(fault), Some(again)) = (&answer, this.again.as_mut()) else {
                return Poll::Ready(answer);
            };
            match again.pause(fault) {
                Some(pause) => {
                    if let Err(fault) = answer
                        && fault.kind() == FaultKind::Ambiguous
                    {
                        again.ambiguous = Some(fault);
                    }
                    this.state.set(State::Pausing {
                        pause: sleep(pause),
                    });
                }
                None => {
                    let unsure = again.ambiguous.take();
                    let unsure = unsure.filter(|_| fault.kind() == FaultKind::Unavailable);
                    return Poll::Ready(unsure.map_or(answer, Err));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_anything_from_nothing_to_all_of_it() {
        let most = Duration::from_millis(100);
        assert_eq!(jitter(most, 0), Duration::ZERO);
        assert_eq!(jitter(most, u64::MAX / 2).as_millis(), 49);
        assert_eq!(jitter(most, u64::MAX).as_millis(), 99);
    }
}
