//! From a subscription into a table, as BigQuery's own subscriptions do it.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Source, Table, TableRow};
use crate::broker::{Broker, BrokerError, Pumped, SubscriptionId};
use crate::fault::Fault;

/// Keeps the rows of the tables.
#[async_trait]
pub trait TableSink: Send + Sync + 'static {
    /// Appends rows to a table, all or none; they are durable when this returns. A row that is
    /// there already is appended again.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: none of the rows is there, or, if it is ambiguous, they may be.
    async fn append(&self, table: &'static Table, rows: Vec<TableRow>) -> Result<(), Fault>;
}

/// Pulls messages and appends them as rows, a batch at a time. A message is acknowledged once its
/// row is durable, so that it is written at least once.
#[derive(Clone)]
pub struct TableFeed {
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The table.
    pub table: &'static Table,
    /// Where rows go.
    pub sink: Arc<dyn TableSink>,
}

impl TableFeed {
    /// Moves up to `max` messages. Dropping it at any moment is harmless: leases run out.
    ///
    /// A message that is no row is given back, and after its attempts is in the hands of the
    /// subscription's dead-letter policy.
    ///
    /// # Errors
    ///
    /// A [`BrokerError`]: of the broker, or the fault of the sink, in which case the messages are
    /// given back.
    pub async fn pump(&self, max: usize) -> Result<Pumped, BrokerError> {
        let deliveries = self.broker.pull(&self.subscription, max).await?;
        let (mut rows, mut fine, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        for delivery in &deliveries {
            let message_id = delivery.message_id.to_string();
            let source = Source {
                subscription: &self.subscription,
                message_id: &message_id,
                published_at: delivery.published_at,
            };
            match self.table.row(&source, &delivery.message) {
                Ok(row) => {
                    rows.push(row);
                    fine.push(delivery.ack_id);
                }
                Err(_) => unfit.push(delivery.ack_id),
            }
        }
        let pumped = Pumped {
            delivered: deliveries.len(),
            acknowledged: fine.len(),
            rejected: unfit.len(),
        };
        if !unfit.is_empty() {
            self.broker.reject(&self.subscription, unfit).await?;
        }
        if rows.is_empty() {
            return Ok(pumped);
        }
        match self.sink.append(self.table, rows).await {
            Ok(()) => {
                self.broker.acknowledge(&self.subscription, fine).await?;
                Ok(pumped)
            }
            Err(fault) => {
                self.broker.return_unsent(&self.subscription, fine).await?;
                Err(fault.into())
            }
        }
    }
}
