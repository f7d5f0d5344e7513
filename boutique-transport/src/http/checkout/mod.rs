//! The checkout: selling a cart, the state of an attempt, reviews, carts and the catalog.
//!
//! [`CheckoutClient`] is the same service as
//! [`Checkout`](boutique_core::checkout::Checkout) and
//! [`DecideReview`](boutique_core::checkout::DecideReview).

mod client;
mod place;
mod shop;
mod state;
mod wire;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use boutique_core::carts::Carts;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{CheckoutError, CheckoutStore, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::Clock;
use boutique_core::flow::Ask;
use boutique_core::ids::TenantId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use client::CheckoutClient;

use super::problem::Problem;

/// The scope of a token that may act for anybody.
pub const ANYBODY: &str = boutique_core::gateway::CHECKOUT_ANY;

/// For which shop a client takes this server: a server of another shop refuses (421).
pub const TENANT: HeaderName = HeaderName::from_static("x-boutique-tenant");

/// Sells carts: [`Checkout`](boutique_core::checkout::Checkout), or a client of it.
pub trait Place: Ask<PlaceOrder, Response = Outcome, Error = CheckoutError> + Clone {}
impl<S> Place for S where S: Ask<PlaceOrder, Response = Outcome, Error = CheckoutError> + Clone {}

/// Decides reviews: [`DecideReview`](boutique_core::checkout::DecideReview), or a client of it.
pub trait Review: Ask<ReviewDecision, Response = Outcome, Error = CheckoutError> + Clone {}
impl<S> Review for S where S: Ask<ReviewDecision, Response = Outcome, Error = CheckoutError> + Clone {}

/// What the checkout's paths stand on.
#[derive(Clone)]
pub struct CheckoutApi<P, R> {
    /// Sells a cart.
    pub place: P,
    /// Decides what waits for a person.
    pub review: R,
    /// Keeps the records of attempts.
    pub store: Arc<dyn CheckoutStore>,
    /// Keeps carts.
    pub carts: Arc<dyn Carts>,
    /// What is sold.
    pub catalog: Arc<Catalog>,
    /// Turns what is left of a caller's time into a moment.
    pub clock: Arc<dyn Clock>,
    /// Whose shop it is.
    pub tenant: TenantId,
}

/// The checkout's paths.
pub fn routes<P: Place, R: Review>() -> OpenApiRouter<CheckoutApi<P, R>> {
    OpenApiRouter::new()
        .routes(routes!(place::place))
        .routes(routes!(state::state))
        .routes(routes!(state::review))
        .routes(routes!(shop::add))
        .routes(routes!(shop::cart, shop::empty))
        .routes(routes!(shop::catalog))
        .routes(routes!(shop::product))
}

/// Refuses what is meant for another shop.
struct RightShop;

impl<P, R> FromRequestParts<CheckoutApi<P, R>> for RightShop
where
    P: Send + Sync,
    R: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        api: &CheckoutApi<P, R>,
    ) -> Result<Self, Problem> {
        match parts.headers.get(&TENANT) {
            Some(meant) if meant.as_bytes() != api.tenant.as_str().as_bytes() => {
                let detail = "this checkout is another shop's";
                Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail))
            }
            _ => Ok(Self),
        }
    }
}
