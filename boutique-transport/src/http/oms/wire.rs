//! Order management's JSON of orders.

use std::collections::BTreeMap;
use std::sync::Arc;

use boutique_core::clock::Timestamp;
use boutique_core::event::{ConfirmedOrder, HoldRef, OrderConfirmedEvent};
use boutique_core::fraud::Risk;
use boutique_core::ids::{EventId, OrderId, ReturnId, TrackingId, UserId};
use boutique_core::money::Money;
use boutique_core::orders::{
    Cancellation, Order, OrderState, PartProgress, Progress, ReturnProgress, ReturnedLine,
};
use boutique_core::stock::StockSystem;
use boutique_core::warehouse::ShipmentStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::moment::Moment;
use crate::http::schema::MoneySchema;

/// An order in a list.
#[derive(Serialize, ToSchema)]
pub(super) struct Summary {
    #[schema(value_type = String)]
    order_id: OrderId,
    #[schema(value_type = String)]
    user_id: UserId,
    /// `received`, `fulfilling`, `partly_shipped`, `shipped`, `delivered`, `cancelling` or
    /// `cancelled`.
    #[schema(value_type = String)]
    state: OrderState,
    /// When something happened to it last, RFC 3339.
    #[schema(value_type = String)]
    since: Moment,
    /// When it was placed, RFC 3339.
    #[schema(value_type = String)]
    placed_at: Moment,
    /// What the buyer pays.
    #[schema(value_type = MoneySchema)]
    total: Money,
}

impl From<&Order> for Summary {
    fn from(order: &Order) -> Self {
        let placed = &*order.placed;
        Self {
            order_id: placed.order.order_id.clone(),
            user_id: placed.order.user_id.clone(),
            state: order.progress.state(),
            since: Moment(order.progress.last_change()),
            placed_at: Moment(placed.occurred_at),
            total: placed.total,
        }
    }
}

/// All of an order: what was placed and what has happened since.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderOut {
    #[schema(value_type = String)]
    order_id: OrderId,
    /// `received`, `fulfilling`, `partly_shipped`, `shipped`, `delivered`, `cancelling` or
    /// `cancelled`.
    #[schema(value_type = String)]
    state: OrderState,
    /// When something happened to it last, RFC 3339.
    #[schema(value_type = String)]
    since: Moment,
    /// When it was placed, RFC 3339.
    #[schema(value_type = String)]
    placed_at: Moment,
    /// What the buyer pays.
    #[schema(value_type = MoneySchema)]
    total: Money,
    /// What was taken off the goods.
    #[schema(value_type = MoneySchema)]
    discount: Money,
    /// What of the total is tax.
    #[schema(value_type = MoneySchema)]
    tax: Money,
    /// The event it was taken in with.
    #[schema(value_type = String)]
    event_id: EventId,
    /// The holds its goods are taken from, and how many items each covers.
    #[schema(value_type = Vec<Object>)]
    holds: Vec<HoldRef>,
    /// How risky the fraud engine found it, if it was asked.
    #[schema(value_type = Option<Object>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    risk: Option<Risk>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// What was placed, as the event says it.
    #[schema(value_type = Object)]
    order: OrderConfirmedEvent,
    /// Whether the sale is in the journal.
    sale_booked: bool,
    /// One per stock system it touches.
    parts: Vec<PartOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancellation: Option<CancellationOut>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    returns: Vec<ReturnOut>,
    /// What happened, oldest first.
    timeline: Vec<Happened>,
}

/// One stock system's part of an order.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Part)]
struct PartOut {
    /// `inventory` or `furniture`.
    #[schema(value_type = String)]
    system: StockSystem,
    /// What its shipment is tracked with, once it is with the warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    tracking_id: Option<TrackingId>,
    /// The latest the carrier said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status: Option<ShipmentStatus>,
    /// When it left, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    shipped_at: Option<Moment>,
    /// Whether its revenue is recognised.
    recognised: bool,
}

/// A cancellation.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Cancellation)]
struct CancellationOut {
    /// When it was asked for, RFC 3339.
    #[schema(value_type = String)]
    at: Moment,
    /// Per part that has answered: called off (`true`), or too late (`false`).
    #[schema(value_type = Object)]
    parts: BTreeMap<StockSystem, bool>,
    /// Whether what was called off is paid back.
    credited: bool,
}

/// Goods that came back.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = Return)]
struct ReturnOut {
    #[schema(value_type = String)]
    return_id: ReturnId,
    /// When the books count it for, RFC 3339.
    #[schema(value_type = String)]
    at: Moment,
    /// Which lines, how many, and what is paid back for them.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<ReturnedLine>,
    /// Whether the goods go back onto the shelf.
    restock: bool,
    /// The systems whose goods are back on the shelf.
    #[schema(value_type = Vec<String>)]
    restocked: Vec<StockSystem>,
    /// Whether it is paid back.
    credited: bool,
}

/// Something that happened.
#[derive(Serialize, Deserialize, ToSchema)]
struct Happened {
    #[schema(value_type = String)]
    event: Arc<str>,
    /// RFC 3339.
    #[schema(value_type = String)]
    at: Moment,
}

impl From<Order> for OrderOut {
    fn from(order: Order) -> Self {
        let Order { placed, progress } = order;
        let (state, since) = (progress.state(), Moment(progress.last_change()));
        let placed = Arc::unwrap_or_clone(placed);
        let part = |(system, it): (StockSystem, PartProgress)| PartOut {
            system,
            tracking_id: it.scheduled,
            status: it.status,
            shipped_at: it.shipped_at.map(Moment),
            recognised: it.recognised,
        };
        let returned = |it: ReturnProgress| ReturnOut {
            return_id: it.id,
            at: Moment(it.at),
            lines: it.lines,
            restock: it.restock,
            restocked: it.restocked,
            credited: it.credited,
        };
        let happened = |(event, at): (Arc<str>, Timestamp)| Happened {
            event,
            at: Moment(at),
        };
        Self {
            order_id: placed.order.order_id.clone(),
            state,
            since,
            placed_at: Moment(placed.occurred_at),
            total: placed.total,
            discount: placed.discount,
            tax: placed.tax,
            event_id: placed.event_id,
            holds: placed.holds,
            risk: placed.risk,
            traceparent: placed.traceparent,
            order: placed.order,
            sale_booked: progress.sale_booked,
            parts: progress.parts.into_iter().map(part).collect(),
            cancellation: progress.cancellation.map(|it| CancellationOut {
                at: Moment(it.at),
                parts: it.parts,
                credited: it.credited,
            }),
            returns: progress.returns.into_iter().map(returned).collect(),
            timeline: progress.timeline.into_iter().map(happened).collect(),
        }
    }
}

impl From<OrderOut> for Order {
    fn from(it: OrderOut) -> Self {
        let part = |it: PartOut| {
            let part = PartProgress {
                scheduled: it.tracking_id,
                status: it.status,
                shipped_at: it.shipped_at.map(|it| it.0),
                recognised: it.recognised,
            };
            (it.system, part)
        };
        let returned = |it: ReturnOut| ReturnProgress {
            id: it.return_id,
            at: it.at.0,
            lines: it.lines,
            restock: it.restock,
            restocked: it.restocked,
            credited: it.credited,
        };
        let happened = |it: Happened| (it.event, it.at.0);
        Self {
            placed: Arc::new(ConfirmedOrder {
                event_id: it.event_id,
                occurred_at: it.placed_at.0,
                holds: it.holds,
                total: it.total,
                discount: it.discount,
                tax: it.tax,
                risk: it.risk,
                traceparent: it.traceparent,
                order: it.order,
            }),
            progress: Progress {
                sale_booked: it.sale_booked,
                parts: it.parts.into_iter().map(part).collect(),
                cancellation: it.cancellation.map(|it| Cancellation {
                    at: it.at.0,
                    parts: it.parts,
                    credited: it.credited,
                }),
                returns: it.returns.into_iter().map(returned).collect(),
                timeline: it.timeline.into_iter().map(happened).collect(),
            },
        }
    }
}
