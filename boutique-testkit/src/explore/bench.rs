//! A shop to explore: a healthy boutique, and a process over the same stores that meets fates.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{
    Boutique, CheckoutEdges, CheckoutPorts, CheckoutSystem, Ports, Settings, Topology,
};
use boutique_core::audit::AuditScope;
use boutique_core::broker::{Deliveries, Message};
use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, QuoteRejection};
use boutique_core::checkout::{OrderBody, PlaceOrder, Saga};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, CustomerProfile, Email, Standing, Tier};
use boutique_core::fault::PortError;
use boutique_core::fraud::{Band, Decision, RiskAssessment, RuleSet, Thresholds};
use boutique_core::ids::{
    CustomerId, HoldId, IdempotencyKey, OrderId, ProductId, ReceiptId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::shipping::ShippingRejection;
use boutique_core::stock::{
    Hold, Receive, Reserve, StockLedger, StockLine, StockRouter, StockSystem,
};

use super::Fate;
use super::probe::{Call, Meanwhile, Plan, Probe};
use crate::faulty::Gated;
use crate::sources::ManualClock;

/// Units of every product on the shelf.
pub(super) const STOCKED: u64 = 5;
/// How long a client waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// A shop over stores that survive whatever happens to its processes.
pub(super) struct Bench {
    pub(super) clock: Arc<ManualClock>,
    pub(super) ports: Ports,
    pub(super) settings: Settings,
    pub(super) healthy: Arc<Boutique>,
    pub(super) probe: Probe,
    pub(super) systems: Vec<StockSystem>,
}

/// Everything recovery may change.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    sagas: Vec<Saga>,
    holds: Vec<Hold>,
}

pub(super) fn fine<T, E: std::fmt::Debug>(answer: Result<T, E>) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("a store that nothing happens to fails: {error:?}"),
    }
}

fn named<T, E: std::fmt::Debug>(name: Result<T, E>) -> T {
    name.expect("a name of the bench is valid")
}

impl Bench {
    pub(super) async fn new(
        clock: Arc<ManualClock>,
        ports: Ports,
        systems: &[StockSystem],
        doubtful: bool,
    ) -> Self {
        let catalog = Arc::new(Catalog::default_range());
        for product in catalog.iter() {
            let receive = Receive {
                receipt_id: named(ReceiptId::new(format!("first-{}", product.id))),
                product_id: product.id.clone(),
                quantity: STOCKED,
            };
            fine(ports.ledger(product.system).receive(receive).await);
        }
        let mut settings = Settings::standard(catalog);
        if doubtful {
            let everything = Thresholds {
                review: 0,
                deny: 1_001,
            };
            settings.rules = Arc::new(named(RuleSet::new([], everything)));
        }
        let healthy = Arc::new(Boutique::new(ports.clone(), settings.clone()));
        fine(healthy.start().await);
        let paused = settings.checkout.hold_ttl + Duration::from_secs(1);
        let late = PATIENCE + Duration::from_secs(1);
        Self {
            probe: Probe::new(Arc::clone(&clock), late, paused),
            clock,
            ports,
            settings,
            healthy,
            systems: systems.to_vec(),
        }
    }

    /// A request of the client, who waits a while from now.
    pub(super) fn request(&self, tenant: &str, quantity: i64) -> PlaceOrder {
        let range = Catalog::default_range();
        let lines = self.systems.iter().map(|system| {
            let mut of_system = range.iter().filter(|it| it.system == *system);
            CartLine {
                product_id: of_system.next().expect("a product of each").id.clone(),
                quantity: named(Units::new(quantity)),
            }
        });
        PlaceOrder {
            tenant: named(TenantId::new(tenant)),
            key: named(IdempotencyKey::new("key")),
            body: OrderBody {
                user_id: named(UserId::new("ada")),
                currency: Currency::USD,
                email: named(Email::new("ada@example.com")).into(),
                address: Address {
                    street_address: "1 Main Street".into(),
                    city: "Springfield".into(),
                    state: String::new(),
                    country: "United States".into(),
                    zip_code: "97477".into(),
                }
                .into(),
                lines: Some(lines.collect()),
                ordered_at: None,
            },
            dry_run: false,
            deadline: self.clock.now().after(PATIENCE),
            traceparent: None,
        }
    }

    pub(super) fn order_id(&self) -> OrderId {
        let request = self.request("shop", 1);
        self.ports.ids.order(&request.tenant, &request.key)
    }

    /// The checkout that meets `plan`. Whoever it asks, it asks through the probe.
    pub(super) fn doomed(&self, plan: Plan) -> CheckoutSystem {
        self.probe.arm(plan, self.meanwhile());
        let probe = &self.probe;
        let ledger = |name, system| {
            let ledger = Arc::clone(self.ports.ledger(system));
            Arc::new(Gated::new(ledger, probe.port(name))) as Arc<dyn StockLedger>
        };
        let mut settings = self.settings.clone();
        settings.quote = probe.edge("catalog", "quote", settings.quote, |quote| {
            Err(PortError::Rejected(QuoteRejection::UnknownProduct {
                line: 0,
                product_id: quote.lines[0].product_id.clone(),
            }))
        });
        settings.shipping = probe.edge("shipping", "quote", settings.shipping, |it| {
            Err(PortError::Rejected(ShippingRejection::NoTariff(
                it.currency,
            )))
        });
        let crm = self.healthy.crm().clone();
        let since = self.clock.now();
        let crm = probe.edge("crm", "look up", crm, move |_| {
            Ok(Some(CustomerProfile {
                id: named(CustomerId::new("ada")),
                tier: Tier::Standard,
                standing: Standing::Blocked,
                created_at: since,
                orders: 0,
                billing: None,
            }))
        });
        let fraud = probe.edge("fraud", "assess", self.healthy.fraud().clone(), |_| {
            Ok(RiskAssessment {
                score: 1_000,
                band: Band::High,
                decision: Decision::Deny,
                reasons: Vec::new(),
            })
        });
        let ports = CheckoutPorts {
            checkout: Arc::new(Gated::new(
                Arc::clone(&self.ports.checkout),
                probe.port("record"),
            )),
            carts: Arc::new(Gated::new(
                Arc::clone(&self.ports.carts),
                probe.port("carts"),
            )),
            stock: StockRouter::new(
                ledger("inventory", StockSystem::Inventory),
                ledger("furniture", StockSystem::Furniture),
            ),
            broker: Deliveries::Own(Arc::new(Gated::new(
                Arc::clone(&self.ports.broker),
                probe.port("broker"),
            ))),
            analytics: Arc::new(Gated::new(
                Arc::clone(&self.ports.analytics),
                probe.port("analytics"),
            )),
            clock: Arc::clone(&self.ports.clock),
            ids: Arc::clone(&self.ports.ids),
        };
        let edges = CheckoutEdges {
            crm,
            fraud,
            orders: self.healthy.orders().taking_in(),
        };
        CheckoutSystem::new(ports, edges, settings, Topology::default())
    }

    /// The whole boutique as one process that meets `plan`.
    pub(super) fn doomed_boutique(&self, plan: Plan) -> Boutique {
        self.probe.arm(plan, self.meanwhile());
        let (probe, ports) = (&self.probe, &self.ports);
        macro_rules! probed {
            ($($port:ident),*) => {
                Ports {
                    $($port: Arc::new(Gated::new(
                        Arc::clone(&ports.$port),
                        probe.port(stringify!($port)),
                    )),)*
                    clock: Arc::clone(&ports.clock),
                    ids: Arc::clone(&ports.ids),
                }
            };
        }
        let ports = probed!(
            inventory, furniture, checkout, carts, customers, signals, orders, journal, shipments,
            analytics, broker
        );
        Boutique::new(ports, self.settings.clone())
    }

    /// What others do when a call is refused or overtaken.
    fn meanwhile(&self) -> Meanwhile {
        let healthy = Arc::clone(&self.healthy);
        let ledgers = [
            ("inventory", Arc::clone(&self.ports.inventory)),
            ("furniture", Arc::clone(&self.ports.furniture)),
        ];
        let rival = self.request("shop", 1);
        Arc::new(move |call: Call, fate| {
            let healthy = Arc::clone(&healthy);
            let ledger = ledgers.iter().find(|it| it.0 == call.port);
            let ledger = ledger.map(|it| Arc::clone(&it.1));
            let rival = rival.clone();
            Box::pin(async move {
                match (fate, call.verb, ledger) {
                    (Fate::Overtaken, ..) => {
                        fine(healthy.checkout().recover(Timestamp::MAX).await);
                    }
                    (Fate::Refused, "reserve", Some(ledger)) => take_all(&*ledger).await,
                    (Fate::Refused, "begin", _) => drop(healthy.place(rival).await),
                    _ => {}
                }
            })
        })
    }

    /// A message that is no order comes from somewhere.
    pub(super) async fn publish_nonsense(&self) {
        let nonsense = Message {
            data: "nonsense".into(),
            attributes: Arc::default(),
            ordering_key: None,
        };
        let topic = &self.healthy.topology().orders;
        fine(self.ports.broker.publish(topic, vec![nonsense]).await);
    }

    /// Until nothing is left to do, without any fault.
    pub(super) async fn rest(&self) {
        // Leases of a process that died run out; a few rounds are enough for any back-off.
        for _ in 0..8 {
            self.clock.advance(Duration::from_secs(61));
            if fine(self.healthy.settle().await).waiting == 0 {
                break;
            }
        }
    }

    pub(super) async fn audit(&self, scope: AuditScope) -> Vec<String> {
        let report = fine(self.healthy.audit(scope).await);
        report.violations.iter().map(ToString::to_string).collect()
    }

    pub(super) async fn snapshot(&self) -> Snapshot {
        let mut holds = Vec::new();
        for system in StockSystem::ALL {
            holds.extend(fine(self.ports.ledger(system).holds(None, 1_000).await));
        }
        let sagas = fine(self.ports.checkout.sagas(None, 1_000).await);
        Snapshot { sagas, holds }
    }
}

/// A rival holds all that is left, for a minute.
async fn take_all(ledger: &dyn StockLedger) {
    let levels = fine(ledger.levels(None, 1_000).await);
    let left = levels.into_iter().filter(|it| it.1.available() > 0);
    let line = |(product_id, level): (ProductId, boutique_core::stock::Level)| StockLine {
        product_id,
        quantity: named(Units::new(i64::try_from(level.available()).unwrap_or(1))),
    };
    let request = Reserve {
        hold_id: named(HoldId::new("rival")),
        lines: left.map(line).collect(),
        ttl: Duration::from_secs(60),
        valid_until: Timestamp::MAX,
    };
    fine(ledger.reserve(request).await);
}
