//! `boutique-accounting`.

use std::sync::Arc;

use axum::Router;
use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::BookService;
use boutique_core::flow::Step;
use boutique_transport::http::accounting::{CountInDirectory, CountService};
use boutique_transport::http::crm::{CrmClient, HttpDirectory};
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::Dependency;
use crate::config::{AccountingConfig, Server};
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::stack::Edges;
use crate::store;

pub(super) async fn compose(config: &AccountingConfig) -> Result<Composed, Failure> {
    let clock = clock();
    let ports = store::open(&config.store, Arc::clone(&clock))?;
    let mut edges = Edges::new(&config.edge, config.common.serving.request_timeout)?;
    let crm = CrmClient {
        upstream: edges.reading(Server::Crm, &config.crm),
    };
    let books = KeepBooks {
        journal: Arc::clone(&ports.journal),
        clock: Arc::clone(&clock),
        crm: crm.clone().into_service(),
    };
    let making = Making {
        limits: config.common.serving.limits(),
        admission: config.common.serving.gate(),
        clock,
    };
    let directory = Arc::new(HttpDirectory {
        upstream: crm.upstream,
    });
    let count = CountService::new(CountInDirectory { directory }.into_service());
    let books = BookService::new(books.into_service());
    let mut part = parts::accounting(books, Arc::clone(&ports.journal), count, &making);
    part.edges = edges.into_states();
    Ok(Composed {
        part,
        more: Router::new(),
        dependencies: vec![Dependency::store(&ports)],
        meters: Vec::new(),
        tasks: TaskTracker::new(),
    })
}
