//! `boutique-gateway`.

use axum::Router;
use boutique_core::fault::Fault;
use boutique_transport::gateway::GatewayUpstream;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::config::GatewayConfig;
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::up::audit::auditing_folder;

pub(super) async fn compose(config: &GatewayConfig) -> Result<Composed, Failure> {
    let connect = config.edge.connect_timeout;
    let clock = clock();
    let verifier = parts::verifier(&config.jwt, clock.clone(), connect)?;
    let upstream = |url| {
        GatewayUpstream::http(url, connect)
            .map_err(|error| Fault::permanent("the upstream's address is wrong").because(error))
    };
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let (checkout, oms) = (upstream(&config.checkout)?, upstream(&config.oms)?);
    let part = parts::gateway(verifier, checkout, oms, config.rates, &making)?;
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
