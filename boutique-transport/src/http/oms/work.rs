//! What people who run the shop look at: dead letters, and orders that are stuck.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::ids::{OrderId, ReturnId};
use boutique_core::orders::{Action, DeadLetter, DeadLetterSource, OrderState, StuckOrder};
use boutique_core::stock::StockSystem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ANYBODY, Drive, OmsApi};
use crate::http::api::answer;
use crate::http::body::{PathOf, QueryOf};
use crate::http::moment::Moment;
use crate::http::page::{Page, listed};
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::userinfo::Caller;

/// A message that could not be taken in. Its data is not shown: it is personal.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(super) struct LetterOut {
    id: String,
    /// `refused` by order management, or `undelivered` by the broker.
    #[schema(value_type = String)]
    source: DeadLetterSource,
    /// Why, without personal data.
    reason: String,
    /// When it was parked first, RFC 3339.
    #[schema(value_type = String)]
    parked_at: Moment,
    /// What it says it is (`ce-type`).
    #[serde(skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    /// The order it says it is about (`ce-subject`).
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    /// The length of its data.
    bytes: usize,
}

impl From<DeadLetter> for LetterOut {
    fn from(letter: DeadLetter) -> Self {
        let attribute = |name| letter.message.attributes.get(name).cloned();
        Self {
            event_type: attribute("ce-type"),
            order_id: attribute("ce-subject"),
            bytes: letter.message.data.len(),
            id: letter.id,
            source: letter.source,
            reason: letter.reason,
            parked_at: Moment(letter.parked_at),
        }
    }
}

/// List dead letters by id.
#[utoipa::path(
    get,
    path = "/dead-letters",
    params(Page),
    responses(
        (status = 200, body = Vec<LetterOut>),
        (status = 403, description = "The token lacks the scope orders:any", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn dead_letters<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    QueryOf(page): QueryOf<Page>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.trusted(ANYBODY)?;
    let limit = page.limit()?;
    let after: Option<String> = page.after()?;
    let letters = api
        .desk
        .orders
        .dead_letters(after.as_deref(), limit)
        .await?;
    let letters: Vec<_> = letters.into_iter().map(LetterOut::from).collect();
    let last = letters.last().filter(|_| letters.len() == limit);
    Ok(listed(&uri, limit, &letters, last.map(|it| &*it.id)))
}

/// A letter that was taken in.
#[derive(Serialize, ToSchema)]
struct Replayed {
    /// The letter, which is gone.
    replayed: String,
}

/// Deliver a dead letter again; it is gone once it is taken in.
#[utoipa::path(
    post,
    path = "/dead-letters/{id}/replay",
    params(("id" = String, Path)),
    responses(
        (status = 200, body = Replayed),
        (status = 403, description = "The token lacks the scope orders:any", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "No such letter", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It still cannot be taken in", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "Try again", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn replay<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    PathOf(id): PathOf<String>,
) -> Result<Response, Problem> {
    caller.trusted(ANYBODY)?;
    api.desk.replay(&id).await?;
    Ok(answer(StatusCode::OK, &Replayed { replayed: id }))
}

/// An order with something left to do that nobody has done.
#[derive(Serialize, ToSchema)]
#[schema(as = StuckOrder)]
struct StuckOut {
    #[schema(value_type = String)]
    order_id: OrderId,
    #[schema(value_type = String)]
    state: OrderState,
    /// When something happened to it last, RFC 3339.
    #[schema(value_type = String)]
    since: Moment,
    /// What is to be done.
    remaining: Vec<Todo>,
}

/// Something left to do.
#[derive(Serialize, ToSchema)]
struct Todo {
    /// `book_sale`, `schedule`, `recognise`, `cancel_part`, `credit_cancelled`, `restock` or
    /// `credit_return`.
    action: &'static str,
    /// In which stock system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    system: Option<StockSystem>,
    /// Of which return.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    return_id: Option<ReturnId>,
}

impl From<Action> for Todo {
    fn from(action: Action) -> Self {
        let (action, system, return_id) = match action {
            Action::BookSale => ("book_sale", None, None),
            Action::Schedule(system) => ("schedule", Some(system), None),
            Action::Recognise(system) => ("recognise", Some(system), None),
            Action::CancelPart(system) => ("cancel_part", Some(system), None),
            Action::CreditCancelled => ("credit_cancelled", None, None),
            Action::Restock(id, system) => ("restock", Some(system), Some(id)),
            Action::CreditReturn(id) => ("credit_return", None, Some(id)),
        };
        Self {
            action,
            system,
            return_id,
        }
    }
}

impl From<StuckOrder> for StuckOut {
    fn from(it: StuckOrder) -> Self {
        Self {
            order_id: it.order_id,
            state: it.state,
            since: Moment(it.since),
            remaining: it.remaining.into_iter().map(Todo::from).collect(),
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Idle {
    /// For how many milliseconds nothing has happened to it; a minute if it is missing.
    idle_ms: Option<u64>,
}

/// List orders with something left to do to which nothing has happened for a while, by id.
#[utoipa::path(
    get,
    path = "/stuck",
    params(Page, Idle),
    responses(
        (status = 200, body = Vec<StuckOut>),
        (status = 403, description = "The token lacks the scope orders:any", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn stuck<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    QueryOf(page): QueryOf<Page>,
    QueryOf(Idle { idle_ms }): QueryOf<Idle>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.trusted(ANYBODY)?;
    let limit = page.limit()?;
    let after: Option<OrderId> = page.after()?;
    let idle = Duration::from_millis(idle_ms.unwrap_or(60_000));
    let stuck = api.desk.stuck(idle, after.as_ref(), limit).await?;
    let stuck: Vec<_> = stuck.into_iter().map(StuckOut::from).collect();
    let last = stuck.last().filter(|_| stuck.len() == limit);
    Ok(listed(
        &uri,
        limit,
        &stuck,
        last.map(|it| it.order_id.as_str()),
    ))
}
