//! The data warehouse's rows.

use async_trait::async_trait;
use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::fault::Fault;
use boutique_core::ids::{EventId, OrderId};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::columns::cursor;
use super::query::{Query, count, id, int, json, moment, row_limit, to_json};

/// Keeps the event stream as it arrived, in the table `analytics_row`, and shows one row an
/// event in the view `analytics_event`.
#[derive(Clone)]
pub struct SqliteAnalytics {
    store: SqliteStore,
}

impl SqliteStore {
    /// The data warehouse's rows.
    pub fn analytics(&self) -> SqliteAnalytics {
        SqliteAnalytics {
            store: self.clone(),
        }
    }
}

fn append(db: &Connection, row: &AnalyticsRow) -> Result<(), Fault> {
    db.run(
        "INSERT INTO analytics_row \
         (message_id, published_at, event_id, order_id, data, attributes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            int(row.message_id)?,
            row.published_at.as_micros(),
            row.event_id.as_str(),
            row.order_id.as_str(),
            row.data,
            to_json(&row.attributes)?,
        ],
    )
    .map(drop)
}

#[async_trait]
impl AnalyticsStore for SqliteAnalytics {
    async fn append(&self, rows: Vec<AnalyticsRow>) -> Result<(), Fault> {
        self.store
            .write_in_steps(move |db| rows.iter().try_for_each(|it| append(db, it)))
            .await
    }

    async fn raw_rows(&self) -> Result<u64, Fault> {
        let rows = "SELECT count(*) FROM analytics_row";
        self.store
            .read(move |db| Ok(db.one(rows, [], |row| count(row, 0))?.unwrap_or(0)))
            .await
    }

    async fn deduplicated(
        &self,
        after: Option<&EventId>,
        limit: usize,
    ) -> Result<Vec<AnalyticsRow>, Fault> {
        let after = cursor(after);
        let page = "SELECT message_id, published_at, event_id, order_id, data, attributes \
                    FROM analytics_event WHERE event_id > ?1 ORDER BY event_id LIMIT ?2";
        self.store
            .read(move |db| {
                db.all(page, (after, row_limit(limit)), |row| {
                    Ok(AnalyticsRow {
                        message_id: count(row, 0)?,
                        published_at: moment(row, 1)?,
                        event_id: id(row, 2, EventId::new)?,
                        order_id: id(row, 3, OrderId::new)?,
                        data: row.get(4)?,
                        attributes: json(row, 5)?,
                    })
                })
            })
            .await
    }
}
