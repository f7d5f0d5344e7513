//! A clock that is moved by hand and ids that come out the same in every run.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use boutique_core::clock::{Clock, Timestamp};
use boutique_core::ids::{IdSource, IdempotencyKey, OrderId, Pseudonym, TenantId};

/// A clock that stands still until it is moved. Share it in an [`Arc`](std::sync::Arc).
///
/// ```
/// use boutique_core::clock::Clock;
/// use boutique_testkit::ManualClock;
///
/// let clock = ManualClock::default();
/// let before = clock.now();
/// clock.advance_millis(1_500);
/// assert_eq!(clock.now().since(before).as_millis(), 1_500);
/// ```
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            micros: AtomicI64::new(now.as_micros()),
        }
    }

    /// Moves the clock on by `millis` milliseconds.
    pub fn advance_millis(&self, millis: u64) {
        self.advance(Duration::from_millis(millis));
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(by, Ordering::SeqCst);
    }

    /// Shows `now` from here on, even if it is earlier: wall clocks do that as well.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.as_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::new(Timestamp::from_millis(1_767_225_600_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }
}

/// Ids without randomness: derived ones are functions of their arguments, as in production, and
/// [`IdSource::fresh`] counts. Two runs that do the same name the same things.
#[derive(Debug, Default)]
pub struct CountingIds {
    drawn: AtomicU64,
}

impl CountingIds {
    /// How many fresh texts were drawn.
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::SeqCst)
    }
}

/// 128 bits that stand for `value`; SipHash with fixed keys, once per half.
fn digest(value: impl Hash) -> String {
    let half = |salt: u8| {
        // `DefaultHasher::new` has fixed keys, unlike `RandomState`.
        let mut hasher = DefaultHasher::new();
        (salt, &value).hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

impl IdSource for CountingIds {
    fn order(&self, tenant: &TenantId, key: &IdempotencyKey) -> OrderId {
        OrderId::new(digest((tenant.as_str(), key.as_str()))).expect("hex digits fit an order id")
    }

    fn pseudonym(&self, what: &str, value: &str) -> Pseudonym {
        Pseudonym::new(digest((what, value))).expect("hex digits fit a pseudonym")
    }

    fn fresh(&self) -> String {
        format!("fresh-{}", self.drawn.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_names_the_same_order_and_another_tenant_another_one() {
        let ids = CountingIds::default();
        let (shop, other) = (
            TenantId::new("shop").expect("an id"),
            TenantId::new("other").expect("an id"),
        );
        let key = IdempotencyKey::new("k-1").expect("an id");
        assert_eq!(
            ids.order(&shop, &key),
            CountingIds::default().order(&shop, &key)
        );
        assert_ne!(ids.order(&shop, &key), ids.order(&other, &key));
        assert_ne!(ids.pseudonym("email", "x"), ids.pseudonym("user", "x"));
        assert_ne!(ids.fresh(), ids.fresh());
        assert_eq!(ids.drawn(), 2);
    }
}
