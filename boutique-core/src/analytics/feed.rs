//! From a subscription into a table, as BigQuery's own subscriptions do it.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Source, Table, TableRow};
use crate::broker::{AckId, Broker, BrokerError, Delivery, Pumped, SubscriptionId};
use crate::fault::{Fault, FaultKind};
use crate::schema::Misfit;

/// Keeps the rows of the tables.
#[async_trait]
pub trait TableSink: Send + Sync + 'static {
    /// Appends rows to a table, all or none; they are durable when this returns. A row that is
    /// there already is appended again.
    ///
    /// # Errors
    ///
    /// A [`Fault`]: none of the rows is there, or, if it is ambiguous, they may be. Permanent only
    /// if a row is refused: its message is put away for good, and what is wrong with the table,
    /// however lasting, is wrong with no message.
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
    /// A message that is no row, or whose row the sink refuses for good, is given back, and after
    /// its attempts is in the hands of the subscription's dead-letter policy.
    ///
    /// # Errors
    ///
    /// A [`BrokerError`]: of the broker, or the fault of the sink, in which case the messages are
    /// given back and count no attempt.
    pub async fn pump(&self, max: usize) -> Result<Pumped, BrokerError> {
        let deliveries = self.broker.pull(&self.subscription, max).await?;
        let (mut rows, mut fine, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
        for delivery in &deliveries {
            match self.row(delivery) {
                Ok(row) => {
                    rows.push(row);
                    fine.push(delivery);
                }
                Err(_) => unfit.push(delivery.ack_id),
            }
        }
        self.reject(&unfit).await?;
        let mut pumped = Pumped {
            delivered: deliveries.len(),
            acknowledged: 0,
            rejected: unfit.len(),
        };
        if rows.is_empty() {
            return Ok(pumped);
        }
        match self.sink.append(self.table, rows).await {
            Ok(()) => {
                let taken = fine.iter().map(|it| it.ack_id).collect();
                self.broker.acknowledge(&self.subscription, taken).await?;
                pumped.acknowledged += fine.len();
            }
            // One that is refused for good keeps no other back.
            Err(fault) if fault.kind() == FaultKind::Permanent => {
                self.one_by_one(&fine, &mut pumped).await?;
            }
            Err(fault) => return self.give_back(&fine, fault).await,
        }
        Ok(pumped)
    }

    async fn one_by_one(&self, fine: &[&Delivery], pumped: &mut Pumped) -> Result<(), BrokerError> {
        for (at, delivery) in fine.iter().enumerate() {
            let appended = match self.row(delivery) {
                Ok(row) => self.sink.append(self.table, vec![row]).await,
                Err(misfit) => Err(Fault::permanent("a message is no row").because(misfit)),
            };
            match appended {
                Ok(()) => {
                    let taken = vec![delivery.ack_id];
                    self.broker.acknowledge(&self.subscription, taken).await?;
                    pumped.acknowledged += 1;
                }
                Err(fault) if fault.kind() == FaultKind::Permanent => {
                    self.reject(&[delivery.ack_id]).await?;
                    pumped.rejected += 1;
                }
                Err(fault) => return self.give_back(&fine[at..], fault).await,
            }
        }
        Ok(())
    }

    fn row(&self, delivery: &Delivery) -> Result<TableRow, Misfit> {
        let source = Source {
            subscription: &self.subscription,
            message_id: &delivery.message_id.to_string(),
            published_at: delivery.published_at,
        };
        self.table.row(&source, &delivery.message)
    }

    async fn reject(&self, acks: &[AckId]) -> Result<(), BrokerError> {
        match acks {
            [] => Ok(()),
            acks => self.broker.reject(&self.subscription, acks.to_vec()).await,
        }
    }

    /// Nobody has seen them: it was the sink that failed.
    async fn give_back<T>(&self, unseen: &[&Delivery], fault: Fault) -> Result<T, BrokerError> {
        let acks = unseen.iter().map(|it| it.ack_id).collect();
        self.broker.return_unsent(&self.subscription, acks).await?;
        Err(fault.into())
    }
}
