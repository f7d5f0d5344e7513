//! Accounting: `/transactions` for sales, as existing clients know them, and the journal behind
//! them.

mod amount;
mod client;
mod crm;
mod journal;
mod transactions;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use boutique_core::accounting::{Book, BookError, Booked, Journal};
use boutique_core::clock::Clock;
use boutique_core::flow::Ask;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use client::AccountingClient;
pub use crm::{CountCustomers, CountInDirectory, CountService};

/// What accounting's paths stand on.
#[derive(Clone)]
pub struct AccountingApi<B> {
    /// Books.
    pub book: B,
    /// What is booked.
    pub journal: Arc<dyn Journal>,
    /// Dates what comes without a date.
    pub clock: Arc<dyn Clock>,
    /// Counts customers for `GET /transactions`.
    pub crm: CountService,
    /// How long that may take before the list does without.
    pub crm_within: Duration,
}

/// Accounting's paths.
pub fn routes<B>() -> OpenApiRouter<AccountingApi<B>>
where
    B: Ask<Book, Response = Booked, Error = BookError> + Clone,
{
    OpenApiRouter::new()
        .routes(routes!(transactions::book, transactions::list))
        .routes(routes!(
            transactions::one,
            transactions::correct,
            transactions::take_back
        ))
        .routes(routes!(transactions::push))
        .routes(routes!(journal::post, journal::list))
        .routes(routes!(journal::one))
        .routes(routes!(journal::trial_balance))
}
