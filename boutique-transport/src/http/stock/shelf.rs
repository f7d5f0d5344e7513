//! What is on the shelf: listed, received, counted, shipped.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::ids::{ProductId, ReceiptId};
use boutique_core::stock::{Receive, Rejection, SetOnHand, Settle, StockLine};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{IfMatch, JsonBody, MaybeKey, PathOf, QueryOf};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::StockApi;
use super::names::check;
use super::wire::{HoldBody, HoldWire, Item, PutWire, ReceiptWire, SettleWire, bounded};

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(item, put))
        .routes(routes!(receive))
}

/// List products, by id.
#[utoipa::path(
    get,
    path = "/inventory",
    params(Page),
    responses(
        (status = 200, body = Vec<Item<'static>>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Arc<StockApi>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<ProductId> = page.after()?;
    let levels = api.ledger.levels(after.as_ref(), limit).await?;
    let items: Vec<_> = levels
        .iter()
        .map(|(id, level)| Item::new(&api.names, id, level))
        .collect();
    let next = levels.last().filter(|_| levels.len() == limit);
    let next = next.map(|(id, _)| id.as_str());
    Ok(listed(&uri, limit, &items, next))
}

/// Tell what is there of a product.
#[utoipa::path(
    get,
    path = "/inventory/{productId}",
    params(("productId" = String, Path)),
    responses(
        (status = 200, body = Item<'static>, headers(("ETag" = String, description = "Its version"))),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn item(
    State(api): State<Arc<StockApi>>,
    PathOf(product_id): PathOf<ProductId>,
) -> Result<Response, Problem> {
    match api.ledger.level(&product_id).await? {
        Some(level) => Ok(Item::new(&api.names, &product_id, &level).answer(StatusCode::OK)),
        None => Err(unlisted(product_id)),
    }
}

/// A product that is asked for by name and is not there.
pub(super) fn unlisted(product_id: ProductId) -> Problem {
    Problem::rejection(
        StatusCode::NOT_FOUND,
        &Rejection::UnknownProduct(product_id),
    )
}

/// Goods that arrived, by what they are called.
#[derive(Deserialize, ToSchema)]
struct Arrival {
    /// What the product is called; the catalog's name stays, if it has one.
    name: String,
    /// The product's id. One that is not known yet is listed.
    #[schema(value_type = String)]
    code: ProductId,
    /// Units; zero only lists it.
    #[serde(default = "one")]
    #[schema(default = 1)]
    count: u64,
}

const fn one() -> u64 {
    1
}

/// Add units of a product, or list a new one. With an `Idempotency-Key` the same request again
/// adds nothing.
#[utoipa::path(
    post,
    path = "/inventory",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Arrival,
    responses(
        (status = 201, body = Item<'static>, headers(("ETag" = String, description = "Its version"))),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The key was used for other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn add(
    State(api): State<Arc<StockApi>>,
    MaybeKey(key): MaybeKey,
    JsonBody(arrival): JsonBody<Arrival>,
) -> Result<Response, Problem> {
    check(&arrival.name).map_err(|rule| Problem::invalid("name", rule))?;
    let request = Receive {
        receipt_id: receipt(&api, key.as_ref().map(|it| it.as_str()))?,
        product_id: arrival.code.clone(),
        quantity: arrival.count,
    };
    let level = api.ledger.receive(request).await?;
    api.names.list(&arrival.code, &arrival.name, None);
    Ok(Item::new(&api.names, &arrival.code, &level).answer(StatusCode::CREATED))
}

/// The receipt of a POST: apart from those that other systems name.
pub(super) fn receipt(api: &StockApi, key: Option<&str>) -> Result<ReceiptId, Problem> {
    let id = match key {
        Some(key) => ReceiptId::new(format!("post:{key}")),
        None => ReceiptId::new(format!("drawn:{}", api.ids.fresh())),
    };
    id.map_err(|why| Problem::invalid("Idempotency-Key", why))
}

/// Take in goods under a receipt of the caller's: the same receipt again adds nothing.
#[utoipa::path(
    put,
    path = "/receipts/{receiptId}",
    params(("receiptId" = String, Path)),
    request_body = ReceiptWire,
    responses(
        (status = 200, body = Item<'static>, headers(("ETag" = String, description = "Its version"))),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The receipt is that of other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn receive(
    State(api): State<Arc<StockApi>>,
    PathOf(receipt_id): PathOf<ReceiptId>,
    JsonBody(goods): JsonBody<ReceiptWire>,
) -> Result<Response, Problem> {
    let request = Receive {
        receipt_id,
        product_id: goods.product_id.clone(),
        quantity: goods.quantity,
    };
    let level = api.ledger.receive(request).await?;
    Ok(Item::new(&api.names, &goods.product_id, &level).answer(StatusCode::OK))
}

/// Set what a count found (`stockLevel`), or ship from a confirmed hold (`settle`).
#[utoipa::path(
    put,
    path = "/inventory/{productId}",
    params(
        ("productId" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the product is still at this version"),
    ),
    request_body = PutWire,
    responses(
        (status = 200, description = "Counted: the item. Shipped: the hold.", body = Put),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "There is no such hold", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "More is promised than was counted, or the hold has less left", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 412, description = "The product is at another version", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The shipment took other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn put(
    State(api): State<Arc<StockApi>>,
    PathOf(product_id): PathOf<ProductId>,
    IfMatch(if_version): IfMatch,
    JsonBody(body): JsonBody<PutWire>,
) -> Result<Response, Problem> {
    match body {
        PutWire {
            stock_level: Some(on_hand),
            settle: None,
        } => {
            let request = SetOnHand {
                product_id: product_id.clone(),
                on_hand,
                if_version,
            };
            let level = api.ledger.set_on_hand(request).await?;
            Ok(Item::new(&api.names, &product_id, &level).answer(StatusCode::OK))
        }
        PutWire {
            stock_level: None,
            settle: Some(settle),
        } => {
            let hold = api.ledger.ship(shipped(product_id, settle)?).await?;
            Ok(answer(StatusCode::OK, &HoldBody(hold)))
        }
        PutWire { stock_level, .. } => {
            let why = match stock_level {
                Some(_) => "cannot be sent together with settle",
                None => "is missing: send it, or settle",
            };
            Err(Problem::invalid("stockLevel", why))
        }
    }
}

/// One of the two bodies of [`put`].
#[derive(ToSchema)]
#[schema(as = Counted)]
#[serde(untagged)]
#[allow(dead_code)]
enum Put {
    Item(Item<'static>),
    Hold(HoldWire),
}

fn shipped(product_id: ProductId, asked: SettleWire) -> Result<Settle, Problem> {
    let hold_id = asked
        .hold_id
        .ok_or_else(|| Problem::invalid("settle.holdId", "is missing"))?;
    let lines = match (asked.quantity, asked.lines) {
        (Some(_), Some(_)) => {
            let why = "cannot be sent together with lines";
            return Err(Problem::invalid("settle.quantity", why));
        }
        (Some(quantity), None) => Some(vec![StockLine {
            product_id,
            quantity,
        }]),
        (None, Some(lines)) if lines.iter().any(|it| it.product_id == product_id) => {
            bounded(&lines)?;
            Some(lines)
        }
        (None, Some(_)) => {
            let why = "must name the product of the path among others";
            return Err(Problem::invalid("settle.lines", why));
        }
        (None, None) => None,
    };
    Ok(Settle {
        hold_id,
        shipment_id: asked.shipment_id,
        lines,
    })
}
