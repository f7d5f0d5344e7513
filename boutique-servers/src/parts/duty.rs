//! What a server does behind its clients' backs: rounds of work, again and again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boutique_core::fault::Fault;
use boutique_core::flow::BoxFuture;
use boutique_transport::http::call::Call;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::exit::chain;

/// Work that has to be done again and again.
pub struct Duty {
    name: &'static str,
    pace: Pace,
    wake: Arc<Notify>,
    pulse: Pulse,
    work: Work,
}

enum Work {
    Rounds(Box<dyn Fn() -> BoxFuture<'static, Result<bool, Fault>> + Send + Sync>),
    Standing(Box<dyn Fn(CancellationToken) -> BoxFuture<'static, Result<(), Fault>> + Send + Sync>),
}

/// How often a duty's round is due.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After a round that did something. A little patience lets work come together, so that a
    /// round has more to do for the same price.
    pub busy: Duration,
    /// After a round that found nothing, unless the duty is woken.
    pub idle: Duration,
    /// After a round that failed; doubles with each further one up to eight times as long.
    pub failed: Duration,
}

impl Duty {
    /// A duty called `name`; `round` says whether it did something.
    pub fn new<F>(
        name: &'static str,
        pace: Pace,
        round: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<bool, Fault>> + Send + 'static,
    {
        Self {
            name,
            pace,
            wake: Arc::new(Notify::new()),
            pulse: Pulse::new(name),
            work: Work::Rounds(Box::new(move || Box::pin(round()))),
        }
    }

    /// A duty that is one long round: `stand` goes on until it is told to stop, and then ends
    /// what it has begun. It stands again when it fails.
    pub fn standing<F>(
        name: &'static str,
        pace: Pace,
        stand: impl Fn(CancellationToken) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Self {
            name,
            pace,
            wake: Arc::new(Notify::new()),
            pulse: Pulse::new(name),
            work: Work::Standing(Box::new(move |stop| Box::pin(stand(stop)))),
        }
    }

    /// Whether it takes in work from elsewhere, as a listener does, and so ends when listening
    /// does.
    pub const fn is_standing(&self) -> bool {
        matches!(self.work, Work::Standing(_))
    }

    /// The same duty, woken by `wake`.
    #[must_use]
    pub fn woken_by(self, wake: Arc<Notify>) -> Self {
        Self { wake, ..self }
    }

    /// Its name, in logs and metrics.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Ends the wait of a duty that had found nothing to do.
    pub fn waker(&self) -> Arc<Notify> {
        Arc::clone(&self.wake)
    }

    /// Tells whether it goes round.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Goes round until `stop`; a round that has begun is ended first.
    pub async fn run(self, stop: CancellationToken) {
        let ended = EndOnDrop(&self.pulse);
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            let outcome = match &self.work {
                // Each round is a call of its own, so that what it asks others is of the
                // background.
                Work::Rounds(round) => {
                    self.pulse.set(Beat::Round(Instant::now()));
                    Call::background().scope(round()).await
                }
                // That takes as long as the server runs.
                Work::Standing(stand) => stand(stop.clone()).await.map(|()| false),
            };
            let pause = match &outcome {
                Ok(true) => self.pace.busy,
                Ok(false) => self.pace.idle,
                Err(_) => self.pace.failed * (1 << failures.min(3)),
            };
            self.pulse.set(Beat::Pause);
            self.note(&outcome, failures);
            failures = outcome.as_ref().map_or_else(|_| failures + 1, |_| 0);
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.wake.notified(), if matches!(outcome, Ok(false)) => {}
                () = sleep(pause) => {}
            }
        }
        drop(ended);
        if self.is_standing() {
            // It is told to end while the server still answers: nothing is wrong with it.
            self.pulse.set(Beat::Pause);
        }
    }

    /// One line when it begins to fail and one when it no longer does.
    fn note(&self, outcome: &Result<bool, Fault>, failures: u32) {
        let duty = self.name;
        let result = if outcome.is_ok() { "ok" } else { "failed" };
        metrics::counter!("boutique_duty_rounds_total", "duty" => duty, "result" => result)
            .increment(1);
        match outcome {
            // What is to be done about it may be said by what it comes of.
            Err(fault) if failures == 0 => {
                tracing::warn!(duty, fault = %chain(fault), "a duty fails");
            }
            Ok(_) if failures > 0 => tracing::info!(duty, failures, "a duty works again"),
            _ => {}
        }
    }
}

/// Whether a duty goes round. Clones look at the same.
#[derive(Clone, Debug)]
pub struct Pulse {
    name: &'static str,
    beat: Arc<Mutex<Beat>>,
}

#[derive(Clone, Copy, Debug)]
enum Beat {
    Pause,
    Round(Instant),
    Ended,
}

impl Pulse {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            beat: Arc::new(Mutex::new(Beat::Pause)),
        }
    }

    fn set(&self, beat: Beat) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = beat;
    }

    /// The duty's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it goes on: it has neither ended nor been in one round for longer than `longest`.
    pub fn is_going(&self, longest: Duration) -> bool {
        match *self.beat.lock().unwrap_or_else(PoisonError::into_inner) {
            Beat::Pause => true,
            Beat::Round(since) => since.elapsed() <= longest,
            Beat::Ended => false,
        }
    }
}

/// However it ends: told to, or by a panic.
struct EndOnDrop<'a>(&'a Pulse);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.set(Beat::Ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PACE: Pace = Pace {
        busy: Duration::from_millis(1),
        idle: Duration::from_secs(3_600),
        failed: Duration::from_millis(100),
    };

    #[tokio::test(start_paused = true)]
    async fn a_duty_that_stands_begins_again_when_it_fails_and_is_told_when_to_end() {
        let stood = Arc::new(AtomicUsize::new(0));
        let (counted, stop) = (Arc::clone(&stood), CancellationToken::new());
        let ended = stop.clone();
        let duty = Duty::standing("test", PACE, move |stop| {
            let at = counted.fetch_add(1, Ordering::SeqCst);
            let ended = ended.clone();
            async move {
                if at < 2 {
                    return Err(Fault::unavailable("away"));
                }
                ended.cancel();
                stop.cancelled().await;
                Ok(())
            }
        });
        assert!(duty.is_standing());
        tokio::spawn(duty.run(stop)).await.expect("ends");
        assert_eq!(stood.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_duty_goes_on_while_there_is_work_and_after_a_failure_and_when_woken() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let (counted, stop) = (Arc::clone(&rounds), CancellationToken::new());
        let ended = stop.clone();
        let duty = Duty::new("test", PACE, move || {
            let at = counted.fetch_add(1, Ordering::SeqCst);
            let ended = ended.clone();
            async move {
                match at {
                    0 => Ok(true),
                    1 => Err(Fault::unavailable("away")),
                    2 => Ok(false),
                    _ => {
                        ended.cancel();
                        Ok(true)
                    }
                }
            }
        });
        let wake = duty.waker();
        let running = tokio::spawn(duty.run(stop));
        // Wakes are kept: one that comes while a round runs is not lost.
        wake.notify_one();
        running.await.expect("ends");
        assert_eq!(rounds.load(Ordering::SeqCst), 4);
    }
}
