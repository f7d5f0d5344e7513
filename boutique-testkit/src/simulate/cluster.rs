//! The processes of a simulated shop and how each is put together, every time it starts.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::{Book, BookError, Booked, KeepBooks};
use boutique_core::assembly::{
    BookService, CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService,
    FulfilService, OrderDriver, OrderEdges, OrderSystem, PushService, Settings, Topology,
    WarehousePorts, WarehouseSystem,
};
use boutique_core::broker::Push;
use boutique_core::checkout::{CheckoutError, Finish, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{CustomerProfile, LookUpCustomer};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step, StepService};
use boutique_core::fraud::{Assess, RiskAssessment};
use boutique_core::orders::{CancelOrder, DeskError, Order, ReturnGoods};
use boutique_core::stock::{LedgerError, StockLedger, StockRouter};
use boutique_core::warehouse::{CarrierEvent, Fulfil, Fulfilled, Shipment, ShipmentError};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{sleep, timeout};

use super::analytics::{FarTable, ServeTable};
use super::edge::{Patience, edge};
use super::ledger::{FarLedger, Move, Moved, ServeLedger};
use super::node::{Node, NodeTimer};
use super::request::Append;
use super::shop::Shop;
use super::site::Site;
use super::stores::{Clocks, Stores};
use super::watch::Watch;
use super::wire::{Served, Slot};
use super::world::World;

/// What processes serve each other, and the clients.
pub(super) struct Slots {
    pub(super) place: Arc<Slot<Served<PlaceOrder, Outcome, CheckoutError>>>,
    pub(super) review: Arc<Slot<Served<ReviewDecision, Outcome, CheckoutError>>>,
    pub(super) cancel: Arc<Slot<Served<CancelOrder, Order, DeskError>>>,
    pub(super) take_back: Arc<Slot<Served<ReturnGoods, Order, DeskError>>>,
    pub(super) carrier: Arc<Slot<Served<CarrierEvent, Shipment, ShipmentError>>>,
    crm: Arc<Slot<Served<LookUpCustomer, Option<CustomerProfile>, Fault>>>,
    fraud: Arc<Slot<Served<Assess, RiskAssessment, Fault>>>,
    inventory: Arc<Slot<Served<Move, Moved, LedgerError>>>,
    furniture: Arc<Slot<Served<Move, Moved, LedgerError>>>,
    orders: Arc<Slot<Served<Push, (), Fault>>>,
    book: Arc<Slot<Served<Book, Booked, BookError>>>,
    fulfil: Arc<Slot<Served<Fulfil, Fulfilled, ShipmentError>>>,
    table: Arc<Slot<Served<Append, (), Fault>>>,
}

/// All processes of one seed.
pub(super) struct Cluster {
    pub(super) world: Arc<World>,
    pub(super) clocks: Clocks,
    pub(super) slots: Slots,
    pub(super) watch: Arc<Watch>,
    /// The stores themselves.
    pub(super) stores: Stores,
    /// The stores as their processes see them.
    disks: Stores,
    shop: Shop,
    settings: Settings,
    topology: Topology,
}

/// How often what is owed to others is looked for where nothing was found.
const WORK: u64 = 200;
/// How often what nobody works on any more is looked for.
const TIDY: u64 = 700;
/// How long the start of the checkout may wait for attempts of its last life to be ended.
const RESUME: Duration = Duration::from_secs(2);
/// What the edge of the shop gives a request.
const REQUEST: Duration = Duration::from_secs(4);

/// Gives a request its deadline by the clock of whoever takes it in: what travels is the time
/// that is left.
struct Admit<S> {
    node: Arc<Node>,
    place: S,
}

impl<S> Step<PlaceOrder> for Admit<S>
where
    S: Ask<PlaceOrder, Response = Outcome, Error = CheckoutError>,
{
    type Response = Outcome;
    type Error = CheckoutError;

    async fn run(&self, mut request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        request.deadline = self.node.now().after(REQUEST);
        self.place.ask(request).await
    }
}

impl Cluster {
    pub(super) fn new(world: &Arc<World>, shop: Shop, died: &UnboundedSender<Site>) -> Self {
        let clocks = Clocks(Site::ALL.map(|it| Arc::new(Node::new(it, world, died.clone()))));
        let stores = (shop.stores)(&clocks);
        let settings = shop.settings();
        let policies = &settings.checkout.policies;
        let watch = Arc::new(Watch::new(world, stores.whole(), shop.at_once, policies));
        let disks = stores.on_disks(&clocks, &watch);
        macro_rules! slot {
            ($site:ident) => {
                Arc::new(Slot::new(Arc::clone(&clocks.0[Site::$site as usize])))
            };
        }
        let slots = Slots {
            place: slot!(Checkout),
            review: slot!(Checkout),
            cancel: slot!(Oms),
            take_back: slot!(Oms),
            carrier: slot!(Warehouse),
            crm: slot!(Crm),
            fraud: slot!(Fraud),
            inventory: slot!(Inventory),
            furniture: slot!(Furniture),
            orders: slot!(Oms),
            book: slot!(Accounting),
            fulfil: slot!(Warehouse),
            table: slot!(Analytics),
        };
        Self {
            world: Arc::clone(world),
            clocks,
            slots,
            watch,
            stores,
            disks,
            shop,
            settings,
            topology: Topology::default(),
        }
    }

    pub(super) fn node(&self, site: Site) -> &Arc<Node> {
        &self.clocks.0[site as usize]
    }

    /// Starts a process, for the first time or again.
    pub(super) fn boot(self: &Arc<Self>, site: Site) {
        let (cluster, node) = (Arc::clone(self), self.node(site));
        node.rise();
        self.world.note(site, "starts", "", "");
        node.spawn(None, async move {
            // A server that cannot start is started again by whoever runs it.
            while cluster.start(site).await.is_err() {
                sleep(Duration::from_millis(300)).await;
            }
        });
    }

    async fn start(&self, site: Site) -> Result<(), Fault> {
        let (slots, ports) = (&self.slots, &self.disks.ports);
        match site {
            Site::Clients => {}
            Site::Crm => slots
                .crm
                .serve((self.shop.crm)(Arc::clone(&ports.customers))),
            Site::Fraud => {
                let (signals, rules) = (&ports.signals, &self.settings.rules);
                slots
                    .fraud
                    .serve((self.shop.fraud)(Arc::clone(signals), Arc::clone(rules)));
            }
            Site::Inventory => self.keep_stock(site, &ports.inventory, &slots.inventory),
            Site::Furniture => self.keep_stock(site, &ports.furniture, &slots.furniture),
            Site::Accounting => {
                let books = KeepBooks {
                    journal: Arc::clone(&ports.journal),
                    clock: self.clocks.of(site),
                    crm: CrmService::new(edge(self.node(site), &slots.crm, Patience::SERVER)),
                };
                slots.book.serve(BookService::new(books.into_service()));
            }
            Site::Analytics => {
                let table = ServeTable(Arc::clone(&ports.analytics));
                slots.table.serve(Served::new(table.into_service()));
            }
            Site::Warehouse => self.warehouse().await?,
            Site::Oms => self.order_management(),
            Site::Checkout => self.checkout().await?,
        }
        Ok(())
    }

    fn keep_stock(
        &self,
        site: Site,
        ledger: &Arc<dyn StockLedger>,
        slot: &Slot<Served<Move, Moved, LedgerError>>,
    ) {
        slot.serve(Served::new(ServeLedger(Arc::clone(ledger)).into_service()));
        let ledger = Arc::clone(ledger);
        self.duty(site, TIDY, move || {
            let ledger = Arc::clone(&ledger);
            async move { Ok(ledger.sweep(32).await? > 0) }
        });
    }

    /// Both stock systems, as `site` reaches them.
    fn stock(&self, site: Site) -> StockRouter {
        let far = |slot| {
            let service = edge(self.node(site), slot, Patience::SERVER);
            Arc::new(FarLedger(service)) as Arc<dyn StockLedger>
        };
        StockRouter::new(far(&self.slots.inventory), far(&self.slots.furniture))
    }

    /// Order management, as the brokers of `site` push to it.
    fn pushed_from(&self, site: Site) -> PushService {
        edge(self.node(site), &self.slots.orders, Patience::PUSH)
    }

    async fn warehouse(&self) -> Result<(), Fault> {
        let site = Site::Warehouse;
        let warehouse = WarehousePorts {
            shipments: Arc::clone(&self.disks.ports.shipments),
            stock: self.stock(site),
            broker: Arc::clone(&self.disks.shipments).into(),
            clock: self.clocks.of(site),
        }
        .into_warehouse(&self.topology);
        let system = Arc::new(WarehouseSystem::new(
            warehouse,
            self.pushed_from(site),
            self.topology.clone(),
            self.settings.batch,
            self.settings.in_flight,
        ));
        system.start().await?;
        self.slots
            .fulfil
            .serve(FulfilService::new(system.service()));
        self.slots.carrier.serve(Served::new(system.service()));
        self.duty(site, WORK, move || {
            let system = Arc::clone(&system);
            async move { Ok(!system.work().await?.is_idle()) }
        });
        Ok(())
    }

    fn order_management(&self) {
        let (site, node) = (Site::Oms, self.node(Site::Oms));
        let system = Arc::new(OrderSystem::new(
            Arc::clone(&self.disks.ports.orders),
            self.clocks.of(site),
            OrderEdges {
                accounting: edge(node, &self.slots.book, Patience::SERVER),
                warehouse: edge(node, &self.slots.fulfil, Patience::SERVER),
            },
            self.settings.batch,
        ));
        self.slots.orders.serve(system.taking_in());
        let desk: StepService<boutique_core::orders::Desk<OrderDriver>> =
            StepService::shared(Arc::new(system.desk().clone()));
        self.slots.cancel.serve(Served::new(desk.clone()));
        self.slots.take_back.serve(Served::new(desk));
        let (clock, stuck_after) = (self.clocks.of(site), self.settings.stuck_after);
        self.duty(site, TIDY, move || {
            let (system, now) = (Arc::clone(&system), clock.now());
            async move {
                let driven = system.drive_stuck(now.before(stuck_after)).await?;
                Ok(!driven.is_idle())
            }
        });
    }

    async fn checkout(&self) -> Result<(), Fault> {
        let (site, node) = (Site::Checkout, self.node(Site::Checkout));
        let ports = &self.disks.ports;
        let finishing = Arc::clone(node);
        let settings = Settings {
            finish: Finish::Spawn(Arc::new(move |work| finishing.spawn_along(work))),
            timer: Arc::new(NodeTimer(Arc::clone(node))),
            ..self.settings.clone()
        };
        let table = edge(node, &self.slots.table, Patience::SERVER);
        let system = Arc::new(CheckoutSystem::new(
            CheckoutPorts {
                checkout: Arc::clone(&ports.checkout),
                carts: Arc::clone(&ports.carts),
                stock: self.stock(site),
                broker: Arc::clone(&ports.broker).into(),
                analytics: Arc::new(FarTable(table)),
                clock: self.clocks.of(site),
                ids: Arc::clone(&ports.ids),
            },
            CheckoutEdges {
                crm: CrmService::new(edge(node, &self.slots.crm, Patience::SERVER)),
                fraud: FraudService::new(edge(node, &self.slots.fraud, Patience::SERVER)),
                orders: self.pushed_from(site),
            },
            settings,
            self.topology.clone(),
        ));
        system.start().await?;
        // What could not be ended now is ended when its time has come.
        drop(timeout(RESUME, system.recover(Timestamp::MAX)).await);
        let admit = Admit {
            node: Arc::clone(node),
            place: system.placing().clone(),
        };
        self.slots.place.serve(Served::new(admit.into_service()));
        self.slots
            .review
            .serve(Served::new(system.reviewing().clone()));
        let publishing = Arc::clone(&system);
        self.duty(site, WORK, move || {
            let system = Arc::clone(&publishing);
            async move { Ok(!system.publish().await?.is_idle()) }
        });
        let reporting = Arc::clone(&system);
        self.duty(site, WORK, move || {
            let system = Arc::clone(&reporting);
            async move { Ok(!system.report().await?.is_idle()) }
        });
        let delivering = Arc::clone(&system);
        self.duty(site, WORK, move || {
            let system = Arc::clone(&delivering);
            async move { Ok(!system.deliver().await?.is_idle()) }
        });
        let clock = self.clocks.of(site);
        self.duty(site, TIDY, move || {
            let (system, now) = (Arc::clone(&system), clock.now());
            async move { Ok(!system.recover(now).await?.is_idle()) }
        });
        Ok(())
    }

    /// Goes round for ever: soon again after a round that did something, later after one that
    /// did not, later still after one that failed.
    fn duty<F>(&self, site: Site, idle: u64, round: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Result<bool, Fault>> + Send + 'static,
    {
        self.node(site).spawn(None, async move {
            let mut failures = 0;
            loop {
                let pause = match round().await {
                    Ok(true) => 20,
                    Ok(false) => idle,
                    Err(_) => {
                        failures += 1;
                        sleep(Duration::from_millis(idle << failures.min(3))).await;
                        continue;
                    }
                };
                failures = 0;
                sleep(Duration::from_millis(pause)).await;
            }
        });
    }

    /// Takes it apart: services of several processes hold each other.
    pub(super) fn end(&self) {
        let Slots {
            place,
            review,
            cancel,
            take_back,
            carrier,
            crm,
            fraud,
            inventory,
            furniture,
            orders,
            book,
            fulfil,
            table,
        } = &self.slots;
        place.clear();
        review.clear();
        cancel.clear();
        take_back.clear();
        carrier.clear();
        crm.clear();
        fraud.clear();
        inventory.clear();
        furniture.clear();
        orders.clear();
        book.clear();
        fulfil.clear();
        table.clear();
    }
}
