//! The files of a boutique whose servers are processes, seen as one boutique.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::assembly::{Ports, Topology};
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, Delivery, Message, Publish, SubscriptionConfig,
    SubscriptionId, TopicId,
};
use boutique_core::clock::Timestamp;
use boutique_core::stock::StockSystem;

use crate::data::look_into_file;
use crate::exit::Failure;

/// The ports of a folder in which every server keeps its file.
///
/// # Errors
///
/// [`Failure::Data`] names the file that is missing or cannot be read.
pub fn look_into(folder: &Path) -> Result<Ports, Failure> {
    let file = |name: &str| look_into_file(&folder.join(format!("{name}.db")));
    let checkout = file("checkout")?;
    let warehouse = file("warehouse")?;
    Ok(Ports {
        inventory: file(StockSystem::Inventory.as_str())?.inventory,
        furniture: file(StockSystem::Furniture.as_str())?.furniture,
        customers: file("crm")?.customers,
        signals: file("fraud")?.signals,
        orders: file("oms")?.orders,
        journal: file("accounting")?.journal,
        shipments: warehouse.shipments,
        broker: Arc::new(TwoBrokers {
            shipments: warehouse.broker,
            orders: checkout.broker,
            topology: Topology::default(),
        }),
        ..checkout
    })
}

/// The checkout's broker and the warehouse's: each has the topics of its server.
struct TwoBrokers {
    orders: Arc<dyn Broker>,
    shipments: Arc<dyn Broker>,
    topology: Topology,
}

impl TwoBrokers {
    fn of_topic(&self, topic: &TopicId) -> &dyn Broker {
        match *topic == self.topology.shipments {
            true => &*self.shipments,
            false => &*self.orders,
        }
    }

    fn of(&self, subscription: &SubscriptionId) -> &dyn Broker {
        match *subscription == self.topology.shipments_to_oms {
            true => &*self.shipments,
            false => &*self.orders,
        }
    }
}

#[async_trait]
impl Publish for TwoBrokers {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        self.of_topic(topic).publish(topic, messages).await
    }
}

#[async_trait]
impl Broker for TwoBrokers {
    async fn create_topic(&self, topic: &TopicId) -> Result<(), BrokerError> {
        self.of_topic(topic).create_topic(topic).await
    }

    async fn create_subscription(
        &self,
        subscription: &SubscriptionId,
        config: SubscriptionConfig,
    ) -> Result<(), BrokerError> {
        let broker = self.of(subscription);
        broker.create_subscription(subscription, config).await
    }

    async fn pull(
        &self,
        subscription: &SubscriptionId,
        max: usize,
    ) -> Result<Vec<Delivery>, BrokerError> {
        self.of(subscription).pull(subscription, max).await
    }

    async fn acknowledge(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        let broker = self.of(subscription);
        broker.acknowledge(subscription, deliveries).await
    }

    async fn reject(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        self.of(subscription).reject(subscription, deliveries).await
    }

    async fn return_unsent(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
    ) -> Result<(), BrokerError> {
        let broker = self.of(subscription);
        broker.return_unsent(subscription, deliveries).await
    }

    async fn extend(
        &self,
        subscription: &SubscriptionId,
        deliveries: Vec<AckId>,
        by: Duration,
    ) -> Result<(), BrokerError> {
        let broker = self.of(subscription);
        broker.extend(subscription, deliveries, by).await
    }

    async fn backlog(&self, subscription: &SubscriptionId) -> Result<Backlog, BrokerError> {
        self.of(subscription).backlog(subscription).await
    }

    async fn next_due(
        &self,
        subscription: &SubscriptionId,
    ) -> Result<Option<Timestamp>, BrokerError> {
        self.of(subscription).next_due(subscription).await
    }
}
