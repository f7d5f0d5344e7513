//! The boutique a file is replayed in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::analytics::Table;
use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{
    CheckoutRejection, CheckoutSettings, OrderBody, Outcome, PlaceOrder, Refusal,
};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email};
use boutique_core::fault::{Fault, PortError};
use boutique_core::flow::Step;
use boutique_core::fraud::RuleSet;
use boutique_core::ids::{
    CarrierEventId, IdempotencyKey, OrderId, ReceiptId, ShipmentId, TenantId, UserId,
};
use boutique_core::limits::{LINES_PER_ORDER_MAX, Limits};
use boutique_core::money::Money;
use boutique_core::pii::Pii;
use boutique_core::pricing::{TaxMode, TaxTable};
use boutique_core::shipping::Tariff;
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_transport::sources::SystemClock;
use boutique_transport::sqlite::SqliteOptions;
use tower::util::BoxCloneSyncService;

use super::invoices::Sale;
use super::lines::CURRENCY;
use super::prices::PricesOfFile;
use crate::analytics::Analytics;
use crate::data::{self, TENANT};
use crate::exit::Failure;

/// What became of an invoice.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It is an order, for this much.
    Sold(Money),
    /// It is none.
    Refused(Arc<str>),
}

/// A boutique that sells at the file's prices.
pub(super) struct Shop {
    pub(super) boutique: Boutique,
    pub(super) ports: Ports,
    pub(super) taxes: Arc<TaxTable>,
    analytics: Option<Analytics>,
    tenant: TenantId,
}

/// The standard rate of the United Kingdom in 2010 (VAT Act 1994, section 2, as amended), which
/// is in the file's prices; goods that leave the country are zero-rated.
fn taxes() -> TaxTable {
    TaxTable::new(TaxMode::Inclusive, 0, [("United Kingdom", 1_750)])
}

/// What to do about documents that another file has brought in.
pub(super) const OWN_FILE: &str = "use a data file of its own for each file";

/// How often something that may pass is tried again, and how long after.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

impl Shop {
    /// Opens the data file and finishes what an earlier run left undone.
    pub(super) async fn open(
        path: &Path,
        options: SqliteOptions,
        warehouse: Option<&Path>,
        prices: PricesOfFile,
    ) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let ports = data::open(path, clock, options)?;
        let taxes = Arc::new(taxes());
        let mut settings = Settings::standard(Arc::new(Catalog::default()));
        settings.quote = BoxCloneSyncService::new(prices.into_service());
        settings.shipping = Settings::tariff(Tariff::free());
        settings.rules = Arc::new(RuleSet::none());
        settings.checkout = CheckoutSettings {
            limits: Limits {
                lines_per_order: LINES_PER_ORDER_MAX,
            },
            taxes: Arc::clone(&taxes),
            ..CheckoutSettings::default()
        };
        let boutique = Boutique::new(ports.clone(), settings);
        let analytics = match warehouse {
            Some(folder) => {
                let topology = boutique.topology();
                Some(Analytics::open(folder, &Table::ALL, &ports.broker, topology).await?)
            }
            None => None,
        };
        boutique.start().await?;
        let shop = Self {
            boutique,
            ports,
            taxes,
            analytics,
            tenant: TenantId::new(TENANT)
                .map_err(|error| Fault::permanent("no tenant").because(error))?,
        };
        shop.settle().await?;
        Ok(shop)
    }

    /// The key of an invoice's order.
    fn key(sale: &Sale) -> Result<IdempotencyKey, Failure> {
        IdempotencyKey::new(Arc::clone(&sale.invoice))
            .map_err(|error| Failure::Input(format!("an invoice number is no {error}")))
    }

    /// The order of an invoice.
    pub(super) fn order_id(&self, sale: &Sale) -> Result<OrderId, Failure> {
        Ok(self.ports.ids.order(&self.tenant, &Self::key(sale)?))
    }

    /// Puts goods on the shelf, once per receipt id.
    pub(super) async fn receive(
        &self,
        receipt_id: ReceiptId,
        product_id: boutique_core::ids::ProductId,
        quantity: u64,
    ) -> Result<(), Failure> {
        let receive = Receive {
            receipt_id,
            product_id,
            quantity,
        };
        let received = again(|| self.ports.inventory.receive(receive.clone())).await;
        received.map(drop).map_err(failure)
    }

    /// Sells an invoice, or finds out what became of it in an earlier run.
    pub(super) async fn place(&self, sale: &Sale) -> Result<Fate, Failure> {
        if let Some(reason) = &sale.withheld {
            return Ok(Fate::Refused(reason.as_str().into()));
        }
        let body = body(sale).map_err(|error| {
            let error = format!("invoice {}: {error}", sale.invoice);
            Failure::Input(error)
        })?;
        let key = Self::key(sale)?;
        let placed = again(async || {
            let request = PlaceOrder {
                tenant: self.tenant.clone(),
                key: key.clone(),
                body: body.clone(),
                dry_run: false,
                deadline: self.ports.clock.now().after(Duration::from_secs(60)),
                traceparent: None,
            };
            match self.boutique.place(request).await {
                // Our own attempt before this one, most likely: what ended that is the news.
                Err(PortError::Rejected(CheckoutRejection::InProgress)) => {
                    let text = format!("invoice {} is still in progress", sale.invoice);
                    Err(Fault::unavailable(text).into())
                }
                answer => answer,
            }
        })
        .await;
        match placed {
            Ok(Outcome::Confirmed(receipt)) => Ok(Fate::Sold(receipt.total)),
            Ok(Outcome::Refused { refusal, .. }) => Ok(Fate::Refused(short(&refusal).into())),
            Ok(Outcome::Parked { .. }) => Ok(Fate::Refused("the order waits for a review".into())),
            Err(PortError::Rejected(CheckoutRejection::KeyReused)) => Ok(Fate::Refused(
                format!("the data file has another order under this invoice number: {OWN_FILE}")
                    .into(),
            )),
            Err(PortError::Rejected(rejection)) => Ok(Fate::Refused(rejection.to_string().into())),
            Err(PortError::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Reports the shipment of an order shipped, once.
    pub(super) async fn ship(&self, sale: &Sale) -> Result<(), Failure> {
        let shipment_id = self
            .order_id(sale)?
            .shipment(StockSystem::Inventory.as_str());
        let event = CarrierEvent {
            id: carrier_event(&shipment_id)?,
            shipment_id,
            status: ShipmentStatus::Shipped,
            at: sale.at,
        };
        let shipped = again(|| self.boutique.carrier(event.clone())).await;
        shipped.map(drop).map_err(failure)
    }

    /// Does everything that is left to do, also what is not due yet.
    pub(super) async fn settle(&self) -> Result<(), Failure> {
        while self.boutique.settle().await?.waiting > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Lets the data warehouse have what was published, if there is one.
    pub(super) async fn complete_analytics(&self) -> Result<(), Failure> {
        match &self.analytics {
            Some(analytics) => analytics.complete().await,
            None => Ok(()),
        }
    }
}

fn carrier_event(shipment_id: &ShipmentId) -> Result<CarrierEventId, Failure> {
    CarrierEventId::new(format!("{shipment_id}.shipped"))
        .map_err(|error| Fault::permanent("no carrier event").because(error).into())
}

/// Tries again what may pass, under the same ids.
pub(super) async fn again<T, R>(
    mut attempt: impl AsyncFnMut() -> Result<T, PortError<R>>,
) -> Result<T, PortError<R>>
where
    R: std::error::Error + 'static,
{
    let mut first = None;
    for left in (0..TRIES).rev() {
        match attempt().await {
            Err(PortError::Fault(fault)) if fault.kind().is_transient() => {
                first.get_or_insert(fault);
                if left > 0 {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            done => return done,
        }
    }
    let none = || Fault::unavailable("nothing was tried");
    Err(first.unwrap_or_else(none).into())
}

/// A rejection that a replay cannot explain is a failure.
pub(super) fn failure<R: std::error::Error + Send + Sync + 'static>(
    error: PortError<R>,
) -> Failure {
    match error {
        PortError::Fault(fault) => fault.into(),
        PortError::Rejected(rejection) => Failure::Refused(rejection.to_string()),
    }
}

/// What a client of the shop would have sent for the invoice.
fn body(sale: &Sale) -> Result<OrderBody, Box<dyn std::error::Error + Send + Sync>> {
    let (user, name) = match &sale.customer {
        Some(customer) => (customer.to_string(), format!("customer-{customer}")),
        None => {
            let guest = format!("guest-{}", sale.invoice);
            (guest.clone(), guest)
        }
    };
    let address = Address {
        street_address: "unknown".to_owned(),
        city: "unknown".to_owned(),
        state: String::new(),
        country: sale.country.to_string(),
        zip_code: String::new(),
    };
    let lines = sale.lines.iter().map(|it| CartLine {
        product_id: it.article.clone(),
        quantity: it.units,
    });
    Ok(OrderBody {
        user_id: UserId::new(user)?,
        currency: CURRENCY,
        email: Pii::new(Email::new(format!("{name}@customers.invalid"))?),
        address: Pii::new(address.checked()?),
        lines: Some(lines.collect()),
        ordered_at: Some(sale.at),
    })
}

/// Why an order was refused, in a line: an invoice may be short of hundreds of articles.
fn short(refusal: &Refusal) -> String {
    const NAMED: usize = 3;
    match refusal {
        Refusal::Short { shortages } if shortages.len() > NAMED => {
            let named: Vec<String> = shortages[..NAMED].iter().map(ToString::to_string).collect();
            format!(
                "not enough in stock: {}; and of {} other articles",
                named.join("; "),
                shortages.len() - NAMED
            )
        }
        refusal => refusal.to_string(),
    }
}
