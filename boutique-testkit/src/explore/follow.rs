//! What follows a sale, from the outbox to the return of a unit.

use boutique_core::assembly::Boutique;
use boutique_core::flow::Step;
use boutique_core::ids::{CarrierEventId, OrderId, ReturnId};
use boutique_core::limits::Units;
use boutique_core::orders::{ReturnGoods, ReturnLine};
use boutique_core::warehouse::{CarrierEvent, ShipmentStatus};

use super::bench::fine;

/// Does all of it as far as it goes; each part can be done again.
pub(super) async fn follow(boutique: &Boutique, order_id: &OrderId) {
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
    let back = ReturnGoods {
        order_id: order_id.clone(),
        return_id: fine(ReturnId::new("r1")),
        lines: vec![ReturnLine {
            line: 0,
            quantity: Units::ONE,
            refund: None,
        }],
        restock: true,
        at: None,
    };
    drop(boutique.desk().run(back).await);
    drop(boutique.settle().await);
}
