//! The warehouse.

use std::sync::Arc;

use boutique_core::assembly::WarehouseSystem;
use boutique_core::warehouse::ShipmentStore;
use boutique_transport::http::warehouse::{WarehouseApi, routes};

use super::wake::waking;
use super::{Duty, Making, Part};
use crate::config::{Background, Server};

/// The warehouse over its shipments.
pub fn warehouse(
    system: &Arc<WarehouseSystem>,
    shipments: Arc<dyn ShipmentStore>,
    background: &Background,
    making: &Making,
) -> Part {
    let working = Arc::clone(system);
    let work = Duty::new("discharge", background.working(), move || {
        let system = Arc::clone(&working);
        async move { Ok(!system.work().await?.is_idle()) }
    });
    let api = WarehouseApi {
        warehouse: system.service(),
        shipments,
        clock: Arc::clone(&making.clock),
    };
    let wake = work.waker();
    let part = making.part(Server::Warehouse, routes(), api, vec![work]);
    Part {
        router: waking(part.router, wake),
        ..part
    }
}
