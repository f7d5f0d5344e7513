//! Carts and the catalog.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use boutique_core::carts::CartLine;
use boutique_core::ids::{ProductId, UserId};

use super::wire::CartOut;
use super::{ANYBODY, CheckoutApi, Place, Review, RightShop};
use crate::http::api::answer;
use crate::http::body::{IfMatch, JsonBody, MaybeKey, PathOf, QueryOf};
use crate::http::page::{Page, listed};
use crate::http::problem::{Problem, ProblemSchema};
use crate::http::schema::{LineSchema, MoneySchema};
use crate::http::userinfo::Caller;

/// Somebody else's cart reads as one that is not there.
fn own(caller: &Caller, user_id: &UserId) -> Result<(), Problem> {
    if caller.may_act_for(user_id, ANYBODY) {
        return Ok(());
    }
    Err(Problem::not_found("there is no such cart"))
}

/// Add units of an article to a cart.
///
/// With a key, at most once: the cart remembers the keys of its newest 64 additions made with
/// one, also when it is emptied in between. A repeat is answered with the cart as it is now.
/// Without a key, every request adds.
#[utoipa::path(
    post,
    path = "/carts/{userId}/items",
    params(
        ("userId" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The client's name for this addition, its own within this cart: 1 to 255 visible ASCII characters"),
    ),
    request_body = LineSchema,
    responses(
        (status = 200, description = "All of the cart", body = CartOut),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
        (status = 404, description = "It is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 422, description = "The line or the cart would be too large, or the key was used for another line", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn add<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    PathOf(user_id): PathOf<UserId>,
    MaybeKey(key): MaybeKey,
    JsonBody(line): JsonBody<CartLine>,
) -> Result<Response, Problem> {
    own(&caller, &user_id)?;
    let cart = api.carts.add(&user_id, line, key).await?;
    Ok(CartOut::new(user_id, cart).answer())
}

/// Tell what is in a cart; an empty one if it was never filled.
#[utoipa::path(
    get,
    path = "/carts/{userId}",
    params(("userId" = String, Path)),
    responses(
        (status = 200, body = CartOut),
        (status = 404, description = "It is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cart<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    PathOf(user_id): PathOf<UserId>,
) -> Result<Response, Problem> {
    own(&caller, &user_id)?;
    let cart = api.carts.cart(&user_id).await?;
    Ok(CartOut::new(user_id, cart).answer())
}

/// Empty a cart; an empty one stays as it is.
///
/// A request that may be late says with `If-Match` which cart it means, so that it does not
/// empty one that was filled again.
#[utoipa::path(
    delete,
    path = "/carts/{userId}",
    params(
        ("userId" = String, Path),
        ("If-Match" = Option<String>, Header, description = "Only if the cart is still at this version, the ETag of an earlier answer"),
    ),
    responses(
        (status = 200, description = "The empty cart", body = CartOut),
        (status = 404, description = "It is somebody else's", body = ProblemSchema, content_type = "application/problem+json"),
        (status = 412, description = "The cart is at another version, and not empty", body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn empty<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    _: RightShop,
    caller: Caller,
    PathOf(user_id): PathOf<UserId>,
    IfMatch(version): IfMatch,
) -> Result<Response, Problem> {
    own(&caller, &user_id)?;
    let cart = api.carts.empty(&user_id, version).await?;
    if !cart.lines.is_empty() {
        let detail = "the cart has changed: read it again";
        return Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail).about("If-Match"));
    }
    Ok(CartOut::new(user_id, cart).answer())
}

/// Something that is sold.
#[derive(utoipa::ToSchema)]
#[schema(as = Product)]
#[expect(dead_code, reason = "core's product is what is sent")]
struct ProductSchema {
    id: String,
    name: String,
    description: String,
    /// Its price in each currency it is sold in.
    prices: Vec<MoneySchema>,
    categories: Vec<String>,
    weight_grams: u32,
    /// `inventory` or `furniture`.
    system: String,
    /// How it travels if it is too bulky for a parcel.
    freight_class: Option<String>,
}

/// List what is sold, by id.
#[utoipa::path(
    get,
    path = "/catalog",
    params(Page),
    responses(
        (status = 200, body = Vec<ProductSchema>),
        (status = 400, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn catalog<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    QueryOf(page): QueryOf<Page>,
    uri: Uri,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after: Option<ProductId> = page.after()?;
    let products: Vec<_> = api.catalog.after(after.as_ref()).take(limit).collect();
    let last = products.last().filter(|_| products.len() == limit);
    let last = last.map(|it| it.id.as_str());
    Ok(listed(&uri, limit, &products, last))
}

/// Tell about one article.
#[utoipa::path(
    get,
    path = "/catalog/{productId}",
    params(("productId" = String, Path)),
    responses(
        (status = 200, body = ProductSchema),
        (status = 404, body = ProblemSchema, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn product<P: Place, R: Review>(
    State(api): State<CheckoutApi<P, R>>,
    PathOf(product_id): PathOf<ProductId>,
) -> Result<Response, Problem> {
    let product = api.catalog.get(&product_id);
    let product = product.ok_or_else(|| Problem::not_found("there is no such product"))?;
    Ok(answer(StatusCode::OK, &**product))
}
