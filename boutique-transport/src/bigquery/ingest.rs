//! Messages taken in as rows, for those without a BigQuery subscription.

use std::sync::Arc;

use async_trait::async_trait;
use boutique_core::analytics::{Source, Table, TableRow, TableSink};
use boutique_core::broker::Push;
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use tokio::sync::watch;

use super::gather::{Append, Gather};

/// Rows of one request.
const ROWS_MAX: usize = 500;

/// Takes each message in as a row of a table: fits it, writes it together with others that came
/// meanwhile, and is done when it is durable, so that the message may be acknowledged.
///
/// Pulled from Pub/Sub by `StreamingPull`, with room for as many messages as a request shall have
/// rows; it is the same for whatever else pushes.
///
/// A message that does not fit, or whose row the table refuses, is a permanent fault: it is given
/// back, and the subscription's dead-letter policy has it after its attempts. Whatever else fails,
/// a table that is away or a token that is refused, is waited for, so that an outage uses up
/// nobody's attempts.
#[derive(Clone)]
pub struct IngestRows {
    inner: Arc<Inner>,
}

struct Inner {
    table: &'static Table,
    gather: Gather<ToSink>,
}

struct ToSink {
    table: &'static Table,
    sink: Arc<dyn TableSink>,
}

impl IngestRows {
    /// Rows of `table` into `sink`, until `stop` says that a table which is away is waited for no
    /// longer.
    pub fn new(
        table: &'static Table,
        sink: Arc<dyn TableSink>,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let gather = Gather::new(ToSink { table, sink }, ROWS_MAX, stop);
        Self {
            inner: Arc::new(Inner { table, gather }),
        }
    }
}

impl Step<Push> for IngestRows {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        let message_id = push.delivery.message_id.to_string();
        let source = Source {
            subscription: &push.subscription,
            message_id: &message_id,
            published_at: push.delivery.published_at,
        };
        let row = self.inner.table.row(&source, &push.delivery.message);
        let row =
            row.map_err(|misfit| Fault::permanent("the message is no row").because(misfit))?;
        self.inner.gather.put(row).await
    }
}

#[async_trait]
impl Append for ToSink {
    type Row = TableRow;

    async fn append(&self, rows: &[TableRow]) -> Result<(), Fault> {
        self.sink.append(self.table, rows.to_vec()).await
    }
}
