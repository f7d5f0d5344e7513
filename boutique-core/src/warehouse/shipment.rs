//! A shipment and the rules of its states.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CarrierEvent, Duty, ShipmentRejection};
use crate::clock::Timestamp;
use crate::customer::Address;
use crate::ids::{CarrierEventId, HoldId, OrderId, ShipmentId, TrackingId};
use crate::pii::Pii;
use crate::stock::{StockLine, StockSystem};

/// Where a shipment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShipmentStatus {
    /// Waits to be packed (`pending_fulfillment` on the wire).
    Pending,
    /// Packed, still here.
    Packed,
    /// With the carrier.
    Shipped,
    /// With the buyer.
    Delivered,
    /// Came back undelivered or was sent back.
    Returned,
    /// Called off before it left.
    Cancelled,
}

impl ShipmentStatus {
    /// The name used in tables and events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Packed => "packed",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ShipmentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Goods of one order from one stock system on their way to the buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Its id: a function of order and system.
    pub id: ShipmentId,
    /// The order.
    pub order_id: OrderId,
    /// The stock system.
    pub system: StockSystem,
    /// The confirmed hold the goods are taken from.
    pub hold_id: Option<HoldId>,
    /// What is sent.
    pub lines: Vec<StockLine>,
    /// What it is tracked with.
    pub tracking_id: TrackingId,
    /// Where to.
    pub address: Pii<Address>,
    /// Where it is.
    pub status: ShipmentStatus,
    /// What the warehouse still owes the world for it.
    pub duties: BTreeSet<Duty>,
    /// What was reported, each report once, in the order it arrived.
    pub events: Vec<(CarrierEventId, ShipmentStatus, Timestamp)>,
    /// When it was asked for.
    pub created_at: Timestamp,
}
