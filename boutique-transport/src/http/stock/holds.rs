//! Holds: promised, kept, sold, given up.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::clock::Timestamp;
use boutique_core::ids::HoldId;
use boutique_core::stock::{Hold, LedgerError, Rejection, Reserve, Settle};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{JsonBody, MaybeJson, PathOf, QueryOf};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::StockApi;
use super::wire::{HoldBody, HoldWire, Lasting, Note, PromiseWire, SettleWire, bounded};

/// A note of 64 KiB, every character of it escaped, and a hold of a thousand lines.
const BODY_BYTES_MAX: usize = 448 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(reserve, look, void))
        .routes(routes!(pin))
        .routes(routes!(confirm))
        .routes(routes!(extend))
        .routes(routes!(release))
        .routes(routes!(ship))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}

fn told(hold: Hold) -> Response {
    answer(StatusCode::OK, &HoldBody(hold))
}

fn moved(hold: Result<Hold, LedgerError>) -> Result<Response, Problem> {
    Ok(told(hold?))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Brief {
    /// Answer 200 whether the hold is new or known: that saves a look at the ledger.
    #[serde(default)]
    brief: bool,
}

/// Promise goods: all lines or none.
#[utoipa::path(
    put,
    path = "/holds/{holdId}",
    params(("holdId" = String, Path, description = "Chosen by the caller"), Brief),
    request_body = PromiseWire,
    responses(
        (status = 201, description = "Promised", body = HoldWire),
        (status = 200, description = "The hold of this id and these goods, whatever became of it", body = HoldWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "Too little is there, or the id is that of other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn reserve(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
    QueryOf(Brief { brief }): QueryOf<Brief>,
    JsonBody(asked): JsonBody<PromiseWire>,
) -> Result<Response, Problem> {
    bounded(&asked.lines)?;
    let ttl = asked.ttl()?;
    let is_known = brief || api.ledger.hold(&hold_id).await?.is_some();
    let request = Reserve {
        hold_id,
        lines: asked.lines,
        ttl,
        valid_until: asked.valid_until.unwrap_or(Timestamp::MAX),
    };
    let hold = api.ledger.reserve(request).await?;
    let status = match is_known {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok(answer(status, &HoldBody(hold)))
}

/// Tell where a hold stands.
#[utoipa::path(
    get,
    path = "/holds/{holdId}",
    params(("holdId" = String, Path)),
    responses(
        (status = 200, body = HoldWire),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn look(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
) -> Result<Response, Problem> {
    let hold = api.ledger.hold(&hold_id).await?;
    hold.map(told).ok_or_else(|| Rejection::UnknownHold.into())
}

/// Give a hold up. An id nobody knows becomes a tombstone, so that a promise which arrives late
/// finds it; a hold that was sold is answered as it is.
#[utoipa::path(
    delete,
    path = "/holds/{holdId}",
    params(("holdId" = String, Path)),
    responses((status = 200, body = HoldWire)),
)]
async fn void(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
) -> Result<Response, Problem> {
    moved(api.ledger.void(&hold_id).await)
}

/// Keep a hold until somebody decides.
#[utoipa::path(
    post,
    path = "/holds/{holdId}/pin",
    params(("holdId" = String, Path)),
    responses(
        (status = 200, body = HoldWire),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn pin(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
) -> Result<Response, Problem> {
    moved(api.ledger.pin(&hold_id).await)
}

/// Sell what is held. The first note stays.
#[utoipa::path(
    post,
    path = "/holds/{holdId}/confirm",
    params(("holdId" = String, Path)),
    request_body(content = Option<Note>),
    responses(
        (status = 200, description = "Sold, or what became of it instead", body = HoldWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn confirm(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
    MaybeJson(Note { note }): MaybeJson<Note>,
) -> Result<Response, Problem> {
    moved(api.ledger.confirm(&hold_id, note).await)
}

/// Let a hold last longer. It never becomes shorter.
#[utoipa::path(
    post,
    path = "/holds/{holdId}/extend",
    params(("holdId" = String, Path)),
    request_body = Lasting,
    responses(
        (status = 200, body = HoldWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn extend(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
    JsonBody(lasting): JsonBody<Lasting>,
) -> Result<Response, Problem> {
    moved(api.ledger.extend(&hold_id, lasting.ttl()?).await)
}

/// Make what has not left of a sold hold available again: its order is cancelled.
#[utoipa::path(
    post,
    path = "/holds/{holdId}/release",
    params(("holdId" = String, Path)),
    responses(
        (status = 200, body = HoldWire),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It was not sold", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn release(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
) -> Result<Response, Problem> {
    moved(api.ledger.release(&hold_id).await)
}

/// Take goods of a sold hold off the shelf: the lines, or all that is left.
#[utoipa::path(
    post,
    path = "/holds/{holdId}/ship",
    params(("holdId" = String, Path)),
    request_body = SettleWire,
    responses(
        (status = 200, body = HoldWire),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It was not sold, or has less left", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The shipment took other goods", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn ship(
    State(api): State<Arc<StockApi>>,
    PathOf(hold_id): PathOf<HoldId>,
    JsonBody(asked): JsonBody<SettleWire>,
) -> Result<Response, Problem> {
    if asked.quantity.is_some() {
        return Err(Problem::invalid("quantity", "needs a product: say lines"));
    }
    if asked.hold_id.is_some_and(|it| it != hold_id) {
        return Err(Problem::invalid("holdId", "is not the one in the path"));
    }
    bounded(asked.lines.as_deref().unwrap_or_default())?;
    let request = Settle {
        hold_id,
        shipment_id: asked.shipment_id,
        lines: asked.lines,
    };
    moved(api.ledger.ship(request).await)
}

/// List holds, by id.
#[utoipa::path(
    get,
    path = "/holds",
    operation_id = "list_holds",
    params(Page),
    responses(
        (status = 200, body = Vec<HoldWire>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Arc<StockApi>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<HoldId> = page.after()?;
    let holds = api.ledger.holds(after.as_ref(), limit).await?;
    let holds: Vec<_> = holds.into_iter().map(HoldBody).collect();
    let is_full = holds.len() == limit;
    let next = holds.last().filter(|_| is_full).map(|it| it.0.id.as_str());
    Ok(listed(&uri, limit, &holds, next))
}
