//! `POST /checkout`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use boutique_core::checkout::{Outcome, PlaceOrder, Refusal};
use boutique_core::clock::Timestamp;
use serde::Deserialize;

use super::wire::{OrderIn, Parked, ReceiptSchema};
use super::{ANYBODY, CheckoutApi, Place, Review, RightShop};
use crate::http::api::answer;
use crate::http::body::{JsonBody, Key, QueryOf};
use crate::http::call::Call;
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::userinfo::Caller;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Mode {
    /// Give the verdicts and leave nothing behind.
    #[serde(default, alias = "dryRun")]
    dry_run: bool,
}

/// Sell the items, or the stored cart if there are none.
///
/// The same key with the same body is answered the same for ever, except that a review ends in
/// a decision.
#[utoipa::path(
    post,
    path = "/checkout",
    params(Mode, ("Idempotency-Key" = String, Header, description = "The client's name for this order: 1 to 255 visible ASCII characters")),
    request_body = OrderIn,
    responses(
        (status = 201, description = "Sold", body = ReceiptSchema),
        (status = 200, description = "A dry run: it would be sold", body = ReceiptSchema),
        (status = 202, description = "A person decides until then", body = Parked),
        (status = 400, description = "Malformed; names the field", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 402, description = "Refused for fraud risk, or in review; nothing is held", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 403, description = "The account is blocked, or the token is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "Too few in stock, or the same request is in progress", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "It cannot become an order, or the key was used with another body", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 503, description = "A dependency is down: nothing is held, try again with the same key", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 504, description = "No answer in time: ask again with the same key", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn place<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    Key(key): Key,
    QueryOf(Mode { dry_run }): QueryOf<Mode>,
    JsonBody(order): JsonBody<OrderIn>,
) -> Result<Response, Problem> {
    if !caller.may_act_for(&order.user_id, ANYBODY) {
        let detail = "user_id: must be the token's own";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).about("user_id"));
    }
    if order.ordered_at.is_some() {
        // Whoever may choose the date may choose the books' period.
        caller
            .trusted(ANYBODY)
            .map_err(|it| it.about("ordered_at"))?;
    }
    let call = Call::current();
    let left = call.as_ref().and_then(Call::left);
    let request = PlaceOrder {
        tenant: api.tenant,
        key,
        body: order.into(),
        dry_run,
        deadline: left.map_or(Timestamp::MAX, |it| api.clock.now().after(it)),
        traceparent: call.map(|it| it.trace.to_string()),
    };
    let sold = if dry_run {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok(match api.place.ask(request).await? {
        Outcome::Confirmed(receipt) => answer(sold, &*receipt),
        Outcome::Parked { order_id, until } => {
            answer(StatusCode::ACCEPTED, &Parked::new(order_id, until))
        }
        Outcome::Refused { order_id, refusal } => Problem::rejection(status(&refusal), &refusal)
            .with("order_id", &order_id)
            .into_response(),
    })
}

const fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Fraud { .. } | Refusal::ReviewDenied { .. } | Refusal::ReviewLapsed => {
            StatusCode::PAYMENT_REQUIRED
        }
        Refusal::Standing => StatusCode::FORBIDDEN,
        Refusal::Short { .. } | Refusal::NotStocked { .. } => StatusCode::CONFLICT,
    }
}
