//! A stock system: its shelf under `/inventory`, its holds under `/holds`, and for furniture
//! what only furniture has.
//!
//! Inventory and Furniture are two servers of one API over a
//! [`StockLedger`]; [`HttpLedger`] is that port again on the other side.

mod client;
mod freight;
mod furniture;
mod holds;
mod names;
mod piece;
mod shelf;
mod upkeep;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use boutique_core::ids::IdSource;
use boutique_core::shipping::Tariff;
use boutique_core::stock::{Rejection, StockLedger};
use utoipa_axum::router::OpenApiRouter;

pub use client::HttpLedger;
pub use freight::FreightClient;
pub use names::Names;

use super::problem::Problem;

/// How long a reservation of one product lasts that does not say so itself.
pub const HOLD_FOR: Duration = Duration::from_secs(15 * 60);

/// What the paths of a stock system stand on.
pub struct StockApi {
    /// The stock.
    pub ledger: Arc<dyn StockLedger>,
    /// What the products are called.
    pub names: Names,
    /// Names what a client does not name.
    pub ids: Arc<dyn IdSource>,
    /// How long `POST /inventory/{productId}/reserve` holds: [`HOLD_FOR`] unless there is a
    /// reason.
    pub hold_for: Duration,
    /// What freight costs; only furniture is asked.
    pub tariff: Arc<Tariff>,
}

/// The paths of a stock system.
pub fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new()
        .merge(shelf::routes())
        .merge(piece::routes())
        .merge(holds::routes())
        .merge(upkeep::routes())
}

/// The paths of the furniture system: those of [`routes`], and its own.
pub fn furniture_routes() -> OpenApiRouter<Arc<StockApi>> {
    routes().merge(furniture::routes()).merge(freight::routes())
}

/// 404 for what is not there, 412 for a version that has passed, 422 for an id that named other
/// goods, 400 for what no ledger takes, and 409 for what this one cannot do as it stands.
impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let status = match &rejection {
            Rejection::UnknownHold => StatusCode::NOT_FOUND,
            Rejection::Empty | Rejection::TooMany | Rejection::NoteTooLong(_) => {
                StatusCode::BAD_REQUEST
            }
            Rejection::VersionMismatch { .. } => StatusCode::PRECONDITION_FAILED,
            Rejection::IdReused => StatusCode::UNPROCESSABLE_ENTITY,
            Rejection::Short(_)
            | Rejection::UnknownProduct(_)
            | Rejection::HoldMismatch
            | Rejection::TooLate
            | Rejection::NotSold(_)
            | Rejection::BeyondHold { .. }
            | Rejection::BelowPromised { .. } => StatusCode::CONFLICT,
        };
        let problem = Self::rejection(status, &rejection);
        match rejection {
            Rejection::Empty => problem.about("lines"),
            Rejection::NoteTooLong(_) => problem.about("note"),
            _ => problem,
        }
    }
}
