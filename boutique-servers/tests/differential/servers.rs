//! `boutique up`, started for the occasion, and the shop behind it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use boutique_core::analytics::AnalyticsStore;
use boutique_core::assembly::Ports;
use boutique_core::audit::{AuditScope, Auditor};
use boutique_core::carts::{Cart, CartError, CartLine, CartRejection};
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Customer, CustomerDirectory, DirectoryError, UpsertCustomer};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::gateway::SHOPPER_SCOPES;
use boutique_core::ids::UserId;
use boutique_core::orders::{CancelOrder, DeskError, Order, ReturnGoods};
use boutique_core::stock::{LedgerError, Level, Receive, StockLedger, StockSystem};
use boutique_core::warehouse::{CarrierEvent, Shipment, ShipmentError};
use boutique_servers::config::Server;
use boutique_servers::data::look_into;
use boutique_servers::inspect::audit_json;
use boutique_servers::up::{Planned, free_ports, plan};
use boutique_transport::http::Upstream;
use boutique_transport::http::checkout::CheckoutClient;
use boutique_transport::http::crm::HttpDirectory;
use boutique_transport::http::exchange::{BoxExchange, Reqwest, Sent, Target, base};
use boutique_transport::http::oms::DeskClient;
use boutique_transport::http::stock::HttpLedger;
use boutique_transport::http::warehouse::WarehouseClient;
use boutique_transport::jwt::{DevIssuer, Mint};
use boutique_transport::sources::SystemClock;
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use super::between::PubSubBetween;
use super::shop::Shop;

/// How long servers may take to come up, to do what is left, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// One after the other: who looks for free ports finds those that another is about to take.
static START: Mutex<()> = Mutex::const_new(());

/// How they run.
#[derive(Clone, Copy)]
pub(crate) enum How<'a> {
    /// All in one process.
    One,
    /// Each as a process.
    Nine,
    /// Each as a process, and Pub/Sub between them that this is.
    PubSub(&'a PubSubBetween),
}

/// Servers that are ours.
pub(crate) struct Servers {
    child: Child,
    folder: TempDir,
    /// The gateway first.
    plan: Vec<Planned>,
    /// Whether each is a process.
    many: bool,
    /// What stands in for the data warehouse, which is not theirs where Pub/Sub is between them.
    rows: Option<Arc<dyn AnalyticsStore>>,
    exchange: Reqwest,
    issuer: DevIssuer,
    clock: Arc<dyn Clock>,
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

impl Servers {
    /// Starts them and waits until they are ready.
    pub(crate) async fn start(how: How<'_>) -> Self {
        let _turn = START.lock().await;
        let many = !matches!(how, How::One);
        let folder = tempfile::tempdir().expect("a folder");
        let key = folder.path().join("dev.key");
        let first = free_ports().expect("free ports");
        let mut command = Command::new(env!("CARGO_BIN_EXE_boutique"));
        command
            .args(["up", "--dev-issuer", "--with-parent", "--stock", "0"])
            .args(["--port", &first.to_string(), "--data"])
            .arg(data(folder.path()))
            .args(many.then_some("--processes"))
            .env("BOUTIQUE_DEV_KEY", &key)
            .env("LOG_LEVEL", "error")
            // Everybody comes from one address, faster than people would.
            .env("PRINCIPAL_RATE", "1000000")
            .env("ADDRESS_RATE", "1000000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let rows = match how {
            How::PubSub(between) => {
                command.envs(between.settings.iter().map(|(name, value)| (name, value)));
                Some(Arc::clone(&between.rows))
            }
            // Where each is a process, order management believes its own servers only.
            How::One | How::Nine => {
                command
                    .env("PUSH_AUDIENCE", "oms")
                    .env("PUSH_ACCOUNT", "boutique@localhost")
                    .env("PUSH_KEY", folder.path().join("push.key"));
                None
            }
        };
        let mut child = command.spawn().expect("the program starts");
        let said = child.stdout.take().expect("piped");
        let said = timeout(PATIENCE, BufReader::new(said).lines().next_line()).await;
        let said = said.expect("it comes up in time").expect("text");
        assert!(said.is_some_and(|it| it.contains("is up")), "it came up");
        Self {
            child,
            plan: plan(first, &data(folder.path())),
            many,
            rows,
            exchange: Reqwest::new(Duration::from_secs(2)).expect("a client"),
            issuer: DevIssuer::open(&key).expect("a key"),
            clock: Arc::new(SystemClock::default()),
            folder,
        }
    }

    /// Ends them; what they kept stays until this is dropped.
    pub(crate) async fn end(&mut self) {
        drop(self.child.stdin.take());
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let ended = ended
            .expect("it ends in time")
            .expect("it can be waited for");
        assert!(ended.success(), "{ended}");
    }

    /// What they keep.
    pub(crate) fn ports(&self) -> Ports {
        let ports = look_into(&data(self.folder.path())).expect("it can be read");
        match &self.rows {
            Some(rows) => Ports {
                analytics: Arc::clone(rows),
                ..ports
            },
            None => ports,
        }
    }

    fn upstream<S>(&self, url: &str, exchange: S) -> Upstream<S>
    where
        S: boutique_transport::http::Exchange,
    {
        Upstream::new(base(url).expect("a URL"), exchange)
    }

    /// A server's own API.
    fn own(&self, server: Server) -> Upstream<Reqwest> {
        let planned = self.plan.iter().find(|it| it.server == server);
        let url = match self.many {
            true => planned.expect("it is planned").url(),
            false => format!("{}/services/{}", self.plan[0].admin_url(), server.name()),
        };
        self.upstream(&url, self.exchange.clone())
    }

    /// The gateway, for somebody with a token of their own.
    fn gateway(&self, user: &UserId) -> Upstream {
        let token = self.issuer.token(&Mint {
            user,
            scopes: &SHOPPER_SCOPES,
            now: self.clock.now(),
            valid_for: Duration::from_secs(600),
        });
        let token = format!("Bearer {}", token.expect("it can be signed"));
        let token = HeaderValue::from_str(&token).expect("ASCII");
        let exchange = self.exchange.clone().map_request(move |mut it: Sent| {
            it.headers_mut()
                .insert(header::AUTHORIZATION, token.clone());
            it
        });
        let url = format!("{}/v1", self.plan[0].url());
        self.upstream(&url, BoxExchange::new(exchange))
    }

    /// Order management: through the gateway for a buyer, its own API for the shop.
    fn desk(&self, buyer: Option<&UserId>) -> DeskClient {
        let upstream = match buyer {
            Some(user) => self.gateway(user),
            None => {
                let own = self.own(Server::Oms);
                let exchange = BoxExchange::new(self.exchange.clone());
                Upstream::new(own.base().clone(), exchange)
            }
        };
        DeskClient { upstream }
    }

    async fn audit(&self) -> Result<Value, Fault> {
        if self.rows.is_some() {
            let ports = self.ports();
            if let Some(unheard) = unheard(&ports).await? {
                return Ok(json!({"violations": 1, "found": [unheard]}));
            }
            let audit = Auditor::new(&ports, &[], AuditScope::AtRest).run().await?;
            if !audit.is_clean() {
                return Ok(audit_json(&audit));
            }
        }
        let admin = self.upstream(&self.plan[0].admin_url(), self.exchange.clone());
        let target = Target::path(["audit"]).query("at_rest", true);
        admin.bare(Method::GET, target).await?.json()
    }
}

/// A shipment whose latest report order management has not heard of: it is still on its way, in
/// a broker that does not say what it has.
async fn unheard(ports: &Ports) -> Result<Option<String>, Fault> {
    let mut after = None;
    loop {
        let page = ports.shipments.shipments(after.as_ref(), 500).await?;
        let Some(last) = page.last() else {
            return Ok(None);
        };
        after = Some(last.id.clone());
        for shipment in page.iter().filter(|it| !it.events.is_empty()) {
            let order = ports.orders.order(&shipment.order_id).await?;
            let part = order.and_then(|it| it.progress.parts.get(&shipment.system).cloned());
            if part.and_then(|it| it.status) != Some(shipment.status) {
                return Ok(Some(format!("{} is not reported", shipment.id)));
            }
        }
    }
}

#[derive(Deserialize)]
struct CartIn {
    items: Vec<CartLine>,
    version: u64,
}

#[async_trait]
impl Shop for Servers {
    async fn receive(&self, system: StockSystem, goods: Receive) -> Result<Level, LedgerError> {
        let server = match system {
            StockSystem::Inventory => Server::Inventory,
            StockSystem::Furniture => Server::Furniture,
        };
        let upstream = self.own(server);
        HttpLedger { upstream }.receive(goods).await
    }

    async fn customer(
        &self,
        customer: UpsertCustomer,
        at: Timestamp,
    ) -> Result<Customer, DirectoryError> {
        let upstream = self.own(Server::Crm);
        HttpDirectory { upstream }.upsert(customer, at).await
    }

    async fn add(&self, user_id: &UserId, line: CartLine) -> Result<Cart, CartError> {
        let target = Target::path(["carts", user_id.as_str(), "items"]);
        let gateway = self.gateway(user_id);
        let reply = gateway.json(Method::POST, target, &line).await?;
        let cart: CartIn = reply.port::<_, CartRejection>()?;
        Ok(Cart {
            lines: cart.items,
            version: cart.version,
        })
    }

    async fn place(&self, order: PlaceOrder) -> Result<Outcome, CheckoutError> {
        let client = CheckoutClient {
            upstream: self.gateway(&order.body.user_id),
            clock: Arc::clone(&self.clock),
        };
        client.run(order).await
    }

    async fn review(&self, decision: ReviewDecision) -> Result<Outcome, CheckoutError> {
        let client = CheckoutClient {
            upstream: self.own(Server::Checkout),
            clock: Arc::clone(&self.clock),
        };
        client.run(decision).await
    }

    async fn cancel(&self, buyer: Option<&UserId>, order: CancelOrder) -> Result<Order, DeskError> {
        self.desk(buyer).run(order).await
    }

    async fn take_back(
        &self,
        buyer: Option<&UserId>,
        goods: ReturnGoods,
    ) -> Result<Order, DeskError> {
        self.desk(buyer).run(goods).await
    }

    async fn report(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError> {
        let upstream = self.own(Server::Warehouse);
        WarehouseClient { upstream }.run(event).await
    }

    async fn settle(&self) {
        let began = Instant::now();
        loop {
            let report = self.audit().await.expect("it audits");
            if report["violations"] == 0 {
                return;
            }
            let first = &report["found"][0];
            assert!(
                began.elapsed() < PATIENCE,
                "it does not come to rest: {first}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}
