//! What every [`OrderStore`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use boutique_core::ids::{EventId, OrderId, ReturnId};
use boutique_core::orders::{
    DeadLetter, DeadLetterSource, Fact, Order, OrderError, OrderRejection, OrderStore, Progress,
    ReturnProgress, ReturnedLine,
};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::ShipmentStatus;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{
    at, event_id, fine, message, order_id, placed, refused, together, units, usd, user,
};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves an [`OrderStore`](boutique_core::orders::OrderStore); see
    /// [`conformance`](crate::conformance).
    orders_conformance in orders over Fixture<dyn OrderStore>;
    cases {
        an_order_is_kept_whole,
        an_event_is_taken_in_once,
        date_and_trace_do_not_make_another_event,
        other_content_under_an_id_is_refused,
        facts_are_applied_in_sequence,
        facts_are_taken_all_or_none,
        a_fact_again_changes_nothing,
        facts_of_an_unknown_order_are_refused,
        an_event_in_the_inbox_has_no_effect_again,
        a_refused_event_does_not_enter_the_inbox,
        orders_with_something_left_to_do_are_found,
        unfinished_orders_are_read_in_pages,
        orders_are_listed_by_id,
        the_newest_orders_come_first,
        a_buyers_orders_are_listed_by_id,
        a_letter_is_parked_once,
        letters_are_listed_by_id,
        a_letter_is_discarded_once,
        one_event_taken_in_by_many_counts_once,
        one_report_recorded_by_many_counts_once,
        facts_recorded_by_many_are_all_kept,
    }
    models { random_facts_match_the_rules }
}

type Time = Arc<ManualClock>;

/// Takes an order in at second 0.
async fn taken_in(store: &Store, order: &str) -> Order {
    assert!(!fine(store.accept(placed(order), at(0)).await), "it is new");
    fine(store.order(&order_id(order)).await).expect("it was taken in")
}

async fn record(store: &Store, order: &str, facts: Vec<Fact>, second: i64) -> Order {
    fine(
        store
            .record(&order_id(order), facts, None, at(second))
            .await,
    )
}

fn scheduled(system: StockSystem) -> Fact {
    let tracking_id = order_id("o").tracking();
    Fact::Scheduled {
        system,
        tracking_id,
    }
}

fn reported(system: StockSystem, status: ShipmentStatus) -> Fact {
    Fact::Reported {
        system,
        status,
        at: at(7),
    }
}

/// What there is to do after an order was taken in.
fn all_done() -> Vec<Fact> {
    let [one, other] = StockSystem::ALL;
    vec![Fact::SaleBooked, scheduled(one), scheduled(other)]
}

async fn an_order_is_kept_whole(store: &Store, _: Time) {
    assert_eq!(fine(store.order(&order_id("o")).await), None);
    let mut whole = placed("o");
    whole.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    whole.order.user_id = user("ada \u{1f375}");
    fine(store.accept(whole.clone(), at(3)).await);
    let order = fine(store.order(&order_id("o")).await).expect("it was taken in");
    assert_eq!(*order.placed, whole);
    assert_eq!(order.progress, Progress::begin(&whole, at(3)));
}

async fn an_event_is_taken_in_once(store: &Store, _: Time) {
    let order = taken_in(store, "o").await;
    assert!(
        fine(store.accept(placed("o"), at(9)).await),
        "it was taken in before"
    );
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
    let later = record(store, "o", vec![Fact::SaleBooked], 10).await;
    assert!(fine(store.accept(placed("o"), at(11)).await));
    assert_eq!(
        fine(store.order(&order_id("o")).await),
        Some(later),
        "nothing starts over"
    );
}

async fn date_and_trace_do_not_make_another_event(store: &Store, _: Time) {
    let order = taken_in(store, "o").await;
    let mut again = placed("o");
    again.occurred_at = at(77);
    again.traceparent = Some("00-1-2-00".to_owned());
    assert!(fine(store.accept(again, at(9)).await));
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
}

async fn other_content_under_an_id_is_refused(store: &Store, _: Time) {
    let order = taken_in(store, "o").await;
    let (mut total, mut event, mut items) = (placed("o"), placed("o"), placed("o"));
    total.total = usd(1);
    event.event_id = event_id("another");
    items.order.items.pop();
    for other in [total, event, items] {
        assert_eq!(
            refused(store.accept(other, at(9)).await),
            OrderRejection::Conflict(order_id("o"))
        );
    }
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
    assert_eq!(fine(store.orders(None, 10).await).len(), 1);
}

async fn facts_are_applied_in_sequence(store: &Store, _: Time) {
    taken_in(store, "o").await;
    let shipped = reported(StockSystem::Inventory, ShipmentStatus::Shipped);
    let recognised = Fact::Recognised {
        system: StockSystem::Inventory,
    };
    let order = record(store, "o", vec![Fact::SaleBooked, shipped, recognised], 5).await;
    assert!(order.progress.parts[&StockSystem::Inventory].recognised);
    let moments: Vec<_> = order.progress.timeline.iter().map(|it| it.1).collect();
    assert_eq!(moments, [at(0), at(5), at(5), at(5)]);
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
}

async fn facts_are_taken_all_or_none(store: &Store, _: Time) {
    let order = taken_in(store, "o").await;
    let facts = vec![Fact::SaleBooked, Fact::CancelCredited];
    let answer = store.record(&order_id("o"), facts, None, at(5)).await;
    let rejection = refused(answer);
    assert!(
        matches!(rejection, OrderRejection::Impossible { .. }),
        "{rejection}"
    );
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
}

async fn a_fact_again_changes_nothing(store: &Store, _: Time) {
    taken_in(store, "o").await;
    let order = record(store, "o", all_done(), 5).await;
    assert_eq!(record(store, "o", all_done(), 6).await, order);
    assert_eq!(record(store, "o", vec![], 7).await, order);
    assert_eq!(fine(store.order(&order_id("o")).await), Some(order));
}

async fn facts_of_an_unknown_order_are_refused(store: &Store, _: Time) {
    let answer = store
        .record(&order_id("o"), vec![Fact::SaleBooked], None, at(5))
        .await;
    assert_eq!(refused(answer), OrderRejection::UnknownOrder(order_id("o")));
    assert_eq!(fine(store.order(&order_id("o")).await), None);
}

async fn an_event_in_the_inbox_has_no_effect_again(store: &Store, _: Time) {
    taken_in(store, "o").await;
    let of = |facts, event: &str, second| {
        let event = Some(event_id(event));
        async move { fine(store.record(&order_id("o"), facts, event, at(second)).await) }
    };
    let first = of(vec![Fact::SaleBooked], "e1", 5).await;
    let more = vec![scheduled(StockSystem::Inventory)];
    assert_eq!(
        of(more.clone(), "e1", 6).await,
        first,
        "known by its id, whatever it says"
    );
    // The event that brought the order is in the inbox as well.
    let own = order_id("o").confirmed_event();
    assert_eq!(of(more.clone(), own.as_str(), 7).await, first);
    assert_ne!(of(more, "e2", 8).await, first);
}

async fn a_refused_event_does_not_enter_the_inbox(store: &Store, _: Time) {
    taken_in(store, "o").await;
    let event = Some(event_id("e1"));
    let wrong = vec![Fact::CancelCredited];
    refused(
        store
            .record(&order_id("o"), wrong, event.clone(), at(5))
            .await,
    );
    refused(
        store
            .record(&order_id("p"), vec![Fact::SaleBooked], event.clone(), at(5))
            .await,
    );
    let order = fine(
        store
            .record(&order_id("o"), vec![Fact::SaleBooked], event, at(6))
            .await,
    );
    assert!(order.progress.sale_booked, "it may come again and be right");
}

async fn idle(store: &Store, since: i64) -> Vec<String> {
    let found = fine(store.unfinished(at(since), None, 10).await);
    found.into_iter().map(|it| it.to_string()).collect()
}

async fn orders_with_something_left_to_do_are_found(store: &Store, _: Time) {
    taken_in(store, "o").await;
    assert_eq!(idle(store, -1).await, [""; 0], "it has only just moved");
    assert_eq!(idle(store, 0).await, ["o"]);
    record(store, "o", vec![Fact::SaleBooked], 5).await;
    assert_eq!(idle(store, 4).await, [""; 0]);
    assert_eq!(idle(store, 5).await, ["o"]);
    let done = record(store, "o", all_done(), 6).await;
    assert_eq!(done.progress.actions(&done.placed), []);
    assert_eq!(idle(store, 1_000).await, [""; 0]);
    // A part leaves: its revenue has to be recognised.
    let shipped = reported(StockSystem::Furniture, ShipmentStatus::Shipped);
    record(store, "o", vec![shipped], 8).await;
    assert_eq!(idle(store, 7).await, [""; 0]);
    assert_eq!(idle(store, 8).await, ["o"]);
}

async fn unfinished_orders_are_read_in_pages(store: &Store, _: Time) {
    for order in ["c", "a", "B", "d"] {
        taken_in(store, order).await;
    }
    record(store, "c", all_done(), 5).await;
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let found = fine(store.unfinished(at(9), after.as_ref(), limit).await);
        found.into_iter().map(|it| it.to_string()).collect()
    };
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["d"]);
    assert_eq!(page(Some("d"), 2).await, [""; 0]);
}

async fn orders_are_listed_by_id(store: &Store, _: Time) {
    for order in ["c", "a", "B"] {
        taken_in(store, order).await;
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let found = fine(store.orders(after.as_ref(), limit).await);
        found
            .into_iter()
            .map(|it| it.placed.order.order_id.to_string())
            .collect()
    };
    assert_eq!(page(None, 10).await, ["B", "a", "c"]);
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a"), 2).await, ["c"]);
    assert_eq!(page(Some("b"), 2).await, ["c"]);
}

async fn the_newest_orders_come_first(store: &Store, _: Time) {
    for order in ["c", "a", "B", "d"] {
        taken_in(store, order).await;
    }
    // Neither what happens to an order nor its message once more makes it newer.
    record(store, "a", vec![Fact::SaleBooked], 5).await;
    assert!(fine(store.accept(placed("c"), at(9)).await), "it is known");
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let found = fine(store.newest(after.as_ref(), limit).await);
        let ids = found.into_iter();
        ids.map(|it| it.placed.order.order_id.to_string()).collect()
    };
    assert_eq!(page(None, 10).await, ["d", "B", "a", "c"]);
    assert_eq!(page(None, 2).await, ["d", "B"]);
    assert_eq!(page(Some("B"), 2).await, ["a", "c"]);
    assert_eq!(page(Some("c"), 2).await, [""; 0]);
    assert_eq!(page(Some("unknown"), 2).await, [""; 0]);
}

async fn a_buyers_orders_are_listed_by_id(store: &Store, _: Time) {
    for (order, buyer) in [
        ("c", "ada"),
        ("b", "bob"),
        ("a", "ada"),
        ("B", "ada"),
        ("d", "Ada"),
    ] {
        let mut placed = placed(order);
        placed.order.user_id = user(buyer);
        fine(store.accept(placed, at(0)).await);
    }
    let sold = record(store, "c", vec![Fact::SaleBooked], 5).await;
    let page = async |buyer: &str, after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(order_id);
        let found = fine(store.orders_of(&user(buyer), after.as_ref(), limit).await);
        found
            .into_iter()
            .map(|it| it.placed.order.order_id.to_string())
            .collect()
    };
    assert_eq!(page("ada", None, 10).await, ["B", "a", "c"]);
    assert_eq!(page("ada", None, 2).await, ["B", "a"]);
    assert_eq!(page("ada", Some("a"), 2).await, ["c"]);
    assert_eq!(page("ada", Some("b"), 2).await, ["c"], "somebody else's");
    assert_eq!(page("ada", Some("c"), 2).await, [""; 0]);
    assert_eq!(page("Ada", None, 10).await, ["d"], "ids are told apart");
    assert_eq!(page("eve", None, 10).await, [""; 0]);
    let last = fine(store.orders_of(&user("ada"), Some(&order_id("a")), 1).await);
    assert_eq!(last, [sold], "with all that has happened to it");
}

fn letter(id: &str, second: i64) -> DeadLetter {
    DeadLetter {
        id: id.to_owned(),
        source: DeadLetterSource::Refused,
        reason: "data: not JSON".to_owned(),
        parked_at: at(second),
        message: message(id),
    }
}

async fn a_letter_is_parked_once(store: &Store, _: Time) {
    fine(store.park(letter("m", 1)).await);
    fine(store.park(letter("m", 2)).await);
    assert_eq!(fine(store.dead_letters(None, 10).await), [letter("m", 1)]);
}

async fn letters_are_listed_by_id(store: &Store, _: Time) {
    for id in ["c", "a", "B"] {
        fine(store.park(letter(id, 1)).await);
    }
    let undelivered = DeadLetter {
        source: DeadLetterSource::Undelivered,
        ..letter("d", 1)
    };
    fine(store.park(undelivered.clone()).await);
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let found = fine(store.dead_letters(after, limit).await);
        found.into_iter().map(|it| it.id).collect()
    };
    assert_eq!(page(None, 10).await, ["B", "a", "c", "d"]);
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("b"), 1).await, ["c"]);
    assert_eq!(fine(store.dead_letters(Some("c"), 9).await), [undelivered]);
}

async fn a_letter_is_discarded_once(store: &Store, _: Time) {
    fine(store.park(letter("m", 1)).await);
    assert!(!fine(store.discard("other").await));
    assert!(fine(store.discard("m").await));
    assert!(!fine(store.discard("m").await));
    assert_eq!(fine(store.dead_letters(None, 10).await), []);
    fine(store.park(letter("m", 5)).await);
    assert_eq!(fine(store.dead_letters(None, 10).await), [letter("m", 5)]);
}

async fn one_event_taken_in_by_many_counts_once(store: &Store, _: Time) {
    let repeated = together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.accept(placed("o"), at(0)).await) }
    })
    .await;
    assert_eq!(repeated.iter().filter(|it| !**it).count(), 1);
    assert_eq!(fine(store.orders(None, 10).await).len(), 1);
}

async fn one_report_recorded_by_many_counts_once(store: &Store, _: Time) {
    taken_in(store, "o").await;
    together(16, |task| {
        let store = Arc::clone(store);
        async move {
            // Each says something else: only the first one counts.
            let system = StockSystem::ALL[task % 2];
            let facts = vec![scheduled(system)];
            fine(
                store
                    .record(&order_id("o"), facts, Some(event_id("e1")), at(5))
                    .await,
            )
        }
    })
    .await;
    let order = fine(store.order(&order_id("o")).await).expect("it was taken in");
    assert_eq!(order.progress.timeline.len(), 2);
}

async fn facts_recorded_by_many_are_all_kept(store: &Store, _: Time) {
    taken_in(store, "o").await;
    together(3, |task| {
        let store = Arc::clone(store);
        async move {
            let facts = vec![all_done().swap_remove(task)];
            fine(store.record(&order_id("o"), facts, None, at(5)).await)
        }
    })
    .await;
    let order = fine(store.order(&order_id("o")).await).expect("it was taken in");
    assert_eq!(order.progress.timeline.len(), 4);
    assert_eq!(idle(store, 1_000).await, [""; 0]);
}

#[derive(Clone, Debug)]
enum Step {
    Accept {
        order: u8,
        total: i64,
    },
    Record {
        order: u8,
        facts: Vec<Fact>,
        event: Option<u8>,
    },
}

fn facts() -> impl Strategy<Value = Fact> {
    let system = || prop::sample::select(StockSystem::ALL.to_vec());
    let returned = || (0..2_u8).prop_map(|it| ReturnId::new(format!("r{it}")).expect("an id"));
    let asked =
        (returned(), 0..3_usize, 1..3_i64, 0..200_i64).prop_map(|(id, line, count, refund)| {
            let line = ReturnedLine {
                line,
                quantity: units(count),
                refund: usd(refund),
                tax: usd(0),
            };
            Fact::ReturnAsked(ReturnProgress {
                id,
                at: at(8),
                lines: vec![line],
                restock: true,
                restocked: vec![],
                credited: false,
            })
        });
    prop_oneof![
        1 => Just(Fact::SaleBooked),
        2 => system().prop_map(scheduled),
        4 => (system(), prop::sample::select(ShipmentStatus::ALL.to_vec()))
            .prop_map(|(system, status)| reported(system, status)),
        2 => system().prop_map(|system| Fact::Recognised { system }),
        1 => Just(Fact::CancelAsked { at: at(9) }),
        2 => (system(), any::<bool>())
            .prop_map(|(system, in_time)| Fact::CancelAnswered { system, in_time }),
        1 => Just(Fact::CancelCredited),
        2 => asked,
        1 => (returned(), system())
            .prop_map(|(return_id, system)| Fact::Restocked { return_id, system }),
        1 => returned().prop_map(|return_id| Fact::ReturnCredited { return_id }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (
        0..2_u8,
        prop::collection::vec(facts(), 0..3),
        prop::option::of(0..6_u8),
    );
    let step = prop_oneof![
        1 => (0..2_u8, prop_oneof![4 => Just(14_850), 1 => Just(1_i64)])
            .prop_map(|(order, total)| Step::Accept { order, total }),
        6 => record.prop_map(|(order, facts, event)| Step::Record { order, facts, event }),
    ];
    prop::collection::vec(step, 1..40)
}

/// Records at random in the store and by the rules of [`Order::with`].
///
/// # Panics
///
/// If they differ.
pub fn random_facts_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, steps(), async |steps| {
        let store: Store = make(Arc::default()).await.into();
        let (mut rules, mut inbox) = (
            BTreeMap::<OrderId, Order>::new(),
            BTreeSet::<EventId>::new(),
        );
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        let answered = |it: OrderError| match it {
            OrderError::Rejected(rejection) => Ok(rejection),
            OrderError::Fault(it) => Err(fault(it)),
        };
        for (second, step) in (0_i64..).zip(&steps) {
            let now = at(second);
            match step {
                Step::Accept { order, total } => {
                    let mut event = placed(&format!("o{order}"));
                    event.total = usd(*total);
                    let id = event.order.order_id.clone();
                    let subject = store.accept(event.clone(), now).await;
                    let expected = match rules.get(&id) {
                        Some(known) if known.is_of(&event) => Ok(true),
                        Some(_) => Err(OrderRejection::Conflict(id)),
                        None => {
                            inbox.insert(event.event_id.clone());
                            let progress = Progress::begin(&event, now);
                            rules.insert(
                                id,
                                Order {
                                    placed: Arc::new(event),
                                    progress,
                                },
                            );
                            Ok(false)
                        }
                    };
                    let subject =
                        subject.map_or_else(|it| answered(it).map(Err), |it| Ok(Ok(it)))?;
                    prop_assert_eq!(subject, expected, "{:?}", step);
                }
                Step::Record {
                    order,
                    facts,
                    event,
                } => {
                    let id = order_id(format!("o{order}"));
                    let event = event.map(|it| event_id(format!("e{it}")));
                    let subject = store.record(&id, facts.clone(), event.clone(), now).await;
                    let expected = match rules.get_mut(&id) {
                        None => Err(OrderRejection::UnknownOrder(id)),
                        Some(known) if event.as_ref().is_some_and(|it| inbox.contains(it)) => {
                            Ok(known.clone())
                        }
                        Some(known) => known.with(facts.clone(), now).map(|next| {
                            inbox.extend(event);
                            known.progress = next;
                            known.clone()
                        }),
                    };
                    let subject =
                        subject.map_or_else(|it| answered(it).map(Err), |it| Ok(Ok(it)))?;
                    prop_assert_eq!(subject, expected, "{:?}", step);
                }
            }
            let all = store.orders(None, 10).await.map_err(fault)?;
            prop_assert_eq!(
                all,
                rules.values().cloned().collect::<Vec<_>>(),
                "{:?}",
                step
            );
            let open = store.unfinished(now, None, 10).await.map_err(fault)?;
            let left = rules
                .iter()
                .filter(|(_, it)| !it.progress.actions(&it.placed).is_empty());
            prop_assert_eq!(
                open,
                left.map(|it| it.0.clone()).collect::<Vec<_>>(),
                "{:?}",
                step
            );
        }
        Ok(())
    });
}
