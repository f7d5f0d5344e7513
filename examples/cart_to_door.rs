//! From a cart to the door and back: everything in memory, nothing to install.
#![allow(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, Settings, VolatileIds};
use boutique_core::audit::AuditScope;
use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email};
use boutique_core::flow::Step;
use boutique_core::ids::{
    CarrierEventId, IdempotencyKey, ProductId, ReceiptId, ReturnId, TenantId, UserId,
};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::orders::{ReturnGoods, ReturnLine};
use boutique_core::stock::Receive;
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};
use boutique_transport::sources::SystemClock;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(VolatileIds::default()));
    let catalog = Arc::new(Catalog::default_range());
    let boutique = Boutique::new(ports, Settings::standard(Arc::clone(&catalog)));
    boutique.start().await?;

    // Ten of everything, in whichever stock system keeps it.
    for product in catalog.iter() {
        let receive = Receive {
            receipt_id: ReceiptId::new(format!("opening-{}", product.id))?,
            product_id: product.id.clone(),
            quantity: 10,
        };
        boutique
            .ports()
            .ledger(product.system)
            .receive(receive)
            .await?;
    }

    // Ada fills a cart over the day; the checkout empties it.
    let ada = UserId::new("ada")?;
    for id in ["66VCHSJNUP", "6E92ZMYYFZ", "66VCHSJNUP"] {
        let line = CartLine {
            product_id: ProductId::new(id)?,
            quantity: Units::ONE,
        };
        boutique.ports().carts.add(&ada, line, None).await?;
    }
    let answer = boutique
        .place(PlaceOrder {
            tenant: TenantId::new("my-shop")?,
            key: IdempotencyKey::new("ada-2026-11-22")?,
            body: OrderBody {
                user_id: ada.clone(),
                currency: Currency::EUR,
                email: Email::new("ada@example.com")?.into(),
                address: Address {
                    street_address: "Unter den Linden 1".to_owned(),
                    city: "Berlin".to_owned(),
                    state: String::new(),
                    country: "Germany".to_owned(),
                    zip_code: "10117".to_owned(),
                }
                .checked()?
                .into(),
                lines: None,
                ordered_at: None,
            },
            dry_run: false,
            deadline: clock.now().after(Duration::from_secs(5)),
            traceparent: None,
        })
        .await?;
    let Outcome::Confirmed(receipt) = answer else {
        return Err("not sold".into());
    };
    println!("order {}: {}", receipt.order.order_id, receipt.total);
    assert!(boutique.ports().carts.cart(&ada).await?.lines.is_empty());

    // Events are delivered, the sale is booked, the warehouse has its shipment.
    boutique.settle().await?;
    for shipment in boutique
        .ports()
        .shipments
        .of_order(&receipt.order.order_id)
        .await?
    {
        let event = CarrierEvent {
            id: CarrierEventId::new(format!("{}-left", shipment.id))?,
            shipment_id: shipment.id.clone(),
            status: ShipmentStatus::Delivered,
            at: clock.now(),
        };
        boutique.carrier(event).await?;
        println!("delivered {}", shipment.tracking_id);
    }
    boutique.settle().await?;

    // One tank top is too small.
    let back = ReturnGoods {
        order_id: receipt.order.order_id.clone(),
        return_id: ReturnId::new("too-small")?,
        lines: vec![ReturnLine {
            line: 0,
            quantity: Units::ONE,
            refund: None,
        }],
        restock: true,
        at: None,
    };
    let order = boutique.desk().run(back).await?;
    println!("paid back {}", order.progress.returns[0].lines[0].refund);
    boutique.settle().await?;

    for ((currency, account), (debit, credit)) in
        boutique.ports().journal.trial_balance().await?.rows
    {
        println!(
            "{currency} {account:<26} {:>8} {:>8}",
            debit.decimal(),
            credit.decimal()
        );
    }
    let report = boutique.audit(AuditScope::AtRest).await?;
    println!("{} violations", report.violation_count);
    assert!(report.is_clean());
    Ok(())
}
