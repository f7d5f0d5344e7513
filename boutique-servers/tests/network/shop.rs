//! The servers, each on a host of its own, and those who buy. Stores outlive their hosts, as a
//! disk does; everything else dies with them.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::{
    BookService, Boutique, CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService,
    FulfilService, OrderEdges, OrderSystem, Ports, PushService, Settings, Topology, WarehousePorts,
    WarehouseSystem,
};
use boutique_core::audit::{AuditReport, AuditScope};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder, Refusal};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::flow::{Ask, Step, StepService};
use boutique_core::fraud::{AssessRisk, RuleSet};
use boutique_core::ids::{IdempotencyKey, ProductId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::{StockRouter, StockSystem};
use boutique_servers::config::{Background, Server};
use boutique_servers::parts::{self, CheckoutStores, Making, Part, Stock};
use boutique_transport::http::Upstream;
use boutique_transport::http::accounting::{AccountingClient, CountInDirectory, CountService};
use boutique_transport::http::api::Limits;
use boutique_transport::http::checkout::CheckoutClient;
use boutique_transport::http::crm::CrmClient;
use boutique_transport::http::edge::{Edge, EdgeSettings, Stack};
use boutique_transport::http::exchange::{Plain, base};
use boutique_transport::http::fraud::FraudClient;
use boutique_transport::http::gate::GateSize;
use boutique_transport::http::oms::PushClient;
use boutique_transport::http::serve::{ServeOptions, Server as Listening};
use boutique_transport::http::stock::HttpLedger;
use boutique_transport::http::warehouse::WarehouseClient;
use boutique_transport::sources::{NamedIds, TokioTimer};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::wire::{Connector, Port};

/// Every server has a host.
pub(crate) const HOSTS: [&str; 8] = [
    "checkout",
    "crm",
    "inventory",
    "furniture",
    "fraud",
    "oms",
    "accounting",
    "warehouse",
];

/// How much of everything there is: less than is asked for.
const UNITS: u64 = 12;
const ORDERS: usize = 40;

/// The network's time.
struct NetworkClock;

impl Clock for NetworkClock {
    fn now(&self) -> Timestamp {
        let began = Timestamp::from_millis(1_300_000_000_000);
        began.after(turmoil::sim_elapsed().unwrap_or_default())
    }
}

/// What buyers were told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) confirmed: usize,
    pub(crate) short: usize,
    /// Times they were told nothing, or to try again.
    pub(crate) faults: usize,
}

/// The stores, and what everybody agrees on.
#[derive(Clone)]
pub(crate) struct Shop {
    ports: Ports,
    catalog: Arc<Catalog>,
    told: Arc<Mutex<Told>>,
}

type Asked = Upstream<Edge<Plain<Connector>>>;

fn asked(server: Server) -> Asked {
    let url = base(&format!("http://{}", server.name())).expect("a URL");
    let stack = Stack::new(server.name(), EdgeSettings::default());
    Upstream::new(url, stack.over(Plain::new(Connector)))
}

fn background() -> Background {
    Background {
        batch: 64,
        work_every: Duration::from_millis(50),
        work_pause: Duration::from_millis(5),
        tidy_every: Duration::from_secs(1),
        stuck_after: Duration::from_secs(5),
    }
}

impl Shop {
    pub(crate) async fn open() -> Self {
        let ports = Ports::memory(Arc::new(NetworkClock), Arc::new(NamedIds));
        let catalog = Arc::new(Catalog::default_range());
        for system in StockSystem::ALL {
            let ledger = &**ports.ledger(system);
            let opened = parts::open_shelves(ledger, system, &catalog, UNITS).await;
            opened.expect("in memory");
        }
        Self {
            ports,
            catalog,
            told: Arc::default(),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.ports.clock)
    }

    fn making(&self) -> Making {
        Making {
            limits: Limits::default(),
            admission: GateSize::default(),
            clock: self.clock(),
        }
    }

    fn router(&self) -> StockRouter {
        let ledger = |server| HttpLedger {
            upstream: asked(server),
        };
        let (inventory, furniture) = (ledger(Server::Inventory), ledger(Server::Furniture));
        StockRouter::new(Arc::new(inventory), Arc::new(furniture))
    }

    fn pushes(&self) -> PushService {
        let client = PushClient {
            upstream: asked(Server::Oms),
            credential: None,
        };
        PushService::new(client.into_service())
    }

    /// A process of the server that lives on `host`, from its start to its death.
    pub(crate) async fn serve(self, host: &'static str) -> turmoil::Result {
        let part = match host {
            "checkout" => self.checkout().await?,
            "warehouse" => self.warehouse().await?,
            "oms" => self.orders(),
            "accounting" => self.accounting(),
            "crm" => {
                let directory = Arc::clone(&self.ports.customers);
                parts::crm(directory, Arc::clone(&self.ports.ids), &self.making())
            }
            "fraud" => self.fraud(),
            "inventory" => self.stock(StockSystem::Inventory),
            _ => self.stock(StockSystem::Furniture),
        };
        for duty in part.duties {
            tokio::spawn(duty.run(CancellationToken::new()));
        }
        let port = Port::bind().await?;
        let local = port.local()?;
        let server = Listening::over(port, local, ServeOptions::default());
        server.run(part.router, pending()).await;
        Ok(())
    }

    async fn checkout(&self) -> Result<Part, boutique_core::fault::Fault> {
        let (tasks, published) = (TaskTracker::new(), Arc::new(Notify::new()));
        let settings = Settings {
            finish: parts::finish(tasks, Arc::clone(&published)),
            timer: Arc::new(TokioTimer::new(self.clock())),
            ..Settings::standard(Arc::clone(&self.catalog))
        };
        let ports = &self.ports;
        let crm = CrmClient {
            upstream: asked(Server::Crm),
        };
        let fraud = FraudClient {
            upstream: asked(Server::Fraud),
        };
        let system = CheckoutSystem::new(
            CheckoutPorts {
                checkout: Arc::clone(&ports.checkout),
                carts: Arc::clone(&ports.carts),
                stock: self.router(),
                broker: Arc::clone(&ports.broker).into(),
                analytics: Arc::clone(&ports.analytics),
                clock: self.clock(),
                ids: Arc::clone(&ports.ids),
            },
            CheckoutEdges {
                crm: CrmService::new(crm.into_service()),
                fraud: FraudService::new(fraud.into_service()),
                orders: self.pushes(),
            },
            settings,
            Topology::default(),
        );
        system.start().await?;
        let stores = CheckoutStores {
            checkout: Arc::clone(&ports.checkout),
            carts: Arc::clone(&ports.carts),
            catalog: Arc::clone(&self.catalog),
        };
        let (system, making) = (Arc::new(system), self.making());
        Ok(parts::checkout(
            &system,
            stores,
            published,
            &background(),
            &making,
        ))
    }

    async fn warehouse(&self) -> Result<Part, boutique_core::fault::Fault> {
        let (ports, topology) = (&self.ports, Topology::default());
        let warehouse = WarehousePorts {
            shipments: Arc::clone(&ports.shipments),
            stock: self.router(),
            broker: Arc::clone(&ports.broker).into(),
            clock: self.clock(),
        };
        let warehouse = warehouse.into_warehouse(&topology);
        let system = WarehouseSystem::new(warehouse, self.pushes(), topology, 64, 16);
        system.start().await?;
        let shipments = Arc::clone(&ports.shipments);
        let (system, making) = (Arc::new(system), self.making());
        Ok(parts::warehouse(&system, shipments, &background(), &making))
    }

    fn orders(&self) -> Part {
        let accounting = AccountingClient {
            upstream: asked(Server::Accounting),
        };
        let warehouse = WarehouseClient {
            upstream: asked(Server::Warehouse),
        };
        let edges = OrderEdges {
            accounting: BookService::new(accounting.into_service()),
            warehouse: FulfilService::new(StepService::shared(Arc::new(warehouse))),
        };
        let orders = Arc::clone(&self.ports.orders);
        let system = OrderSystem::new(orders, self.clock(), edges, 64);
        parts::oms(&Arc::new(system), &background(), &self.making())
    }

    fn accounting(&self) -> Part {
        let crm = CrmClient {
            upstream: asked(Server::Crm),
        };
        let journal = Arc::clone(&self.ports.journal);
        let books = KeepBooks {
            journal: Arc::clone(&journal),
            clock: self.clock(),
            crm: crm.into_service(),
        };
        let directory = Arc::clone(&self.ports.customers);
        let count = CountService::new(CountInDirectory { directory }.into_service());
        let book = BookService::new(books.into_service());
        parts::accounting(book, journal, count, &self.making())
    }

    fn fraud(&self) -> Part {
        let signals = Arc::clone(&self.ports.signals);
        let assess = AssessRisk {
            store: Arc::clone(&signals),
            rules: Arc::new(RuleSet::standard()),
        };
        let assess = FraudService::new(assess.into_service());
        parts::fraud(assess, signals, &background(), &self.making())
    }

    fn stock(&self, system: StockSystem) -> Part {
        let stock = Stock {
            system,
            ledger: Arc::clone(self.ports.ledger(system)),
            catalog: Arc::clone(&self.catalog),
            ids: Arc::clone(&self.ports.ids),
        };
        parts::stock(stock, &background(), &self.making())
    }

    /// Places every order again and again, under its key, until it is decided.
    pub(crate) async fn buy(self, seed: u64, over: Duration) -> turmoil::Result {
        let checkout = StepService::shared(Arc::new(CheckoutClient {
            upstream: asked(Server::Checkout),
            clock: self.clock(),
        }));
        let rest = over / u32::try_from(ORDERS).expect("few");
        let mut buyers = Vec::new();
        for number in 0..ORDERS {
            let (shop, checkout) = (self.clone(), checkout.clone());
            buyers.push(tokio::spawn(async move {
                let mut decided: Option<Outcome> = None;
                // Once more when it is decided: the answer is the same.
                for _ in 0..2 {
                    loop {
                        match checkout.ask(shop.order(seed, number)).await {
                            Ok(outcome) => {
                                if let Some(decided) = &decided {
                                    assert_eq!(decided, &outcome, "order {number}");
                                }
                                decided = Some(outcome);
                                break;
                            }
                            Err(_) => {
                                shop.tell(|it| it.faults += 1);
                                sleep(Duration::from_millis(300)).await;
                            }
                        }
                    }
                }
                match decided {
                    Some(Outcome::Confirmed(_)) => shop.tell(|it| it.confirmed += 1),
                    Some(Outcome::Refused {
                        refusal: Refusal::Short { .. },
                        ..
                    }) => shop.tell(|it| it.short += 1),
                    other => panic!("order {number}: {other:?}"),
                }
            }));
            sleep(rest).await;
        }
        for buyer in buyers {
            buyer.await?;
        }
        Ok(())
    }

    fn tell(&self, told: impl FnOnce(&mut Told)) {
        told(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn told(&self) -> Told {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Parcels, furniture, and both together.
    fn order(&self, seed: u64, number: usize) -> PlaceOrder {
        const BASKETS: [&[&str]; 4] = [
            &["OLJCESPC7Z"],
            &["FURN-SOFA-3"],
            &["OLJCESPC7Z", "FURN-SOFA-3"],
            &["6E92ZMYYFZ", "FURN-LAMP-ARC"],
        ];
        let line = |id: &&str| CartLine {
            product_id: ProductId::new(*id).expect("an id"),
            quantity: Units::ONE,
        };
        let lines = BASKETS[number % BASKETS.len()].iter().map(line).collect();
        let address = Address {
            street_address: format!("{number} Quay"),
            city: "Cork".to_owned(),
            state: String::new(),
            country: "Ireland".to_owned(),
            zip_code: "T12".to_owned(),
        };
        let key = format!("order-{seed}-{number}");
        PlaceOrder {
            tenant: TenantId::new("boutique").expect("a tenant"),
            key: IdempotencyKey::new(key).expect("a key"),
            body: OrderBody {
                user_id: UserId::new(format!("user-{number}")).expect("an id"),
                currency: Currency::USD,
                email: Email::new(format!("user-{number}@example.com"))
                    .expect("an e-mail")
                    .into(),
                address: address.into(),
                lines: Some(lines),
                ordered_at: None,
            },
            dry_run: false,
            deadline: self.ports.clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        }
    }

    /// What is left to publish, to deliver, to recover or to do; nothing if it is at rest.
    pub(crate) async fn left(&self) -> Vec<String> {
        let (ports, mut left) = (&self.ports, Vec::new());
        let waiting = ports.checkout.outbox().await.expect("in memory").waiting;
        if waiting > 0 {
            left.push(format!("{waiting} events are not published"));
        }
        let open = ports.checkout.unfinished(Timestamp::MAX, None, 9).await;
        for saga in open.expect("in memory") {
            left.push(format!("{} is {}", saga.intent.order_id, saga.state));
        }
        for subscription in Topology::default().subscriptions() {
            match ports.broker.backlog(&subscription).await {
                Ok(it) if it.messages == 0 => {}
                found => left.push(format!("{subscription}: {found:?}")),
            }
        }
        if left.is_empty() {
            let report = self.audit(AuditScope::AtRest).await;
            left.extend(report.violations.iter().map(|it| format!("{it:?}")));
        }
        left
    }

    pub(crate) async fn audit(&self, scope: AuditScope) -> AuditReport {
        let settings = Settings::standard(Arc::clone(&self.catalog));
        let boutique = Boutique::new(self.ports.clone(), settings);
        boutique.audit(scope).await.expect("in memory")
    }
}
