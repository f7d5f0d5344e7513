//! From the subscription into the table, as a BigQuery subscription does it.

use std::sync::Arc;

use super::{AnalyticsRow, AnalyticsStore};
use crate::broker::{Broker, BrokerError, Delivery, Message, Pumped, Push, SubscriptionId};
use crate::event::{ConfirmedOrder, EVENT_TYPE};
use crate::fault::Fault;
use crate::flow::Step;
use crate::ids::{EventId, OrderId};

/// Pulls messages and appends them as rows, a batch at a time; acknowledges once they are
/// durable, so that a row is written at least once.
#[derive(Clone)]
pub struct IngestPump {
    /// Where messages come from.
    pub broker: Arc<dyn Broker>,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Where rows go.
    pub store: Arc<dyn AnalyticsStore>,
}

impl IngestPump {
    /// Moves up to `max` messages. Dropping it at any moment is harmless: leases run out.
    ///
    /// A message that is no order has no row: it is acknowledged and left to order management,
    /// which parks it where a person sees it.
    ///
    /// # Errors
    ///
    /// A [`BrokerError`]: of the broker, or the fault of the table, in which case the messages
    /// are given back.
    pub async fn pump(&self, max: usize) -> Result<Pumped, BrokerError> {
        let deliveries = self.broker.pull(&self.subscription, max).await?;
        if deliveries.is_empty() {
            return Ok(Pumped::default());
        }
        let delivered = deliveries.len();
        let taken = deliveries.iter().map(|it| it.ack_id).collect();
        let rows = deliveries.iter().filter_map(AnalyticsRow::of).collect();
        let written = match self.store.append(rows).await {
            Err(_) if planted!(RowsAckedUnwritten) => Ok(()),
            written => written,
        };
        match written {
            Ok(()) => {
                self.broker.acknowledge(&self.subscription, taken).await?;
                Ok(Pumped {
                    delivered,
                    acknowledged: delivered,
                    rejected: 0,
                })
            }
            Err(fault) => {
                self.broker.reject(&self.subscription, taken).await?;
                Err(fault.into())
            }
        }
    }
}

/// Appends one pushed message as a row, for a broker that pushes instead of being pulled.
///
/// A message that is no order is acknowledged without a row, as by [`IngestPump`].
#[derive(Clone)]
pub struct IngestEvents {
    /// Where rows go.
    pub store: Arc<dyn AnalyticsStore>,
}

impl Step<Push> for IngestEvents {
    type Response = ();
    type Error = Fault;

    async fn run(&self, push: Push) -> Result<(), Fault> {
        match AnalyticsRow::of(&push.delivery) {
            Some(row) => self.store.append(vec![row]).await,
            None => Ok(()),
        }
    }
}

impl AnalyticsRow {
    /// The row of a delivered order; `None` if the message is none.
    pub fn of(delivery: &Delivery) -> Option<Self> {
        let (event_id, order_id) = named(&delivery.message).or_else(|| {
            let order = ConfirmedOrder::decode(&delivery.message, delivery.published_at).ok()?;
            Some((order.event_id, order.order.order_id))
        })?;
        Some(Self {
            message_id: delivery.message_id,
            published_at: delivery.published_at,
            event_id,
            order_id,
            data: Arc::clone(&delivery.message.data),
            attributes: Arc::clone(&delivery.message.attributes),
        })
    }

    /// Whether this row was published before `other`: the order in which the view chooses.
    pub fn came_before(&self, other: &Self) -> bool {
        (self.published_at, self.message_id) < (other.published_at, other.message_id)
    }
}

/// Event and order as the attributes of our own publisher name them: the data need not be read.
/// Without `holds` the order came from another, and order management goes by the order's id.
fn named(message: &Message) -> Option<(EventId, OrderId)> {
    let attribute = |name| message.attributes.get(name).map(String::as_str);
    if attribute("ce-type") != Some(EVENT_TYPE) || attribute("holds").is_none() {
        return None;
    }
    let order_id = OrderId::new(attribute("ce-subject")?).ok()?;
    Some((EventId::new(attribute("ce-id")?).ok()?, order_id))
}
