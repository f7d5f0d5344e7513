//! What the benches share: CPU time as criterion's measurement, and a shop to sell from.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, Settings};
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{Address, Email};
use boutique_core::ids::{
    CarrierEventId, IdempotencyKey, OrderId, ReceiptId, ShipmentId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::{Receive, StockSystem};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of the whole process, all threads: steadier than wall time on a shared machine.
pub(crate) struct CpuTime;

/// CPU time this process has used so far.
pub(crate) fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or_default(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        cpu()
    }

    fn end(&self, begun: Duration) -> Duration {
        cpu() - begun
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// The articles of the benches' orders: three parcels.
const ARTICLES: [&str; 3] = ["OLJCESPC7Z", "66VCHSJNUP", "6E92ZMYYFZ"];

/// A started boutique with more of everything than will be sold.
pub(crate) async fn shop(ports: Ports, settings: Settings) -> Arc<Boutique> {
    let boutique = Boutique::new(ports, settings);
    boutique.start().await.expect("starts");
    for product in Catalog::default_range().iter() {
        let receive = Receive {
            receipt_id: ReceiptId::new(format!("first-{}", product.id)).expect("an id"),
            product_id: product.id.clone(),
            quantity: 1 << 40,
        };
        boutique
            .ports()
            .ledger(product.system)
            .receive(receive)
            .await
            .expect("received");
    }
    Arc::new(boutique)
}

/// The standard range, tariff and fraud rules.
pub(crate) fn settings() -> Settings {
    Settings::standard(Arc::new(Catalog::default_range()))
}

/// The `n`-th order: three lines, one of many buyers.
pub(crate) fn order(run: &str, n: u64) -> PlaceOrder {
    let buyer = n % 10_000;
    let lines = ARTICLES.map(|id| CartLine {
        product_id: id.parse().expect("an id"),
        quantity: Units::ONE,
    });
    PlaceOrder {
        tenant: TenantId::new("bench").expect("an id"),
        key: IdempotencyKey::new(format!("{run}-{n}")).expect("a key"),
        body: OrderBody {
            user_id: UserId::new(format!("user-{buyer}")).expect("an id"),
            currency: Currency::USD,
            email: Email::new(format!("user-{buyer}@example.com"))
                .expect("an e-mail")
                .into(),
            address: Address {
                street_address: format!("{buyer} Main Street"),
                city: "Springfield".to_owned(),
                state: "OR".to_owned(),
                country: "United States".to_owned(),
                zip_code: "97477".to_owned(),
            }
            .into(),
            lines: Some(lines.into()),
            ordered_at: None,
        },
        dry_run: false,
        deadline: Timestamp::MAX,
        traceparent: None,
    }
}

/// Sells one order.
pub(crate) async fn sell(boutique: &Boutique, request: PlaceOrder) -> OrderId {
    match boutique.place(request).await.expect("an answer") {
        Outcome::Confirmed(receipt) => receipt.order.order_id,
        other => panic!("not sold: {other:?}"),
    }
}

/// Reports the shipment of a sold order as shipped.
pub(crate) async fn ship(boutique: &Boutique, order_id: &OrderId) {
    leave(boutique, order_id.shipment(StockSystem::Inventory.as_str())).await;
}

/// Reports a shipment as shipped.
pub(crate) async fn leave(boutique: &Boutique, shipment_id: ShipmentId) {
    let event = CarrierEvent {
        id: CarrierEventId::new(format!("{shipment_id}.left")).expect("an id"),
        shipment_id,
        status: ShipmentStatus::Shipped,
        at: boutique.ports().clock.now(),
    };
    boutique.carrier(event).await.expect("reported");
}
