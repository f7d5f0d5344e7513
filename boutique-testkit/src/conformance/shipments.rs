//! What every [`ShipmentStore`] does.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::ids::{CarrierEventId, ShipmentId};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::{
    CarrierEvent, Duty, Schedule, Shipment, ShipmentError, ShipmentRejection, ShipmentStatus,
    ShipmentStore,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{address, at, fine, lines, order_id, refused, shipment_id, together};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves a [`ShipmentStore`](boutique_core::warehouse::ShipmentStore); see
    /// [`conformance`](crate::conformance).
    shipments_conformance in shipments over Fixture<dyn ShipmentStore>;
    cases {
        a_shipment_is_kept_whole,
        asking_again_answers_the_shipment_as_it_stands,
        other_goods_under_the_same_id_are_refused,
        reports_move_it_as_the_rules_say,
        the_same_report_again_changes_nothing,
        a_report_of_an_unknown_shipment_is_refused,
        a_duty_that_is_done_is_struck_off,
        a_duty_of_an_earlier_status_stays,
        unfinished_shipments_are_found,
        an_order_has_one_shipment_per_system,
        shipments_are_listed_by_id,
        one_shipment_asked_for_by_many_is_one,
        one_report_by_many_counts_once,
    }
    models { random_reports_match_the_rules }
}

type Time = Arc<ManualClock>;

fn shipment(order: &str, system: StockSystem, goods: &[(&str, i64)]) -> Shipment {
    let order_id = order_id(order);
    let schedule = Schedule {
        hold_id: Some(order_id.hold(system.as_str(), 1)),
        tracking_id: order_id.tracking(),
        order_id,
        system,
        lines: lines(goods),
        address: address(),
    };
    Shipment::new(schedule, at(0)).expect("it has lines")
}

/// Keeps a shipment of tea from Inventory.
async fn asked(store: &Store, order: &str) -> Shipment {
    let it = shipment(order, StockSystem::Inventory, &[("tea", 2)]);
    fine(store.create(it).await).0
}

fn says(of: &ShipmentId, report: &str, status: ShipmentStatus) -> CarrierEvent {
    CarrierEvent {
        id: CarrierEventId::new(report).expect("an id"),
        shipment_id: of.clone(),
        status,
        at: at(60),
    }
}

async fn a_shipment_is_kept_whole(store: &Store, _: Time) {
    let whole = shipment(
        "o",
        StockSystem::Inventory,
        &[("tea", 2), ("mug \u{1f375}", 1)],
    );
    let without_hold = Shipment {
        hold_id: None,
        ..shipment("p", StockSystem::Furniture, &[("sofa", 1)])
    };
    for it in [whole, without_hold] {
        assert_eq!(fine(store.create(it.clone()).await), (it.clone(), false));
        assert_eq!(fine(store.shipment(&it.id).await), Some(it));
    }
    assert_eq!(fine(store.shipment(&shipment_id("nobody")).await), None);
}

async fn asking_again_answers_the_shipment_as_it_stands(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    let packed = fine(
        store
            .apply(says(&it.id, "e1", ShipmentStatus::Packed))
            .await,
    );
    let mut later = it;
    later.created_at = at(99);
    assert_eq!(fine(store.create(later).await), (packed.clone(), true));
    assert_eq!(fine(store.shipment(&packed.id).await), Some(packed));
}

async fn other_goods_under_the_same_id_are_refused(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    let more = Shipment {
        lines: lines(&[("tea", 3)]),
        ..it.clone()
    };
    let other_hold = Shipment {
        hold_id: None,
        ..it.clone()
    };
    for other in [more, other_hold] {
        assert_eq!(
            refused(store.create(other).await),
            ShipmentRejection::Conflict(it.id.clone())
        );
    }
    assert_eq!(fine(store.shipment(&it.id).await), Some(it));
}

async fn reports_move_it_as_the_rules_say(store: &Store, _: Time) {
    for first in ShipmentStatus::ALL {
        for second in ShipmentStatus::ALL {
            let mut rules = asked(store, &format!("o-{first}-{second}")).await;
            for (report, status) in [("e1", first), ("e2", second)] {
                let report = says(&rules.id, report, status);
                let answer = store.apply(report.clone()).await;
                match rules.apply(&report) {
                    Ok(_) => assert_eq!(fine(answer), rules, "{first}, then {second}"),
                    Err(rejection) => assert_eq!(refused(answer), rejection),
                }
                assert_eq!(fine(store.shipment(&rules.id).await).as_ref(), Some(&rules));
            }
        }
    }
}

async fn the_same_report_again_changes_nothing(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    let shipped = fine(
        store
            .apply(says(&it.id, "e1", ShipmentStatus::Shipped))
            .await,
    );
    // A report is known by its id, whatever it says the second time.
    for status in [
        ShipmentStatus::Shipped,
        ShipmentStatus::Delivered,
        ShipmentStatus::Cancelled,
    ] {
        assert_eq!(fine(store.apply(says(&it.id, "e1", status)).await), shipped);
    }
    // The ids of carriers are per shipment: another one has its own.
    let other = asked(store, "p").await;
    let packed = fine(
        store
            .apply(says(&other.id, "e1", ShipmentStatus::Packed))
            .await,
    );
    assert_eq!(packed.status, ShipmentStatus::Packed);
}

async fn a_report_of_an_unknown_shipment_is_refused(store: &Store, _: Time) {
    let nobody = shipment_id("nobody");
    let unknown = ShipmentRejection::UnknownShipment(nobody.clone());
    let answer = store
        .apply(says(&nobody, "e1", ShipmentStatus::Packed))
        .await;
    assert_eq!(refused(answer), unknown);
    let answer = store
        .discharge(&nobody, ShipmentStatus::Packed, &[Duty::Announce])
        .await;
    assert_eq!(refused(answer), unknown);
    assert_eq!(fine(store.shipment(&nobody).await), None);
}

async fn duties(store: &Store, id: &ShipmentId) -> Vec<Duty> {
    let it = fine(store.shipment(id).await).expect("it is known");
    it.duties.into_iter().collect()
}

async fn a_duty_that_is_done_is_struck_off(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    assert_eq!(duties(store, &it.id).await, []);
    fine(
        store
            .apply(says(&it.id, "e1", ShipmentStatus::Shipped))
            .await,
    );
    assert_eq!(duties(store, &it.id).await, [Duty::Settle, Duty::Announce]);
    let discharge = async |done: &[Duty]| {
        fine(store.discharge(&it.id, ShipmentStatus::Shipped, done).await);
    };
    discharge(&[Duty::Settle]).await;
    assert_eq!(duties(store, &it.id).await, [Duty::Announce]);
    discharge(&[Duty::Settle, Duty::Announce]).await;
    discharge(&[Duty::Announce]).await;
    assert_eq!(duties(store, &it.id).await, []);
}

async fn a_duty_of_an_earlier_status_stays(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    fine(
        store
            .apply(says(&it.id, "e1", ShipmentStatus::Shipped))
            .await,
    );
    fine(
        store
            .apply(says(&it.id, "e2", ShipmentStatus::Delivered))
            .await,
    );
    // Somebody announced that it shipped; that it was delivered is not announced yet.
    fine(
        store
            .discharge(&it.id, ShipmentStatus::Shipped, &[Duty::Announce])
            .await,
    );
    assert_eq!(duties(store, &it.id).await, [Duty::Settle, Duty::Announce]);
}

async fn unfinished_shipments_are_found(store: &Store, _: Time) {
    for order in ["c", "a", "b", "d"] {
        let it = asked(store, order).await;
        if order != "b" {
            fine(
                store
                    .apply(says(&it.id, "e1", ShipmentStatus::Shipped))
                    .await,
            );
        }
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(|it| order_id(it).shipment("inventory"));
        let found = fine(store.unfinished(after.as_ref(), limit).await);
        found
            .into_iter()
            .map(|it| it.order_id.to_string())
            .collect()
    };
    assert_eq!(page(None, 10).await, ["a", "c", "d"]);
    assert_eq!(page(None, 1).await, ["a"]);
    assert_eq!(page(Some("a"), 1).await, ["c"]);
    let id = order_id("c").shipment("inventory");
    fine(
        store
            .discharge(
                &id,
                ShipmentStatus::Shipped,
                &[Duty::Settle, Duty::Announce],
            )
            .await,
    );
    assert_eq!(page(None, 10).await, ["a", "d"]);
    fine(store.apply(says(&id, "e2", ShipmentStatus::Returned)).await);
    assert_eq!(page(None, 10).await, ["a", "c", "d"]);
}

async fn an_order_has_one_shipment_per_system(store: &Store, _: Time) {
    fine(
        store
            .create(shipment("o", StockSystem::Furniture, &[("sofa", 1)]))
            .await,
    );
    asked(store, "o").await;
    asked(store, "p").await;
    let of = fine(store.of_order(&order_id("o")).await);
    let systems: Vec<_> = of.iter().map(|it| it.system).collect();
    assert_eq!(systems, StockSystem::ALL);
    assert_eq!(fine(store.of_order(&order_id("nobody")).await), []);
}

async fn shipments_are_listed_by_id(store: &Store, _: Time) {
    for order in ["b", "a", "C"] {
        asked(store, order).await;
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(shipment_id);
        let found = fine(store.shipments(after.as_ref(), limit).await);
        found
            .into_iter()
            .map(|it| it.order_id.to_string())
            .collect()
    };
    assert_eq!(page(None, 10).await, ["C", "a", "b"]);
    assert_eq!(page(None, 2).await, ["C", "a"]);
    assert_eq!(page(Some("a.inventory"), 2).await, ["b"]);
    assert_eq!(page(Some("z"), 2).await, [""; 0]);
}

async fn one_shipment_asked_for_by_many_is_one(store: &Store, _: Time) {
    let answers = together(16, |_| {
        let store = Arc::clone(store);
        async move {
            let it = shipment("o", StockSystem::Inventory, &[("tea", 2)]);
            fine(store.create(it).await).1
        }
    })
    .await;
    assert_eq!(answers.iter().filter(|repeated| !**repeated).count(), 1);
    assert_eq!(fine(store.shipments(None, 10).await).len(), 1);
}

async fn one_report_by_many_counts_once(store: &Store, _: Time) {
    let it = asked(store, "o").await;
    together(16, |_| {
        let (store, report) = (
            Arc::clone(store),
            says(&it.id, "e1", ShipmentStatus::Packed),
        );
        async move { fine(store.apply(report).await) }
    })
    .await;
    let it = fine(store.shipment(&it.id).await).expect("it is known");
    assert_eq!(it.events.len(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Create(u8, i64),
    Apply(u8, u8, ShipmentStatus),
    Discharge(u8, ShipmentStatus, Vec<Duty>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = || prop::sample::select(ShipmentStatus::ALL.to_vec());
    let duties = vec![Duty::Settle, Duty::Release, Duty::Announce];
    let step = prop_oneof![
        2 => (0..3_u8, 1..3_i64).prop_map(|(of, units)| Step::Create(of, units)),
        5 => (0..3_u8, 0..8_u8, status()).prop_map(|(of, id, it)| Step::Apply(of, id, it)),
        2 => (0..3_u8, status(), prop::sample::subsequence(duties, 0..3))
            .prop_map(|(of, status, done)| Step::Discharge(of, status, done)),
    ];
    prop::collection::vec(step, 1..40)
}

/// Reports at random to the store and to [`Shipment`]s.
///
/// # Panics
///
/// If they differ.
pub fn random_reports_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    replay(64, steps(), async |steps| {
        let store: Store = make(Arc::default()).await.into();
        let mut rules = BTreeMap::<ShipmentId, Shipment>::new();
        let id = |of: u8| order_id(format!("o{of}")).shipment("inventory");
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        for step in steps {
            let unknown = |id: ShipmentId| Err(ShipmentRejection::UnknownShipment(id));
            let (subject, expected) = match &step {
                Step::Create(of, units) => {
                    let new = shipment(
                        &format!("o{of}"),
                        StockSystem::Inventory,
                        &[("tea", *units)],
                    );
                    let subject = store.create(new.clone()).await.map(|it| Some(it.0));
                    let known = rules.entry(new.id.clone()).or_insert_with(|| new.clone());
                    let expected = if known.sends_the_same_as(&new) {
                        Ok(Some(known.clone()))
                    } else {
                        Err(ShipmentRejection::Conflict(new.id))
                    };
                    (subject, expected)
                }
                Step::Apply(of, report, status) => {
                    let report = says(&id(*of), &format!("e{report}"), *status);
                    let subject = store.apply(report.clone()).await.map(Some);
                    let expected = match rules.get_mut(&report.shipment_id) {
                        Some(it) => it.apply(&report).map(|_| Some(it.clone())),
                        None => unknown(report.shipment_id),
                    };
                    (subject, expected)
                }
                Step::Discharge(of, status, done) => {
                    let subject = store
                        .discharge(&id(*of), *status, done)
                        .await
                        .map(|()| None);
                    let expected = match rules.get_mut(&id(*of)) {
                        Some(it) => {
                            it.discharge(*status, done);
                            Ok(None)
                        }
                        None => unknown(id(*of)),
                    };
                    (subject, expected)
                }
            };
            let subject = match subject {
                Ok(it) => Ok(it),
                Err(ShipmentError::Rejected(rejection)) => Err(rejection),
                Err(ShipmentError::Fault(it)) => return Err(fault(it)),
            };
            prop_assert_eq!(subject, expected, "{:?}", step);
            let all = store.shipments(None, 10).await.map_err(fault)?;
            prop_assert_eq!(
                all,
                rules.values().cloned().collect::<Vec<_>>(),
                "{:?}",
                step
            );
            let open = store.unfinished(None, 10).await.map_err(fault)?;
            let owed = rules.values().filter(|it| !it.duties.is_empty());
            prop_assert_eq!(open, owed.cloned().collect::<Vec<_>>(), "{:?}", step);
        }
        Ok(())
    });
}
