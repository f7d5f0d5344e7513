//! What a simulated shop keeps, and where.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::accounting::MemoryJournal;
use boutique_core::analytics::MemoryAnalytics;
use boutique_core::assembly::{Ports, Topology};
use boutique_core::broker::{
    AckId, Backlog, Broker, BrokerError, Delivery, MemoryBroker, Message, Publish,
    SubscriptionConfig, SubscriptionId, TopicId,
};
use boutique_core::checkout::{CheckoutStore, MemoryCheckout};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::MemoryDirectory;
use boutique_core::fraud::MemorySignals;
use boutique_core::ids::IdSource;
use boutique_core::orders::MemoryOrders;
use boutique_core::stock::MemoryLedger;
use boutique_core::warehouse::MemoryShipments;

use super::disk::Disk;
use super::node::Node;
use super::site::{SITES, Site};
use super::watch::Watch;
use crate::faulty::Gated;
use crate::sources::CountingIds;

/// The wall clocks of the processes. Each may be off by some seconds, and jump.
#[derive(Clone)]
pub struct Clocks(pub(super) [Arc<Node>; SITES]);

impl Clocks {
    /// The clock of the process at `site`.
    pub fn of(&self, site: Site) -> Arc<dyn Clock> {
        Arc::clone(&self.0[site as usize]) as Arc<dyn Clock>
    }
}

/// One store for every port, each kept by the process that needs it: what is in them when a
/// process dies is what it finds when it is started again.
#[derive(Clone)]
pub struct Stores {
    /// The stores; its broker is the checkout's, with the topics of confirmed orders.
    pub ports: Ports,
    /// The warehouse's broker, with the topic of shipments.
    pub shipments: Arc<dyn Broker>,
}

impl Stores {
    /// Everything in memory, each store by the clock of the process that keeps it.
    pub fn memory(clocks: &Clocks) -> Self {
        let checkout = Arc::new(MemoryCheckout::default());
        let ids: Arc<dyn IdSource> = Arc::new(CountingIds::default());
        let broker = |site| Arc::new(MemoryBroker::new(clocks.of(site))) as Arc<dyn Broker>;
        let ports = Ports {
            inventory: Arc::new(MemoryLedger::new(clocks.of(Site::Inventory))),
            furniture: Arc::new(MemoryLedger::new(clocks.of(Site::Furniture))),
            checkout: Arc::clone(&checkout) as Arc<dyn CheckoutStore>,
            carts: checkout,
            customers: Arc::new(MemoryDirectory::default()),
            signals: Arc::new(MemorySignals::default()),
            orders: Arc::new(MemoryOrders::default()),
            journal: Arc::new(MemoryJournal::default()),
            shipments: Arc::new(MemoryShipments::default()),
            analytics: Arc::new(MemoryAnalytics::default()),
            broker: broker(Site::Checkout),
            clock: clocks.of(Site::Checkout),
            ids,
        };
        Self {
            ports,
            shipments: broker(Site::Warehouse),
        }
    }

    /// All of it as one boutique, for whoever audits it.
    pub(super) fn whole(&self) -> Ports {
        Ports {
            broker: Arc::new(BothBrokers {
                orders: Arc::clone(&self.ports.broker),
                shipments: Arc::clone(&self.shipments),
                topology: Topology::default(),
            }),
            ..self.ports.clone()
        }
    }

    /// The same stores, each behind the disk of the process that keeps it.
    pub(super) fn on_disks(&self, clocks: &Clocks, watch: &Arc<Watch>) -> Self {
        let disk = |site: Site| Disk {
            node: Arc::clone(&clocks.0[site as usize]),
            watch: Arc::clone(watch),
        };
        macro_rules! on {
            ($port:expr, $site:ident) => {
                Arc::new(Gated::new(Arc::clone(&$port), disk(Site::$site)))
            };
        }
        let ports = &self.ports;
        Self {
            ports: Ports {
                inventory: on!(ports.inventory, Inventory),
                furniture: on!(ports.furniture, Furniture),
                checkout: on!(ports.checkout, Checkout),
                carts: on!(ports.carts, Checkout),
                customers: on!(ports.customers, Crm),
                signals: on!(ports.signals, Fraud),
                orders: on!(ports.orders, Oms),
                journal: on!(ports.journal, Accounting),
                shipments: on!(ports.shipments, Warehouse),
                analytics: on!(ports.analytics, Analytics),
                broker: on!(ports.broker, Checkout),
                clock: Arc::clone(&ports.clock),
                ids: Arc::clone(&ports.ids),
            },
            shipments: on!(self.shipments, Warehouse),
        }
    }
}

/// The checkout's broker and the warehouse's, seen as one.
struct BothBrokers {
    orders: Arc<dyn Broker>,
    shipments: Arc<dyn Broker>,
    topology: Topology,
}

impl BothBrokers {
    fn of(&self, subscription: &SubscriptionId) -> &dyn Broker {
        match *subscription == self.topology.shipments_to_oms {
            true => &*self.shipments,
            false => &*self.orders,
        }
    }

    fn of_topic(&self, topic: &TopicId) -> &dyn Broker {
        match *topic == self.topology.shipments {
            true => &*self.shipments,
            false => &*self.orders,
        }
    }
}

#[async_trait]
impl Publish for BothBrokers {
    async fn publish(
        &self,
        topic: &TopicId,
        messages: Vec<Message>,
    ) -> Result<Vec<u64>, BrokerError> {
        self.of_topic(topic).publish(topic, messages).await
    }
}

#[async_trait]
impl Broker for BothBrokers {
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
