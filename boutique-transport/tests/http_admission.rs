//! A server that has enough to do: who waits, who is turned away, who is let in all the same.
#![cfg(feature = "http")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use boutique_core::fault::FaultKind;
use boutique_transport::http::Problem;
use boutique_transport::http::admission::Admission;
use boutique_transport::http::api::{Limits, admitting};
use boutique_transport::http::call::{DEADLINE, LANE};
use boutique_transport::http::gate::{Gate, GateSize};
use http::{HeaderName, Request, StatusCode, header};
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

struct Shop {
    router: Router,
    gate: Gate,
    done: Arc<Notify>,
}

/// Two places, one of them reserved, and one to wait for each lane. Work takes until `done`.
fn shop() -> Shop {
    let done = Arc::new(Notify::new());
    let wait = Arc::clone(&done);
    let routes = OpenApiRouter::new().route("/work", get(async move || wait.notified().await));
    let gate = Gate::new(GateSize {
        concurrency: 2,
        queue: 1,
        reserved: 1,
    });
    let admission = Admission::new(gate.clone());
    let router = admitting("shop", routes, (), Limits::default(), &admission);
    Shop { router, gate, done }
}

impl Shop {
    /// Asks, and returns when the request has come as far as it can.
    async fn ask(&self, path: &str, header: Option<(HeaderName, &str)>) -> JoinHandle<Answer> {
        let mut request = Request::builder().uri(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let router = self.router.clone();
        let asked = tokio::spawn(async move {
            let answer = router.oneshot(request).await.expect("answers");
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.expect("whole").to_bytes();
            let retry = parts.headers.contains_key(header::RETRY_AFTER);
            let fault = Problem::parse(parts.status, &body).and_then(|it| it.fault_kind());
            (parts.status, retry, fault)
        });
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        asked
    }
}

type Answer = (StatusCode, bool, Option<FaultKind>);

const BUSY: Answer = (
    StatusCode::SERVICE_UNAVAILABLE,
    true,
    Some(FaultKind::Unavailable),
);

#[tokio::test(start_paused = true)]
async fn who_is_too_many_is_told_that_nothing_has_happened() {
    let shop = shop();
    let first = shop.ask("/work", None).await;
    let second = shop.ask("/work", None).await;
    let third = shop.ask("/work", None).await;
    assert_eq!(third.await.expect("answered"), BUSY);
    assert_eq!((shop.gate.in_flight(), shop.gate.queued()), (1, 1));
    assert_eq!(shop.gate.shed(), 1);

    // Busy is not dead, and what cleans up behind clients is not kept from it.
    let health = shop.ask("/health", None).await;
    assert_eq!(health.await.expect("answered").0, StatusCode::OK);
    let background = shop.ask("/work", Some((LANE, "background"))).await;
    assert_eq!((shop.gate.in_flight(), shop.gate.queued()), (2, 1));

    shop.done.notify_waiters();
    assert_eq!(first.await.expect("answered").0, StatusCode::OK);
    assert_eq!(background.await.expect("answered").0, StatusCode::OK);
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    shop.done.notify_waiters();
    assert_eq!(second.await.expect("answered").0, StatusCode::OK);
    assert_eq!((shop.gate.in_flight(), shop.gate.queued()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn to_wait_for_a_place_takes_of_the_requests_time() {
    let shop = shop();
    let _first = shop.ask("/work", None).await;
    let begun = tokio::time::Instant::now();
    let second = shop.ask("/work", Some((DEADLINE, "300"))).await;
    let (status, ..) = second.await.expect("answered");
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(begun.elapsed(), Duration::from_millis(300));
    assert_eq!((shop.gate.in_flight(), shop.gate.queued()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_gives_back_its_place() {
    let shop = shop();
    let first = shop.ask("/work", None).await;
    let second = shop.ask("/work", None).await;
    first.abort();
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    assert_eq!((shop.gate.in_flight(), shop.gate.queued()), (1, 0));
    second.abort();
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.gate.in_flight(), 0);
}
