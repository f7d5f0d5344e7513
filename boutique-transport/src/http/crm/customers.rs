//! Customers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use boutique_core::clock::Timestamp;
use boutique_core::customer::{
    BillingProfile, Customer, CustomerOrder, CustomerProfile, DirectoryRejection, Email,
    ReviseCustomer, Standing, Tier, UpsertCustomer,
};
use boutique_core::ids::CustomerId;
use boutique_core::pii::Pii;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{JsonBody, PathOf, QueryOf};
use super::super::moment::Moment;
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::super::schema::BillingSchema;
use super::CrmApi;
use super::wire::{CustomerWire, OrderSaid, SaidWire};

pub(super) fn routes() -> OpenApiRouter<Arc<CrmApi>> {
    OpenApiRouter::new()
        .routes(routes!(list, upsert))
        .routes(routes!(look, revise, erase))
}

pub(super) fn told(status: StatusCode, customer: Customer) -> Response {
    answer(status, &CustomerWire::from(customer))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ByEmail {
    /// Only the customer with this e-mail.
    #[param(value_type = Option<String>)]
    email: Option<Pii<Email>>,
}

/// List customers, newest first.
#[utoipa::path(
    get,
    path = "/customers",
    operation_id = "list_customers",
    params(Page, ByEmail),
    responses(
        (status = 200, body = Vec<CustomerWire>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Arc<CrmApi>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
    QueryOf(ByEmail { email }): QueryOf<ByEmail>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    if let Some(email) = email {
        let customer = api.directory.by_email(email.expose()).await?;
        let customers: Vec<_> = customer.into_iter().map(CustomerWire::from).collect();
        return Ok(listed(&uri, limit, &customers, None));
    }
    let after: Option<CustomerId> = page.after()?;
    let customers = api.directory.customers(after.as_ref(), limit).await?;
    let customers: Vec<_> = customers.into_iter().map(CustomerWire::from).collect();
    let last = customers.last().filter(|_| customers.len() == limit);
    Ok(listed(
        &uri,
        limit,
        &customers,
        last.map(|it| it.id.as_str()),
    ))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Look {
    /// Looked up if the id is unknown.
    #[param(value_type = Option<String>)]
    email: Option<Pii<Email>>,
    /// `profile`: what other systems need, with the number of orders in place of them.
    view: Option<String>,
}

/// What other systems may know of a customer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[schema(value_type = String)]
    id: CustomerId,
    /// `standard`, `silver`, `gold` or `platinum`.
    #[schema(value_type = String)]
    tier: Tier,
    /// `good` or `blocked`.
    #[schema(value_type = String)]
    standing: Standing,
    #[schema(value_type = String, format = DateTime)]
    created_at: Moment,
    /// Orders attached so far.
    order_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BillingSchema>)]
    billing: Option<BillingProfile>,
}

impl From<CustomerProfile> for Profile {
    fn from(it: CustomerProfile) -> Self {
        Self {
            id: it.id,
            tier: it.tier,
            standing: it.standing,
            created_at: Moment(it.created_at),
            order_count: it.orders,
            billing: it.billing,
        }
    }
}

/// One of the two views of [`look`].
#[derive(ToSchema)]
#[schema(as = CustomerView)]
#[serde(untagged)]
#[allow(dead_code)]
enum View {
    Whole(Box<CustomerWire>),
    Profile(Profile),
}

/// Tell of a customer: by id, and else by the e-mail, if one is given.
#[utoipa::path(
    get,
    path = "/customers/{id}",
    params(("id" = String, Path), Look),
    responses(
        (status = 200, body = View),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn look(
    State(api): State<Arc<CrmApi>>,
    PathOf(id): PathOf<String>,
    QueryOf(Look { email, view }): QueryOf<Look>,
) -> Result<Response, Problem> {
    let brief = match view.as_deref() {
        None => false,
        Some("profile") => true,
        Some(_) => return Err(Problem::invalid("view", "must be profile, or left out")),
    };
    // A user id may have characters that a customer id may not.
    let mut customer = match CustomerId::new(id) {
        Ok(id) => api.directory.customer(&id).await?,
        Err(_) => None,
    };
    if let (None, Some(email)) = (&customer, &email) {
        customer = api.directory.by_email(email.expose()).await?;
    }
    let customer = customer.ok_or(DirectoryRejection::UnknownCustomer)?;
    if brief {
        let profile = CustomerProfile::from(customer);
        return Ok(answer(StatusCode::OK, &Profile::from(profile)));
    }
    Ok(told(StatusCode::OK, customer))
}

/// Make the customer with this e-mail, or change what is said. An order in the body is attached
/// after that, once by its id; if it is refused, the rest has been done.
#[utoipa::path(
    post,
    path = "/customers",
    request_body = SaidWire,
    responses(
        (status = 201, description = "Made", body = CustomerWire),
        (status = 200, description = "Changed", body = CustomerWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The id or the order is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn upsert(
    State(api): State<Arc<CrmApi>>,
    JsonBody(said): JsonBody<SaidWire>,
) -> Result<Response, Problem> {
    said.check()?;
    let now = said.at.map_or_else(|| api.clock.now(), |it| it.0);
    let order = ordered(&api, said.order, now)?;
    let email = said
        .email
        .ok_or_else(|| Problem::invalid("email", "is missing"))?;
    let id = match said.id {
        Some(id) => id,
        None => CustomerId::new(api.ids.fresh()).map_err(|why| Problem::invalid("id", why))?,
    };
    let is_known = api.directory.by_email(email.expose()).await?.is_some();
    let customer = UpsertCustomer {
        id,
        email,
        name: said.name,
        surname: said.surname,
        address: said.address,
        tier: said.tier,
        standing: said.standing,
        billing: said.billing,
    };
    let mut customer = api.directory.upsert(customer, now).await?;
    if let Some(order) = order {
        customer = api.directory.attach(&customer.id, order).await?;
    }
    let status = match is_known {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok(told(status, customer))
}

/// Change a customer, the e-mail too. What is not said stays. An order in the body is attached
/// after that; if it is refused, the rest has been done.
#[utoipa::path(
    put,
    path = "/customers/{id}",
    params(("id" = String, Path)),
    request_body = SaidWire,
    responses(
        (status = 200, body = CustomerWire),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 409, description = "The e-mail or the order is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn revise(
    State(api): State<Arc<CrmApi>>,
    PathOf(id): PathOf<CustomerId>,
    JsonBody(said): JsonBody<SaidWire>,
) -> Result<Response, Problem> {
    said.check()?;
    let now = said.at.map_or_else(|| api.clock.now(), |it| it.0);
    let order = ordered(&api, said.order, now)?;
    let change = ReviseCustomer {
        id,
        email: said.email,
        name: said.name,
        surname: said.surname,
        address: said.address,
        tier: said.tier,
        standing: said.standing,
        billing: said.billing,
    };
    let mut customer = api.directory.revise(change, now).await?;
    if let Some(order) = order {
        customer = api.directory.attach(&customer.id, order).await?;
    }
    Ok(told(StatusCode::OK, customer))
}

/// The order that was said along with a customer.
fn ordered(
    api: &CrmApi,
    said: Option<OrderSaid>,
    now: Timestamp,
) -> Result<Option<CustomerOrder>, Problem> {
    let order = said.map(|it| it.order(None, api.currency, now));
    order.transpose().map_err(|it| it.prefixed("order."))
}

/// Erase a customer and all that is known of the person.
#[utoipa::path(
    delete,
    path = "/customers/{id}",
    params(("id" = String, Path)),
    responses(
        (status = 204, description = "Erased"),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn erase(
    State(api): State<Arc<CrmApi>>,
    PathOf(id): PathOf<CustomerId>,
) -> Result<Response, Problem> {
    if !api.directory.erase(&id).await? {
        return Err(DirectoryRejection::UnknownCustomer.into());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
