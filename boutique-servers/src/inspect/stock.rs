//! `boutique stock`.

use boutique_core::assembly::Ports;
use boutique_core::stock::StockSystem;
use serde_json::json;

use super::PAGE;
use crate::exit::Failure;
use crate::output::{Output, Rows};

/// Prints what both stock systems keep.
///
/// # Errors
///
/// [`Failure`]; the data file is unchanged.
pub async fn stock(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    if !out.json {
        return print_stock(ports, out).await;
    }
    let mut list = Vec::new();
    each_level(ports, |system, id, level| {
        list.push(json!({
            "system": system,
            "product_id": id,
            "on_hand": level.on_hand,
            "held": level.held,
            "committed": level.committed,
            "available": level.available(),
            "received": level.received,
            "shipped": level.shipped,
        }));
    })
    .await?;
    out.json(&list)
}

/// Prints the stock board.
///
/// # Errors
///
/// [`Failure`].
pub async fn print_stock(ports: &Ports, out: &mut Output<'_>) -> Result<(), Failure> {
    let mut rows = Rows::new([
        "stock",
        "article",
        "#received",
        "#shipped",
        "#on hand",
        "#held",
        "#committed",
        "#available",
    ]);
    each_level(ports, |system, id, level| {
        rows.push([
            system.to_string(),
            id.to_string(),
            level.received.to_string(),
            level.shipped.to_string(),
            level.on_hand.to_string(),
            level.held.to_string(),
            level.committed.to_string(),
            level.available().to_string(),
        ]);
    })
    .await?;
    out.table("stock", &rows)
}

async fn each_level(
    ports: &Ports,
    mut see: impl FnMut(StockSystem, &boutique_core::ids::ProductId, &boutique_core::stock::Level),
) -> Result<(), Failure> {
    for system in StockSystem::ALL {
        let mut after = None;
        loop {
            let page = ports.ledger(system).levels(after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (id, level) in &page {
                see(system, id, level);
            }
        }
    }
    Ok(())
}
