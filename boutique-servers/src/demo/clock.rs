//! Time as the demo tells it: every run sees the same moments.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use boutique_core::clock::{Clock, Timestamp};

/// A clock that stands until it is told to go on.
#[derive(Debug)]
pub(super) struct StoryClock(AtomicI64);

impl StoryClock {
    /// 1 June 2026, nine in the morning, UTC.
    pub(super) const fn new() -> Self {
        Self(AtomicI64::new(1_780_304_400_000_000))
    }

    pub(super) fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}
