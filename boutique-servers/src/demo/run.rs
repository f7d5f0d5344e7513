//! The demo itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::analytics::Table;
use boutique_core::assembly::{Boutique, Settings};
use boutique_core::broker::Broker;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::Clock;
use boutique_core::flow::Step;
use boutique_core::ids::{CarrierEventId, ReceiptId, ReturnId, TenantId};
use boutique_core::limits::Units;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use boutique_core::pricing::{TaxMode, TaxTable};
use boutique_core::stock::Receive;
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_transport::sqlite::SqliteOptions;
use futures_util::future::try_join_all;

use super::Ended;
use super::clock::StoryClock;
use super::story::{Fate, SCARCE, STOCKED, Wish, customers, told, wishes};
use super::twice::PublishTwice;
use crate::analytics::Analytics;
use crate::data::{self, TENANT};
use crate::exit::Failure;

/// Orders that are placed at one time, each by somebody else.
const AT_A_TIME: usize = 10;
/// Time until the next ones come: it takes a day and a half for all of them.
const MEANWHILE: Duration = Duration::from_secs(70 * 60);

/// A boutique with a story to tell.
pub(super) struct Demo {
    pub(super) boutique: Boutique,
    pub(super) broker: Arc<PublishTwice>,
    analytics: Option<Analytics>,
    clock: Arc<StoryClock>,
    tenant: TenantId,
}

impl Demo {
    pub(super) async fn open(path: &Path, warehouse: Option<&Path>) -> Result<Self, Failure> {
        let clock = Arc::new(StoryClock::new());
        let shared: Arc<dyn Clock> = Arc::<StoryClock>::clone(&clock);
        let mut ports = data::open(path, shared, SqliteOptions::default())?;
        let broker = Arc::new(PublishTwice::new(Arc::clone(&ports.broker)));
        let shared: Arc<dyn Broker> = Arc::<PublishTwice>::clone(&broker);
        ports.broker = shared;
        let mut settings = Settings::standard(Arc::new(Catalog::default_range()));
        let taxes = TaxTable::new(TaxMode::Exclusive, 0, [("United States", 800)]);
        settings.checkout.taxes = Arc::new(taxes);
        let boutique = Boutique::new(ports, settings);
        let analytics = match warehouse {
            Some(folder) => {
                let (broker, topology) = (&boutique.ports().broker, boutique.topology());
                Some(Analytics::open(folder, &Table::ALL, broker, topology).await?)
            }
            None => None,
        };
        boutique.start().await?;
        Ok(Self {
            boutique,
            analytics,
            broker,
            clock,
            tenant: told(TenantId::new(TENANT))?,
        })
    }

    /// Fills the shelves and tells the CRM who buys.
    pub(super) async fn stock_and_customers(&self) -> Result<(), Failure> {
        let ports = self.boutique.ports();
        for product in Catalog::default_range().iter() {
            let quantity = match product.id.as_str() {
                id if id == SCARCE.0 => SCARCE.1,
                _ => STOCKED,
            };
            let receive = Receive {
                receipt_id: told(ReceiptId::new(format!("demo.{}", product.id)))?,
                product_id: product.id.clone(),
                quantity,
            };
            told(ports.ledger(product.system).receive(receive).await)?;
        }
        for known in customers() {
            let customer = known.customer()?;
            told(ports.customers.upsert(customer, self.clock.now()).await)?;
        }
        Ok(())
    }

    /// Places every order, a few at a time, and works on their events in between.
    pub(super) async fn place_all(&self) -> Result<Vec<Ended>, Failure> {
        let mut ended = Vec::new();
        for wishes in wishes().chunks(AT_A_TIME) {
            self.clock.advance(MEANWHILE);
            ended.extend(try_join_all(wishes.iter().map(|it| self.place(it))).await?);
            self.boutique.work().await?;
        }
        self.settle().await?;
        Ok(ended)
    }

    async fn place(&self, wish: &Wish) -> Result<Ended, Failure> {
        let request = self.request(wish)?;
        let mut outcome = told(self.boutique.place(request.clone()).await)?;
        if wish.fate == Fate::Repeated {
            let again = told(self.boutique.place(request).await)?;
            if again != outcome {
                let key = wish.key()?;
                return Err(Failure::Refused(format!("{key} was answered in two ways")));
            }
        }
        if let Outcome::Parked { order_id, .. } = &outcome {
            let decision = ReviewDecision {
                order_id: order_id.clone(),
                approve: wish.fate == Fate::Approved,
                remark: "called the customer".to_owned(),
            };
            outcome = told(self.boutique.decide_review(decision).await)?;
        }
        let (order_id, outcome, total) = match outcome {
            Outcome::Confirmed(receipt) => {
                let total = receipt.total;
                (receipt.order.order_id, "confirmed", Some(total))
            }
            Outcome::Refused { order_id, refusal } => (order_id, refusal.name(), None),
            Outcome::Parked { order_id, .. } => (order_id, "parked", None),
        };
        Ok(Ended {
            key: wish.key()?,
            fate: wish.fate,
            order_id,
            outcome,
            total,
        })
    }

    fn request(&self, wish: &Wish) -> Result<PlaceOrder, Failure> {
        Ok(PlaceOrder {
            tenant: self.tenant.clone(),
            key: wish.key()?,
            body: wish.body()?,
            dry_run: false,
            deadline: self.clock.now().after(Duration::from_secs(10)),
            traceparent: None,
        })
    }

    /// Cancels, ships what is left, tells it twice, and takes back what comes back.
    pub(super) async fn ship_and_undo(&self, ended: &[Ended]) -> Result<(), Failure> {
        let confirmed = || ended.iter().filter(|it| it.outcome == "confirmed");
        for it in confirmed().filter(|it| it.fate == Fate::Cancelled) {
            let cancel = CancelOrder {
                order_id: it.order_id.clone(),
                at: None,
            };
            told(self.boutique.desk().run(cancel).await)?;
        }
        self.settle().await?;
        self.ship().await?;
        self.settle().await?;
        for it in confirmed().filter(|it| it.fate == Fate::Returned) {
            let back = ReturnGoods {
                order_id: it.order_id.clone(),
                return_id: told(ReturnId::new(format!("{}-back", it.key)))?,
                lines: vec![ReturnLine {
                    line: 0,
                    quantity: Units::ONE,
                    refund: None,
                }],
                restock: true,
                at: None,
            };
            told(self.boutique.desk().run(back).await)?;
        }
        self.settle().await
    }

    /// Every shipment that was not called off leaves, and the carrier says so twice.
    async fn ship(&self) -> Result<(), Failure> {
        let ports = self.boutique.ports();
        let mut after = None;
        loop {
            let page = ports.shipments.shipments(after.as_ref(), 100).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id.clone());
            let leaving = page
                .iter()
                .filter(|it| it.status != ShipmentStatus::Cancelled);
            let told_twice = leaving.map(async |shipment| {
                let event = CarrierEvent {
                    id: told(CarrierEventId::new(format!("{}.shipped", shipment.id)))?,
                    shipment_id: shipment.id.clone(),
                    status: ShipmentStatus::Shipped,
                    at: self.clock.now(),
                };
                told(self.boutique.carrier(event.clone()).await)?;
                told(self.boutique.carrier(event).await).map(drop)
            });
            try_join_all(told_twice).await?;
        }
    }

    /// Lets the data warehouse have what was published, if there is one.
    pub(super) async fn complete_analytics(&self) -> Result<(), Failure> {
        match &self.analytics {
            Some(analytics) => analytics.complete().await,
            None => Ok(()),
        }
    }

    /// Rows of the analytics table, and orders in its deduplicated view.
    pub(super) async fn analytics(&self) -> Result<(u64, usize), Failure> {
        let analytics = &self.boutique.ports().analytics;
        let (mut seen, mut after) = (0, None);
        loop {
            let page = analytics.deduplicated(after.as_ref(), 500).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.event_id.clone());
            seen += page.len();
        }
        Ok((analytics.raw_rows().await?, seen))
    }

    /// Works until nothing is left to do, letting time pass for what is not due yet.
    async fn settle(&self) -> Result<(), Failure> {
        while self.boutique.settle().await?.waiting > 0 {
            self.clock.advance(Duration::from_secs(1));
        }
        Ok(())
    }
}
