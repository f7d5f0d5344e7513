//! A boutique that asks a pricing service of your own: any Tower service of the right type.
#![allow(clippy::print_stdout, reason = "it is a program that shows something")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use boutique_core::assembly::{Boutique, Ports, QuoteService, Settings, VolatileIds};
use boutique_core::carts::CartLine;
use boutique_core::catalog::{Catalog, PricedLine, QuoteCart, QuoteError};
use boutique_core::checkout::{OrderBody, Outcome, PlaceOrder};
use boutique_core::clock::Clock;
use boutique_core::customer::{Address, Email};
use boutique_core::fault::PortError;
use boutique_core::ids::{IdempotencyKey, ProductId, ReceiptId, TenantId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::stock::Receive;
use boutique_transport::sources::SystemClock;
use tower::service_fn;

/// Half price on everything, rounded half-even to the cent.
async fn sale(catalog: Arc<Catalog>, cart: QuoteCart) -> Result<Arc<[PricedLine]>, QuoteError> {
    let full = catalog
        .quote(cart.currency, &cart.lines)
        .map_err(PortError::Rejected)?;
    let halved = full.iter().map(|line| {
        let unit_price = line.unit_price.portion(1, 2).unwrap_or(line.unit_price);
        PricedLine {
            unit_price,
            ..line.clone()
        }
    });
    Ok(halved.collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let catalog = Arc::new(Catalog::default_range());
    let mut settings = Settings::standard(Arc::clone(&catalog));
    settings.quote = QuoteService::new(service_fn(move |cart| sale(Arc::clone(&catalog), cart)));
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(VolatileIds::default()));
    let boutique = Boutique::new(ports, settings);
    boutique.start().await?;

    let watch = ProductId::new("1YMWWN1N4O")?;
    let receive = Receive {
        receipt_id: ReceiptId::new("opening")?,
        product_id: watch.clone(),
        quantity: 1,
    };
    boutique.ports().inventory.receive(receive).await?;
    let request = PlaceOrder {
        tenant: TenantId::new("my-shop")?,
        key: IdempotencyKey::new("order-1")?,
        body: OrderBody {
            user_id: UserId::new("ada")?,
            currency: Currency::USD,
            email: Email::new("ada@example.com")?.into(),
            address: Address {
                street_address: "1 Main Street".to_owned(),
                city: "Springfield".to_owned(),
                state: "OR".to_owned(),
                country: "United States".to_owned(),
                zip_code: "97477".to_owned(),
            }
            .checked()?
            .into(),
            lines: Some(
                [CartLine {
                    product_id: watch,
                    quantity: Units::ONE,
                }]
                .into(),
            ),
            ordered_at: None,
        },
        // What would it cost? Nothing is held and nothing is kept.
        dry_run: true,
        deadline: clock.now().after(Duration::from_secs(5)),
        traceparent: None,
    };
    let Outcome::Confirmed(receipt) = boutique.place(request).await? else {
        return Err("would not be sold".into());
    };
    println!(
        "the watch costs {}, {} with shipping",
        receipt.order.items[0].cost, receipt.total
    );
    assert_eq!(receipt.order.items[0].cost.decimal(), "55.00");
    Ok(())
}
