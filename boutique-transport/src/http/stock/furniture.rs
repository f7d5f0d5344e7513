//! Furniture by what it is called: articles that a client lists without an id of its own.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::ids::ProductId;
use boutique_core::stock::Receive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::api::answer;
use super::super::body::{JsonBody, MaybeKey, QueryOf};
use super::super::page::{Page, listed};
use super::super::problem::{Problem, ProblemSchema};
use super::StockApi;
use super::names::check;
use super::shelf::receipt;
use super::wire::Item;

pub(super) fn routes() -> OpenApiRouter<Arc<StockApi>> {
    OpenApiRouter::new().routes(routes!(list, add))
}

/// A piece of furniture.
#[derive(Serialize, ToSchema)]
struct Article<'a> {
    /// The same as `productId`.
    #[schema(value_type = String)]
    id: &'a ProductId,
    #[serde(flatten)]
    item: Item<'a>,
}

/// List furniture, by id.
#[utoipa::path(
    get,
    path = "/furniture",
    operation_id = "list_furniture",
    params(Page),
    responses(
        (status = 200, body = Vec<Article<'static>>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Arc<StockApi>>,
    uri: Uri,
    QueryOf(page): QueryOf<Page>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<ProductId> = page.after()?;
    let levels = api.ledger.levels(after.as_ref(), limit).await?;
    let articles: Vec<_> = levels
        .iter()
        .map(|(id, level)| Article {
            id,
            item: Item::new(&api.names, id, level),
        })
        .collect();
    let next = levels.last().filter(|_| levels.len() == limit);
    let next = next.map(|(id, _)| id.as_str());
    Ok(listed(&uri, limit, &articles, next))
}

/// Furniture to be listed.
#[derive(Deserialize, ToSchema)]
struct Named {
    /// What it is called.
    name: String,
    /// Whose make it is.
    brand: String,
}

/// List a piece of furniture, of which there is nothing yet. The answer has its id; with an
/// `Idempotency-Key` the same request again is the same piece.
#[utoipa::path(
    post,
    path = "/furniture",
    operation_id = "add_furniture",
    params(("Idempotency-Key" = Option<String>, Header)),
    request_body = Named,
    responses(
        (status = 201, body = Article<'static>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
async fn add(
    State(api): State<Arc<StockApi>>,
    MaybeKey(key): MaybeKey,
    JsonBody(named): JsonBody<Named>,
) -> Result<Response, Problem> {
    for (field, text) in [("name", &named.name), ("brand", &named.brand)] {
        check(text).map_err(|rule| Problem::invalid(field, rule))?;
    }
    let key = key.as_ref().map(|it| it.as_str());
    let id = match key {
        Some(key) => api.ids.pseudonym("furniture", key).as_str().to_owned(),
        None => api.ids.fresh(),
    };
    let id = ProductId::new(id).map_err(|why| Problem::invalid("Idempotency-Key", why))?;
    let request = Receive {
        receipt_id: receipt(&api, Some(&format!("furniture:{id}")))?,
        product_id: id.clone(),
        quantity: 0,
    };
    let level = api.ledger.receive(request).await?;
    api.names.list(&id, &named.name, Some(&named.brand));
    let article = Article {
        id: &id,
        item: Item::new(&api.names, &id, &level),
    };
    Ok(answer(StatusCode::CREATED, &article))
}
