//! `boutique-oms`.

use std::sync::Arc;

use axum::Router;
use boutique_core::assembly::{BookService, FulfilService, OrderEdges, OrderSystem};
use boutique_core::flow::{Step, StepService};
use boutique_transport::http::accounting::AccountingClient;
use boutique_transport::http::api::{Limits, versioned};
use boutique_transport::http::warehouse::WarehouseClient;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::Dependency;
use crate::broker;
use crate::config::{OmsConfig, Server};
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::stack::Edges;
use crate::store;

/// A push has room for the event of the largest order in base64, whatever else is allowed.
const PUSH_BYTES_MIN: usize = 1 << 20;

pub(super) async fn compose(config: &OmsConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let mut edges = Edges::new(&config.edge, config.common.serving.request_timeout)?;
    let accounting = AccountingClient {
        upstream: edges.to(Server::Accounting, &config.accounting),
    };
    let warehouse = WarehouseClient {
        upstream: edges.to(Server::Warehouse, &config.warehouse),
    };
    let system = OrderSystem::new(
        Arc::clone(&ports.orders),
        Arc::clone(&clock),
        OrderEdges {
            accounting: BookService::new(accounting.into_service()),
            warehouse: FulfilService::new(StepService::shared(Arc::new(warehouse))),
        },
        config.background.batch,
    );
    let limits = config.common.serving.limits();
    let making = Making {
        limits: Limits {
            body: limits.body.max(PUSH_BYTES_MIN),
            ..limits
        },
        admission: config.common.serving.gate(),
        clock: Arc::clone(&clock),
    };
    let service = system.taking_in();
    let pulled = Arc::clone(&clock);
    let pulls = broker::taking_in(&config.broker, service, &config.background, pulled);
    let (pulls, pulled_from) = pulls.await?;
    let mut part = parts::oms(&Arc::new(system), &config.background, &making);
    part.duties.extend(pulls);
    // Google's gateway passes public paths on as they are.
    part.router = versioned(part.router);
    part.edges = edges.into_states();
    if let Some(push) = &config.push {
        let verifier = parts::push_verifier(push, &config.edge, clock)?;
        part.router = verifier.guard(part.router);
    }
    let mut dependencies = vec![Dependency::store(&ports)];
    dependencies.extend(pulled_from);
    Ok(Composed {
        part,
        more: Router::new(),
        dependencies,
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}
