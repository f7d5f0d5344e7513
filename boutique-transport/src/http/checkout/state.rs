//! `GET /checkout/{orderId}` and `POST /checkout/{orderId}/review`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use boutique_core::checkout::{CheckoutRejection, ReviewDecision};
use boutique_core::ids::OrderId;

use super::wire::{Decision, Record, ReviewIn, Standing};
use super::{ANYBODY, CheckoutApi, Place, Review, RightShop};
use crate::http::api::answer;
use crate::http::body::{JsonBody, PathOf};
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::userinfo::Caller;

/// Tell where an order stands.
#[utoipa::path(
    get,
    path = "/checkout/{orderId}",
    params(("orderId" = String, Path)),
    responses(
        (status = 200, body = Record),
        (status = 404, description = "No such order, or it is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn state<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    PathOf(order_id): PathOf<OrderId>,
) -> Result<Response, Problem> {
    let saga = api.store.saga(&order_id).await?.filter(|it| {
        let user_id = &it.intent.body.user_id;
        it.intent.tenant == api.tenant && caller.may_act_for(user_id, ANYBODY)
    });
    let saga = saga.ok_or_else(|| Problem::not_found("there is no such order"))?;
    Ok(answer(StatusCode::OK, &Record::from(saga)))
}

/// Decide an order that waits for a person.
///
/// Deciding again, either way, is answered with what was decided first.
#[utoipa::path(
    post,
    path = "/checkout/{orderId}/review",
    params(("orderId" = String, Path)),
    request_body = ReviewIn,
    responses(
        (status = 200, description = "What became of it", body = Standing),
        (status = 403, description = "The token lacks the scope checkout:any", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It does not wait for a review", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The remark is too long", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "It could not be decided: try again", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn review<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    PathOf(order_id): PathOf<OrderId>,
    JsonBody(review): JsonBody<ReviewIn>,
) -> Result<Response, Problem> {
    caller.trusted(ANYBODY)?;
    let saga = api.store.saga(&order_id).await?;
    if saga.is_some_and(|it| it.intent.tenant != api.tenant) {
        return Err(CheckoutRejection::NotInReview.into());
    }
    let decision = ReviewDecision {
        order_id,
        approve: review.decision == Decision::Approve,
        remark: review.remark,
    };
    let outcome = api.review.ask(decision).await?;
    Ok(answer(StatusCode::OK, &Standing::from(outcome)))
}
