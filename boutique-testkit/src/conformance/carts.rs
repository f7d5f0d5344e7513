//! What every [`Carts`] does.

use std::sync::Arc;

use boutique_core::carts::{
    CART_KEYS_MAX, Cart, CartBook, CartError, CartLine, CartRejection, Carts,
};
use boutique_core::ids::IdempotencyKey;
use boutique_core::limits::{LINES_PER_ORDER_MAX, UNITS_PER_LINE_MAX};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{fine, product, refused, together, units, user};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves a store of [`Carts`](boutique_core::carts::Carts); see
    /// [`conformance`](crate::conformance).
    carts_conformance in carts over Fixture<dyn Carts>;
    cases {
        a_cart_that_was_never_filled_is_empty,
        an_article_has_one_line_where_it_was_first_put,
        carts_do_not_mix,
        a_line_has_a_ceiling,
        a_cart_has_a_ceiling,
        the_version_counts_changes,
        emptying_outlives_nothing_but_the_version,
        an_old_version_empties_nothing,
        additions_by_many_all_count,
        a_key_adds_once,
        a_key_is_its_users,
        a_refused_addition_takes_no_key,
        one_key_at_the_same_time_adds_once,
        the_newest_keys_are_remembered,
    }
    models { random_changes_match_the_rules }
}

type Time = Arc<ManualClock>;

fn line(name: &str, count: i64) -> CartLine {
    CartLine {
        product_id: product(name),
        quantity: units(count),
    }
}

async fn a_cart_that_was_never_filled_is_empty(store: &Store, _: Time) {
    assert_eq!(fine(store.cart(&user("ada")).await), Cart::default());
    assert_eq!(fine(store.empty(&user("ada"), None).await).lines, []);
    assert_eq!(fine(store.empty(&user("ada"), Some(7)).await).lines, []);
    assert_eq!(fine(store.cart(&user("ada")).await).version, 0);
}

async fn an_article_has_one_line_where_it_was_first_put(store: &Store, _: Time) {
    let ada = user("ada");
    fine(store.add(&ada, line("tea", 1), None).await);
    fine(store.add(&ada, line("mug", 2), None).await);
    let cart = fine(store.add(&ada, line("tea", 3), None).await);
    assert_eq!(cart.lines, [line("tea", 4), line("mug", 2)]);
    assert_eq!(fine(store.cart(&ada).await), cart);
}

async fn carts_do_not_mix(store: &Store, _: Time) {
    // A user's name may be any printed text.
    let (ada, eve) = (user("ada \u{1f375}/'%"), user("ada"));
    fine(store.add(&ada, line("tea", 1), None).await);
    assert_eq!(fine(store.cart(&eve).await), Cart::default());
    fine(store.add(&eve, line("mug", 1), None).await);
    fine(store.empty(&eve, None).await);
    assert_eq!(fine(store.cart(&ada).await).lines, [line("tea", 1)]);
}

async fn a_line_has_a_ceiling(store: &Store, _: Time) {
    let ada = user("ada");
    let cart = fine(
        store
            .add(&ada, line("tea", UNITS_PER_LINE_MAX.into()), None)
            .await,
    );
    let rejection = refused(store.add(&ada, line("tea", 1), None).await);
    assert!(matches!(rejection, CartRejection::Units(_)), "{rejection}");
    assert_eq!(fine(store.cart(&ada).await), cart);
}

async fn a_cart_has_a_ceiling(store: &Store, _: Time) {
    let ada = user("ada");
    for at in 0..LINES_PER_ORDER_MAX {
        fine(store.add(&ada, line(&format!("p{at}"), 1), None).await);
    }
    let full = fine(store.cart(&ada).await);
    assert_eq!(full.lines.len(), LINES_PER_ORDER_MAX);
    assert_eq!(
        refused(store.add(&ada, line("more", 1), None).await),
        CartRejection::Full
    );
    assert_eq!(fine(store.cart(&ada).await), full);
    let grown = fine(store.add(&ada, line("p0", 1), None).await);
    assert_eq!(
        grown.lines[0],
        line("p0", 2),
        "a line that is there still grows"
    );
}

async fn the_version_counts_changes(store: &Store, _: Time) {
    let ada = user("ada");
    for version in 1..4 {
        assert_eq!(
            fine(store.add(&ada, line("tea", 1), None).await).version,
            version
        );
    }
    refused(
        store
            .add(&ada, line("tea", UNITS_PER_LINE_MAX.into()), None)
            .await,
    );
    assert_eq!(
        fine(store.cart(&ada).await).version,
        3,
        "a refusal is no change"
    );
    assert_eq!(fine(store.empty(&ada, None).await).version, 4);
    assert_eq!(
        fine(store.empty(&ada, None).await).version,
        4,
        "it was empty before"
    );
}

async fn emptying_outlives_nothing_but_the_version(store: &Store, _: Time) {
    let ada = user("ada");
    let ordered = fine(store.add(&ada, line("tea", 1), None).await).version;
    assert_eq!(fine(store.empty(&ada, Some(ordered)).await).lines, []);
    let filled = fine(store.add(&ada, line("mug", 1), None).await);
    assert_eq!(filled.lines, [line("mug", 1)]);
    assert!(
        filled.version > ordered,
        "or a late order could empty the new cart"
    );
}

async fn an_old_version_empties_nothing(store: &Store, _: Time) {
    let ada = user("ada");
    let ordered = fine(store.add(&ada, line("tea", 1), None).await).version;
    let newer = fine(store.add(&ada, line("mug", 1), None).await);
    assert_eq!(fine(store.empty(&ada, Some(ordered)).await), newer);
    assert_eq!(fine(store.cart(&ada).await), newer);
}

async fn additions_by_many_all_count(store: &Store, _: Time) {
    together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.add(&user("ada"), line("tea", 2), None).await) }
    })
    .await;
    let cart = fine(store.cart(&user("ada")).await);
    assert_eq!((cart.lines, cart.version), (vec![line("tea", 32)], 16));
}

fn key(name: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey::new(name).expect("the case names it rightly"))
}

async fn a_key_adds_once(store: &Store, _: Time) {
    let ada = user("ada");
    fine(store.add(&ada, line("tea", 1), key("k")).await);
    fine(store.add(&ada, line("mug", 1), None).await);
    let now = fine(store.add(&ada, line("tea", 1), key("k")).await);
    assert_eq!(now.lines, [line("tea", 1), line("mug", 1)]);
    assert_eq!(now.version, 2, "the cart as it is now");
    for other in [line("tea", 2), line("mug", 1)] {
        let rejection = refused(store.add(&ada, other, key("k")).await);
        assert_eq!(rejection, CartRejection::KeyReused);
    }
    fine(store.empty(&ada, None).await);
    let emptied = fine(store.add(&ada, line("tea", 1), key("k")).await);
    assert_eq!(
        (emptied.lines, emptied.version),
        (vec![], 3),
        "what was ordered is not put back by a late repeat"
    );
    fine(store.add(&ada, line("tea", 1), key("l")).await);
    assert_eq!(fine(store.cart(&ada).await).lines, [line("tea", 1)]);
}

async fn a_key_is_its_users(store: &Store, _: Time) {
    let (ada, eve) = (user("ada"), user("eve"));
    fine(store.add(&ada, line("tea", 1), key("k")).await);
    fine(store.add(&eve, line("mug", 2), key("k")).await);
    assert_eq!(fine(store.cart(&ada).await).lines, [line("tea", 1)]);
    assert_eq!(fine(store.cart(&eve).await).lines, [line("mug", 2)]);
}

async fn a_refused_addition_takes_no_key(store: &Store, _: Time) {
    let ada = user("ada");
    let most = line("tea", UNITS_PER_LINE_MAX.into());
    fine(store.add(&ada, most.clone(), None).await);
    let rejection = refused(store.add(&ada, most.clone(), key("k")).await);
    assert!(matches!(rejection, CartRejection::Units(_)), "{rejection}");
    fine(store.empty(&ada, None).await);
    let cart = fine(store.add(&ada, most.clone(), key("k")).await);
    assert_eq!(cart.lines, [most]);
}

async fn one_key_at_the_same_time_adds_once(store: &Store, _: Time) {
    together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.add(&user("ada"), line("tea", 2), key("k")).await) }
    })
    .await;
    let cart = fine(store.cart(&user("ada")).await);
    assert_eq!((cart.lines, cart.version), (vec![line("tea", 2)], 1));
}

async fn the_newest_keys_are_remembered(store: &Store, _: Time) {
    let ada = user("ada");
    for at in 0..CART_KEYS_MAX {
        fine(
            store
                .add(&ada, line("tea", 1), key(&format!("k{at}")))
                .await,
        );
    }
    let full = fine(store.cart(&ada).await);
    for at in 0..CART_KEYS_MAX {
        let again = store.add(&ada, line("tea", 1), key(&format!("k{at}")));
        assert_eq!(fine(again.await), full);
    }
}

#[derive(Clone, Debug)]
enum Change {
    Add(usize, usize, i64, Option<usize>),
    Empty(usize, Option<u64>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let quantity = prop_oneof![9 => 1..5_i64, 1 => Just(i64::from(UNITS_PER_LINE_MAX))];
    let change = prop_oneof![
        4 => (0..2_usize, 0..3_usize, quantity, prop::option::of(0..4_usize))
            .prop_map(|(u, p, q, k)| Change::Add(u, p, q, k)),
        1 => (0..2_usize, prop::option::of(0..8_u64)).prop_map(|(u, v)| Change::Empty(u, v)),
    ];
    prop::collection::vec(change, 1..40)
}

/// Replays random changes against the store and the [`CartBook`].
///
/// # Panics
///
/// If they differ.
pub fn random_changes_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, changes(), async |changes| {
        let store: Store = make(Arc::default()).await.into();
        let mut book = CartBook::default();
        let (users, names) = (["ada", "eve"], ["mug", "pot", "tea"]);
        for change in changes {
            let (who, subject, rules) = match &change {
                Change::Add(who, name, count, named) => {
                    let (who, line) = (user(users[*who]), line(names[*name], *count));
                    let key = named.and_then(|it| key(&format!("k{it}")));
                    let subject = store.add(&who, line.clone(), key.clone()).await;
                    let rules = book.add(&who, line, key);
                    (who, subject, rules)
                }
                Change::Empty(who, version) => {
                    let who = user(users[*who]);
                    let subject = store.empty(&who, *version).await.map_err(CartError::from);
                    let rules = Ok(book.empty(&who, *version));
                    (who, subject, rules)
                }
            };
            let subject = match subject {
                Ok(cart) => Ok(cart),
                Err(CartError::Rejected(rejection)) => Err(rejection),
                Err(CartError::Fault(fault)) => {
                    return Err(TestCaseError::fail(format!("{change:?}: {fault:?}")));
                }
            };
            prop_assert_eq!(subject, rules, "{:?}", change);
            let read = store.cart(&who).await;
            prop_assert_eq!(read.ok(), Some(book.cart(&who)), "after {:?}", change);
        }
        Ok(())
    });
}
