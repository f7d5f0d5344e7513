//! The JSON of the warehouse.

use std::borrow::Cow;
use std::collections::BTreeSet;

use boutique_core::clock::Timestamp;
use boutique_core::customer::Address;
use boutique_core::event::{ConfirmedOrder, ItemRef};
use boutique_core::ids::{CarrierEventId, HoldId, OrderId, ProductId, ReturnId};
use boutique_core::ids::{ShipmentId, TrackingId};
use boutique_core::limits::Units;
use boutique_core::orders::Part;
use boutique_core::pii::Pii;
use boutique_core::stock::{StockLine, StockSystem};
use boutique_core::warehouse::{Duty, Schedule, Shipment, ShipmentRejection, ShipmentStatus};
use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use super::super::envelope::OfOrder;
use super::super::moment::{Micros, Moment};
use super::super::problem::Problem;
use super::super::schema::{AddressSchema, LineSchema};

/// 404: there is no such shipment; 400: nothing to send; 409: it cannot be done as things are.
impl From<ShipmentRejection> for Problem {
    fn from(rejection: ShipmentRejection) -> Self {
        let status = match &rejection {
            ShipmentRejection::UnknownShipment(_) => StatusCode::NOT_FOUND,
            ShipmentRejection::Empty => StatusCode::BAD_REQUEST,
            ShipmentRejection::Conflict(_)
            | ShipmentRejection::Impossible { .. }
            | ShipmentRejection::Stock(_) => StatusCode::CONFLICT,
        };
        Self::rejection(status, &rejection)
    }
}

/// Goods to be sent.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewShipment)]
pub(super) struct ShipmentIn {
    #[serde(rename = "orderId", alias = "order_id")]
    #[schema(value_type = String)]
    order_id: OrderId,
    items: Vec<ItemIn>,
    /// Made of the order id if it is missing.
    #[serde(
        default,
        rename = "trackingId",
        alias = "tracking_id",
        alias = "shipping_tracking_id"
    )]
    #[schema(value_type = Option<String>)]
    tracking_id: Option<TrackingId>,
    #[serde(
        rename = "destinationAddress",
        alias = "destination_address",
        alias = "shipping_address"
    )]
    #[schema(value_type = AddressSchema)]
    destination_address: Pii<Address>,
    /// Which stock system keeps the goods.
    #[serde(default = "inventory", rename = "stockSystem", alias = "stock_system")]
    #[schema(value_type = String, default = "inventory")]
    stock_system: StockSystem,
    /// The confirmed hold the goods are taken from, if there is one.
    #[serde(default, rename = "holdId", alias = "hold_id")]
    #[schema(value_type = Option<String>)]
    hold_id: Option<HoldId>,
}

const fn inventory() -> StockSystem {
    StockSystem::Inventory
}

/// An article and how many: `{product_id, quantity}`, or the same as `item` of a line that has a
/// cost.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ShipmentItem)]
struct ItemIn {
    #[serde(default)]
    #[schema(value_type = Option<LineSchema>)]
    item: Option<ItemRef>,
    #[serde(default, alias = "productId")]
    #[schema(value_type = Option<String>)]
    product_id: Option<ProductId>,
    #[serde(default)]
    #[schema(value_type = Option<u32>)]
    quantity: Option<Units>,
}

impl ItemIn {
    fn line(self, at: usize) -> Result<StockLine, Problem> {
        let missing = |name| Problem::invalid(&format!("items[{at}].{name}"), "is missing");
        Ok(match self.item {
            Some(it) => StockLine {
                product_id: it.product_id,
                quantity: it.quantity,
            },
            None => StockLine {
                product_id: self.product_id.ok_or_else(|| missing("product_id"))?,
                quantity: self.quantity.ok_or_else(|| missing("quantity"))?,
            },
        })
    }
}

impl ShipmentIn {
    fn schedule(self) -> Result<Schedule, Problem> {
        let lines = self.items.into_iter().enumerate();
        Ok(Schedule {
            tracking_id: self.tracking_id.unwrap_or_else(|| self.order_id.tracking()),
            system: self.stock_system,
            hold_id: self.hold_id,
            lines: lines
                .map(|(at, it)| it.line(at))
                .collect::<Result<_, _>>()?,
            address: self.destination_address,
            order_id: self.order_id,
        })
    }
}

/// What is to be sent: one part of an order as somebody asks for it, or all parts of an order
/// as its event tells of them.
#[derive(Debug)]
pub(super) enum Sending {
    Part(ShipmentIn),
    Order(Vec<Schedule>),
}

impl Sending {
    pub(super) fn schedules(self) -> Result<Vec<Schedule>, Problem> {
        match self {
            Self::Part(part) => Ok(vec![part.schedule()?]),
            Self::Order(schedules) => Ok(schedules),
        }
    }
}

impl<'de> Deserialize<'de> for Sending {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ShipmentIn::deserialize(deserializer).map(Self::Part)
    }
}

impl OfOrder for Sending {
    fn of_order(order: ConfirmedOrder, _: Option<Timestamp>) -> Self {
        let event = &order.order;
        let schedule = |part: Part<'_>| Schedule {
            order_id: event.order_id.clone(),
            system: part.system,
            hold_id: part.hold_id.cloned(),
            lines: part.goods(&order),
            tracking_id: event.shipping_tracking_id.clone(),
            address: event.shipping_address.clone(),
        };
        Self::Order(Part::all_of(&order).into_iter().map(schedule).collect())
    }
}

/// A [`ShipmentIn`] as our own client writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScheduleOut<'a> {
    order_id: &'a OrderId,
    items: &'a [StockLine],
    tracking_id: &'a TrackingId,
    destination_address: &'a Pii<Address>,
    stock_system: StockSystem,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_id: Option<&'a HoldId>,
}

impl<'a> From<&'a Schedule> for ScheduleOut<'a> {
    fn from(schedule: &'a Schedule) -> Self {
        Self {
            order_id: &schedule.order_id,
            items: &schedule.lines,
            tracking_id: &schedule.tracking_id,
            destination_address: &schedule.address,
            stock_system: schedule.system,
            hold_id: schedule.hold_id.as_ref(),
        }
    }
}

/// A status by the name it has on the wire.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Status(pub(super) ShipmentStatus);

impl Status {
    const fn name(self) -> &'static str {
        match self.0 {
            ShipmentStatus::Pending => "pending_fulfillment",
            other => other.as_str(),
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A shipment.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Shipment)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShipmentWire<'a> {
    #[schema(value_type = String, example = "o-1.inventory")]
    id: Cow<'a, ShipmentId>,
    #[schema(value_type = String)]
    order_id: Cow<'a, OrderId>,
    #[schema(value_type = String)]
    tracking_id: Cow<'a, TrackingId>,
    /// `pending_fulfillment`, `packed`, `shipped`, `delivered`, `returned` or `cancelled`.
    #[schema(value_type = String)]
    status: Status,
    /// `inventory` or `furniture`.
    #[schema(value_type = String)]
    stock_system: StockSystem,
    /// The hold the goods are taken from.
    #[schema(value_type = Option<String>)]
    hold_id: Option<Cow<'a, HoldId>>,
    #[schema(value_type = Vec<LineSchema>)]
    items: Cow<'a, [StockLine]>,
    #[schema(value_type = AddressSchema)]
    destination_address: Cow<'a, Pii<Address>>,
    /// What the warehouse still owes the world: `settle`, `release`, `announce`.
    #[schema(value_type = Vec<String>)]
    duties: Cow<'a, BTreeSet<Duty>>,
    /// What carriers reported, in the order it arrived.
    events: Vec<ReportWire<'a>>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
}

/// What a carrier reported.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = CarrierReport)]
struct ReportWire<'a> {
    #[schema(value_type = String)]
    id: Cow<'a, CarrierEventId>,
    #[schema(value_type = String)]
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    at: Moment,
}

impl<'a> From<&'a Shipment> for ShipmentWire<'a> {
    fn from(it: &'a Shipment) -> Self {
        let events = it.events.iter().map(|(id, status, at)| ReportWire {
            id: Cow::Borrowed(id),
            status: Status(*status),
            at: Moment(*at),
        });
        Self {
            id: Cow::Borrowed(&it.id),
            order_id: Cow::Borrowed(&it.order_id),
            tracking_id: Cow::Borrowed(&it.tracking_id),
            status: Status(it.status),
            stock_system: it.system,
            hold_id: it.hold_id.as_ref().map(Cow::Borrowed),
            items: Cow::Borrowed(&it.lines),
            destination_address: Cow::Borrowed(&it.address),
            duties: Cow::Borrowed(&it.duties),
            events: events.collect(),
            created_at: Moment(it.created_at),
        }
    }
}

impl From<ShipmentWire<'_>> for Shipment {
    fn from(it: ShipmentWire<'_>) -> Self {
        let events = it.events.into_iter();
        Self {
            id: it.id.into_owned(),
            order_id: it.order_id.into_owned(),
            system: it.stock_system,
            hold_id: it.hold_id.map(Cow::into_owned),
            lines: it.items.into_owned(),
            tracking_id: it.tracking_id.into_owned(),
            address: it.destination_address.into_owned(),
            status: it.status.0,
            duties: it.duties.into_owned(),
            events: events
                .map(|it| (it.id.into_owned(), it.status.0, it.at.0))
                .collect(),
            created_at: it.created_at.0,
        }
    }
}

/// What existing clients read of a shipment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShipmentDetails<'a> {
    #[schema(value_type = String)]
    order_id: &'a OrderId,
    #[schema(value_type = String)]
    tracking_id: &'a TrackingId,
    /// `pending_fulfillment`, unless it has been asked for before and is further now.
    #[schema(value_type = String)]
    status: Status,
}

/// What became of a request to send goods.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scheduled<'a> {
    message: &'static str,
    shipment_details: Option<ShipmentDetails<'a>>,
    /// The shipments in full: one, or one per stock system for the event of an order.
    shipments: Vec<ShipmentWire<'a>>,
}

impl<'a> Scheduled<'a> {
    pub(super) fn new(message: &'static str, shipments: &'a [Shipment]) -> Self {
        let details = shipments.first().map(|it| ShipmentDetails {
            order_id: &it.order_id,
            tracking_id: &it.tracking_id,
            status: Status(it.status),
        });
        Self {
            message,
            shipment_details: details,
            shipments: shipments.iter().map(ShipmentWire::from).collect(),
        }
    }
}

/// What our own client reads of it.
#[derive(Deserialize)]
pub(super) struct ScheduledIn {
    pub(super) shipments: Vec<ShipmentWire<'static>>,
}

/// A carrier's report.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = NewCarrierReport)]
pub(super) struct ReportIn {
    /// Chosen by the carrier; the `Idempotency-Key` if it is missing.
    #[serde(default, alias = "eventId", alias = "event_id")]
    #[schema(value_type = Option<String>)]
    pub(super) id: Option<CarrierEventId>,
    /// `packed`, `shipped`, `delivered` or `returned`.
    #[schema(value_type = String)]
    pub(super) status: Status,
    /// When it happened: RFC 3339, or whole microseconds since 1970; the present if missing.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(super) at: Option<Micros>,
}

/// A shipment that was called off.
#[derive(Deserialize, Serialize, ToSchema)]
pub(super) struct CalledOff<'a> {
    pub(super) shipment: ShipmentWire<'a>,
    /// Whether it had been called off before.
    pub(super) repeated: bool,
}

/// Goods that came back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = TakeBack)]
pub(super) struct TakeBackWire {
    /// The return.
    #[serde(rename = "returnId", alias = "return_id")]
    #[schema(value_type = String)]
    pub(super) return_id: ReturnId,
    /// One line per product.
    pub(super) items: Vec<BackLine>,
}

/// An article and how many of it came back.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct BackLine {
    #[serde(alias = "productId")]
    #[schema(value_type = String)]
    pub(super) product_id: ProductId,
    pub(super) quantity: u64,
}

/// That goods are back on the shelf.
#[derive(Serialize, ToSchema)]
pub(super) struct TakenBack {
    pub(super) message: &'static str,
}
