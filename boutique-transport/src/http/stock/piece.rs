//! One product, reserved and given back by clients that know nothing of holds.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use boutique_core::clock::Timestamp;
use boutique_core::fault::PortError;
use boutique_core::ids::{HoldId, IdempotencyKey, ProductId};
use boutique_core::limits::Units;
use boutique_core::stock::{Hold, HoldState, Rejection, Reserve, StockLine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{JsonBody, MaybeKey, PathOf};
use super::super::problem::{Problem, ProblemSchema};
use super::StockApi;
use super::shelf::unlisted;
use super::wire::{HoldBody, HoldWire, Item, lasting};

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(release))
}

/// Units to be held.
#[derive(Deserialize, ToSchema)]
struct Wanted {
    /// How many.
    #[schema(value_type = i64, minimum = 1, maximum = 10_000)]
    quantity: Units,
    /// For how long, in seconds; 15 minutes if missing.
    #[serde(rename = "ttlSeconds", default)]
    #[schema(minimum = 0)]
    ttl_seconds: Option<f64>,
}

/// Units to be given back.
#[derive(Deserialize, ToSchema)]
struct Unwanted {
    /// How many, which is all that the hold has.
    #[schema(value_type = i64, minimum = 1, maximum = 10_000)]
    quantity: Units,
    /// The hold, as the reservation was answered; not needed with its `Idempotency-Key`.
    #[serde(rename = "holdId", default)]
    #[schema(value_type = Option<String>)]
    hold_id: Option<HoldId>,
}

/// The product as it stands, and the hold.
#[derive(Serialize, ToSchema)]
struct Piece<'a> {
    #[serde(flatten)]
    item: Item<'a>,
    #[schema(value_type = HoldWire)]
    hold: HoldBody,
}

/// Hold units of a product for 15 minutes, unless the body says how long. The answer names the
/// hold; with an `Idempotency-Key` the same request again is the same hold.
#[utoipa::path(
    post,
    path = "/inventory/{productId}/reserve",
    operation_id = "reserve_product",
    params(("productId" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    request_body = Wanted,
    responses(
        (status = 200, body = Piece<'static>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "Too few are there, or the key's reservation is over", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn reserve(
    State(api): State<Arc<StockApi>>,
    PathOf(product_id): PathOf<ProductId>,
    MaybeKey(key): MaybeKey,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Result<Response, Problem> {
    let hold_id = match &key {
        Some(key) => keyed(&api, key)?,
        None => HoldId::new(format!("piece.{}", api.ids.fresh()))
            .map_err(|why| Problem::invalid("Idempotency-Key", why))?,
    };
    let ttl = match wanted.ttl_seconds {
        Some(seconds) => lasting(None, Some(seconds))?,
        None => api.hold_for,
    };
    let request = Reserve {
        hold_id,
        lines: vec![StockLine {
            product_id: product_id.clone(),
            quantity: wanted.quantity,
        }],
        ttl,
        valid_until: Timestamp::MAX,
    };
    let hold = api.ledger.reserve(request).await;
    let hold = hold.map_err(|error| match error {
        PortError::Rejected(Rejection::UnknownProduct(id)) => unlisted(id),
        PortError::Rejected(why @ Rejection::HoldMismatch) => {
            Problem::rejection(StatusCode::UNPROCESSABLE_ENTITY, &why)
        }
        other => other.into(),
    })?;
    if matches!(hold.state, HoldState::Voided | HoldState::Expired) {
        let why = "what was reserved under this key was given back or has lapsed: take a new key";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    piece(&api, &product_id, hold).await
}

/// Give held units back.
#[utoipa::path(
    post,
    path = "/inventory/{productId}/release",
    operation_id = "release_product",
    params(("productId" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "That of the reservation")),
    request_body = Unwanted,
    responses(
        (status = 200, body = Piece<'static>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The hold is of other goods, or was sold", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn release(
    State(api): State<Arc<StockApi>>,
    PathOf(product_id): PathOf<ProductId>,
    MaybeKey(key): MaybeKey,
    JsonBody(unwanted): JsonBody<Unwanted>,
) -> Result<Response, Problem> {
    let hold_id = match (unwanted.hold_id, &key) {
        (Some(hold_id), _) => hold_id,
        (None, Some(key)) => keyed(&api, key)?,
        (None, None) => {
            let why = "is missing: send it, or the Idempotency-Key of the reservation";
            return Err(Problem::invalid("holdId", why));
        }
    };
    // Only what was held here for this product: never a line of somebody's order.
    if let Some(hold) = api.ledger.hold(&hold_id).await? {
        let quantity = u64::from(unwanted.quantity.get());
        let is_it = match hold.lines.as_slice() {
            [] => true,
            [line] => line.product_id == product_id && line.quantity == quantity,
            _ => false,
        };
        if !is_it {
            return Err(Rejection::HoldMismatch.into());
        }
    }
    let hold = api.ledger.void(&hold_id).await?;
    if hold.state.is_sold() {
        let why = "the hold was sold: it can no longer be given back here";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    piece(&api, &product_id, hold).await
}

/// The hold of a key, which may be longer than a hold's id.
fn keyed(api: &StockApi, key: &IdempotencyKey) -> Result<HoldId, Problem> {
    let name = api.ids.pseudonym("piece", key.as_str());
    HoldId::new(format!("piece.{}", name.as_str()))
        .map_err(|why| Problem::invalid("Idempotency-Key", why))
}

async fn piece(api: &StockApi, product_id: &ProductId, hold: Hold) -> Result<Response, Problem> {
    let level = api.ledger.level(product_id).await?;
    let level = level.ok_or_else(|| unlisted(product_id.clone()))?;
    let item = Item::new(&api.names, product_id, &level);
    let hold = HoldBody(hold);
    Ok(answer(StatusCode::OK, &Piece { item, hold }))
}
