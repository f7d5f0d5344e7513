//! Many clients at once.

use std::sync::Arc;

use boutique_core::fault::PortError;
use boutique_core::stock::{HoldState, Rejection};

use super::super::given::{fine, hold_id, together};
use super::{Store, arrival, asked, counts, reserve, settle, stock};
use crate::ManualClock;

type Time = Arc<ManualClock>;

pub(super) async fn the_last_unit_is_promised_once(store: &Store, _: Time) {
    stock(store, &[("tea", 1)]).await;
    let answers = together(16, |task| {
        let store = Arc::clone(store);
        async move {
            store
                .reserve(asked(&format!("h{task}"), &[("tea", 1)]))
                .await
        }
    })
    .await;
    let mut promised = 0;
    for answer in answers {
        match answer {
            Ok(_) => promised += 1,
            Err(PortError::Rejected(Rejection::Short(_))) => {}
            other => panic!("a promise or a shortage, not {other:?}"),
        }
    }
    assert_eq!(promised, 1);
    assert_eq!(counts(store, "tea").await, [1, 1, 0, 0]);
}

pub(super) async fn one_hold_reserved_by_many_is_one_hold(store: &Store, _: Time) {
    stock(store, &[("tea", 9)]).await;
    let answers = together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.reserve(asked("h", &[("tea", 3)])).await) }
    })
    .await;
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:#?}");
    assert_eq!(counts(store, "tea").await, [9, 3, 0, 0]);
}

pub(super) async fn confirm_and_void_agree_on_one_outcome(store: &Store, _: Time) {
    stock(store, &[("tea", 100)]).await;
    let mut sold = 0;
    for round in 0..16 {
        let id = format!("h{round}");
        reserve(store, &id, &[("tea", 1)]).await;
        let answers = together(4, |task| {
            let (store, id) = (Arc::clone(store), hold_id(id.as_str()));
            async move {
                match task % 2 {
                    0 => fine(store.confirm(&id, Some(task.to_string())).await),
                    _ => fine(store.void(&id).await),
                }
            }
        })
        .await;
        assert!(answers.iter().all(|it| *it == answers[0]), "{answers:#?}");
        match answers[0].state {
            HoldState::Confirmed => sold += 1,
            HoldState::Voided => {}
            state => panic!("decided, not {state}"),
        }
    }
    assert_eq!(counts(store, "tea").await, [100, 0, sold, 0]);
}

pub(super) async fn crossing_demands_both_end(store: &Store, _: Time) {
    stock(store, &[("tea", 1_000), ("mug", 1_000)]).await;
    together(8, |task| {
        let store = Arc::clone(store);
        async move {
            for round in 0..8 {
                let goods = match task % 2 {
                    0 => [("tea", 1), ("mug", 1)],
                    _ => [("mug", 1), ("tea", 1)],
                };
                fine(
                    store
                        .reserve(asked(&format!("h{task}-{round}"), &goods))
                        .await,
                );
            }
        }
    })
    .await;
    assert_eq!(counts(store, "tea").await, [1_000, 64, 0, 0]);
    assert_eq!(counts(store, "mug").await, [1_000, 64, 0, 0]);
}

pub(super) async fn one_receipt_by_many_adds_once(store: &Store, _: Time) {
    together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.receive(arrival("r", "tea", 5)).await) }
    })
    .await;
    assert_eq!(counts(store, "tea").await, [5, 0, 0, 0]);
}

pub(super) async fn one_shipment_by_many_takes_once(store: &Store, _: Time) {
    stock(store, &[("tea", 9)]).await;
    reserve(store, "h", &[("tea", 3)]).await;
    fine(store.confirm(&hold_id("h"), None).await);
    together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.ship(settle("h", "s", Some(&[("tea", 1)]))).await) }
    })
    .await;
    assert_eq!(counts(store, "tea").await, [8, 0, 2, 1]);
}

pub(super) async fn no_load_oversells(store: &Store, _: Time) {
    stock(store, &[("tea", 20), ("mug", 10)]).await;
    let sold: u64 = together(8, |task| {
        let store = Arc::clone(store);
        async move {
            let mut sold = 0;
            for round in 0..10 {
                let id = format!("h{task}-{round}");
                match store.reserve(asked(&id, &[("tea", 2), ("mug", 1)])).await {
                    Ok(_) if (task + round) % 3 == 0 => {
                        fine(store.void(&hold_id(id)).await);
                    }
                    Ok(_) => {
                        fine(store.confirm(&hold_id(id), None).await);
                        sold += 1;
                    }
                    Err(PortError::Rejected(Rejection::Short(_))) => {}
                    Err(other) => panic!("a promise or a shortage, not {other:?}"),
                }
            }
            sold
        }
    })
    .await
    .into_iter()
    .sum();
    assert!(sold <= 10, "{sold} sold of 10");
    assert_eq!(counts(store, "tea").await, [20, 0, 2 * sold, 0]);
    assert_eq!(counts(store, "mug").await, [10, 0, sold, 0]);
    assert_eq!(fine(store.audit().await).violations, []);
}
