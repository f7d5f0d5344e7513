//! `GET /orders` and `GET /orders/{orderId}`.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::ids::OrderId;
use boutique_core::orders::{DeskRejection, Order};

use super::wire::{OrderOut, Summary};
use super::{ANYBODY, Drive, OmsApi};
use crate::http::api::answer;
use crate::http::body::{PathOf, QueryOf};
use crate::http::page::{Page, listed};
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::userinfo::Caller;

/// List orders: those of whoever asks by id, or, for our own servers and for tokens that may act
/// for anybody, all, the newest first.
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
    let store = &api.desk.orders;
    let orders = match caller.buyer(ANYBODY) {
        // The store picks them out, so that the cursor is an order of theirs: that of a page of
        // everybody's would tell somebody else's order, and how many there are.
        Some(buyer) => store.orders_of(buyer, after.as_ref(), limit).await?,
        None => store.newest(after.as_ref(), limit).await?,
    };
    let shown: Vec<_> = orders.iter().map(Summary::from).collect();
    let last = orders.last().filter(|_| orders.len() == limit);
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
    // As the desk itself says it, so that nobody can tell somebody else's from none.
    order.ok_or_else(|| DeskRejection::UnknownOrder(order_id.clone()).into())
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
