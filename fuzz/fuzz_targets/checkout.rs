//! Any body, with any headers, at the real `POST /checkout`: what reaches the checkout is what
//! our own client would send for it, and what is refused is named and not repeated.
#![no_main]

use std::sync::{Arc, Mutex, OnceLock};

use axum::http::{Method, StatusCode, header};
use boutique_core::carts::MemoryCarts;
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{
    CheckoutError, MemoryCheckout, Outcome, PlaceOrder, Refusal, ReviewDecision,
};
use boutique_core::fault::Fault;
use boutique_core::flow::Step;
use boutique_core::ids::{OrderId, TenantId};
use boutique_fuzz::{CANARY, clock, head_and_body, run};
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::checkout::{CheckoutApi, CheckoutClient, routes};
use boutique_transport::http::exchange::{InProcess, Sent, base};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::ServiceExt;

/// A checkout that refuses everybody and remembers whom.
#[derive(Clone, Default)]
struct Remembers(Arc<Mutex<Option<PlaceOrder>>>);

impl Step<PlaceOrder> for Remembers {
    type Response = Outcome;
    type Error = CheckoutError;

    async fn run(&self, request: PlaceOrder) -> Result<Outcome, CheckoutError> {
        *self.0.lock().expect("one at a time") = Some(request);
        Ok(Outcome::Refused {
            order_id: OrderId::new("o").expect("an id"),
            refusal: Refusal::Standing,
        })
    }
}

/// Nobody reviews.
#[derive(Clone)]
struct Nobody;

impl Step<ReviewDecision> for Nobody {
    type Response = Outcome;
    type Error = CheckoutError;

    async fn run(&self, _: ReviewDecision) -> Result<Outcome, CheckoutError> {
        Err(Fault::permanent("not asked").into())
    }
}

struct Shop {
    seen: Remembers,
    http: InProcess,
    client: CheckoutClient<InProcess>,
}

fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let seen = Remembers::default();
        let api = CheckoutApi {
            place: seen.clone().into_service(),
            review: Nobody.into_service(),
            store: Arc::new(MemoryCheckout::default()),
            carts: Arc::new(MemoryCarts::default()),
            catalog: Arc::new(Catalog::default_range()),
            clock: clock(),
            tenant: TenantId::new("shop").expect("an id"),
        };
        let http = InProcess(server("checkout", routes(), api, Limits::default()));
        let upstream = Upstream::new(base("http://checkout").expect("an address"), http.clone());
        let client = CheckoutClient {
            upstream,
            clock: clock(),
        };
        Shop { seen, http, client }
    })
}

fuzz_target!(|input: &[u8]| {
    let shop = shop();
    let take = || shop.seen.0.lock().expect("one at a time").take();
    let (head, body) = head_and_body(input);
    let mut request = Sent::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/checkout".parse().expect("a path");
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        "application/json".parse().expect("a value"),
    );
    headers.insert("idempotency-key", "k".parse().expect("a value"));
    headers.extend(head);

    let answer = run(shop.http.clone().oneshot(request)).expect("a router answers");
    let text = String::from_utf8_lossy(answer.body());
    let problem: Value = serde_json::from_str(&text).expect("a problem document");
    let Some(placed) = take() else {
        let status = answer.status();
        assert!(status.is_client_error(), "{status}");
        assert!(!text.contains(CANARY), "an error that repeats its input");
        let detail = problem["detail"].as_str().expect("says what is wrong");
        let is_json = detail.starts_with("the body ");
        if status == StatusCode::BAD_REQUEST && !is_json {
            let field = problem["field"]
                .as_str()
                .expect("a refusal names the field");
            assert!(detail.starts_with(field), "{detail}");
        }
        return;
    };
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);

    // What our own client sends for the same order is read as the same order.
    let outcome = run(shop.client.run(placed.clone())).expect("an answer");
    assert!(matches!(
        outcome,
        Outcome::Refused {
            refusal: Refusal::Standing,
            ..
        }
    ));
    let again = take().expect("it reaches the checkout");
    assert_eq!(again.body, placed.body);
    assert_eq!(
        (again.key, again.tenant, again.dry_run),
        (placed.key, placed.tenant, placed.dry_run)
    );
});
