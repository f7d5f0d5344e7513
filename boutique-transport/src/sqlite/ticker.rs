//! The moments at which ledger transactions happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use boutique_core::clock::{Clock, Timestamp};

/// Hands out moments that never go back, not even when the clock behind them does.
pub(super) struct Ticker {
    clock: Arc<dyn Clock>,
    last: AtomicI64,
}

impl Ticker {
    /// Moments after `last`, by `clock`.
    pub(super) fn after(last: Timestamp, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: AtomicI64::new(last.as_micros()),
        }
    }

    /// The clock behind the moments, for what is dated and not ordered by them.
    pub(super) const fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The moment of a transaction: later than every moment handed out before.
    pub(super) fn tick(&self) -> Timestamp {
        let now = self.clock.now();
        let next = |last| now.max(Timestamp::from_micros(last).next());
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |it| {
                Some(next(it).as_micros())
            })
            .unwrap_or_else(|it| it);
        next(last)
    }

    /// The moment of a look: no earlier than any handed out before, and earlier than the
    /// transactions that follow it.
    pub(super) fn look(&self) -> Timestamp {
        let now = self.clock.now().as_micros();
        Timestamp::from_micros(self.last.fetch_max(now, Ordering::Relaxed).max(now))
    }
}
