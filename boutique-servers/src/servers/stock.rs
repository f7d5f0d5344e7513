//! `boutique-inventory` and `boutique-furniture`.

use std::sync::Arc;

use axum::Router;
use boutique_core::catalog::Catalog;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::{self, Dependency};
use crate::config::StockConfig;
use crate::exit::Failure;
use crate::parts::{self, Making, Stock};
use crate::store;

pub(super) async fn compose(config: &StockConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let (system, catalog) = (config.system, Arc::new(Catalog::default_range()));
    let ledger = Arc::clone(ports.ledger(system));
    parts::open_shelves(&*ledger, system, &catalog, config.opening_stock).await?;
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let stock = Stock {
        system,
        ledger: Arc::clone(&ledger),
        catalog,
        ids: Arc::clone(&ports.ids),
    };
    Ok(Composed {
        more: Router::new(),
        part: parts::stock(stock, &config.background, &making),
        dependencies: vec![Dependency::store(&ports)],
        meters: vec![admin::stock(system, ledger)],
        tasks: TaskTracker::new(),
    })
}
