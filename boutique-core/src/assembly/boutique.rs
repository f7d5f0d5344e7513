//! The composition.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{FraudService, Ports, QuoteService, Settings, ShippingService};
use crate::accounting::{Book, BookError, Booked, KeepBooks};
use crate::analytics::IngestPump;
use crate::audit::{AuditReport, AuditScope, Auditor};
use crate::broker::{
    BrokerError, DeadLetterPolicy, PushPump, SubscriptionConfig, SubscriptionId, TopicId,
};
use crate::checkout::{
    Checkout, CheckoutError, DecideReview, Dependencies, Foundations, Outcome, PlaceOrder,
    Recovery, Relay, ReviewDecision,
};
use crate::clock::Timestamp;
use crate::customer::LookUpInDirectory;
use crate::fault::Fault;
use crate::flow::{Ask, Step, StepService};
use crate::fraud::AssessRisk;
use crate::orders::{Desk, DriveOrder, ReceiveDeadLetters, ReceiveOrders, ReceiveReports};
use crate::stock::StockSystem;
use crate::warehouse::{CarrierEvent, Shipment, ShipmentError, Warehouse};

/// The CRM.
pub type Crm = StepService<LookUpInDirectory>;
/// Accounting, asking the CRM.
pub type Accounting = StepService<KeepBooks<Crm>>;

/// What drives an order through accounting and warehouse.
pub type OrderDriver = StepService<DriveOrder<Accounting, StepService<Warehouse>>>;

/// The topics and subscriptions of a boutique.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Confirmed orders.
    pub orders: TopicId,
    /// Confirmed orders that could not be delivered.
    pub orders_dead: TopicId,
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
            shipments: "shipments".into(),
            orders_to_oms: "orders.oms".into(),
            orders_to_analytics: "orders.analytics".into(),
            dead_to_oms: "orders-dead.oms".into(),
            shipments_to_oms: "shipments.oms".into(),
        }
    }
}

/// The order flow of a shop, in one process.
pub struct Boutique {
    ports: Ports,
    topology: Topology,
    subscriptions: Vec<SubscriptionId>,
    checkout: StepService<Checkout<QuoteService, ShippingService, Crm, FraudService>>,
    review: DecideReview,
    accounting: Accounting,
    desk: Desk<OrderDriver>,
    pub(super) warehouse: Warehouse,
    pub(super) driver: OrderDriver,
    pub(super) recovery: Recovery,
    pub(super) relay: Relay,
    pub(super) pumps: Pumps,
    pub(super) batch: usize,
    pub(super) stuck_after: Duration,
}

/// One pump per subscription.
pub(super) struct Pumps {
    pub(super) orders: PushPump<StepService<ReceiveOrders<OrderDriver>>>,
    pub(super) reports: PushPump<StepService<ReceiveReports<OrderDriver>>>,
    pub(super) dead: PushPump<StepService<ReceiveDeadLetters>>,
    pub(super) analytics: IngestPump,
}

/// How long order management may take for one delivery. Longer than any of its steps.
const ACK_DEADLINE: Duration = Duration::from_secs(30);

/// Deliveries after which a message is dead.
const ATTEMPTS_MAX: u32 = 10;

/// How long the relay may take for one batch.
const OUTBOX_LEASE: Duration = Duration::from_secs(30);

impl Boutique {
    /// Composes a boutique over these ports. Nothing happens yet: see [`Boutique::start`].
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let topology = Topology::default();
        let crm = LookUpInDirectory {
            directory: Arc::clone(&ports.customers),
        }
        .into_service();
        let fraud = AssessRisk {
            store: Arc::clone(&ports.signals),
            rules: settings.rules,
        };
        let foundations = Foundations {
            store: Arc::clone(&ports.checkout),
            carts: Arc::clone(&ports.carts),
            stock: ports.stock(),
            clock: Arc::clone(&ports.clock),
            timer: settings.timer,
            ids: Arc::clone(&ports.ids),
        };
        let review = DecideReview::new(&foundations, settings.checkout.attempt_time);
        let recovery = Recovery::new(&foundations);
        let dependencies = Dependencies {
            quote: settings.quote,
            shipping: settings.shipping,
            customers: crm.clone(),
            fraud: FraudService::new(fraud.into_service()),
        };
        let checkout = Checkout::new(
            dependencies,
            foundations,
            settings.checkout,
            settings.finish,
        );
        let accounting = KeepBooks {
            journal: Arc::clone(&ports.journal),
            clock: Arc::clone(&ports.clock),
            crm,
        }
        .into_service();
        let warehouse = Warehouse {
            shipments: Arc::clone(&ports.shipments),
            ledgers: BTreeMap::from(StockSystem::ALL.map(|it| (it, Arc::clone(ports.ledger(it))))),
            broker: Arc::clone(&ports.broker),
            topic: topology.shipments.clone(),
            clock: Arc::clone(&ports.clock),
        };
        let driver = DriveOrder {
            orders: Arc::clone(&ports.orders),
            accounting: accounting.clone(),
            warehouse: StepService::shared(Arc::new(warehouse.clone())),
            clock: Arc::clone(&ports.clock),
        }
        .into_service();
        let relay = Relay {
            store: Arc::clone(&ports.checkout),
            broker: Arc::clone(&ports.broker),
            topic: topology.orders.clone(),
            clock: Arc::clone(&ports.clock),
            lease: OUTBOX_LEASE,
        };
        Self {
            pumps: Pumps::new(&ports, &topology, &driver, settings.batch),
            subscriptions: vec![
                topology.orders_to_oms.clone(),
                topology.orders_to_analytics.clone(),
                topology.dead_to_oms.clone(),
                topology.shipments_to_oms.clone(),
            ],
            checkout: checkout.into_service(),
            review,
            accounting,
            desk: Desk {
                orders: Arc::clone(&ports.orders),
                drive: driver.clone(),
                clock: Arc::clone(&ports.clock),
            },
            warehouse,
            driver,
            recovery,
            relay,
            batch: settings.batch,
            stuck_after: settings.stuck_after,
            topology,
            ports,
        }
    }

    /// Creates topics and subscriptions, and ends what an earlier run of a boutique that owned
    /// these stores alone left unfinished. Call it once, before the first order.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of a store or of the broker; it may be called again.
    pub async fn start(&self) -> Result<(), Fault> {
        let broker = &self.ports.broker;
        let Topology {
            orders,
            orders_dead,
            shipments,
            ..
        } = &self.topology;
        for topic in [orders, orders_dead, shipments] {
            broker.create_topic(topic).await.map_err(broker_fault)?;
        }
        let dead = |topic: &TopicId| SubscriptionConfig {
            ack_deadline: ACK_DEADLINE,
            dead_letter: Some(DeadLetterPolicy {
                topic: topic.clone(),
                max_attempts: ATTEMPTS_MAX,
            }),
            ..SubscriptionConfig::new(orders.clone())
        };
        let plain = |topic: &TopicId| SubscriptionConfig {
            ack_deadline: ACK_DEADLINE,
            ..SubscriptionConfig::new(topic.clone())
        };
        for (subscription, config) in [
            (&self.topology.orders_to_oms, dead(orders_dead)),
            (&self.topology.orders_to_analytics, plain(orders)),
            (&self.topology.dead_to_oms, plain(orders_dead)),
            (&self.topology.shipments_to_oms, plain(shipments)),
        ] {
            broker
                .create_subscription(subscription, config)
                .await
                .map_err(broker_fault)?;
        }
        self.recovery.round(Timestamp::MAX).await?;
        Ok(())
    }

    /// Places an order, or says why not; the same key is answered the same for ever.
    ///
    /// # Errors
    ///
    /// See [`Checkout`].
    pub async fn place(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        self.checkout.ask(request).await
    }

    /// Decides an order that waits for a person.
    ///
    /// # Errors
    ///
    /// See [`DecideReview`].
    pub async fn decide_review(&self, request: ReviewDecision) -> Result<Outcome, CheckoutError> {
        self.review.run(request).await
    }

    /// Takes in what a carrier reports of a shipment.
    ///
    /// # Errors
    ///
    /// See [`Warehouse`].
    pub async fn carrier(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        self.warehouse.run(event).await
    }

    /// Books something that no order drives, such as a credit note.
    ///
    /// # Errors
    ///
    /// See [`KeepBooks`].
    pub async fn book(&self, request: Book) -> Result<Booked, BookError> {
        self.accounting.ask(request).await
    }

    /// Where orders are cancelled and goods taken back, stuck orders found and dead letters
    /// replayed.
    pub const fn desk(&self) -> &Desk<OrderDriver> {
        &self.desk
    }

    /// The stores it stands on.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Its topics and subscriptions.
    pub const fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Its subscriptions.
    pub fn subscriptions(&self) -> &[SubscriptionId] {
        &self.subscriptions
    }

    /// Checks every invariant.
    ///
    /// # Errors
    ///
    /// A [`Fault`] if something cannot be read.
    pub async fn audit(&self, scope: AuditScope) -> Result<AuditReport, Fault> {
        Auditor::new(&self.ports, &self.subscriptions, scope)
            .run()
            .await
    }
}

impl Pumps {
    fn new(ports: &Ports, topology: &Topology, driver: &OrderDriver, in_flight: usize) -> Self {
        let clock = || Arc::clone(&ports.clock);
        let orders = || Arc::clone(&ports.orders);
        let broker = || Arc::clone(&ports.broker);
        let receive_orders = ReceiveOrders {
            orders: orders(),
            drive: driver.clone(),
            clock: clock(),
        };
        let receive_reports = ReceiveReports {
            orders: orders(),
            drive: driver.clone(),
            clock: clock(),
        };
        let receive_dead = ReceiveDeadLetters {
            orders: orders(),
            clock: clock(),
        };
        Self {
            orders: PushPump {
                broker: broker(),
                subscription: topology.orders_to_oms.clone(),
                service: receive_orders.into_service(),
                in_flight,
            },
            reports: PushPump {
                broker: broker(),
                subscription: topology.shipments_to_oms.clone(),
                service: receive_reports.into_service(),
                in_flight,
            },
            dead: PushPump {
                broker: broker(),
                subscription: topology.dead_to_oms.clone(),
                service: receive_dead.into_service(),
                in_flight,
            },
            analytics: IngestPump {
                broker: broker(),
                subscription: topology.orders_to_analytics.clone(),
                store: Arc::clone(&ports.analytics),
            },
        }
    }
}

/// The boutique names only topics that it has created.
pub(super) fn broker_fault(error: BrokerError) -> Fault {
    error.into_fault("the broker refuses what the boutique asks")
}
