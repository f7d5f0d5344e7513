//! The JSON that both sides of a stock system share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use boutique_core::clock::Timestamp;
use boutique_core::ids::{HoldId, ProductId, ShipmentId};
use boutique_core::limits::{LINES_PER_ORDER_MAX, Units};
use boutique_core::stock::{HeldLine, Hold, HoldState, Level, StockLine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::moment::Moment;
use super::super::problem::Problem;
use super::super::schema::LineSchema;
use super::names::{Label, Names};

/// Units of one product in a hold.
#[derive(ToSchema)]
#[schema(as = HeldLine)]
#[allow(dead_code)]
pub(super) struct HeldLineSchema {
    product_id: String,
    /// Units promised.
    quantity: u64,
    /// Units of them that have left the shelf.
    shipped: u64,
}

/// A promise of goods.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(remote = "Hold")]
#[schema(as = Hold)]
pub(super) struct HoldWire {
    /// Its id, chosen by whoever asked for it.
    #[serde(rename = "holdId")]
    #[schema(value_type = String)]
    id: HoldId,
    /// `held`, `pinned`, `confirmed`, `shipped`, `voided`, `expired` or `released`.
    #[schema(value_type = String)]
    state: HoldState,
    /// What was asked for, summed per product and sorted by it; empty for a tombstone.
    #[schema(value_type = Vec<HeldLineSchema>)]
    lines: Vec<HeldLine>,
    /// When it lapses if it is still `held`, in microseconds since 1970.
    #[serde(rename = "expiresAt")]
    #[schema(value_type = i64)]
    expires_at: Timestamp,
    /// What was written beside the decision to sell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// The shipments that took goods out of it: pairs of product id and units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    shipments: BTreeMap<ShipmentId, Vec<(ProductId, u64)>>,
}

/// [`Hold`] as [`HoldWire`].
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct HoldBody(#[serde(with = "HoldWire")] pub(super) Hold);

/// A product on the shelf.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    /// What it is called.
    #[schema(value_type = String)]
    name: Arc<str>,
    /// The same as `productId`.
    #[schema(value_type = String)]
    code: &'a ProductId,
    /// The same as `available`.
    count: u64,
    /// Its id.
    #[schema(value_type = String)]
    product_id: &'a ProductId,
    /// Units on the shelf.
    stock_level: u64,
    /// Units promised by open holds.
    reserved: u64,
    /// Units sold that have not left yet.
    committed: u64,
    /// Units that can still be promised.
    available: u64,
    /// When any of it changed, RFC 3339.
    #[schema(value_type = String, format = DateTime)]
    last_updated: Moment,
    /// Units that ever arrived.
    received: u64,
    /// Units that ever left.
    shipped: u64,
    /// Grows by one with every change; the `ETag`.
    version: u64,
    /// For furniture: whose make it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    brand: Option<Arc<str>>,
}

impl<'a> Item<'a> {
    pub(super) fn new(names: &Names, product_id: &'a ProductId, level: &Level) -> Self {
        let Label { name, brand } = names.label(product_id);
        Self {
            name,
            code: product_id,
            count: level.available(),
            product_id,
            stock_level: level.on_hand,
            reserved: level.held,
            committed: level.committed,
            available: level.available(),
            last_updated: level.updated_at.into(),
            received: level.received,
            shipped: level.shipped,
            version: level.version,
            brand,
        }
    }

    /// An answer of this item, with its version.
    pub(super) fn answer(&self, status: StatusCode) -> Response {
        let mut response = (status, Json(self)).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// What a client reads of an [`Item`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemRead {
    pub(super) product_id: ProductId,
    stock_level: u64,
    reserved: u64,
    committed: u64,
    last_updated: Moment,
    received: u64,
    shipped: u64,
    version: u64,
}

impl ItemRead {
    pub(super) const fn level(&self) -> Level {
        Level {
            on_hand: self.stock_level,
            held: self.reserved,
            committed: self.committed,
            received: self.received,
            shipped: self.shipped,
            version: self.version,
            updated_at: self.last_updated.0,
        }
    }
}

/// How long a hold lasts from now: either field.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lasting {
    /// In seconds; a fraction is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0)]
    ttl_seconds: Option<f64>,
    /// In microseconds, exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_micros: Option<u64>,
}

impl Lasting {
    pub(super) fn exactly(ttl: Duration) -> Self {
        Self {
            ttl_seconds: None,
            ttl_micros: Some(micros(ttl)),
        }
    }

    pub(super) fn ttl(&self) -> Result<Duration, Problem> {
        lasting(self.ttl_micros, self.ttl_seconds)
    }
}

/// What a ledger counts of a duration.
pub(super) fn micros(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_micros()).unwrap_or(u64::MAX)
}

/// How long something lasts, from either field.
pub(super) fn lasting(micros: Option<u64>, seconds: Option<f64>) -> Result<Duration, Problem> {
    match (micros, seconds) {
        (Some(micros), _) => Ok(Duration::from_micros(micros)),
        (None, Some(seconds)) => Duration::try_from_secs_f64(seconds)
            .map_err(|_| Problem::invalid("ttlSeconds", "must be a number of at least 0")),
        (None, None) => Err(Problem::invalid("ttlSeconds", "is missing")),
    }
}

/// Goods to be promised, all or none.
#[derive(Deserialize, ToSchema)]
#[schema(as = Promise)]
pub(super) struct PromiseWire {
    /// What to promise; several lines of one product are summed.
    #[schema(value_type = Vec<LineSchema>)]
    pub(super) lines: Vec<StockLine>,
    /// How long the promise lasts, in seconds; a fraction is accepted.
    #[serde(
        rename = "ttlSeconds",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(minimum = 0)]
    ttl_seconds: Option<f64>,
    /// The same in microseconds, exactly.
    #[serde(rename = "ttlMicros", default, skip_serializing_if = "Option::is_none")]
    ttl_micros: Option<u64>,
    /// After this moment the request is refused, in microseconds since 1970; never if missing.
    #[serde(
        rename = "validUntil",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<i64>)]
    pub(super) valid_until: Option<Timestamp>,
}

impl PromiseWire {
    pub(super) fn ttl(&self) -> Result<Duration, Problem> {
        lasting(self.ttl_micros, self.ttl_seconds)
    }
}

/// What is written beside the decision to sell.
#[derive(Default, Deserialize, Serialize, ToSchema)]
pub(super) struct Note {
    /// At most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// Goods of a confirmed hold that leave the shelf.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Settle)]
pub(super) struct SettleWire {
    /// The hold; not needed where the path names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) hold_id: Option<HoldId>,
    /// The shipment, which may be repeated: the same one takes nothing more.
    #[schema(value_type = String)]
    pub(super) shipment_id: ShipmentId,
    /// Units of the product in the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub(super) quantity: Option<Units>,
    /// For a parcel of several products: all of them. With neither, all that is left leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<LineSchema>>)]
    pub(super) lines: Option<Vec<StockLine>>,
}

/// What was counted, or what leaves: one of the two.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Put)]
pub(super) struct PutWire {
    /// Units counted on the shelf; never fewer than are promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stock_level: Option<u64>,
    /// Goods that leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) settle: Option<SettleWire>,
}

/// Goods that arrived.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub(super) struct ReceiptWire {
    /// The product.
    #[serde(alias = "productId")]
    #[schema(value_type = String)]
    pub(super) product_id: ProductId,
    /// Units; zero lists the product.
    pub(super) quantity: u64,
}

/// How many lapsed holds to expire.
#[derive(Deserialize, Serialize, ToSchema)]
pub(super) struct Sweep {
    /// At most so many.
    pub(super) limit: u64,
}

/// How many holds were expired.
#[derive(Deserialize, Serialize, ToSchema)]
pub(super) struct Swept {
    pub(super) expired: u64,
}

/// No order has more lines than that, so no hold needs more.
pub(super) fn bounded(lines: &[StockLine]) -> Result<(), Problem> {
    if lines.len() > LINES_PER_ORDER_MAX {
        let rule = format!("must be at most {LINES_PER_ORDER_MAX}");
        return Err(Problem::invalid("lines", rule));
    }
    Ok(())
}
