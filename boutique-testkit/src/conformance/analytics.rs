//! What every [`AnalyticsStore`] does.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::ids::EventId;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::given::{at, event_id, fine, order_id, together};
use super::{Fixture, replay};
use crate::ManualClock;

suite! {
    $ /// Proves an [`AnalyticsStore`](boutique_core::analytics::AnalyticsStore); see
    /// [`conformance`](crate::conformance).
    analytics_conformance in analytics over Fixture<dyn AnalyticsStore>;
    cases {
        a_row_is_kept_whole,
        repeats_are_kept_and_shown_once,
        the_row_published_first_is_shown,
        the_view_is_read_in_pages,
        rows_appended_by_many_are_all_kept,
    }
    models { random_rows_match_the_rules }
}

type Time = Arc<ManualClock>;

fn row(order: &str, message_id: u64, second: i64) -> AnalyticsRow {
    let id = order_id(order);
    AnalyticsRow {
        message_id,
        published_at: at(second),
        event_id: id.confirmed_event(),
        data: format!("{{\"order_id\":\"{order}\",\"note\":\"caf\u{e9}\"}}").into(),
        attributes: Arc::new([("ce-subject".to_owned(), order.to_owned())].into()),
        order_id: id,
    }
}

async fn a_row_is_kept_whole(store: &Store, _: Time) {
    assert_eq!(fine(store.raw_rows().await), 0);
    assert_eq!(fine(store.deduplicated(None, 10).await), []);
    fine(store.append(vec![]).await);
    fine(store.append(vec![row("o", 1, 0)]).await);
    assert_eq!(fine(store.raw_rows().await), 1);
    assert_eq!(fine(store.deduplicated(None, 10).await), [row("o", 1, 0)]);
}

async fn repeats_are_kept_and_shown_once(store: &Store, _: Time) {
    fine(
        store
            .append(vec![row("o", 1, 0), row("p", 2, 1), row("o", 1, 0)])
            .await,
    );
    fine(store.append(vec![row("p", 2, 1)]).await);
    assert_eq!(fine(store.raw_rows().await), 4);
    assert_eq!(
        fine(store.deduplicated(None, 10).await),
        [row("o", 1, 0), row("p", 2, 1)]
    );
}

async fn the_row_published_first_is_shown(store: &Store, _: Time) {
    // The relay published twice, and the second publish arrived first.
    fine(store.append(vec![row("o", 5, 9)]).await);
    fine(store.append(vec![row("o", 3, 2)]).await);
    fine(store.append(vec![row("o", 7, 11)]).await);
    assert_eq!(fine(store.deduplicated(None, 10).await), [row("o", 3, 2)]);
    assert_eq!(fine(store.raw_rows().await), 3);
}

async fn the_view_is_read_in_pages(store: &Store, _: Time) {
    for (message_id, order) in (1..).zip(["c", "a", "B", "c", "a"]) {
        fine(store.append(vec![row(order, message_id, 0)]).await);
    }
    let page = async |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(event_id);
        let rows = fine(store.deduplicated(after.as_ref(), limit).await);
        rows.into_iter().map(|it| it.order_id.to_string()).collect()
    };
    assert_eq!(page(None, 10).await, ["B", "a", "c"]);
    assert_eq!(page(None, 2).await, ["B", "a"]);
    assert_eq!(page(Some("a.confirmed"), 2).await, ["c"]);
    assert_eq!(page(Some("b"), 2).await, ["c"]);
    assert_eq!(page(Some("z"), 2).await, [""; 0]);
}

async fn rows_appended_by_many_are_all_kept(store: &Store, _: Time) {
    together(16, |task| {
        let store = Arc::clone(store);
        async move {
            let order = format!("o{}", task % 4);
            fine(store.append(vec![row(&order, task as u64, 0); 3]).await);
        }
    })
    .await;
    assert_eq!(fine(store.raw_rows().await), 48);
    assert_eq!(fine(store.deduplicated(None, 100).await).len(), 4);
}

/// Appends random rows to the store and keeps the first published of each event.
///
/// # Panics
///
/// If they differ.
pub fn random_rows_match_the_rules<M, F>(make: M)
where
    M: AsyncFn(Arc<ManualClock>) -> F,
    F: Into<Store>,
{
    let rows = prop::collection::vec(prop::collection::vec((0..5_u8, 0..9_u64), 0..4), 1..12);
    replay(64, rows, async |batches| {
        let store: Store = make(Arc::default()).await.into();
        let (mut view, mut raw) = (BTreeMap::<EventId, AnalyticsRow>::new(), 0);
        let fault = |it: boutique_core::fault::Fault| TestCaseError::fail(format!("{it:?}"));
        for batch in batches {
            let rows: Vec<_> = batch
                .iter()
                // A message is published at one moment.
                .map(|(order, id)| row(&format!("o{order}"), *id, i64::try_from(*id).unwrap_or(0)))
                .collect();
            raw += rows.len() as u64;
            store.append(rows.clone()).await.map_err(fault)?;
            for row in rows {
                let shown = view
                    .entry(row.event_id.clone())
                    .or_insert_with(|| row.clone());
                if row.published_at < shown.published_at {
                    *shown = row;
                }
            }
            prop_assert_eq!(store.raw_rows().await.map_err(fault)?, raw);
            let subject = store.deduplicated(None, 100).await.map_err(fault)?;
            prop_assert_eq!(subject, view.values().cloned().collect::<Vec<_>>());
        }
        Ok(())
    });
}
