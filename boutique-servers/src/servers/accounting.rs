//! `boutique-accounting`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::BookService;
use boutique_core::customer::{CustomerProfile, LookUpCustomer};
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step};
use boutique_transport::http::accounting::{CountInDirectory, CountService};
use boutique_transport::http::call::Call;
use boutique_transport::http::crm::{CrmClient, HttpDirectory};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::{Composed, clock};
use crate::admin::Dependency;
use crate::config::{AccountingConfig, Server};
use crate::exit::Failure;
use crate::parts::{self, Making};
use crate::stack::Edges;
use crate::store;

/// The longest a sale waits for its buyer's billing profile.
const CRM_WITHIN: Duration = Duration::from_secs(1);

/// A CRM that is waited for only so long, and never for more than half of the time that is left:
/// revenue does not wait for an address.
struct Soon<C>(C);

impl<C> Step<LookUpCustomer> for Soon<C>
where
    C: Ask<LookUpCustomer, Response = Option<CustomerProfile>, Error = Fault>,
{
    type Response = Option<CustomerProfile>;
    type Error = Fault;

    async fn run(&self, request: LookUpCustomer) -> Result<Option<CustomerProfile>, Fault> {
        let left = Call::current().and_then(|it| it.left());
        let within = left.map_or(CRM_WITHIN, |it| CRM_WITHIN.min(it / 2));
        let answer = timeout(within, self.0.ask(request)).await;
        answer.unwrap_or_else(|_| Err(Fault::ambiguous("the CRM did not answer in time")))
    }
}

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
        crm: Soon(crm.clone().into_service()).into_service(),
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
