//! The fraud engine.

use std::sync::{Arc, Mutex};

use boutique_core::assembly::FraudService;
use boutique_core::fraud::{EvaluationLog, SignalStore, WINDOWS};
use boutique_transport::http::fraud::{FraudApi, routes};

use super::{Duty, Making, Part};
use crate::config::{Background, Server};

/// The fraud engine over what its windows count.
pub fn fraud(
    assess: FraudService,
    signals: Arc<dyn SignalStore>,
    background: &Background,
    making: &Making,
) -> Part {
    let clock = Arc::clone(&making.clock);
    let api = FraudApi {
        assess,
        log: Arc::new(Mutex::new(EvaluationLog::default())),
        clock: Arc::clone(&clock),
    };
    let forget = Duty::new("forget", background.tidying(), move || {
        let (signals, now) = (Arc::clone(&signals), clock.now());
        async move {
            // Twice the longest window: an order that comes late still meets what it belongs to.
            signals.forget(now.before(WINDOWS[1] * 2)).await?;
            Ok(false)
        }
    });
    making.part(Server::Fraud, routes(), api, vec![forget])
}
