//! Where time and names come from outside a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use boutique_core::clock::{Clock, Timer, Timestamp};
use boutique_core::flow::BoxFuture;
use boutique_core::ids::{IdSource, IdempotencyKey, OrderId, Pseudonym, TenantId};
use uuid::Uuid;

/// The system's clock, except that it never goes back: while the system's clock is behind what
/// was read before, the latest reading is answered again. A process shares one.
#[derive(Debug, Default)]
pub struct SystemClock(AtomicI64);

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |it| i64::try_from(it.as_micros()).unwrap_or(i64::MAX));
        Timestamp::from_micros(self.0.fetch_max(micros, Ordering::Relaxed).max(micros))
    }
}

/// Lets time pass on the tokio runtime that polls it, as its own clock counts it.
#[derive(Clone)]
pub struct TokioTimer {
    clock: Arc<dyn Clock>,
}

impl TokioTimer {
    /// A timer for moments of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

impl Timer for TokioTimer {
    /// # Panics
    ///
    /// If it is polled outside of a tokio runtime with time enabled.
    fn until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let left = at.since(self.clock.now());
        Box::pin(async move { tokio::time::sleep(left).await })
    }
}

/// Names by UUID (RFC 9562): version 5 where a name is derived, version 7 where it is drawn.
///
/// Derived names depend on their arguments and on the constants here alone, so every process,
/// now and later, derives the same. A pseudonym is one-way in the sense of a hash: whoever can
/// guess the value can check the guess.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamedIds;

/// Parent of every name derived here. It must never change: orders would get other names.
const NAMESPACE: Uuid = Uuid::from_u128(0x8c2b_3c59_66a1_5f0e_9d1f_4b6f_7574_6971);

/// The name of `part` within `namespace` and `kind`.
fn derived(kind: &str, namespace: &str, part: &str) -> String {
    let kind = Uuid::new_v5(&NAMESPACE, kind.as_bytes());
    let namespace = Uuid::new_v5(&kind, namespace.as_bytes());
    Uuid::new_v5(&namespace, part.as_bytes()).to_string()
}

/// A UUID is 36 visible ASCII characters, and every id made of one has room for 64.
const FITS: &str = "a UUID is a valid id";

impl IdSource for NamedIds {
    fn order(&self, tenant: &TenantId, key: &IdempotencyKey) -> OrderId {
        OrderId::new(derived("order", tenant.as_str(), key.as_str())).expect(FITS)
    }

    fn pseudonym(&self, what: &str, value: &str) -> Pseudonym {
        Pseudonym::new(derived("pseudonym", what, value)).expect(FITS)
    }

    fn fresh(&self) -> String {
        Uuid::now_v7().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_keeps_its_name_for_ever() {
        let tenant = TenantId::new("default").expect("valid");
        let key = IdempotencyKey::new("key-1").expect("valid");
        let order = NamedIds.order(&tenant, &key);
        assert_eq!(order.as_str(), "3ebc5ac0-0ec9-50f6-adfc-133fa55eb348");
    }

    #[test]
    fn names_of_one_value_differ_by_what_they_are_for() {
        let mail = NamedIds.pseudonym("email", "x");
        assert_eq!(mail, NamedIds.pseudonym("email", "x"));
        assert_ne!(mail, NamedIds.pseudonym("address", "x"));
        let (a, ab) = (
            TenantId::new("a").expect("a"),
            TenantId::new("ab").expect("ab"),
        );
        let (bc, c) = (
            IdempotencyKey::new("bc").expect("bc"),
            IdempotencyKey::new("c").expect("c"),
        );
        assert_ne!(NamedIds.order(&a, &bc), NamedIds.order(&ab, &c));
        assert_ne!(NamedIds.fresh(), NamedIds.fresh());
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = SystemClock::default();
        let ahead = clock.now().after(std::time::Duration::from_secs(3_600));
        clock.0.store(ahead.as_micros(), Ordering::Relaxed);
        assert_eq!(clock.now(), ahead);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_ends_at_its_moment_and_at_once_if_that_is_past() {
        struct Noon;
        impl Clock for Noon {
            fn now(&self) -> Timestamp {
                Timestamp::from_millis(43_200_000)
            }
        }
        let timer = TokioTimer::new(Arc::new(Noon));
        let begun = tokio::time::Instant::now();
        timer.until(Timestamp::EPOCH).await;
        assert_eq!(begun.elapsed().as_secs(), 0);
        timer.until(Timestamp::from_millis(43_260_000)).await;
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}
