//! `boutique-fraud`.

use std::sync::Arc;

use axum::Router;
use boutique_core::assembly::FraudService;
use boutique_core::flow::Step;
use boutique_core::fraud::{AssessRisk, RuleSet};
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::Dependency;
use crate::config::FraudConfig;
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::store;

pub(super) async fn compose(config: &FraudConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let assess = AssessRisk {
        store: Arc::clone(&ports.signals),
        rules: Arc::new(RuleSet::standard()),
    };
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let assess = FraudService::new(assess.into_service());
    Ok(Composed {
        more: Router::new(),
        part: parts::fraud(
            assess,
            Arc::clone(&ports.signals),
            &config.background,
            &making,
        ),
        dependencies: vec![Dependency::store(&ports)],
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}
