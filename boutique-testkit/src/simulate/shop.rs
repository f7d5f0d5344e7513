//! What a simulated shop is made of: the standard parts, or an embedder's own.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{CrmService, FraudService, Settings};
use boutique_core::catalog::Catalog;
use boutique_core::customer::{
    CustomerDirectory, Email, LookUpInDirectory, Standing, Tier, UpsertCustomer,
};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Step;
use boutique_core::fraud::{
    AssessRisk, Condition, Measure, Rule, RuleSet, SignalStore, Subject, Thresholds, Window,
};
use boutique_core::ids::{CustomerId, ProductId, ReceiptId};
use boutique_core::pii::Pii;
use boutique_core::stock::{Receive, StockSystem};

use super::stores::{Clocks, Stores};

type MakeStores = Arc<dyn Fn(&Clocks) -> Stores + Send + Sync>;
type MakeCrm = Arc<dyn Fn(Arc<dyn CustomerDirectory>) -> CrmService + Send + Sync>;
type MakeFraud = Arc<dyn Fn(Arc<dyn SignalStore>, Arc<RuleSet>) -> FraudService + Send + Sync>;
type Adjust = Arc<dyn Fn(&mut Settings) + Send + Sync>;

/// How the shop of a seed is made. Every seed gets a fresh one.
#[derive(Clone)]
pub struct Shop {
    pub(super) stores: MakeStores,
    pub(super) crm: MakeCrm,
    pub(super) fraud: MakeFraud,
    adjust: Adjust,
    pub(super) at_once: bool,
    /// Whether it is the one that the program simulates.
    pub(super) is_standard: bool,
}

impl Default for Shop {
    fn default() -> Self {
        Self::memory()
    }
}

/// What a review and a denial take, in points.
const THRESHOLDS: Thresholds = Thresholds {
    review: 300,
    deny: 700,
};

/// Units of every product on the shelf when a seed begins: too few for everybody.
pub(super) const STOCKED: u64 = 22;

/// Customers the CRM knows; one of them is blocked.
pub(super) const CUSTOMERS: u64 = 12;

impl Shop {
    /// The standard parts over stores in memory.
    pub fn memory() -> Self {
        Self {
            stores: Arc::new(Stores::memory),
            crm: Arc::new(|directory| {
                CrmService::new(LookUpInDirectory { directory }.into_service())
            }),
            fraud: Arc::new(|store, rules| {
                FraudService::new(AssessRisk { store, rules }.into_service())
            }),
            adjust: Arc::new(|_| {}),
            at_once: true,
            is_standard: true,
        }
    }

    /// The same shop over other stores, made once for every seed. They outlive the crashes of
    /// the processes that keep them; begin with [`Stores::memory`] and replace what is yours.
    #[must_use]
    pub fn with_stores(self, make: impl Fn(&Clocks) -> Stores + Send + Sync + 'static) -> Self {
        Self {
            stores: Arc::new(make),
            is_standard: false,
            ..self
        }
    }

    /// The same shop, whose CRM is made by `make` every time its process starts. The directory is
    /// the durable one of that process; whoever keeps customers elsewhere leaves it alone.
    #[must_use]
    pub fn with_crm(
        self,
        make: impl Fn(Arc<dyn CustomerDirectory>) -> CrmService + Send + Sync + 'static,
    ) -> Self {
        Self {
            crm: Arc::new(make),
            is_standard: false,
            ..self
        }
    }

    /// The same shop, whose fraud engine is made by `make` every time its process starts.
    #[must_use]
    pub fn with_fraud(
        self,
        make: impl Fn(Arc<dyn SignalStore>, Arc<RuleSet>) -> FraudService + Send + Sync + 'static,
    ) -> Self {
        Self {
            fraud: Arc::new(make),
            is_standard: false,
            ..self
        }
    }

    /// The same shop with other settings. What has to do with time and with who finishes an
    /// order is the simulator's own.
    #[must_use]
    pub fn with_settings(self, adjust: impl Fn(&mut Settings) + Send + Sync + 'static) -> Self {
        Self {
            adjust: Arc::new(adjust),
            is_standard: false,
            ..self
        }
    }

    /// The same shop, some of whose stores answer from threads of their own. The auditor then
    /// does not look after every commit but at rest, the order of things, and so the trace, is no
    /// longer a function of the seed alone, and no process is paused.
    #[must_use]
    pub fn answering_later(self) -> Self {
        Self {
            at_once: false,
            is_standard: false,
            ..self
        }
    }

    /// Times short enough that every one of them runs out now and then.
    pub(super) fn settings(&self) -> Settings {
        let mut settings = Settings::standard(Arc::new(Catalog::default_range()));
        settings.checkout.hold_ttl = Duration::from_secs(6);
        settings.checkout.attempt_time = Duration::from_secs(5);
        settings.checkout.review_time = Duration::from_secs(15);
        settings.rules = Arc::new(rules());
        settings.batch = 32;
        settings.in_flight = 16;
        settings.stuck_after = Duration::from_secs(3);
        (self.adjust)(&mut settings);
        settings
    }
}

/// Rules by which an order of a few units more is looked at by a person, and one of many more is
/// refused, so that both happen often.
fn rules() -> RuleSet {
    let rule = |name: &str, points, when| Rule {
        name: name.into(),
        points,
        when,
    };
    let busy = Condition::Velocity {
        subject: Subject::User,
        window: Window::Short,
        measure: Measure::Count,
        from: 40,
    };
    let rules = [
        rule("units-5", 400, Condition::Units(5)),
        rule("units-8", 400, Condition::Units(8)),
        rule("user-orders", 100, busy),
    ];
    RuleSet::new(rules, THRESHOLDS).expect("names are distinct")
}

/// What the shop of a seed sells: few products, so that orders meet at the shelf.
pub(super) fn range() -> Vec<(ProductId, StockSystem)> {
    let catalog = Catalog::default_range();
    let of = |system, count| {
        let products = catalog.iter().filter(move |it| it.system == system);
        products.take(count).map(|it| (it.id.clone(), it.system))
    };
    of(StockSystem::Inventory, 4)
        .chain(of(StockSystem::Furniture, 2))
        .collect()
}

/// Fills the shelves and the CRM of a fresh shop.
pub(super) async fn open(stores: &Stores) -> Result<(), Fault> {
    let ports = &stores.ports;
    for (product_id, system) in range() {
        let receipt = ReceiptId::new(format!("opening.{product_id}"));
        let received = ports.ledger(system).receive(Receive {
            receipt_id: receipt.map_err(|error| Fault::permanent("a receipt").because(error))?,
            product_id,
            quantity: STOCKED,
        });
        let received = received.await;
        received.map_err(|error| error.into_fault("the shelf refuses its first goods"))?;
    }
    let now = ports.clock.now();
    for number in 0..CUSTOMERS {
        let customer = UpsertCustomer {
            id: CustomerId::new(format!("c{number}"))
                .map_err(|error| Fault::permanent("a customer id").because(error))?,
            email: Pii::new(
                Email::new(format!("c{number}@example.com"))
                    .map_err(|error| Fault::permanent("an e-mail").because(error))?,
            ),
            name: None,
            surname: None,
            address: None,
            tier: Some(match number % 3 {
                0 => Tier::Gold,
                _ => Tier::Standard,
            }),
            standing: (number == 1).then_some(Standing::Blocked),
            billing: None,
        };
        match ports.customers.upsert(customer, now).await {
            // A directory of somebody else may be read-only.
            Ok(_) | Err(PortError::Rejected(_)) => {}
            Err(PortError::Fault(fault)) => return Err(fault),
        }
    }
    Ok(())
}
