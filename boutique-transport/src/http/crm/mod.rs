//! The CRM: customers, and the orders attached to them.
//!
//! [`CrmClient`] looks buyers up, in a CRM of ours or in one that knows less; [`HttpDirectory`]
//! is the whole [`CustomerDirectory`] behind a wire.

mod client;
mod customers;
mod directory;
mod orders;
mod wire;

use std::sync::Arc;

use axum::http::StatusCode;
use boutique_core::clock::Clock;
use boutique_core::customer::{CustomerDirectory, DirectoryRejection};
use boutique_core::ids::IdSource;
use boutique_core::money::Currency;
use utoipa_axum::router::OpenApiRouter;

pub use client::CrmClient;
pub use directory::HttpDirectory;

use super::problem::Problem;

/// What the CRM's paths stand on.
pub struct CrmApi {
    /// The customers.
    pub directory: Arc<dyn CustomerDirectory>,
    /// Dates what a client does not date.
    pub clock: Arc<dyn Clock>,
    /// Names customers that a client does not name.
    pub ids: Arc<dyn IdSource>,
    /// The currency of amounts that are bare numbers, in and out.
    pub currency: Currency,
}

/// The CRM's paths.
pub fn routes() -> OpenApiRouter<Arc<CrmApi>> {
    OpenApiRouter::new()
        .merge(customers::routes())
        .merge(orders::routes())
}

/// 404 for nobody, 409 for what is taken.
impl From<DirectoryRejection> for Problem {
    fn from(rejection: DirectoryRejection) -> Self {
        let (status, field) = match &rejection {
            DirectoryRejection::UnknownCustomer => (StatusCode::NOT_FOUND, None),
            DirectoryRejection::IdTaken => (StatusCode::CONFLICT, Some("id")),
            DirectoryRejection::EmailTaken => (StatusCode::CONFLICT, Some("email")),
            DirectoryRejection::OrderTaken => (StatusCode::CONFLICT, Some("orderId")),
        };
        let problem = Self::rejection(status, &rejection);
        match field {
            Some(field) => problem.about(field),
            None => problem,
        }
    }
}
