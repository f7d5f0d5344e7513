//! `boutique-gateway`.

use axum::Router;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::config::{GatewayConfig, Server};
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::stack::passing;
use crate::up::audit::auditing_folder;

pub(super) async fn compose(config: &GatewayConfig) -> Result<Composed, Failure> {
    let connect = config.edge.connect_timeout;
    let clock = clock();
    let verifier = parts::verifier(&config.jwt, clock.clone(), connect)?;
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let (checkout, to_checkout) = passing(&config.edge, Server::Checkout, &config.checkout)?;
    let (oms, to_oms) = passing(&config.edge, Server::Oms, &config.oms)?;
    let mut part = parts::gateway(verifier, checkout, oms, config.rates, &making)?;
    part.edges = vec![to_checkout, to_oms];
    Ok(Composed {
        part,
        more: config
            .audit
            .clone()
            .map_or_else(Router::new, auditing_folder),
        dependencies: Vec::new(),
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}
