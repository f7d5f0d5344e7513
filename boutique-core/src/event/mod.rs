//! `OrderConfirmedEvent`: the one thing checkout tells the rest of the world. What it refuses it
//! tells the data warehouse only.
//!
//! The data of the message is [`OrderConfirmedEvent`] with exactly the top-level names of the
//! wire contract, because a table schema maps them and refuses unknown ones. What else an
//! event needs travels as message attributes; [`ConfirmedOrder`] is both together.

mod codec;
mod refused;

use serde::{Deserialize, Serialize};

pub use codec::{DecodeError, EVENT_TYPE};
pub use refused::{OrderRefusedEvent, REFUSED_TYPE};

use crate::clock::Timestamp;
use crate::customer::{Address, Email};
use crate::fraud::Risk;
use crate::ids::{EventId, HoldId, OrderId, ProductId, TrackingId, UserId};
use crate::limits::Units;
use crate::money::{Currency, Money};
use crate::pii::Pii;
use crate::schema::record;
use crate::stock::StockSystem;

record! {
    /// The data of the message, version 1.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct OrderConfirmedEvent {
        /// The order.
        pub order_id: OrderId,
        /// The buyer.
        pub user_id: UserId,
        /// The buyer's e-mail.
        pub email: Pii<Email>,
        /// The currency of every amount in it.
        pub user_currency: Currency,
        /// What the shipments are tracked with.
        pub shipping_tracking_id: TrackingId,
        /// What shipping costs.
        pub shipping_cost: Money,
        /// Where the goods go.
        pub shipping_address: Pii<Address>,
        /// What was sold. Lines of one stock system stand together, the deciding system first.
        pub items: Vec<OrderItem>,
    }
}

record! {
    /// One line of an order on the wire.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct OrderItem {
        /// The article and how many.
        pub item: ItemRef,
        /// The price of one.
        pub cost: Money,
    }
}

record! {
    /// An article and how many.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ItemRef {
        /// The article.
        #[serde(alias = "productId")]
        pub product_id: ProductId,
        /// How many.
        pub quantity: Units,
    }
}

/// A hold of the order, and how many of the items, in their order, it covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRef {
    /// The stock system.
    pub system: StockSystem,
    /// The hold in it.
    pub hold_id: HoldId,
    /// How many lines of the event, after those of the hold before, are this system's.
    pub items: usize,
}

/// A confirmed order: the event's data and its attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedOrder {
    /// `ce-id`: the same for every delivery.
    pub event_id: EventId,
    /// `ce-time`: when the order was placed, as the books date it.
    pub occurred_at: Timestamp,
    /// `holds`; empty for an event of a checkout that holds no stock.
    pub holds: Vec<HoldRef>,
    /// `total`: what the buyer pays.
    pub total: Money,
    /// `discount`: what was taken off the goods.
    pub discount: Money,
    /// `tax`: what of the total is tax.
    pub tax: Money,
    /// `risk`: how risky the fraud engine found it, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// `traceparent`, passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The data.
    pub order: OrderConfirmedEvent,
}
