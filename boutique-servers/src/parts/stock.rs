//! The stock systems.

use std::sync::Arc;

use boutique_core::catalog::Catalog;
use boutique_core::fault::Fault;
use boutique_core::ids::{IdSource, ReceiptId};
use boutique_core::shipping::Tariff;
use boutique_core::stock::{LedgerError, Receive, StockLedger, StockSystem};
use boutique_transport::http::stock::{HOLD_FOR, Names, StockApi, furniture_routes, routes};

use super::{Duty, Making, Part};
use crate::config::{Background, Server};

/// What a stock system is made of.
pub struct Stock {
    /// Which one.
    pub system: StockSystem,
    /// Its ledger.
    pub ledger: Arc<dyn StockLedger>,
    /// What products are called.
    pub catalog: Arc<Catalog>,
    /// Names what a client does not name.
    pub ids: Arc<dyn IdSource>,
}

/// A stock system.
pub fn stock(stock: Stock, background: &Background, making: &Making) -> Part {
    let Stock {
        system,
        ledger,
        catalog,
        ids,
    } = stock;
    let (swept, batch) = (Arc::clone(&ledger), background.batch);
    let sweep = Duty::new("sweep", background.tidying(), move || {
        let ledger = Arc::clone(&swept);
        async move { Ok(ledger.sweep(batch).await? > 0) }
    });
    let api = Arc::new(StockApi {
        ledger,
        names: Names::of(catalog),
        ids,
        hold_for: HOLD_FOR,
        tariff: Arc::new(Tariff::standard()),
    });
    let (server, routes) = match system {
        StockSystem::Inventory => (Server::Inventory, routes()),
        StockSystem::Furniture => (Server::Furniture, furniture_routes()),
    };
    making.part(server, routes, api, vec![sweep])
}

/// Puts `units` of every product of `system` on the shelf of a ledger that never had any of it.
/// Repeating it adds nothing.
///
/// # Errors
///
/// A [`Fault`] of the ledger; what was put there stays, and the rest follows with the next call.
pub async fn open_shelves(
    ledger: &dyn StockLedger,
    system: StockSystem,
    catalog: &Catalog,
    units: u64,
) -> Result<(), Fault> {
    if units == 0 {
        return Ok(());
    }
    for product in catalog.iter().filter(|it| it.system == system) {
        if ledger.level(&product.id).await?.is_some() {
            continue;
        }
        let receipt = format!("opening-stock.{}", system.as_str());
        let received = ledger
            .receive(Receive {
                receipt_id: ReceiptId::new(format!("{receipt}.{}", product.id))
                    .map_err(|error| Fault::permanent("opening stock").because(error))?,
                product_id: product.id.clone(),
                quantity: units,
            })
            .await;
        received.map_err(|error: LedgerError| error.into_fault("opening stock is refused"))?;
    }
    Ok(())
}
