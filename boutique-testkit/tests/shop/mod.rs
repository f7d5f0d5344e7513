//! A shop for tests that look at one case each.

#![allow(dead_code, reason = "each test program uses its part")]

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::audit::{AuditReport, AuditScope};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, PlaceOrder, SagaState};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email};
use boutique_core::fraud::{RuleSet, Thresholds};
use boutique_core::ids::{IdempotencyKey, OrderId, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::{Receive, StockSystem};
use boutique_testkit::sources::{CountingIds, ManualClock};

pub(crate) const STOCKED: u64 = 5;

/// A boutique in memory, five of everything on the shelf.
pub(crate) struct Shop {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) boutique: Boutique,
    pub(crate) parcel: ProductId,
    pub(crate) bulky: ProductId,
}

impl Shop {
    pub(crate) async fn new(doubtful: bool, behind: impl FnOnce(&mut Ports)) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ports = Ports::memory(
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(CountingIds::default()),
        );
        let catalog = Arc::new(Catalog::default_range());
        let first = |system| {
            let mut products = catalog.iter().filter(|it| it.system == system);
            products.next().expect("listed").id.clone()
        };
        let parcel = first(StockSystem::Inventory);
        let bulky = first(StockSystem::Furniture);
        for product in catalog.iter() {
            let receive = Receive {
                receipt_id: ReceiptId::new(format!("first-{}", product.id)).expect("an id"),
                product_id: product.id.clone(),
                quantity: STOCKED,
            };
            let ledger = ports.ledger(product.system);
            ledger.receive(receive).await.expect("received");
        }
        let mut settings = Settings::standard(catalog);
        if doubtful {
            let thresholds = Thresholds {
                review: 0,
                deny: 1_001,
            };
            settings.rules = Arc::new(RuleSet::new([], thresholds).expect("rules"));
        }
        let mut before = ports.clone();
        behind(&mut before);
        let boutique = Boutique::new(before, settings.clone());
        boutique.start().await.expect("starts");
        Self {
            clock,
            ports,
            settings,
            boutique,
            parcel,
            bulky,
        }
    }

    pub(crate) fn order(&self, key: &str, lines: &[(&ProductId, i64)]) -> PlaceOrder {
        let lines = lines.iter().map(|(product_id, quantity)| CartLine {
            product_id: ProductId::clone(product_id),
            quantity: Units::new(*quantity).expect("in range"),
        });
        PlaceOrder {
            tenant: TenantId::new("t").expect("an id"),
            key: IdempotencyKey::new(key).expect("a key"),
            body: OrderBody {
                user_id: UserId::new("ada").expect("an id"),
                currency: Currency::USD,
                email: Email::new("ada@example.com").expect("an e-mail").into(),
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
            deadline: self.clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        }
    }

    pub(crate) fn both(&self, key: &str) -> PlaceOrder {
        self.order(key, &[(&self.bulky, 1), (&self.parcel, 1)])
    }

    pub(crate) fn order_id(&self, key: &str) -> OrderId {
        let request = self.both(key);
        self.ports.ids.order(&request.tenant, &request.key)
    }

    pub(crate) async fn available(&self, product_id: &ProductId, system: StockSystem) -> u64 {
        let level = self.ports.ledger(system).level(product_id).await;
        level.expect("reads").expect("listed").available()
    }

    pub(crate) async fn state(&self, key: &str) -> SagaState {
        let saga = self.ports.checkout.saga(&self.order_id(key)).await;
        saga.expect("reads").expect("kept").state
    }

    pub(crate) async fn audit(&self, scope: AuditScope) -> AuditReport {
        self.boutique.audit(scope).await.expect("audits")
    }
}
