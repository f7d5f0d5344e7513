//! What follows a sale, from the outbox to the return of a unit.

use boutique_core::assembly::Boutique;
use boutique_core::flow::Step;
use boutique_core::ids::{CarrierEventId, OrderId, ReturnId};
use boutique_core::limits::Units;
use boutique_core::orders::{ReturnGoods, ReturnLine};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};

use super::bench::fine;

/// Does all of it as far as it goes; each part can be done again. What is wrong with it, where
/// nothing fails: more units cannot come back than were bought.
pub(super) async fn follow(boutique: &Boutique, order_id: &OrderId) -> Vec<String> {
    drop(boutique.settle().await);
    let shipments = boutique.ports().shipments.of_order(order_id).await;
    for shipment in shipments.unwrap_or_default() {
        let shipped = CarrierEvent {
            id: fine(CarrierEventId::new(format!("{}.left", shipment.id))),
            shipment_id: shipment.id,
            status: ShipmentStatus::Shipped,
            at: shipment.created_at,
        };
        drop(boutique.carrier(shipped).await);
    }
    drop(boutique.settle().await);
    let back = |return_id: &str, units| ReturnGoods {
        order_id: order_id.clone(),
        return_id: fine(ReturnId::new(return_id)),
        lines: vec![ReturnLine {
            line: 0,
            quantity: fine(Units::new(units)),
            refund: None,
        }],
        restock: true,
        at: None,
    };
    let one = boutique.desk().run(back("r1", 1)).await;
    drop(boutique.settle().await);
    let two = boutique.desk().run(back("r2", 2)).await;
    if one.is_ok() && two.is_ok() {
        return vec!["three units of two came back and are paid back".into()];
    }
    Vec::new()
}
