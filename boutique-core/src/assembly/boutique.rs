//! The composition.

use std::sync::Arc;
use std::time::Duration;

use super::{
    BookService, CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService,
    FulfilService, OrderDriver, OrderEdges, OrderSystem, Ports, Settings, Topology, WarehousePorts,
    WarehouseSystem,
};
use crate::accounting::{Book, BookError, Booked, KeepBooks};
use crate::audit::{AuditReport, AuditScope, Auditor};
use crate::broker::SubscriptionId;
use crate::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use crate::clock::Timestamp;
use crate::customer::LookUpInDirectory;
use crate::fault::Fault;
use crate::flow::{Ask, Step, StepService};
use crate::fraud::AssessRisk;
use crate::orders::Desk;
use crate::warehouse::{CarrierEvent, Shipment, ShipmentError};

/// The order flow of a shop, in one process: its systems, with edges that stay in it.
pub struct Boutique {
    ports: Ports,
    topology: Topology,
    subscriptions: Vec<SubscriptionId>,
    crm: CrmService,
    fraud: FraudService,
    accounting: BookService,
    pub(super) checkout: Arc<CheckoutSystem>,
    pub(super) orders: Arc<OrderSystem>,
    pub(super) warehouse: Arc<WarehouseSystem>,
    pub(super) batch: usize,
    pub(super) stuck_after: Duration,
}

impl Boutique {
    /// Composes a boutique over these ports. Nothing happens yet: see [`Boutique::start`].
    pub fn new(ports: Ports, settings: Settings) -> Self {
        let topology = Topology::default();
        let (batch, in_flight) = (settings.batch, settings.in_flight);
        let stuck_after = settings.stuck_after;
        let crm = LookUpInDirectory {
            directory: Arc::clone(&ports.customers),
        };
        let crm = CrmService::new(crm.into_service());
        let fraud = AssessRisk {
            store: Arc::clone(&ports.signals),
            rules: Arc::clone(&settings.rules),
        };
        let fraud = FraudService::new(fraud.into_service());
        let accounting = KeepBooks {
            journal: Arc::clone(&ports.journal),
            clock: Arc::clone(&ports.clock),
            crm: crm.clone(),
        };
        let accounting = BookService::new(accounting.into_service());
        let warehouse = WarehousePorts {
            shipments: Arc::clone(&ports.shipments),
            stock: ports.stock(),
            broker: Arc::clone(&ports.broker).into(),
            clock: Arc::clone(&ports.clock),
        }
        .into_warehouse(&topology);
        let orders = OrderSystem::new(
            Arc::clone(&ports.orders),
            Arc::clone(&ports.clock),
            OrderEdges {
                accounting: accounting.clone(),
                warehouse: FulfilService::new(StepService::shared(Arc::clone(&warehouse))),
            },
            batch,
        );
        let checkout = CheckoutSystem::new(
            CheckoutPorts {
                checkout: Arc::clone(&ports.checkout),
                carts: Arc::clone(&ports.carts),
                stock: ports.stock(),
                broker: Arc::clone(&ports.broker).into(),
                analytics: Arc::clone(&ports.analytics),
                clock: Arc::clone(&ports.clock),
                ids: Arc::clone(&ports.ids),
            },
            CheckoutEdges {
                crm: crm.clone(),
                fraud: fraud.clone(),
                orders: orders.taking_in(),
            },
            settings,
            topology.clone(),
        );
        let warehouse = WarehouseSystem::new(
            warehouse,
            orders.taking_in(),
            topology.clone(),
            batch,
            in_flight,
        );
        Self {
            subscriptions: topology.subscriptions(),
            ports,
            topology,
            crm,
            fraud,
            accounting,
            checkout: Arc::new(checkout),
            orders: Arc::new(orders),
            warehouse: Arc::new(warehouse),
            batch,
            stuck_after,
        }
    }

    /// Creates topics and subscriptions, and ends what an earlier run of a boutique that owned
    /// these stores alone left unfinished. Call it once, before the first order.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of a store or of the broker; it may be called again.
    pub async fn start(&self) -> Result<(), Fault> {
        self.warehouse.start().await?;
        self.checkout.start().await?;
        self.checkout.recover(Timestamp::MAX).await?;
        Ok(())
    }

    /// Places an order, or says why not; the same key is answered the same for ever.
    ///
    /// # Errors
    ///
    /// See [`Checkout`](crate::checkout::Checkout).
    pub async fn place(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        self.checkout.place(request).await
    }

    /// Decides an order that waits for a person.
    ///
    /// # Errors
    ///
    /// See [`DecideReview`](crate::checkout::DecideReview).
    pub async fn decide_review(&self, request: ReviewDecision) -> Result<Outcome, CheckoutError> {
        self.checkout.decide_review(request).await
    }

    /// Takes in what a carrier reports of a shipment.
    ///
    /// # Errors
    ///
    /// See [`Warehouse`](crate::warehouse::Warehouse).
    pub async fn carrier(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        self.warehouse.step().run(event).await
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
    pub fn desk(&self) -> &Desk<OrderDriver> {
        self.orders.desk()
    }

    /// The checkout.
    pub const fn checkout(&self) -> &Arc<CheckoutSystem> {
        &self.checkout
    }

    /// Order management.
    pub const fn orders(&self) -> &Arc<OrderSystem> {
        &self.orders
    }

    /// The warehouse.
    pub const fn warehouse(&self) -> &Arc<WarehouseSystem> {
        &self.warehouse
    }

    /// The CRM, as the other systems ask it.
    pub const fn crm(&self) -> &CrmService {
        &self.crm
    }

    /// The fraud engine.
    pub const fn fraud(&self) -> &FraudService {
        &self.fraud
    }

    /// Accounting.
    pub const fn accounting(&self) -> &BookService {
        &self.accounting
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
