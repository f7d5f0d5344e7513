//! `GET /orders` and `GET /orders/{orderId}`.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::ids::OrderId;
use boutique_core::orders::Order;

use super::wire::{OrderOut, Summary};
use super::{ANYBODY, Drive, OmsApi};
use crate::http::api::answer;
use crate::http::body::{PathOf, QueryOf};
use crate::http::page::{LIMIT_MAX, Page, listed};
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::userinfo::Caller;

/// List orders by id: those of whoever asks, or, for our own servers and for tokens that may
/// act for anybody, all.
///
/// A page may have fewer than its limit, or nothing, and yet link to a next one: the list of
/// one buyer is found by looking through that of all.
#[utoipa::path(
    get,
    path = "/orders",
    params(Page),
    responses(
        (status = 200, body = Vec<Summary>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    QueryOf(page): QueryOf<Page>,
    uri: Uri,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<OrderId> = page.after()?;
    let everybody = caller.is_trusted(ANYBODY);
    let looked_at = if everybody { limit } else { LIMIT_MAX };
    let orders = api.desk.orders.orders(after.as_ref(), looked_at).await?;
    let shown = orders.iter().filter(|it| may_see(&caller, it)).take(limit);
    let shown: Vec<_> = shown.map(Summary::from).collect();
    let last = if shown.len() == limit {
        let mut seen = orders.iter().filter(|it| may_see(&caller, it));
        seen.nth(limit - 1)
    } else {
        orders.last().filter(|_| orders.len() == looked_at)
    };
    let last = last.map(|it| it.placed.order.order_id.as_str());
    Ok(listed(&uri, limit, &shown, last))
}

fn may_see(caller: &Caller, order: &Order) -> bool {
    caller.may_act_for(&order.placed.order.user_id, ANYBODY)
}

/// Tell all about one order.
#[utoipa::path(
    get,
    path = "/orders/{orderId}",
    params(("orderId" = String, Path)),
    responses(
        (status = 200, body = OrderOut),
        (status = 404, description = "No such order, or it is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn one<D: Drive>(
    State(api): State<OmsApi<D>>,
    caller: Caller,
    PathOf(order_id): PathOf<OrderId>,
) -> Result<Response, Problem> {
    let order = find(&api, &caller, &order_id).await?;
    Ok(answer(StatusCode::OK, &OrderOut::from(order)))
}

/// An order that whoever asks may see; somebody else's reads as one that is not there.
async fn find<D: Drive>(
    api: &OmsApi<D>,
    caller: &Caller,
    order_id: &OrderId,
) -> Result<Order, Problem> {
    let order = api.desk.orders.order(order_id).await?;
    let order = order.filter(|it| may_see(caller, it));
    order.ok_or_else(|| Problem::not_found("there is no such order"))
}

/// Refuses whoever asks about an order of somebody else, as if it were not there.
pub(super) async fn own<D: Drive>(
    api: &OmsApi<D>,
    caller: &Caller,
    order_id: &OrderId,
) -> Result<(), Problem> {
    if caller.is_trusted(ANYBODY) {
        return Ok(());
    }
    find(api, caller, order_id).await.map(drop)
}
