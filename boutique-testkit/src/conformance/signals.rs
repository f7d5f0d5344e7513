//! What every [`SignalStore`] does.

use std::sync::Arc;

use boutique_core::fraud::{Observation, SignalStore, VelocityBook, WINDOW_ROWS_MAX};
use boutique_core::ids::Pseudonym;
use boutique_core::money::{Currency, Money};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{at, fine, order_id, together, usd};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves a [`SignalStore`](boutique_core::fraud::SignalStore); see
    /// [`conformance`](crate::conformance).
    signals_conformance in signals over Fixture<dyn SignalStore>;
    cases {
        an_order_sees_itself,
        an_order_counts_once,
        the_first_observation_is_used,
        windows_exclude_their_start_and_include_their_end,
        amounts_are_whole_units_of_any_currency,
        different_names_are_told_apart,
        later_orders_are_not_seen,
        looking_counts_nothing,
        a_busy_subject_counts_up_to_the_ceiling,
        what_is_forgotten_does_not_count,
        one_order_observed_by_many_counts_once,
    }
    models { random_observations_match_the_rules }
}

type Time = Arc<ManualClock>;

/// An order of 10.99 at second `second`.
fn seen(order: &str, user: &str, email: &str, address: &str, second: i64) -> Observation {
    let name = |text: &str| Pseudonym::new(text).expect("a pseudonym");
    Observation {
        order_id: order_id(order),
        user: name(user),
        email: name(email),
        address: name(address),
        amount: usd(1_099),
        at: at(second),
    }
}

/// Observes an order of the one user; how many the short and the long window count.
async fn counts(store: &Store, order: &str, second: i64) -> [u64; 2] {
    fine(store.observe(seen(order, "u", "e", "a", second)).await)
        .user
        .map(|it| it.count)
}

async fn an_order_sees_itself(store: &Store, _: Time) {
    let features = fine(store.observe(seen("o", "u", "e", "a", 0)).await);
    for subject in [&features.user, &features.email, &features.address] {
        for window in subject {
            assert_eq!((window.count, window.sum_units), (1, 10));
            let distinct = [
                window.distinct_users,
                window.distinct_emails,
                window.distinct_addresses,
            ];
            assert_eq!(distinct, [1, 1, 1]);
        }
    }
}

async fn an_order_counts_once(store: &Store, _: Time) {
    let order = seen("o", "u", "e", "a", 0);
    let first = fine(store.observe(order.clone()).await);
    assert_eq!(fine(store.observe(order).await), first);
    assert_eq!(counts(store, "p", 1).await, [2, 2]);
}

async fn the_first_observation_is_used(store: &Store, _: Time) {
    let first = fine(store.observe(seen("o", "u", "e", "a", 0)).await);
    counts(store, "p", 5).await;
    let other = seen("o", "U", "E", "A", 7);
    assert_eq!(fine(store.peek(other.clone()).await), first);
    assert_eq!(
        fine(store.observe(other).await),
        first,
        "its moment included"
    );
    let features = fine(store.observe(seen("q", "U", "E", "A", 8)).await);
    assert_eq!(
        features.user[0].count, 1,
        "the later names were not taken in"
    );
}

async fn windows_exclude_their_start_and_include_their_end(store: &Store, _: Time) {
    assert_eq!(counts(store, "a", 0).await, [1, 1]);
    assert_eq!(counts(store, "b", 599).await, [2, 2]);
    assert_eq!(counts(store, "c", 600).await, [2, 3]);
    assert_eq!(counts(store, "d", 86_399).await, [1, 4]);
    assert_eq!(counts(store, "e", 86_400).await, [2, 4]);
}

async fn amounts_are_whole_units_of_any_currency(store: &Store, _: Time) {
    let of = |order: &str, currency, units, nanos| Observation {
        amount: Money::new(currency, units, nanos).expect("in range"),
        ..seen(order, "u", "e", "a", 0)
    };
    fine(store.observe(of("o", Currency::USD, 10, 990_000_000)).await);
    fine(store.observe(of("p", Currency::JPY, 1_000, 0)).await);
    let features = fine(store.observe(of("q", Currency::EUR, 0, 990_000_000)).await);
    assert_eq!(features.user[0].sum_units, 1_010);
}

async fn different_names_are_told_apart(store: &Store, _: Time) {
    fine(store.observe(seen("o", "u1", "e1", "a", 0)).await);
    fine(store.observe(seen("p", "u2", "e1", "a", 1)).await);
    // A user, an e-mail and an address of one spelling have nothing to do with each other.
    fine(store.observe(seen("q", "a", "a", "e1", 2)).await);
    let features = fine(store.observe(seen("r", "u1", "e2", "a", 3)).await);
    let seen = |it: &boutique_core::fraud::Velocity| {
        [
            it.count,
            it.distinct_users,
            it.distinct_emails,
            it.distinct_addresses,
        ]
    };
    assert_eq!(seen(&features.user[0]), [2, 1, 2, 1]);
    assert_eq!(seen(&features.email[0]), [1, 1, 1, 1]);
    assert_eq!(seen(&features.address[0]), [3, 2, 2, 1]);
}

async fn later_orders_are_not_seen(store: &Store, _: Time) {
    assert_eq!(counts(store, "late", 100).await, [1, 1]);
    assert_eq!(counts(store, "early", 50).await, [1, 1]);
    assert_eq!(counts(store, "last", 101).await, [3, 3]);
}

async fn looking_counts_nothing(store: &Store, _: Time) {
    counts(store, "o", 0).await;
    let order = seen("p", "u", "e", "a", 1);
    let looked = fine(store.peek(order.clone()).await);
    assert_eq!(fine(store.peek(order.clone()).await), looked);
    assert_eq!(looked.user[0].count, 2, "it sees itself");
    assert_eq!(fine(store.observe(order).await), looked);
    assert_eq!(counts(store, "q", 2).await, [3, 3]);
}

async fn a_busy_subject_counts_up_to_the_ceiling(store: &Store, _: Time) {
    for order in 0..WINDOW_ROWS_MAX + 3 {
        let address = format!("a{order}");
        fine(
            store
                .observe(seen(&format!("o{order:04}"), "u", "e", &address, 1))
                .await,
        );
    }
    let last = fine(store.observe(seen("p", "u", "e", "a0", 2)).await);
    assert_eq!(last.user[0].count, WINDOW_ROWS_MAX as u64);
    assert_eq!(
        last.address[0].count, 2,
        "the ceiling is of each subject on its own"
    );
}

async fn what_is_forgotten_does_not_count(store: &Store, _: Time) {
    for (order, second) in [("a", 0), ("b", 10), ("c", 20)] {
        counts(store, order, second).await;
    }
    assert_eq!(
        fine(store.forget(at(10)).await),
        1,
        "not what happened at that very moment"
    );
    assert_eq!(counts(store, "d", 30).await, [3, 3]);
    assert_eq!(fine(store.forget(at(10)).await), 0);
    assert_eq!(fine(store.forget(at(1_000)).await), 3);
    assert_eq!(
        counts(store, "d", 40).await,
        [1, 1],
        "known no more, so it counts anew"
    );
}

async fn one_order_observed_by_many_counts_once(store: &Store, _: Time) {
    let answers = together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.observe(seen("o", "u", "e", "a", 0)).await).user[0].count }
    })
    .await;
    assert!(answers.iter().all(|it| *it == 1), "{answers:?}");
    assert_eq!(counts(store, "p", 1).await, [2, 2]);
}

#[derive(Clone, Debug)]
enum Step {
    Observe([u8; 4], i64),
    Peek([u8; 4], i64),
    Forget(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let names = || [0..12_u8, 0..3_u8, 0..3_u8, 0..3_u8];
    let second = || prop_oneof![0..1_300_i64, 0..180_000_i64];
    let step = prop_oneof![
        6 => (names(), second()).prop_map(|(names, second)| Step::Observe(names, second)),
        2 => (names(), second()).prop_map(|(names, second)| Step::Peek(names, second)),
        1 => (0..100_000_i64).prop_map(Step::Forget),
    ];
    prop::collection::vec(step, 1..40)
}

/// Observes at random in the store and the [`VelocityBook`].
///
/// # Panics
///
/// If they differ.
pub fn random_observations_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, steps(), async |steps| {
        let store: Store = make(Arc::default()).await.into();
        let mut book = VelocityBook::default();
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        let of = |[order, user, email, address]: [u8; 4], second| {
            let (order, user) = (format!("o{order}"), format!("u{user}"));
            seen(
                &order,
                &user,
                &format!("e{email}"),
                &format!("a{address}"),
                second,
            )
        };
        for step in steps {
            match step {
                Step::Observe(names, second) => {
                    let it = of(names, second);
                    let subject = store.observe(it.clone()).await.map_err(fault)?;
                    prop_assert_eq!(subject, book.observe(&it), "{:?}", step);
                }
                Step::Peek(names, second) => {
                    let it = of(names, second);
                    let subject = store.peek(it.clone()).await.map_err(fault)?;
                    prop_assert_eq!(subject, book.peek(&it), "{:?}", step);
                }
                Step::Forget(second) => {
                    let subject = store.forget(at(second)).await.map_err(fault)?;
                    prop_assert_eq!(subject, book.forget(at(second)), "{:?}", step);
                }
            }
        }
        Ok(())
    });
}
