//! The topics of a boutique and who is subscribed to them.

use std::time::Duration;

use crate::analytics::Table;
use crate::broker::{Broker, BrokerError, DeadLetterPolicy, SubscriptionConfig};
use crate::broker::{SubscriptionId, TopicId};
use crate::event::{EVENT_TYPE, REFUSED_TYPE};
use crate::fault::Fault;
use crate::warehouse::REPORT_TYPE;

/// The topics and subscriptions of a boutique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Confirmed orders.
    pub orders: TopicId,
    /// Confirmed orders that could not be delivered.
    pub orders_dead: TopicId,
    /// Refused orders, for the data warehouse.
    pub refusals: TopicId,
    /// What the warehouse says of shipments.
    pub shipments: TopicId,
    /// Order management's subscription to confirmed orders.
    pub orders_to_oms: SubscriptionId,
    /// The data warehouse's subscription to confirmed orders.
    pub orders_to_analytics: SubscriptionId,
    /// Order management's subscription to the dead ones.
    pub dead_to_oms: SubscriptionId,
    /// Order management's subscription to shipments.
    pub shipments_to_oms: SubscriptionId,
}

impl Default for Topology {
    fn default() -> Self {
        Self {
            orders: "orders".into(),
            orders_dead: "orders-dead".into(),
            refusals: "refusals".into(),
            shipments: "shipments".into(),
            orders_to_oms: "orders.oms".into(),
            orders_to_analytics: "orders.analytics".into(),
            dead_to_oms: "orders-dead.oms".into(),
            shipments_to_oms: "shipments.oms".into(),
        }
    }
}

/// How long order management may take for one delivery. Longer than any of its steps.
const ACK_DEADLINE: Duration = Duration::from_secs(30);

/// Deliveries after which a message is dead: the most there may be. While order management is away
/// none is counted; these are the ones it got and failed at, or did not answer in time.
const ATTEMPTS_MAX: u32 = 100;

/// The fewest there may be.
const ATTEMPTS_MIN: u32 = 5;

/// The longest rest between two deliveries: order management that is back is told soon.
const BACKOFF_MAX: Duration = Duration::from_secs(4);

impl Topology {
    /// Every subscription.
    pub fn subscriptions(&self) -> Vec<SubscriptionId> {
        vec![
            self.orders_to_oms.clone(),
            self.orders_to_analytics.clone(),
            self.dead_to_oms.clone(),
            self.shipments_to_oms.clone(),
        ]
    }

    /// The subscriptions to confirmed orders and to the dead ones, and how they deliver.
    pub fn orders_subscriptions(&self) -> [(SubscriptionId, SubscriptionConfig); 3] {
        let to_oms = SubscriptionConfig {
            dead_letter: Some(DeadLetterPolicy {
                topic: self.orders_dead.clone(),
                max_attempts: ATTEMPTS_MAX,
            }),
            ..subscription(&self.orders)
        };
        [
            (self.orders_to_oms.clone(), to_oms),
            (self.orders_to_analytics.clone(), subscription(&self.orders)),
            (self.dead_to_oms.clone(), subscription(&self.orders_dead)),
        ]
    }

    /// The subscription to shipments, and how it delivers.
    pub fn shipments_subscription(&self) -> (SubscriptionId, SubscriptionConfig) {
        (self.shipments_to_oms.clone(), subscription(&self.shipments))
    }

    /// Creates the topics of what the checkout decides, and the subscriptions to confirmed orders;
    /// fine if they exist.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the broker; it may be called again.
    pub async fn create_orders(&self, broker: &dyn Broker) -> Result<(), Fault> {
        for topic in [&self.orders, &self.orders_dead, &self.refusals] {
            broker.create_topic(topic).await.map_err(broker_fault)?;
        }
        for (id, config) in self.orders_subscriptions() {
            let created = broker.create_subscription(&id, config).await;
            created.map_err(broker_fault)?;
        }
        Ok(())
    }

    /// Creates the topic of shipments and its subscription; fine if they exist.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the broker; it may be called again.
    pub async fn create_shipments(&self, broker: &dyn Broker) -> Result<(), Fault> {
        let (id, config) = self.shipments_subscription();
        let created = broker.create_topic(&config.topic).await;
        created.map_err(broker_fault)?;
        let created = broker.create_subscription(&id, config).await;
        created.map_err(broker_fault)
    }
}

impl Topology {
    /// Where the messages of a table are published; `None` if nobody publishes them.
    pub fn topic_of(&self, table: &Table) -> Option<&TopicId> {
        match table.event_type {
            EVENT_TYPE => Some(&self.orders),
            REFUSED_TYPE => Some(&self.refusals),
            REPORT_TYPE => Some(&self.shipments),
            _ => None,
        }
    }

    /// The subscription that feeds a table, such as `orders.warehouse`.
    pub fn to_table(table: &Table) -> SubscriptionId {
        SubscriptionId(format!("{}.warehouse", table.name).into())
    }

    /// The topic of what was published and is no row of the data warehouse.
    pub fn rows_dead() -> TopicId {
        "rows-dead".into()
    }

    /// The subscription that keeps what is no row of the data warehouse.
    pub fn to_dead_rows() -> SubscriptionId {
        "rows-dead.kept".into()
    }

    /// Creates the subscription that feeds a table, the topic it is to, and where what is no row
    /// is kept; fine if they exist.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the broker; it may be called again.
    pub async fn create_table_feed(&self, broker: &dyn Broker, table: &Table) -> Result<(), Fault> {
        let Some(topic) = self.topic_of(table) else {
            return Ok(());
        };
        let rows_dead = Self::rows_dead();
        for topic in [topic, &rows_dead] {
            broker.create_topic(topic).await.map_err(broker_fault)?;
        }
        // What is no row today is none at the next attempt: the fewest there may be. No order is
        // asked for, as rows have none.
        let feed = SubscriptionConfig {
            ordered: false,
            dead_letter: Some(DeadLetterPolicy {
                topic: rows_dead.clone(),
                max_attempts: ATTEMPTS_MIN,
            }),
            ..subscription(topic)
        };
        for (id, config) in [
            (Self::to_table(table), feed),
            (Self::to_dead_rows(), subscription(&rows_dead)),
        ] {
            let created = broker.create_subscription(&id, config).await;
            created.map_err(broker_fault)?;
        }
        Ok(())
    }
}

fn subscription(topic: &TopicId) -> SubscriptionConfig {
    SubscriptionConfig {
        ack_deadline: ACK_DEADLINE,
        backoff_max: BACKOFF_MAX,
        ..SubscriptionConfig::new(topic.clone())
    }
}

/// A boutique names only topics that it has created.
pub(super) fn broker_fault(error: BrokerError) -> Fault {
    error.into_fault("the broker refuses what the boutique asks")
}
