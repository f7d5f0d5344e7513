//! What every server answers besides its own paths, and the scope it opens for a request.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::openapi::{Info, OpenApi};
use utoipa_axum::router::OpenApiRouter;

use super::call::{Call, REQUEST_ID};
use super::problem::Problem;

/// What one server allows a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest a request may take, whatever its caller would wait.
    pub longest: Duration,
    /// The largest body, in bytes.
    pub body: usize,
}

impl Default for Limits {
    /// 10 seconds and 100 KiB.
    fn default() -> Self {
        Self {
            longest: Duration::from_secs(10),
            body: 100 << 10,
        }
    }
}

#[derive(Serialize, utoipa::ToSchema)]
struct Health {
    /// Always `healthy`: a server that is not does not answer. See `/readyz` of the admin port.
    #[schema(example = "healthy")]
    status: &'static str,
    /// Which server this is.
    service: &'static str,
}

/// The server called `name` over `routes`: with `GET /health`, its description at
/// `GET /openapi.json`, problem documents for what it does not serve, and a [`Call`] around
/// every request.
pub fn server<S>(name: &'static str, routes: OpenApiRouter<S>, state: S, limits: Limits) -> Router
where
    S: Clone + Send + Sync + 'static,
{
    let (router, api) = described(name, routes);
    let document = serde_json::to_vec(&api).unwrap_or_default();
    let document: bytes::Bytes = document.into();
    let health = Health {
        status: "healthy",
        service: name,
    };
    let health: bytes::Bytes = serde_json::to_vec(&health).unwrap_or_default().into();
    router
        .with_state(state)
        .route("/health", get(async move || json(health)))
        .route("/openapi.json", get(async move || json(document)))
        .fallback(async || Problem::not_found("there is no such path here: see /openapi.json"))
        .method_not_allowed_fallback(async || {
            let detail = "this path does not take that method: see the Allow header";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(from_fn_with_state(limits, scope))
}

/// The router and its OpenAPI 3.1 document, the paths of every server included.
fn described<S>(name: &'static str, routes: OpenApiRouter<S>) -> (Router<S>, OpenApi)
where
    S: Clone + Send + Sync + 'static,
{
    let (router, mut api) = routes.split_for_parts();
    let version = env!("CARGO_PKG_VERSION");
    api.info = Info::new(&*format!("Boutique {name}"), version);
    (router, api)
}

fn json(document: bytes::Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], document).into_response()
}

/// Carries a request out as a [`Call`], no longer than its caller waits.
async fn scope(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let call = Call::of(request.headers(), limits.longest);
    let request_id = HeaderValue::from_str(&call.request_id).ok();
    let late = || {
        let detail = "the deadline has passed: ask again with the same Idempotency-Key";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).into_response()
    };
    let mut response = match call.deadline {
        Some(_) if call.left().is_some_and(|it| it.is_zero()) => late(),
        Some(deadline) => {
            let work = call.scope(next.run(request));
            let answer = tokio::time::timeout_at(deadline, work).await;
            answer.unwrap_or_else(|_| late())
        }
        None => call.scope(next.run(request)).await,
    };
    if let Some(request_id) = request_id {
        response.headers_mut().insert(REQUEST_ID, request_id);
    }
    response
}

/// A JSON answer with this status.
pub fn answer<T: Serialize>(status: StatusCode, body: &T) -> Response {
    (status, Json(body)).into_response()
}
