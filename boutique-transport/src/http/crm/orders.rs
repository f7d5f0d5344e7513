//! Orders attached to customers, and what all of them come to.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use boutique_core::customer::DirectoryRejection;
use boutique_core::ids::{CustomerId, OrderId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{JsonBody, PathOf, QueryOf};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::CrmApi;
use super::customers::told;
use super::wire::{CustomerWire, OrderSaid, OrderWire, StatsWire};

pub(super) fn routes() -> OpenApiRouter<Arc<CrmApi>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(detach))
        .routes(routes!(attach))
        .routes(routes!(stats))
}

/// List attached orders, by id.
#[utoipa::path(
    get,
    path = "/orders",
    operation_id = "list_orders",
    params(Page),
    responses(
        (status = 200, body = Vec<OrderWire>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Arc<CrmApi>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<OrderId> = page.after()?;
    let orders = api.directory.orders(after.as_ref(), limit).await?;
    let orders = orders.into_iter().map(|(id, it)| OrderWire::of(id, it));
    let orders: Vec<_> = orders.collect();
    let last = orders.last().filter(|_| orders.len() == limit);
    let next = last.map(|it| it.order_id.as_str());
    Ok(listed(&uri, limit, &orders, next))
}

/// Attach an order to a customer, once by its id.
#[utoipa::path(
    post,
    path = "/orders",
    request_body = OrderSaid,
    responses(
        (status = 201, description = "Attached", body = OrderWire),
        (status = 200, description = "It was attached already", body = OrderWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It is attached to somebody else, or with another total", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn add(
    State(api): State<Arc<CrmApi>>,
    JsonBody(mut said): JsonBody<OrderSaid>,
) -> Result<Response, Problem> {
    let owner = (said.customer_id.take(), said.email.take());
    let order = said.order(None, api.currency, api.clock.now())?;
    let customer = match owner {
        (Some(id), _) => api.directory.customer(&id).await?,
        (None, Some(email)) => api.directory.by_email(email.expose()).await?,
        (None, None) => {
            let why = "is missing: send it, or the customer's email";
            return Err(Problem::invalid("customerId", why));
        }
    };
    let customer = customer.ok_or(DirectoryRejection::UnknownCustomer)?;
    let order_id = order.order_id.clone();
    let is_known = customer.orders.iter().any(|it| it.order_id == order_id);
    let customer = api.directory.attach(&customer.id, order).await?;
    let mut orders = customer.orders.into_iter();
    let attached = orders.find(|it| it.order_id == order_id);
    let attached = attached.ok_or(DirectoryRejection::OrderTaken)?;
    let order = OrderWire::of(customer.id, attached);
    let status = match is_known {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok(answer(status, &order))
}

/// Attach an order to a customer, once; answers with all of the customer.
#[utoipa::path(
    put,
    path = "/customers/{id}/orders/{orderId}",
    params(("id" = String, Path), ("orderId" = String, Path)),
    request_body = OrderSaid,
    responses(
        (status = 200, body = CustomerWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "There is no such customer", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "It is attached to somebody else, or with another total", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn attach(
    State(api): State<Arc<CrmApi>>,
    PathOf((id, order_id)): PathOf<(CustomerId, OrderId)>,
    JsonBody(said): JsonBody<OrderSaid>,
) -> Result<Response, Problem> {
    if said.order_id.as_ref().is_some_and(|it| *it != order_id) {
        return Err(Problem::invalid("orderId", "is not the one in the path"));
    }
    let order = said.order(Some(order_id), api.currency, api.clock.now())?;
    let customer = api.directory.attach(&id, order).await?;
    Ok(told(StatusCode::OK, customer))
}

/// How a client of ours tells an order that is not there from a path that is not there.
pub(super) const UNKNOWN_ORDER: &str = "unknown_order";

/// Take an order off whoever it is attached to.
#[utoipa::path(
    delete,
    path = "/orders/{orderId}",
    params(("orderId" = String, Path)),
    responses(
        (status = 204, description = "Taken off"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn detach(
    State(api): State<Arc<CrmApi>>,
    PathOf(order_id): PathOf<OrderId>,
) -> Result<Response, Problem> {
    if !api.directory.detach(&order_id).await? {
        let problem = Problem::not_found("there is no such order");
        return Err(problem.with("code", UNKNOWN_ORDER));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sum up all customers and their orders.
#[utoipa::path(get, path = "/stats", responses((status = 200, body = StatsWire)))]
async fn stats(State(api): State<Arc<CrmApi>>) -> Result<Response, Problem> {
    let stats = api.directory.stats().await?;
    let mut own = stats.revenue.iter();
    let own = own.find(|it| it.currency() == api.currency);
    // Exact up to 2^53 of the minor unit, as far as a JSON number goes.
    let revenue = own.and_then(|it| it.decimal().parse().ok());
    let stats = StatsWire {
        customers: stats.customers,
        orders: stats.orders,
        revenue: revenue.unwrap_or(0.0),
        currency: api.currency,
        revenue_by_currency: stats.revenue,
    };
    Ok(answer(StatusCode::OK, &stats))
}
