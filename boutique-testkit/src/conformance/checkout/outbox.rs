//! What a confirm changes beside the record: the outbox and the cart.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::analytics::{REFUSALS, Source};
use boutique_core::carts::{Cart, CartLine, CartRef};
use boutique_core::checkout::{Intent, Told};
use boutique_core::event::ConfirmedOrder;

use super::super::given::{at, fine, intent, message, order_id, product, units, user};
use super::{Store, begun, confirm, decided};
use crate::ManualClock;

type Time = Arc<ManualClock>;

const MINUTE: Duration = Duration::from_secs(60);

/// Confirms the first attempt at second `second`.
async fn sold(store: &Store, order: &str, second: i64) {
    begun(store, order).await;
    fine(
        store
            .decide(&order_id(order), 1, confirm(order), at(second))
            .await,
    );
}

/// Leases at second `second`: which orders.
async fn lease(store: &Store, max: usize, second: i64) -> Vec<String> {
    let records = fine(
        store
            .lease_outbox(Told::Confirmed, max, at(second), MINUTE)
            .await,
    );
    records
        .into_iter()
        .map(|it| it.order_id.to_string())
        .collect()
}

pub(super) async fn a_confirm_puts_the_event_into_the_outbox_once(store: &Store, _: Time) {
    assert_eq!(fine(store.outbox().await), Default::default());
    sold(store, "o", 5).await;
    let again = confirm("another event");
    fine(store.decide(&order_id("o"), 1, again, at(6)).await);
    let status = fine(store.outbox().await);
    assert_eq!((status.waiting, status.oldest), (1, Some(at(5))));
    let [record] = &fine(store.lease_outbox(Told::Confirmed, 9, at(7), MINUTE).await)[..] else {
        panic!("one order, one event");
    };
    assert_eq!(
        (&record.order_id, &record.message),
        (&order_id("o"), &message("o"))
    );
    sold(store, "p", 8).await;
    let status = fine(store.outbox().await);
    assert_eq!(
        (status.waiting, status.oldest),
        (2, Some(at(5))),
        "leased is not published"
    );
}

pub(super) async fn what_is_not_decided_writes_no_event(store: &Store, _: Time) {
    for path in [&["failed"][..], &["review", "approved"]] {
        let order = format!("o-{}", path[0]);
        begun(store, &order).await;
        for to in path {
            decided(store, &order, to, 1).await;
        }
    }
    assert_eq!(fine(store.outbox().await).waiting, 0);
    decided(store, "o-review", "confirmed", 2).await;
    assert_eq!(fine(store.outbox().await).waiting, 1);
}

pub(super) async fn a_refusal_says_why_to_the_data_warehouse_once(store: &Store, _: Time) {
    begun(store, "o").await;
    for second in [5, 6] {
        decided(store, "o", "refused", second).await;
    }
    let [record] = &fine(store.lease_outbox(Told::Refused, 9, at(7), MINUTE).await)[..] else {
        panic!("one refusal, one event");
    };
    let source = Source {
        subscription: &"warehouse".into(),
        message_id: "1",
        published_at: at(7),
    };
    let row = REFUSALS.row(&source, &record.message).expect("a row");
    let said = |column: &str| row.columns().get(column).cloned();
    assert_eq!(said("order_id"), Some("o".into()));
    assert_eq!(said("refused_at"), Some(at(5).as_micros().into()));
    // It is no order, whoever gets it.
    assert!(ConfirmedOrder::decode(&record.message, at(5)).is_err());
}

/// Puts a tea into the cart; answers with the cart.
async fn fill(store: &Store) -> Cart {
    let line = CartLine {
        product_id: product("tea"),
        quantity: units(1),
    };
    fine(store.carts.add(&user("ada"), line, None).await)
}

/// An order made of the cart at `version`.
async fn begun_of_cart(store: &Store, order: &str, version: u64) {
    let cart = Some(CartRef {
        user_id: user("ada"),
        version,
    });
    let intent = Intent {
        cart,
        ..intent(order, 1, 0)
    };
    fine(store.begin(Arc::new(intent)).await);
}

pub(super) async fn a_confirm_empties_the_cart_it_was_made_of(store: &Store, _: Time) {
    let full = fill(store).await;
    begun_of_cart(store, "o", full.version).await;
    assert_eq!(
        fine(store.carts.cart(&user("ada")).await),
        full,
        "not sold yet"
    );
    decided(store, "o", "confirmed", 1).await;
    let cart = fine(store.carts.cart(&user("ada")).await);
    assert_eq!((cart.lines.len(), cart.version), (0, full.version + 1));
    // The buyer goes on shopping; a repeat of the confirm must not take that away.
    let next = fill(store).await;
    decided(store, "o", "confirmed", 2).await;
    assert_eq!(fine(store.carts.cart(&user("ada")).await), next);
}

pub(super) async fn a_cart_that_changed_since_is_left_alone(store: &Store, _: Time) {
    let ordered = fill(store).await;
    begun_of_cart(store, "o", ordered.version).await;
    let newer = fill(store).await;
    decided(store, "o", "confirmed", 1).await;
    assert_eq!(fine(store.carts.cart(&user("ada")).await), newer);
}

pub(super) async fn nothing_but_a_confirm_empties_the_cart(store: &Store, _: Time) {
    let full = fill(store).await;
    for to in ["refused", "failed", "review"] {
        let order = format!("o-{to}");
        begun_of_cart(store, &order, full.version).await;
        decided(store, &order, to, 1).await;
    }
    // An order that names its lines has nothing to do with the cart.
    sold(store, "direct", 1).await;
    assert_eq!(fine(store.carts.cart(&user("ada")).await), full);
}

pub(super) async fn leases_go_to_the_oldest(store: &Store, _: Time) {
    for (second, order) in (1..).zip(["c", "a", "b"]) {
        sold(store, order, second).await;
    }
    assert_eq!(lease(store, 2, 10).await, ["c", "a"]);
    assert_eq!(
        lease(store, 2, 10).await,
        ["b"],
        "what is leased is not leased again"
    );
    assert_eq!(lease(store, 2, 10).await, [""; 0]);
}

pub(super) async fn what_is_told_of_refusals_keeps_no_confirmed_order_back(store: &Store, _: Time) {
    for second in 1..=9 {
        let order = format!("r-{second}");
        begun(store, &order).await;
        decided(store, &order, "refused", second).await;
    }
    sold(store, "o", 10).await;
    assert_eq!(lease(store, 2, 11).await, ["o"]);
    let refusals = fine(store.lease_outbox(Told::Refused, 99, at(11), MINUTE).await);
    assert_eq!(refusals.len(), 9);
    let status = fine(store.outbox().await);
    assert_eq!((status.waiting, status.oldest), (10, Some(at(1))));
}

pub(super) async fn a_lease_that_ran_out_is_given_again(store: &Store, _: Time) {
    sold(store, "o", 1).await;
    assert_eq!(lease(store, 9, 10).await, ["o"]);
    assert_eq!(lease(store, 9, 69).await, [""; 0]);
    assert_eq!(lease(store, 9, 70).await, ["o"], "a lease ends at its end");
    assert_eq!(lease(store, 9, 71).await, [""; 0]);
}

pub(super) async fn a_lease_can_be_given_back(store: &Store, _: Time) {
    sold(store, "a", 1).await;
    sold(store, "b", 2).await;
    let records = fine(store.lease_outbox(Told::Confirmed, 9, at(10), MINUTE).await);
    fine(store.return_leases(vec![records[1].seq]).await);
    assert_eq!(lease(store, 9, 10).await, ["b"]);
    fine(store.return_leases(vec![]).await);
    fine(store.return_leases(vec![u64::from(u32::MAX)]).await);
    assert_eq!(fine(store.outbox().await).waiting, 2);
}

pub(super) async fn what_was_published_is_gone(store: &Store, _: Time) {
    sold(store, "a", 1).await;
    sold(store, "b", 2).await;
    let records = fine(store.lease_outbox(Told::Confirmed, 9, at(10), MINUTE).await);
    let first = records[0].seq;
    fine(store.published(vec![first]).await);
    fine(store.published(vec![first]).await);
    fine(store.return_leases(vec![first]).await);
    let status = fine(store.outbox().await);
    assert_eq!((status.waiting, status.oldest), (1, Some(at(2))));
    assert_eq!(lease(store, 9, 1_000).await, ["b"]);
    fine(store.published(vec![records[1].seq]).await);
    assert_eq!(fine(store.outbox().await), Default::default());
    // A number is never used again: a late acknowledgement must not end another record.
    sold(store, "c", 20).await;
    fine(
        store
            .published(records.iter().map(|it| it.seq).collect())
            .await,
    );
    assert_eq!(lease(store, 9, 1_000).await, ["c"]);
}
