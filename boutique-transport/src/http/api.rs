//! What every server answers besides its own paths, and the scope it opens for a request.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tower::util::option_layer;
use utoipa::OpenApi as _;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::{Info, OpenApi, RefOr};
use utoipa_axum::router::OpenApiRouter;

use super::admission::Admission;
use super::problem::Problem;
use super::scope::ScopeLayer;

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

/// [`server`], admitting only so many requests at once. A request's wait for admission is part
/// of its time.
pub fn admitting<S>(
    name: &'static str,
    routes: OpenApiRouter<S>,
    state: S,
    limits: Limits,
    admission: &Admission,
) -> Router
where
    S: Clone + Send + Sync + 'static,
{
    served(name, routes, state, limits, Some(admission.clone()))
}

/// The server called `name` over `routes`: with `GET /health`, its description at
/// `GET /openapi.json`, problem documents for what it does not serve, and a [`Call`](super::call::Call),
/// a span and a latency histogram around every request: see [`observe`](super::observe).
pub fn server<S>(name: &'static str, routes: OpenApiRouter<S>, state: S, limits: Limits) -> Router
where
    S: Clone + Send + Sync + 'static,
{
    served(name, routes, state, limits, None)
}

fn served<S>(
    name: &'static str,
    routes: OpenApiRouter<S>,
    state: S,
    limits: Limits,
    admission: Option<Admission>,
) -> Router
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
        // Together, outermost first: a router boxes what each call of `layer` makes.
        .layer((
            ScopeLayer {
                service: name,
                limits,
                lane: None,
            },
            option_layer(admission),
            DefaultBodyLimit::max(limits.body),
        ))
}

/// The same server under `/v1` too: Google's gateway passes the public path on as it is.
pub fn versioned(router: Router) -> Router {
    router.clone().nest("/v1", router)
}

/// The router and its OpenAPI 3.1 document, the paths of every server included.
pub(crate) fn described<S>(name: &'static str, routes: OpenApiRouter<S>) -> (Router<S>, OpenApi)
where
    S: Clone + Send + Sync + 'static,
{
    let (router, mut api) = routes.split_for_parts();
    let version = env!("CARGO_PKG_VERSION");
    api.info = Info::new(&*format!("Boutique {name}"), version);
    api.merge(Common::openapi());
    for (path, item) in &mut api.paths.paths {
        complete(path, item);
    }
    (router, api)
}

/// Completes what version 3.1 of OpenAPI wants of every operation: an id of its own, which the
/// names of handlers in several modules are not, and a description of each response, which is
/// the name of its status where nothing else is said.
fn complete(path: &str, item: &mut PathItem) {
    let operations = [
        ("get", &mut item.get),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
        ("patch", &mut item.patch),
    ];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let words = path.split(|it: char| !it.is_alphanumeric());
        let words = [method].into_iter().chain(words);
        let words: Vec<_> = words.filter(|it| !it.is_empty()).collect();
        operation.operation_id = Some(words.join("_"));
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && response.description.is_empty()
            {
                let status = StatusCode::from_bytes(status.as_bytes()).ok();
                let name = status.and_then(|it| it.canonical_reason());
                name.unwrap_or("The answer")
                    .clone_into(&mut response.description);
            }
        }
    }
}

/// The paths of every server, which are served without a handler that could describe them.
#[derive(utoipa::OpenApi)]
#[openapi(paths(health, openapi))]
struct Common;

/// Tell that the server answers.
#[utoipa::path(get, path = "/health", responses((status = 200, body = Health)))]
#[expect(dead_code, reason = "described and never called")]
fn health() {}

/// Tell this document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = serde_json::Value)))]
#[expect(dead_code, reason = "described and never called")]
fn openapi() {}

pub(crate) fn json(document: bytes::Bytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], document).into_response()
}

/// A JSON answer with this status.
pub fn answer<T: Serialize>(status: StatusCode, body: &T) -> Response {
    (status, Json(body)).into_response()
}
