//! Order management.

use std::sync::Arc;

use boutique_core::assembly::OrderSystem;
use boutique_transport::http::oms::{OmsApi, routes};

use super::{Duty, Making, Part};
use crate::config::{Background, Server};

/// Order management.
pub fn oms(system: &Arc<OrderSystem>, background: &Background, making: &Making) -> Part {
    let api = OmsApi {
        desk: system.desk().clone(),
    };
    let (driving, clock) = (Arc::clone(system), Arc::clone(&making.clock));
    let stuck_after = background.stuck_after;
    let drive = Duty::new("drive", background.tidying(), move || {
        let (system, now) = (Arc::clone(&driving), clock.now());
        async move {
            let driven = system.drive_stuck(now.before(stuck_after)).await?;
            Ok(!driven.is_idle())
        }
    });
    making.part(Server::Oms, routes(), api, vec![drive])
}
