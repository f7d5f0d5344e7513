//! The warehouse: `/shipments`, what carriers report of them, and goods that come back.

mod client;
mod routes;
mod wire;

use std::sync::Arc;

use boutique_core::clock::Clock;
use boutique_core::flow::Ask;
use boutique_core::warehouse::{
    CarrierEvent, Fulfil, Fulfilled, Shipment, ShipmentError, ShipmentStore,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use client::WarehouseClient;

/// Sends goods and takes in what carriers report: the two services of the warehouse in one.
pub trait Warehousing:
    Ask<Fulfil, Response = Fulfilled, Error = ShipmentError>
    + Ask<CarrierEvent, Response = Shipment, Error = ShipmentError>
    + Clone
{
}

impl<W> Warehousing for W where
    W: Ask<Fulfil, Response = Fulfilled, Error = ShipmentError>
        + Ask<CarrierEvent, Response = Shipment, Error = ShipmentError>
        + Clone
{
}

/// What the warehouse's paths stand on.
#[derive(Clone)]
pub struct WarehouseApi<W> {
    /// Sends goods.
    pub warehouse: W,
    /// What was sent.
    pub shipments: Arc<dyn ShipmentStore>,
    /// Dates reports that come without a date.
    pub clock: Arc<dyn Clock>,
}

/// The warehouse's paths.
pub fn routes<W: Warehousing>() -> OpenApiRouter<WarehouseApi<W>> {
    OpenApiRouter::new()
        .routes(routes!(routes::schedule, routes::list))
        .routes(routes!(routes::push))
        .routes(routes!(routes::one))
        .routes(routes!(routes::report))
        .routes(routes!(routes::cancel))
        .routes(routes!(routes::take_back))
}
