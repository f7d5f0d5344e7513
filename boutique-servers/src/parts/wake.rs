//! Requests that leave work behind wake the duty that does it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tokio::sync::Notify;

/// `router`, waking `duty` after every request that may have changed something.
pub(super) fn waking(router: Router, duty: Arc<Notify>) -> Router {
    router.layer(from_fn_with_state(duty, wake))
}

async fn wake(State(duty): State<Arc<Notify>>, request: Request, next: Next) -> Response {
    let changes = !request.method().is_safe();
    let response = next.run(request).await;
    if changes {
        duty.notify_one();
    }
    response
}
