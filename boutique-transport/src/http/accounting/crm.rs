//! What accounting tells of the CRM.

use std::sync::Arc;
use std::time::Duration;

use boutique_core::clock::Timestamp;
use boutique_core::customer::CustomerDirectory;
use boutique_core::fault::Fault;
use boutique_core::flow::{Ask, Step};
use tokio::time::{Instant, timeout_at};
use tower::util::BoxCloneSyncService;

use super::super::call::Call;
use super::wire::CrmIntegration;

/// Asks how many customers the CRM knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountCustomers;

/// Knows how many customers there are, wherever the CRM is.
pub type CountService = BoxCloneSyncService<CountCustomers, u64, Fault>;

/// Counts the customers of a directory, which may be that of this process or the client of one.
#[derive(Clone)]
pub struct CountInDirectory {
    /// The directory.
    pub directory: Arc<dyn CustomerDirectory>,
}

impl Step<CountCustomers> for CountInDirectory {
    type Response = u64;
    type Error = Fault;

    async fn run(&self, _: CountCustomers) -> Result<u64, Fault> {
        Ok(self.directory.stats().await?.customers)
    }
}

/// What the CRM says before `within` has passed, or that it says nothing.
pub(super) async fn integration(
    crm: &CountService,
    within: Duration,
    now: Timestamp,
) -> CrmIntegration {
    let mut call = Call::current().unwrap_or_else(Call::background);
    // A caller in a hurry still gets the books: half of the time is theirs.
    let within = call.left().map_or(within, |left| within.min(left / 2));
    let until = Instant::now() + within;
    call.deadline = Some(until);
    let answer = timeout_at(until, call.scope(crm.ask(CountCustomers))).await;
    let customers = answer.ok().and_then(Result::ok);
    CrmIntegration {
        connected: customers.is_some(),
        customers,
        message: customers.is_none().then_some("CRM service not available"),
        timestamp: now.into(),
    }
}
