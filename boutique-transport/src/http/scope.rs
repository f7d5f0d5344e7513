//! The scope a server opens for a request: its [`Call`], its deadline, what is seen of it.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use boutique_core::flow::BoxFuture;
use tower::{Layer, Service};
use tracing::Instrument;

use super::api::Limits;
use super::call::{Call, Lane, REQUEST_ID};
use super::observe::Observed;
use super::problem::Problem;

/// Opens the scope around every route of a server.
///
/// axum wraps each route with each method by itself, so that each has its own [`Observed`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopeLayer {
    /// The server's name.
    pub(crate) service: &'static str,
    /// What it allows a request.
    pub(crate) limits: Limits,
    /// The lane of every request, where requests do not choose theirs.
    pub(crate) lane: Option<Lane>,
}

impl<S> Layer<S> for ScopeLayer {
    type Service = Scope<S>;

    fn layer(&self, inner: S) -> Scope<S> {
        Scope {
            inner,
            limits: self.limits,
            lane: self.lane,
            observed: Arc::new(Observed::new(self.service)),
        }
    }
}

/// Carries a request out as a [`Call`], no longer than its caller waits.
#[derive(Clone)]
pub(crate) struct Scope<S> {
    inner: S,
    limits: Limits,
    lane: Option<Lane>,
    observed: Arc<Observed>,
}

impl<S> Service<Request> for Scope<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let begun = Instant::now();
        let mut call = Call::of(request.headers(), self.limits.longest);
        call.lane = self.lane.unwrap_or(call.lane);
        let route = request.extensions().get::<MatchedPath>();
        let seen = self
            .observed
            .seen(request.method(), route.map(MatchedPath::as_str));
        let span = seen.span(&call, request.headers());
        let work = self.inner.call(request);
        Box::pin(async move {
            let late = call.left().is_some_and(|it| it.is_zero());
            let work = call.clone().scope(work.instrument(span.clone()));
            let mut response = match call.deadline {
                _ if late => too_late(),
                Some(deadline) => match tokio::time::timeout_at(deadline, work).await {
                    Ok(answer) => answer?,
                    Err(_) => too_late(),
                },
                None => work.await?,
            };
            let request_id = HeaderValue::from_str(&call.request_id).ok();
            if let Some(request_id) = request_id {
                response.headers_mut().insert(REQUEST_ID, request_id);
            }
            seen.answered(&call, &span, &response, begun.elapsed());
            Ok(response)
        })
    }
}

fn too_late() -> Response {
    let detail = "the deadline has passed: ask again with the same Idempotency-Key";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).into_response()
}
