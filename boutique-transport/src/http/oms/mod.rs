//! Order management: the pushes it is fed with, and the desk.
//!
//! [`PushClient`] is the same service as the receivers of [`boutique_core::orders`], and
//! [`DeskClient`] the same as [`Desk`] for what buyers ask of it.

mod client;
mod desk;
mod orders;
mod problem;
mod receive;
mod wire;
mod work;

use boutique_core::flow::Ask;
use boutique_core::ids::OrderId;
use boutique_core::orders::{Desk, Drove, OrderError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use client::{DeskClient, PushClient, PushCredential};

/// The scope of a token that may act for anybody.
pub const ANYBODY: &str = "orders:any";

/// Drives orders: [`DriveOrder`](boutique_core::orders::DriveOrder).
pub trait Drive: Ask<OrderId, Response = Drove, Error = OrderError> + Clone {}
impl<S> Drive for S where S: Ask<OrderId, Response = Drove, Error = OrderError> + Clone {}

/// What order management's paths stand on.
#[derive(Clone)]
pub struct OmsApi<D> {
    /// The desk; what is pushed is received with its store, driver and clock.
    pub desk: Desk<D>,
}

/// Order management's paths.
pub fn routes<D: Drive>() -> OpenApiRouter<OmsApi<D>> {
    OpenApiRouter::new()
        .routes(routes!(receive::receive))
        .routes(routes!(orders::list))
        .routes(routes!(orders::one))
        .routes(routes!(desk::cancel))
        .routes(routes!(desk::take_back))
        .routes(routes!(work::dead_letters))
        .routes(routes!(work::replay))
        .routes(routes!(work::stuck))
}
