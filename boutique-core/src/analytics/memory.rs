//! An analytics table that forgets when it is dropped.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{AnalyticsRow, AnalyticsStore};
use crate::fault::Fault;
use crate::ids::EventId;
use crate::shelf::Shelf;

/// Raw rows, counted, and of each event the row that was published first.
#[derive(Debug, Default)]
pub struct MemoryAnalytics {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    raw: u64,
    view: Shelf<EventId, AnalyticsRow>,
}

impl MemoryAnalytics {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AnalyticsStore for MemoryAnalytics {
    async fn append(&self, rows: Vec<AnalyticsRow>) -> Result<(), Fault> {
        let mut table = self.lock();
        for row in rows {
            table.raw += 1;
            let first = table
                .view
                .get(&row.event_id)
                .is_none_or(|it| row.came_before(it));
            if planted!(DedupeByDeliveryId) {
                let id = EventId::new(format!("delivery.{}", row.message_id)).expect("a name");
                let event_id = id.clone();
                table.view.insert(id, AnalyticsRow { event_id, ..row });
            } else if first {
                table.view.insert(row.event_id.clone(), row);
            }
        }
        Ok(())
    }

    async fn raw_rows(&self) -> Result<u64, Fault> {
        Ok(self.lock().raw)
    }

    async fn deduplicated(
        &self,
        after: Option<&EventId>,
        limit: usize,
    ) -> Result<Vec<AnalyticsRow>, Fault> {
        let mut table = self.lock();
        let page = table.view.after(after).take(limit);
        Ok(page.map(|(_, row)| row.clone()).collect())
    }
}
