//! The warehouse: shipments, what carriers report of them, and the settlement of holds.
//!
//! A shipment is durable before it is answered. When the carrier reports it shipped, that is
//! recorded first, then the goods leave the stock ledger, then the report goes out on the
//! broker; what a crash leaves open is found by [`ShipmentStore::unfinished`] and done again
//! under the same ids.

mod dispatch;
mod memory;
mod report;
mod shipment;
#[cfg(test)]
mod working;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use dispatch::{Moved, Warehouse};
pub use memory::MemoryShipments;
pub use report::{InvalidReport, REPORT_TYPE, ShipmentReport};
pub use shipment::{Shipment, ShipmentStatus};

use crate::clock::Timestamp;
use crate::customer::Address;
use crate::fault::{Fault, PortError};
use crate::ids::{CarrierEventId, HoldId, OrderId, ProductId, ReturnId, ShipmentId, TrackingId};
use crate::pii::Pii;
use crate::stock::{StockLine, StockSystem};

/// Asks the warehouse for something. One service, because all of it guards one shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fulfil {
    /// Send the goods of an order that one stock system keeps.
    Schedule(Schedule),
    /// Do not send them after all; refused once they have shipped.
    Cancel(CancelShipment),
    /// Take goods back.
    TakeBack(TakeBack),
}

/// Asks for a shipment. The same order and system again is the same shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The order.
    pub order_id: OrderId,
    /// The stock system whose goods it is.
    pub system: StockSystem,
    /// The confirmed hold they are taken from; `None` if the order holds no stock.
    pub hold_id: Option<HoldId>,
    /// What to send.
    pub lines: Vec<StockLine>,
    /// What it is tracked with.
    pub tracking_id: TrackingId,
    /// Where to.
    pub address: Pii<Address>,
}

/// Calls a shipment off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelShipment {
    /// The order.
    pub order_id: OrderId,
    /// The stock system.
    pub system: StockSystem,
}

/// Takes goods back onto the shelf, once per return and product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeBack {
    /// The order.
    pub order_id: OrderId,
    /// The return.
    pub return_id: ReturnId,
    /// The stock system they belong to.
    pub system: StockSystem,
    /// What came back; one line per product.
    pub lines: Vec<(ProductId, u64)>,
}

/// What became of a request to the warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every answer is the large one"
)]
pub enum Fulfilled {
    /// The shipment as it stands.
    Shipment {
        /// The shipment.
        shipment: Shipment,
        /// Whether it had been asked for before.
        repeated: bool,
    },
    /// The goods are back on the shelf.
    TakenBack,
}

/// Something a carrier says of a shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarrierEvent {
    /// Chosen by the carrier; the same report again changes nothing.
    pub id: CarrierEventId,
    /// The shipment.
    pub shipment_id: ShipmentId,
    /// Where it is.
    pub status: ShipmentStatus,
    /// When that happened.
    pub at: Timestamp,
}

/// What the warehouse owes the world for a shipment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// The hold has to be settled: the goods shipped.
    Settle,
    /// The hold has to be released: the shipment was cancelled.
    Release,
    /// The latest status has to be announced on the broker.
    Announce,
}

/// An answer of the warehouse that is not yes. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", content = "of", rename_all = "snake_case")]
pub enum ShipmentRejection {
    /// The order's shipment exists with other goods.
    #[error("shipment {0} exists with other goods")]
    Conflict(ShipmentId),
    /// There is no such shipment.
    #[error("there is no shipment {0}")]
    UnknownShipment(ShipmentId),
    /// A shipment cannot go from the one status to the other.
    #[error("a shipment that is {from} cannot become {to}")]
    Impossible {
        /// What it is.
        from: ShipmentStatus,
        /// What it was to become.
        to: ShipmentStatus,
    },
    /// A shipment of nothing.
    #[error("items: a shipment needs at least one line")]
    Empty,
    /// The stock ledger refuses the goods.
    #[error("the stock ledger refuses: {0}")]
    Stock(String),
}

/// Why the warehouse does not do what it is asked.
pub type ShipmentError = PortError<ShipmentRejection>;

/// Keeps shipments.
#[async_trait]
pub trait ShipmentStore: Send + Sync + 'static {
    /// Keeps a new shipment, or answers with the one of that id (and `true`).
    ///
    /// # Errors
    ///
    /// [`ShipmentRejection::Conflict`] if that one has other goods.
    async fn create(&self, shipment: Shipment) -> Result<(Shipment, bool), ShipmentError>;

    /// Applies a carrier's report or a cancellation by the rules of [`Shipment::apply`], with
    /// the duties that follow from it, in one transaction.
    async fn apply(&self, event: CarrierEvent) -> Result<Shipment, ShipmentError>;

    /// Notes that duties are done: those of `done` are struck off if the shipment still has
    /// the status `of`.
    async fn discharge(
        &self,
        shipment_id: &ShipmentId,
        of: ShipmentStatus,
        done: &[Duty],
    ) -> Result<(), ShipmentError>;

    /// One shipment.
    async fn shipment(&self, id: &ShipmentId) -> Result<Option<Shipment>, Fault>;

    /// All shipments of an order, by system.
    async fn of_order(&self, order_id: &OrderId) -> Result<Vec<Shipment>, Fault>;

    /// Shipments by id, after `after`, at most `limit`.
    async fn shipments(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault>;

    /// Shipments with open duties, by id, after `after`, at most `limit`.
    async fn unfinished(
        &self,
        after: Option<&ShipmentId>,
        limit: usize,
    ) -> Result<Vec<Shipment>, Fault>;
}
