//! The data warehouse's side of the event stream: raw rows as they arrive, at least once, and
//! a view that has exactly one row an order.

mod feed;
mod ingest;
mod memory;
mod question;
mod table;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use feed::{TableFeed, TableSink};
pub use ingest::{IngestEvents, IngestPump};
pub use memory::MemoryAnalytics;
pub use question::Question;
pub use table::{METADATA, ORDERS, PARTITIONED_BY, REFUSALS, SHIPMENTS, Source, Table, TableRow};

use crate::broker::Attributes;
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::ids::{EventId, OrderId};

/// A row as the subscription writes it: the message and its metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticsRow {
    /// The broker's number for the message. A redelivery has the same one.
    pub message_id: u64,
    /// When it was published.
    pub published_at: Timestamp,
    /// `ce-id`: what the view keeps one row of.
    pub event_id: EventId,
    /// The order.
    pub order_id: OrderId,
    /// The event's data.
    pub data: Arc<str>,
    /// The message's attributes.
    pub attributes: Attributes,
}

/// Keeps rows and shows one per event.
#[async_trait]
pub trait AnalyticsStore: Send + Sync + 'static {
    /// Appends rows, all or none; a row that is there already is appended again.
    async fn append(&self, rows: Vec<AnalyticsRow>) -> Result<(), Fault>;

    /// How many rows there are, repeats included.
    async fn raw_rows(&self) -> Result<u64, Fault>;

    /// The view: of each event the row published first, ordered by event id, after `after`, at
    /// most `limit`.
    async fn deduplicated(
        &self,
        after: Option<&EventId>,
        limit: usize,
    ) -> Result<Vec<AnalyticsRow>, Fault>;
}
