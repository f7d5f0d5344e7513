//! `POST /orders/{orderId}/cancel` and `POST /orders/{orderId}/returns`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use boutique_core::flow::Step;
use boutique_core::ids::{OrderId, ReturnId};
use boutique_core::limits::Units;
use boutique_core::money::Money;
use boutique_core::orders::{CancelOrder, ReturnGoods, ReturnLine};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::orders::own;
use super::wire::OrderOut;
use super::{ANYBODY, Drive, OmsApi};
use crate::http::api::answer;
use crate::http::body::{JsonBody, MaybeJson, MaybeKey, PathOf};
use crate::http::moment::Moment;
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::schema::MoneySchema;
use crate::http::userinfo::Caller;

/// Asks for an order to be called off. May be missing altogether.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[schema(as = CancelOrder)]
pub(super) struct CancelIn {
    /// The date the books count it for, RFC 3339, if it is not the present: for our own servers
    /// and for tokens that may act for anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) at: Option<Moment>,
}

/// Says that goods came back.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ReturnGoods)]
pub(super) struct ReturnIn {
    /// The caller's name for the return; the `Idempotency-Key` if it is missing.
    #[serde(default, alias = "returnId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) return_id: Option<ReturnId>,
    /// What came back.
    pub(super) lines: Vec<LineIn>,
    /// Whether it goes back onto the shelf: for whoever has seen the goods, that is our own
    /// servers and tokens that may act for anybody.
    #[serde(default)]
    pub(super) restock: bool,
    /// The date the books count it for, as for a cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) at: Option<Moment>,
}

/// Units of one line of the order.
#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ReturnLine)]
pub(super) struct LineIn {
    /// Which line, counted from zero.
    pub(super) line: usize,
    /// How many.
    #[schema(value_type = u32)]
    pub(super) quantity: Units,
    /// What is paid back, tax included, if it is less than what was paid for the goods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    pub(super) refund: Option<Money>,
}

/// Call an order off, as far as it has not left. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/orders/{orderId}/cancel",
    params(("orderId" = String, Path)),
    request_body = Option<CancelIn>,
    responses(
        (status = 200, description = "The order as it now stands", body = OrderOut),
        (status = 404, description = "No such order, or it is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "All of it has left", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    PathOf(order_id): PathOf<OrderId>,
    MaybeJson(CancelIn { at }): MaybeJson<CancelIn>,
) -> Result<Response, Problem> {
    own(&api, &caller, &order_id).await?;
    dated(&caller, at)?;
    let at = at.map(|it| it.0);
    let order = api.desk.run(CancelOrder { order_id, at }).await?;
    Ok(answer(StatusCode::OK, &OrderOut::from(order)))
}

/// Take goods back. The same return again changes nothing.
#[utoipa::path(
    post,
    path = "/orders/{orderId}/returns",
    params(("orderId" = String, Path), ("Idempotency-Key" = Option<String>, Header, description = "The return's id, if the body has none")),
    request_body = ReturnIn,
    responses(
        (status = 200, description = "The order as it now stands", body = OrderOut),
        (status = 400, description = "Not what was bought; names the field", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "No such order, or it is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It has not left, or came back before", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn take_back<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    PathOf(order_id): PathOf<OrderId>,
    MaybeKey(key): MaybeKey,
    JsonBody(asked): JsonBody<ReturnIn>,
) -> Result<Response, Problem> {
    own(&api, &caller, &order_id).await?;
    dated(&caller, asked.at)?;
    if asked.restock {
        caller.trusted(ANYBODY).map_err(|it| it.about("restock"))?;
    }
    let return_id = match (asked.return_id, key) {
        (Some(return_id), _) => return_id,
        (None, Some(key)) => {
            ReturnId::new(key.as_str()).map_err(|why| Problem::invalid("Idempotency-Key", why))?
        }
        (None, None) => return Err(Problem::invalid("return_id", "is missing")),
    };
    let line = |it: LineIn| ReturnLine {
        line: it.line,
        quantity: it.quantity,
        refund: it.refund,
    };
    let request = ReturnGoods {
        order_id,
        return_id,
        lines: asked.lines.into_iter().map(line).collect(),
        restock: asked.restock,
        at: asked.at.map(|it| it.0),
    };
    let order = api.desk.run(request).await?;
    Ok(answer(StatusCode::OK, &OrderOut::from(order)))
}

/// Whoever may choose the date may choose the books' period.
fn dated(caller: &Caller, at: Option<Moment>) -> Result<(), Problem> {
    match at {
        Some(_) => caller.trusted(ANYBODY).map_err(|it| it.about("at")),
        None => Ok(()),
    }
}
