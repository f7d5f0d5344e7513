//! `boutique-crm`.

use std::sync::Arc;

use axum::Router;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::Dependency;
use crate::config::CrmConfig;
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::store;

pub(super) async fn compose(config: &CrmConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    Ok(Composed {
        part: parts::crm(
            Arc::clone(&ports.customers),
            Arc::clone(&ports.ids),
            &making,
        ),
        more: Router::new(),
        dependencies: vec![Dependency::store(&ports)],
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}
