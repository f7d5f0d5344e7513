//! Many clients at once.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::checkout::{Begun, StoreRejection, Told};
use boutique_core::fault::PortError;

use super::super::given::{at, fine, intent, order_id, together};
use super::{Store, begun, confirm, decided, decision, saga};
use crate::ManualClock;

type Time = Arc<ManualClock>;

/// Begins this attempt in 16 tasks; says how many were told that it is theirs.
async fn begin_together(store: &Store, attempt: u32) -> usize {
    let answers = together(16, |_| {
        let store = Arc::clone(store);
        async move { fine(store.begin(Arc::new(intent("o", attempt, 60))).await) }
    })
    .await;
    answers.iter().filter(|it| **it == Begun::New).count()
}

pub(super) async fn one_key_begins_once_for_many(store: &Store, _: Time) {
    assert_eq!(begin_together(store, 1).await, 1);
}

pub(super) async fn one_failed_attempt_is_followed_once_for_many(store: &Store, _: Time) {
    begun(store, "o").await;
    decided(store, "o", "failed", 1).await;
    assert_eq!(begin_together(store, 2).await, 1);
    assert_eq!(saga(store, "o").await.intent.attempt, 2);
}

pub(super) async fn racing_decisions_agree(store: &Store, _: Time) {
    let mut confirmed = 0;
    for round in 0..16 {
        let order = format!("o{round}");
        begun(store, &order).await;
        let answers = together(4, |task| {
            let (store, id) = (Arc::clone(store), order_id(order.as_str()));
            let decision = match task % 2 {
                0 => confirm(id.as_str()),
                _ => decision("failed"),
            };
            async move { store.decide(&id, 1, decision, at(2)).await }
        })
        .await;
        let record = saga(store, &order).await;
        for answer in answers {
            match answer {
                Ok(saga) => assert_eq!(saga, record),
                Err(PortError::Rejected(StoreRejection::Superseded(saga))) => {
                    assert_eq!(*saga, record, "the loser is shown who won");
                }
                Err(other) => panic!("decided one way or the other, not {other:?}"),
            }
        }
        confirmed += u64::from(record.state.name() == "confirmed");
    }
    assert_eq!(fine(store.outbox().await).waiting, confirmed);
}

pub(super) async fn leases_are_exclusive(store: &Store, _: Time) {
    for order in 0..20 {
        let order = format!("o{order}");
        begun(store, &order).await;
        decided(store, &order, "confirmed", 1).await;
    }
    let leased = together(8, |_| {
        let store = Arc::clone(store);
        async move {
            let minute = Duration::from_secs(60);
            fine(store.lease_outbox(Told::Confirmed, 4, at(2), minute).await)
        }
    })
    .await;
    let mut seqs: Vec<u64> = leased.into_iter().flatten().map(|it| it.seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 20, "every record was leased to one of them");
}
