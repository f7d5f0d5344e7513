//! How often somebody may ask: GCRA, counted by governor.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::Add;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use boutique_core::gateway::Rate;
use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// tokio's clock, so that what is limited and what times out agree.
#[derive(Clone, Debug)]
struct Monotonic(Instant);

/// Since the limit was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Since(u64);

impl Reference for Since {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.as_u64()))
    }
}

impl Add<Nanos> for Since {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0.saturating_add(other.as_u64()))
    }
}

impl Clock for Monotonic {
    type Instant = Since;

    fn now(&self) -> Since {
        Since(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// How many are counted each for themselves.
const COUNTED_MAX: usize = 1 << 16;
/// After so many checks, those that have rested long enough are forgotten.
const SWEEP_EVERY: usize = 4_096;

/// One rate for each of many. Bounded: who has rested is forgotten, and once there are too many,
/// newcomers share their count with others.
pub(super) struct Limit {
    // Who it is, hashed with a key of our own: nobody can choose to share another's count.
    limiter: RateLimiter<u64, HashMapStateStore<u64>, Monotonic, NoOpMiddleware<Since>>,
    hasher: RandomState,
    checks: AtomicUsize,
}

impl Limit {
    pub(super) fn new(rate: Rate) -> Self {
        let Rate { per_minute, burst } = rate;
        let every = Duration::from_secs(60) / per_minute.get();
        let quota = Quota::with_period(every.max(Duration::from_nanos(1)));
        let quota = quota.unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN));
        let clock = Monotonic(Instant::now());
        Self {
            limiter: RateLimiter::hashmap_with_clock(quota.allow_burst(burst), clock),
            hasher: RandomState::new(),
            checks: AtomicUsize::new(0),
        }
    }

    /// Counts `who`.
    ///
    /// # Errors
    ///
    /// The seconds after which they may ask again.
    pub(super) fn check<K: Hash>(&self, who: &K) -> Result<(), u32> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        let mut key = self.hasher.hash_one(who);
        if self.limiter.len() >= COUNTED_MAX {
            key %= COUNTED_MAX as u64;
        }
        self.limiter.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.limiter.clock().now());
            // Whole seconds are all that Retry-After has.
            let seconds = wait.as_nanos().div_ceil(1_000_000_000).max(1);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        })
    }
}

/// What of an address counts as one: who has an IPv6 address has 2^64 of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn everybody_has_a_burst_and_then_a_rate_of_their_own() {
        let limit = Limit::new(Rate::new(60, 3));
        for _ in 0..3 {
            assert_eq!(limit.check(&"ada"), Ok(()));
        }
        assert_eq!(limit.check(&"ada"), Err(1));
        assert_eq!(limit.check(&"bob"), Ok(()));
        tokio::time::advance(Duration::from_millis(1_000)).await;
        assert_eq!(limit.check(&"ada"), Ok(()));
        assert_eq!(limit.check(&"ada"), Err(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_strangers_takes_a_bounded_amount_of_memory() {
        let limit = Limit::new(Rate::new(60, 1));
        for stranger in 0..3 * COUNTED_MAX {
            let _ = limit.check(&stranger);
        }
        assert!(
            limit.limiter.len() <= 2 * COUNTED_MAX,
            "{}",
            limit.limiter.len()
        );
        tokio::time::advance(Duration::from_secs(5)).await;
        for _ in 0..SWEEP_EVERY {
            let _ = limit.check(&"ada");
        }
        assert!(limit.limiter.len() < 10, "{}", limit.limiter.len());
    }

    #[test]
    fn neighbours_in_one_ipv6_network_are_one() {
        let at = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1:2:3"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
