//! The table of the data warehouse at the other end of the network.

use std::sync::Arc;

use async_trait::async_trait;
use boutique_core::analytics::{AnalyticsRow, AnalyticsStore};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step};
use boutique_core::ids::EventId;
use tower::util::BoxCloneSyncService;

use super::request::Append;

/// A table as a service.
pub(super) type AppendService = BoxCloneSyncService<Append, (), Fault>;

/// Appends rows to a table.
pub(super) struct ServeTable(pub(super) Arc<dyn AnalyticsStore>);

impl Step<Append> for ServeTable {
    type Response = ();
    type Error = Fault;

    async fn run(&self, Append(rows): Append) -> Result<(), Fault> {
        self.0.append(rows).await
    }
}

/// A table that somebody else serves: it is written to, nobody of the shop reads it.
pub(super) struct FarTable(pub(super) AppendService);

#[async_trait]
impl AnalyticsStore for FarTable {
    async fn append(&self, rows: Vec<AnalyticsRow>) -> Result<(), Fault> {
        self.0.ask(Append(rows)).await
    }

    async fn raw_rows(&self) -> Result<u64, Fault> {
        Err(Fault::permanent("the table is written to only"))
    }

    async fn deduplicated(
        &self,
        _: Option<&EventId>,
        _: usize,
    ) -> Result<Vec<AnalyticsRow>, Fault> {
        Err(Fault::permanent("the table is written to only"))
    }
}
