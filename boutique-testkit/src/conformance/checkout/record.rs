//! The saga record.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::carts::{CartLine, CartRef};
use boutique_core::checkout::{
    Begun, Intent, OutboxRecord, Saga, SagaState, StoreError, StoreRejection, Told,
};
use boutique_core::ids::OrderId;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::super::given::{at, fine, intent, order_id, product, refused, units, user};
use super::super::replay;
use super::{Store, begun, confirm, decided, decision, saga};
use crate::ManualClock;

type Time = Arc<ManualClock>;

pub(super) async fn a_new_order_begins(store: &Store, _: Time) {
    assert_eq!(fine(store.saga(&order_id("o")).await), None);
    let intent = begun(store, "o").await;
    let saga = saga(store, "o").await;
    assert_eq!(
        (saga.state, saga.since),
        (SagaState::Started, intent.started_at)
    );
    assert_eq!(saga.timeline, []);
}

pub(super) async fn a_record_keeps_all_of_the_intent(store: &Store, _: Time) {
    let mut whole = intent("o", 1, 0);
    whole.cart = Some(CartRef {
        user_id: user("ada \u{1f375}"),
        version: 7,
    });
    whole.body.ordered_at = Some(at(-86_400));
    let mut bare = intent("p", 1, 0);
    (bare.traceparent, bare.body.lines) = (None, None);
    for intent in [whole, bare] {
        let id = intent.order_id.clone();
        fine(store.begin(Arc::new(intent.clone())).await);
        assert_eq!(*saga(store, id.as_str()).await.intent, intent);
    }
}

pub(super) async fn a_key_in_use_answers_with_its_record(store: &Store, _: Time) {
    let first = begun(store, "o").await;
    let record = saga(store, "o").await;
    let mut later = intent("o", 1, 5);
    later.body.lines = None;
    for again in [first, later] {
        let answer = fine(store.begin(Arc::new(again)).await);
        assert_eq!(answer, Begun::Taken(Box::new(record.clone())));
    }
    assert_eq!(saga(store, "o").await, record);
    decided(store, "o", "refused", 1).await;
    let Begun::Taken(taken) = fine(store.begin(Arc::new(intent("o", 1, 9))).await) else {
        panic!("the key has its answer already");
    };
    assert_eq!(taken.state.name(), "refused");
}

pub(super) async fn only_a_failed_attempt_may_be_followed(store: &Store, _: Time) {
    for path in [
        &[][..],
        &["confirmed"],
        &["refused"],
        &["review"],
        &["review", "approved"],
    ] {
        let order = format!("o-{}", path.last().unwrap_or(&"started"));
        begun(store, &order).await;
        for to in path {
            decided(store, &order, to, 1).await;
        }
        let answer = fine(store.begin(Arc::new(intent(&order, 2, 60))).await);
        assert!(matches!(answer, Begun::Taken(_)), "{order}: {answer:?}");
        assert_eq!(saga(store, &order).await.intent.attempt, 1);
    }
    begun(store, "o").await;
    decided(store, "o", "failed", 1).await;
    assert_eq!(
        fine(store.begin(Arc::new(intent("o", 2, 60))).await),
        Begun::New
    );
    let again = saga(store, "o").await;
    assert_eq!((again.state, again.since), (SagaState::Started, at(60)));
    assert_eq!(again.intent.attempt, 2);
}

pub(super) async fn the_next_attempt_has_the_same_body_and_the_next_number(store: &Store, _: Time) {
    begun(store, "o").await;
    decided(store, "o", "failed", 1).await;
    let record = saga(store, "o").await;
    let mut other = intent("o", 2, 60);
    other.body.user_id = user("eve");
    for wrong in [intent("o", 1, 60), intent("o", 3, 60), other] {
        let answer = fine(store.begin(Arc::new(wrong)).await);
        assert_eq!(answer, Begun::Taken(Box::new(record.clone())));
    }
    assert_eq!(saga(store, "o").await, record);
}

pub(super) async fn a_decision_about_an_older_attempt_is_refused(store: &Store, _: Time) {
    begun(store, "o").await;
    decided(store, "o", "failed", 1).await;
    fine(store.begin(Arc::new(intent("o", 2, 60))).await);
    let record = saga(store, "o").await;
    for to in ["confirmed", "failed", "refused"] {
        for attempt in [1, 3] {
            let answer = store
                .decide(&order_id("o"), attempt, decision(to), at(61))
                .await;
            assert_eq!(
                refused(answer),
                StoreRejection::Superseded(Box::new(record.clone())),
                "{to} of attempt {attempt}"
            );
        }
    }
    assert_eq!(saga(store, "o").await, record);
    assert_eq!(fine(store.outbox().await).waiting, 0);
}

pub(super) async fn a_decision_about_an_unknown_order_is_refused(store: &Store, _: Time) {
    let answer = store.decide(&order_id("o"), 1, confirm("o"), at(0)).await;
    assert_eq!(refused(answer), StoreRejection::UnknownOrder(order_id("o")));
    assert_eq!(fine(store.saga(&order_id("o")).await), None);
    assert_eq!(fine(store.outbox().await).waiting, 0);
}

const STATES: [&[&str]; 6] = [
    &[],
    &["review"],
    &["review", "approved"],
    &["confirmed"],
    &["refused"],
    &["failed"],
];

pub(super) async fn the_first_decision_wins(store: &Store, _: Time) {
    for (row, path) in STATES.iter().enumerate() {
        for to in ["confirmed", "refused", "failed", "review", "approved"] {
            let order = format!("o{row}-{to}");
            begun(store, &order).await;
            for step in *path {
                decided(store, &order, step, 1).await;
            }
            let mut rules = saga(store, &order).await;
            let answer = store
                .decide(&order_id(order.as_str()), 1, decision(to), at(9))
                .await;
            match rules.decide(1, &decision(to), at(9)) {
                Ok(_) => assert_eq!(fine(answer), rules, "{path:?}, then {to}"),
                Err(rejection) => assert_eq!(refused(answer), rejection, "{path:?}, then {to}"),
            }
            assert_eq!(saga(store, &order).await, rules, "{path:?}, then {to}");
        }
    }
}

pub(super) async fn the_same_decision_again_changes_nothing(store: &Store, _: Time) {
    for to in ["confirmed", "refused", "failed", "review"] {
        let order = format!("o-{to}");
        begun(store, &order).await;
        decided(store, &order, to, 1).await;
        let record = saga(store, &order).await;
        let again = fine(
            store
                .decide(&order_id(order.as_str()), 1, decision(to), at(9))
                .await,
        );
        assert_eq!(again, record);
        assert_eq!(saga(store, &order).await, record);
    }
}

pub(super) async fn the_timeline_tells_earlier_states(store: &Store, _: Time) {
    begun(store, "o").await;
    decided(store, "o", "failed", 1).await;
    fine(store.begin(Arc::new(intent("o", 2, 60))).await);
    let last = fine(
        store
            .decide(&order_id("o"), 2, decision("refused"), at(61))
            .await,
    );
    let timeline: Vec<_> = last.timeline.iter().map(|it| (&*it.0, it.1)).collect();
    assert_eq!(
        timeline,
        [("started", at(0)), ("failed", at(1)), ("started", at(60))]
    );
    assert_eq!(last.since, at(61));
}

pub(super) async fn recovery_sees_what_is_due(store: &Store, _: Time) {
    for (order, path) in [
        "started",
        "review",
        "approved",
        "confirmed",
        "refused",
        "failed",
    ]
    .iter()
    .zip(STATES)
    {
        begun(store, order).await;
        for step in path {
            decided(store, order, step, 1).await;
        }
    }
    let due = async |second| -> Vec<String> {
        let sagas = fine(store.unfinished(at(second), None, 10).await);
        sagas
            .into_iter()
            .map(|it| it.intent.order_id.to_string())
            .collect()
    };
    assert_eq!(due(29).await, [""; 0]);
    assert_eq!(due(30).await, ["started"], "the deadline itself is due");
    assert_eq!(due(3_599).await, ["started"]);
    assert_eq!(due(3_600).await, ["review", "started"]);
    assert_eq!(due(7_200).await, ["approved", "review", "started"]);
    assert_eq!(due(1_000_000).await.len(), 3, "what is final is never due");
    // A key that is tried again has to be looked after again.
    fine(store.begin(Arc::new(intent("failed", 2, 60))).await);
    assert_eq!(due(90).await, ["failed", "started"]);
    let [failed, ..] = &fine(store.unfinished(at(90), None, 1).await)[..] else {
        panic!("one is due");
    };
    assert_eq!(*failed, saga(store, "failed").await);
}

pub(super) async fn recovery_reads_in_pages(store: &Store, _: Time) {
    for order in ["c", "a", "B", "d"] {
        begun(store, order).await;
    }
    decided(store, "c", "failed", 1).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let sagas = fine(store.unfinished(at(99), after.as_ref(), limit).await);
        sagas
            .into_iter()
            .map(|it| it.intent.order_id.to_string())
            .collect()
    };
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["d"]);
    assert_eq!(page(Some("c"), 2).await, ["d"]);
    assert_eq!(page(Some("d"), 2).await, [""; 0]);
}

pub(super) async fn records_are_listed_by_id(store: &Store, _: Time) {
    for order in ["c", "a", "B"] {
        begun(store, order).await;
    }
    decided(store, "a", "confirmed", 1).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let sagas = fine(store.sagas(after.as_ref(), limit).await);
        sagas
            .into_iter()
            .map(|it| format!("{} {}", it.intent.order_id, it.state))
            .collect()
    };
    assert_eq!(
        page(None, 10).await,
        ["B started", "a confirmed", "c started"]
    );
    assert_eq!(page(None, 1).await, ["B started"]);
    assert_eq!(page(Some("B"), 1).await, ["a confirmed"]);
    assert_eq!(page(Some("b"), 10).await, ["c started"]);
}

/// A change; orders are few and so are attempts, so that changes meet.
#[derive(Clone, Debug)]
enum Change {
    Begin {
        order: u8,
        attempt: u32,
        other_body: bool,
    },
    Decide {
        order: u8,
        attempt: u32,
        to: &'static str,
    },
    Fill,
    Lease(usize),
    Publish(usize),
    Return(usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let states = [
        "confirmed",
        "refused",
        "failed",
        "failed",
        "review",
        "approved",
    ];
    let change = prop_oneof![
        4 => (0..3_u8, 1..4_u32, prop::bool::weighted(0.1))
            .prop_map(|(order, attempt, other_body)| Change::Begin { order, attempt, other_body }),
        6 => (0..3_u8, 1..4_u32, prop::sample::select(states.to_vec()))
            .prop_map(|(order, attempt, to)| Change::Decide { order, attempt, to }),
        1 => Just(Change::Fill),
        2 => (1..4_usize).prop_map(Change::Lease),
        1 => (0..3_usize).prop_map(Change::Publish),
        1 => (0..3_usize).prop_map(Change::Return),
    ];
    prop::collection::vec(change, 1..40)
}

fn intent_of(order: u8, attempt: u32, other_body: bool, began: i64) -> Intent {
    let mut intent = intent(&format!("o{order}"), attempt, began);
    // The cart as it was the first time an order looked at it.
    intent.cart = Some(CartRef {
        user_id: user("ada"),
        version: u64::from(order) + 1,
    });
    if other_body {
        intent.body.ordered_at = Some(at(1));
    }
    intent
}

/// Replays random attempts and decisions against the store and [`Saga::begin`],
/// [`Saga::decide`] and a [`CartBook`](boutique_core::carts::CartBook).
///
/// # Panics
///
/// If they differ.
pub fn random_decisions_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, changes(), async |changes| {
        let store: Store = make(Arc::default()).await.into();
        let mut sagas = BTreeMap::<OrderId, Saga>::new();
        let mut carts = boutique_core::carts::CartBook::default();
        let (mut waiting, mut leased) = (0_u64, Vec::<OutboxRecord>::new());
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        for (second, change) in (0_i64..).zip(&changes) {
            match change {
                Change::Begin {
                    order,
                    attempt,
                    other_body,
                } => {
                    let intent = Arc::new(intent_of(*order, *attempt, *other_body, second));
                    let id = intent.order_id.clone();
                    let subject = store.begin(Arc::clone(&intent)).await.map_err(fault)?;
                    match Saga::begin(sagas.get(&id).cloned(), intent) {
                        Ok(saga) => {
                            prop_assert_eq!(subject, Begun::New);
                            sagas.insert(id, saga);
                        }
                        Err(taken) => prop_assert_eq!(subject, taken),
                    }
                }
                Change::Decide { order, attempt, to } => {
                    let (id, now) = (order_id(format!("o{order}")), at(second));
                    let decision = decision(to);
                    let subject = store.decide(&id, *attempt, decision.clone(), now).await;
                    let subject = match subject {
                        Ok(saga) => Ok(saga),
                        Err(StoreError::Rejected(rejection)) => Err(rejection),
                        Err(StoreError::Fault(it)) => return Err(fault(it)),
                    };
                    let Some(saga) = sagas.get_mut(&id) else {
                        prop_assert_eq!(subject, Err(StoreRejection::UnknownOrder(id)));
                        continue;
                    };
                    match saga.decide(*attempt, &decision, now) {
                        Ok(moved) => {
                            prop_assert_eq!(subject, Ok(saga.clone()));
                            waiting += u64::from(moved && *to == "refused");
                            if moved && *to == "confirmed" {
                                waiting += 1;
                                let cart = saga.intent.cart.clone().expect("every intent has one");
                                carts.empty(&cart.user_id, Some(cart.version));
                            }
                        }
                        Err(rejection) => prop_assert_eq!(subject, Err(rejection)),
                    }
                }
                Change::Fill => {
                    let line = CartLine {
                        product_id: product("tea"),
                        quantity: units(1),
                    };
                    let subject = store.carts.add(&user("ada"), line.clone(), None).await;
                    prop_assert_eq!(subject.ok(), carts.add(&user("ada"), line, None).ok());
                }
                Change::Lease(max) => {
                    let hour = std::time::Duration::from_secs(3_600);
                    let confirmed = store.lease_outbox(Told::Confirmed, *max, at(second), hour);
                    let mut more = confirmed.await.map_err(fault)?;
                    let rest = max - more.len();
                    let refused = store.lease_outbox(Told::Refused, rest, at(second), hour);
                    more.extend(refused.await.map_err(fault)?);
                    let free = usize::try_from(waiting).unwrap_or(usize::MAX) - leased.len();
                    prop_assert_eq!(
                        more.len(),
                        free.min(*max),
                        "leases of {} free records",
                        free
                    );
                    prop_assert!(
                        more.iter()
                            .all(|it| leased.iter().all(|had| had.seq != it.seq))
                    );
                    leased.extend(more);
                }
                Change::Publish(count) => {
                    let done: Vec<_> = leased.drain(..leased.len().min(*count)).collect();
                    waiting -= done.len() as u64;
                    let seqs = done.iter().map(|it| it.seq).collect();
                    store.published(seqs).await.map_err(fault)?;
                }
                Change::Return(count) => {
                    let back: Vec<_> = leased.drain(..leased.len().min(*count)).collect();
                    let seqs = back.iter().map(|it| it.seq).collect();
                    store.return_leases(seqs).await.map_err(fault)?;
                }
            }
            let records = store.sagas(None, 10).await.map_err(fault)?;
            prop_assert_eq!(&records, &sagas.values().cloned().collect::<Vec<_>>());
            let due = at(second + 10);
            let open = store.unfinished(due, None, 10).await.map_err(fault)?;
            let is_due = |it: &&Saga| it.due().is_some_and(|at| at <= due);
            prop_assert_eq!(
                open,
                sagas.values().filter(is_due).cloned().collect::<Vec<_>>()
            );
            let outbox = store.outbox().await.map_err(fault)?;
            prop_assert_eq!(outbox.waiting, waiting);
            let cart = store.carts.cart(&user("ada")).await.map_err(fault)?;
            prop_assert_eq!(cart, carts.cart(&user("ada")));
        }
        Ok(())
    });
}
