//! What keeps a ledger in order: sweeping and auditing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::JsonBody;
use super::super::problem::{Problem, ProblemSchema};
use super::StockApi;
use super::wire::{Sweep, Swept};

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new()
        .routes(routes!(sweep))
        .routes(routes!(audit))
}

/// Expire holds that have lapsed, for good.
#[utoipa::path(
    post,
    path = "/sweeps",
    request_body = Sweep,
    responses(
        (status = 200, body = Swept),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn sweep(
    State(api): State<Arc<StockApi>>,
    JsonBody(Sweep { limit }): JsonBody<Sweep>,
) -> Result<Response, Problem> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let expired = api.ledger.sweep(limit).await? as u64;
    Ok(answer(StatusCode::OK, &Swept { expired }))
}

/// What an audit found.
#[derive(ToSchema)]
#[allow(dead_code)]
struct Audit {
    /// Products looked at.
    products: u64,
    /// Holds looked at.
    holds: u64,
    /// What does not add up; empty if all of it does.
    violations: Vec<Violation>,
}

/// A product or a hold whose numbers do not add up.
#[derive(ToSchema)]
#[allow(dead_code)]
struct Violation {
    subject: String,
    detail: String,
}

/// Compare every level with its holds and movements.
#[utoipa::path(get, path = "/audit", responses((status = 200, body = Audit)))]
async fn audit(State(api): State<Arc<StockApi>>) -> Result<Response, Problem> {
    let audit = api.ledger.audit().await?;
    Ok(answer(StatusCode::OK, &audit))
}
