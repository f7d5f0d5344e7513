//! The checkout over HTTP: what every answer looks like, whose orders and carts somebody may
//! see, and that a caller cannot tell the client from the checkout.
#![cfg(feature = "http")]

use std::sync::Arc;

use boutique_core::carts::{Carts, MemoryCarts};
use boutique_core::catalog::{Catalog, QuoteRejection};
use boutique_core::checkout::{
    Begun, CheckoutError, CheckoutRejection, CheckoutStore, Decide, MemoryCheckout, Outcome,
    PlaceOrder, Receipt, Refusal, ReviewDecision,
};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::flow::Step;
use boutique_core::fraud::{Band, Reason};
use boutique_core::ids::{IdempotencyKey, OrderId, ProductId, TenantId, UserId};
use boutique_core::money::{Currency, MoneyError};
use boutique_core::shipping::ShippingRejection;
use boutique_core::stock::Shortage;
use boutique_testkit::{Scripted, generate};
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::checkout::{CheckoutApi, CheckoutClient, routes};
use boutique_transport::http::exchange::{InProcess, base};
use boutique_transport::http::userinfo::{USERINFO, Userinfo};
use bytes::Bytes;
use http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tower::ServiceExt;

struct Noon;
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(43_200_000)
    }
}

type Place = Scripted<PlaceOrder, Outcome, CheckoutError>;
type Review = Scripted<ReviewDecision, Outcome, CheckoutError>;

/// A checkout server whose checkout is a script.
struct Server {
    place: Place,
    review: Review,
    store: Arc<MemoryCheckout>,
    http: InProcess,
}

impl Server {
    fn of(tenant: TenantId) -> Self {
        let (place, review) = (Place::new(), Review::new());
        let store = Arc::new(MemoryCheckout::default());
        let api = CheckoutApi {
            place: place.clone(),
            review: review.clone(),
            store: Arc::<MemoryCheckout>::clone(&store),
            carts: Arc::new(MemoryCarts::default()) as Arc<dyn Carts>,
            catalog: Arc::new(Catalog::default_range()),
            clock: Arc::new(Noon),
            tenant,
        };
        Self {
            place,
            review,
            store,
            http: InProcess(server("checkout", routes(), api, Limits::default())),
        }
    }

    fn new() -> Self {
        Self::of(TenantId::new("shop").expect("an id"))
    }

    fn client(&self) -> CheckoutClient<InProcess> {
        let base = base("http://checkout").expect("an address");
        CheckoutClient {
            upstream: Upstream::new(base, self.http.clone()),
            clock: Arc::new(Noon),
        }
    }

    async fn ask(&self, method: &str, path: &str, with: With<'_>) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = with.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(claims) = &with.claims {
            request = request.header(&USERINFO, Userinfo::value(claims).expect("a header"));
        }
        let request = match with.body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Bytes::from(body.to_string())),
            None => request.body(Bytes::new()),
        };
        let answer = self.http.clone().oneshot(request.expect("a request")).await;
        let answer = answer.expect("answers");
        let body = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status(), body)
    }
}

#[derive(Clone, Default)]
struct With<'a> {
    key: Option<&'a str>,
    claims: Option<Value>,
    body: Option<Value>,
}

impl With<'_> {
    fn order() -> Self {
        With {
            key: Some("k"),
            body: Some(order()),
            ..With::default()
        }
    }
}

fn order() -> Value {
    json!({
        "user_id": "ada", "user_currency": "USD", "email": "ada@example.com",
        "address": {"street_address": "1 Main Street", "city": "Springfield", "state": "",
                    "country": "United States", "zip_code": 97477},
        "items": [{"product_id": "OLJCESPC7Z", "quantity": 2}],
        "unknown": [1],
    })
}

fn order_id() -> OrderId {
    OrderId::new("o-1").expect("an id")
}

fn refused(refusal: Refusal) -> Result<Outcome, CheckoutError> {
    Ok(Outcome::Refused {
        order_id: order_id(),
        refusal,
    })
}

fn product() -> ProductId {
    ProductId::new("OLJCESPC7Z").expect("an id")
}

fn refusals() -> Vec<Refusal> {
    vec![
        Refusal::Fraud {
            score: 800,
            band: Band::High,
            reasons: vec![Reason {
                rule: "velocity".into(),
                points: 800,
                detail: "9 in an hour".into(),
            }],
        },
        Refusal::Standing,
        Refusal::Short {
            shortages: vec![Shortage {
                product_id: product(),
                wanted: 2,
                left: 1,
            }],
        },
        Refusal::NotStocked {
            product_id: product(),
        },
        Refusal::ReviewDenied {
            remark: "stolen card".into(),
        },
        Refusal::ReviewLapsed,
    ]
}

fn rejections() -> Vec<CheckoutRejection> {
    let (product_id, currency) = (product(), Currency::JPY);
    vec![
        CheckoutRejection::EmptyCart,
        CheckoutRejection::TooManyLines {
            found: 101,
            allowed: 100,
        },
        CheckoutRejection::Quote(QuoteRejection::UnknownProduct {
            line: 1,
            product_id: product(),
        }),
        CheckoutRejection::Quote(QuoteRejection::NoPrice {
            line: 0,
            product_id,
            currency,
        }),
        CheckoutRejection::Shipping(ShippingRejection::NoTariff(currency)),
        CheckoutRejection::Amount(MoneyError::Overflow),
        CheckoutRejection::Amount(MoneyError::Mixed {
            left: currency,
            right: Currency::USD,
        }),
        CheckoutRejection::KeyReused,
        CheckoutRejection::InProgress,
        CheckoutRejection::QuoteMismatch {
            asked: 2,
            priced: 1,
        },
        CheckoutRejection::NotInReview,
        CheckoutRejection::RemarkTooLong(2_001),
    ]
}

/// What an answer says: a fault has no equality of its own.
#[derive(Debug, PartialEq)]
enum Said {
    Outcome(Outcome),
    No(Option<CheckoutRejection>, Option<FaultKind>, String),
}

fn said(answer: &Result<Outcome, CheckoutError>) -> Said {
    match answer {
        Ok(outcome) => Said::Outcome(outcome.clone()),
        Err(error) => {
            let kind = error.fault().map(Fault::kind);
            Said::No(error.rejection().cloned(), kind, error.to_string())
        }
    }
}

fn again(answer: &Result<Outcome, CheckoutError>) -> Result<Outcome, CheckoutError> {
    match answer {
        Ok(outcome) => Ok(outcome.clone()),
        Err(PortError::Rejected(why)) => Err(PortError::Rejected(why.clone())),
        Err(PortError::Fault(fault)) => Err(Fault::new(fault.kind(), fault.to_string()).into()),
    }
}

fn answers() -> impl Strategy<Value = Result<Outcome, CheckoutError>> {
    let kinds = vec![
        FaultKind::Unavailable,
        FaultKind::Ambiguous,
        FaultKind::Permanent,
    ];
    prop_oneof![
        3 => generate::attempt().prop_map(|(intent, verdicts)| {
            Ok(Outcome::Confirmed(Box::new(Receipt::of(&intent, &verdicts))))
        }),
        1 => (generate::order_id(), generate::timestamp())
            .prop_map(|(order_id, until)| Ok(Outcome::Parked { order_id, until })),
        2 => (generate::order_id(), select(refusals()))
            .prop_map(|(order_id, refusal)| Ok(Outcome::Refused { order_id, refusal })),
        2 => select(rejections()).prop_map(|it| Err(PortError::Rejected(it))),
        1 => select(kinds).prop_map(|it| Err(Fault::new(it, "the ledger is down").into())),
    ]
}

fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().build();
    runtime.expect("a runtime").block_on(work)
}

proptest! {
    #[test]
    fn a_caller_cannot_tell_the_client_from_the_checkout(
        request in generate::place_order(),
        answer in answers(),
    ) {
        on_a_runtime(async {
            let server = Server::of(request.tenant.clone());
            let expected = again(&answer);
            drop(server.place.clone().with(move |_| answer));
            let got = server.client().run(request.clone()).await;
            prop_assert_eq!(said(&got), said(&expected));

            let [arrived] = &server.place.requests()[..] else {
                panic!("asked once");
            };
            // Time passes on the way, and every hop is a span of its own.
            prop_assert!(arrived.deadline <= request.deadline);
            prop_assert!(arrived.deadline > Noon.now());
            let trace = |it: &PlaceOrder| it.traceparent.as_ref().map(|it| it[..35].to_owned());
            if request.traceparent.is_some() {
                prop_assert_eq!(trace(arrived), trace(&request));
            }
            let (deadline, traceparent) = (request.deadline, request.traceparent.clone());
            prop_assert_eq!(&PlaceOrder { deadline, traceparent, ..arrived.clone() }, &request);
            Ok(())
        })?;
    }

    #[test]
    fn a_reviewer_cannot_tell_the_client_from_the_review(
        order_id in generate::order_id(),
        approve in any::<bool>(),
        remark in generate::text(),
        answer in answers(),
    ) {
        on_a_runtime(async {
            let server = Server::new();
            let expected = again(&answer);
            drop(server.review.clone().with(move |_| answer));
            let request = ReviewDecision { order_id, approve, remark };
            let got = server.client().run(request.clone()).await;
            prop_assert_eq!(said(&got), said(&expected));
            prop_assert_eq!(server.review.requests(), [request]);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn every_answer_has_its_status_and_says_what_is_wrong() {
    let fault = |kind| Err(PortError::Fault(Fault::new(kind, "the CRM is down")));
    let reject = |why| Err(PortError::Rejected(why));
    let parked = Ok(Outcome::Parked {
        order_id: order_id(),
        until: Timestamp::from_micros(1_291_213_560_123_456),
    });
    let [fraud, standing, short, not_stocked, denied, lapsed] =
        refusals().try_into().expect("six refusals");
    let table: Vec<(Result<Outcome, CheckoutError>, u16, Value)> = vec![
        (
            parked,
            202,
            json!({"order_id": "o-1", "state": "review", "until": "2010-12-01T14:26:00.123456Z"}),
        ),
        (
            refused(fraud),
            402,
            json!({"order_id": "o-1", "rejection": {"refusal": "fraud", "score": 800, "band": "HIGH", "reasons": [{"rule": "velocity", "points": 800, "detail": "9 in an hour"}]}}),
        ),
        (
            refused(standing),
            403,
            json!({"order_id": "o-1", "error": "the customer's account is blocked"}),
        ),
        (
            refused(short),
            409,
            json!({"order_id": "o-1", "error": "not enough in stock: OLJCESPC7Z: 2 wanted, 1 left", "rejection": {"refusal": "short", "shortages": [{"product_id": "OLJCESPC7Z", "wanted": 2, "left": 1}]}}),
        ),
        (
            refused(not_stocked),
            409,
            json!({"rejection": {"refusal": "not_stocked", "product_id": "OLJCESPC7Z"}}),
        ),
        (
            refused(denied),
            402,
            json!({"rejection": {"refusal": "review_denied", "remark": "stolen card"}}),
        ),
        (
            refused(lapsed),
            402,
            json!({"rejection": {"refusal": "review_lapsed"}}),
        ),
        (
            reject(CheckoutRejection::EmptyCart),
            422,
            json!({"field": "items", "rejection": {"code": "empty_cart"}}),
        ),
        (
            reject(CheckoutRejection::TooManyLines {
                found: 101,
                allowed: 100,
            }),
            422,
            json!({"field": "items", "rejection": {"code": "too_many_lines", "of": {"found": 101, "allowed": 100}}}),
        ),
        (
            reject(CheckoutRejection::Quote(QuoteRejection::UnknownProduct {
                line: 0,
                product_id: product(),
            })),
            422,
            json!({"field": "items[0].product_id", "error": "items[0].product_id: there is no product OLJCESPC7Z in the catalog"}),
        ),
        (
            reject(CheckoutRejection::Shipping(ShippingRejection::NoTariff(
                Currency::JPY,
            ))),
            422,
            json!({"field": "user_currency"}),
        ),
        (
            reject(CheckoutRejection::Amount(MoneyError::Overflow)),
            422,
            json!({"field": "items"}),
        ),
        (
            reject(CheckoutRejection::KeyReused),
            422,
            json!({"field": "Idempotency-Key", "rejection": {"code": "key_reused"}}),
        ),
        (
            reject(CheckoutRejection::InProgress),
            409,
            json!({"field": "Idempotency-Key", "rejection": {"code": "in_progress"}}),
        ),
        (
            fault(FaultKind::Unavailable),
            503,
            json!({"fault": "unavailable", "error": "the CRM is down"}),
        ),
        (
            fault(FaultKind::Ambiguous),
            504,
            json!({"fault": "ambiguous"}),
        ),
        (
            fault(FaultKind::Permanent),
            500,
            json!({"fault": "permanent"}),
        ),
    ];
    let server = Server::new();
    for (answer, status, body) in table {
        let name = format!("{answer:?}");
        drop(server.place.clone().with(move |_| answer));
        let (got, said) = server.ask("POST", "/checkout", With::order()).await;
        assert_eq!(got.as_u16(), status, "{name}");
        for (member, value) in body.as_object().expect("an object") {
            assert_eq!(&said[member], value, "{member} of {name}");
        }
        if status >= 400 {
            assert_eq!(said["error"], said["detail"], "{name}");
            assert_eq!(said["status"], status, "{name}");
        }
    }
}

#[tokio::test]
async fn a_receipt_has_the_members_that_existing_clients_read() {
    let server = Server::new();
    let (intent, verdicts) = sample();
    let receipt = Receipt::of(&intent, &verdicts);
    let sold = receipt.clone();
    let sold = move |_: &PlaceOrder| Ok(Outcome::Confirmed(Box::new(sold.clone())));
    drop(server.place.clone().otherwise(sold));
    for (path, status) in [
        ("/checkout", StatusCode::CREATED),
        ("/checkout?dry_run=false", StatusCode::CREATED),
        ("/checkout?dry_run=true", StatusCode::OK),
        ("/checkout?dryRun=true", StatusCode::OK),
        // What is not understood must not sell.
        ("/checkout?dry_run=yes", StatusCode::BAD_REQUEST),
        ("/checkout?dry_run", StatusCode::BAD_REQUEST),
    ] {
        let (got, body) = server.ask("POST", path, With::order()).await;
        assert_eq!(got, status, "{path}");
        if got.is_success() {
            let members = ["order", "total", "discount", "tax", "checks", "holds"];
            assert!(members.iter().all(|it| body.get(it).is_some()), "{path}");
            let order = &body["order"];
            assert_eq!(order["order_id"], receipt.order.order_id.as_str());
            let item = &order["items"][0];
            assert!(item["item"]["product_id"].is_string(), "{path}");
            assert!(item["cost"]["currency_code"].is_string(), "{path}");
            assert!(order["shipping_address"]["zip_code"].is_string(), "{path}");
        }
    }
    let dry: Vec<bool> = server
        .place
        .requests()
        .iter()
        .map(|it| it.dry_run)
        .collect();
    assert_eq!(dry, [false, false, true, true]);
}

/// Always the same attempt.
fn sample() -> (
    boutique_core::checkout::Intent,
    boutique_core::checkout::Verdicts,
) {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let tree = generate::attempt().new_tree(&mut runner);
    tree.expect("a strategy").current()
}

#[tokio::test]
async fn requests_are_read_in_both_spellings_and_refused_by_the_name_of_the_field() {
    let server = Server::new();
    drop(
        server
            .place
            .clone()
            .otherwise(|_| refused(Refusal::Standing)),
    );
    let camel = json!({
        "userId": "ada", "userCurrency": "USD", "email": "ada@example.com",
        "address": {"streetAddress": "1 Main Street", "city": "Springfield", "state": "",
                    "country": "United States", "zipCode": "97477"},
        "items": [{"productId": "OLJCESPC7Z", "quantity": 2}],
    });
    for body in [order(), camel] {
        let with = With {
            key: Some("k"),
            body: Some(body),
            claims: None,
        };
        let (status, _) = server.ask("POST", "/checkout", with).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
    }
    let asked = server.place.requests();
    assert_eq!(asked[0].body, asked[1].body);
    let mut cart = order();
    cart.as_object_mut().expect("an object").remove("items");
    let with = With {
        key: Some("k"),
        body: Some(cart),
        claims: None,
    };
    server.ask("POST", "/checkout", with).await;
    assert_eq!(server.place.requests()[2].body.lines, None);

    let changed = |pointer: &str, value: Value| {
        let mut body = order();
        *body.pointer_mut(pointer).expect("there") = value;
        Some(body)
    };
    for (key, body, field) in [
        (None, Some(order()), "Idempotency-Key"),
        (Some(""), Some(order()), "Idempotency-Key"),
        (Some("k"), changed("/email", json!("jane")), "email"),
        (Some("k"), changed("/email", json!(7)), "email"),
        (
            Some("k"),
            changed("/user_currency", json!("XYZ")),
            "user_currency",
        ),
        (
            Some("k"),
            changed("/items/0/quantity", json!(0)),
            "items[0].quantity",
        ),
        (
            Some("k"),
            changed("/items/0", json!({"product_id": "x"})),
            "items[0].quantity",
        ),
        (
            Some("k"),
            changed("/address", json!({"city": "x"})),
            "address.street_address",
        ),
        (Some("k"), Some(json!({})), "user_id"),
    ] {
        let with = With {
            key,
            body,
            claims: None,
        };
        let (status, body) = server.ask("POST", "/checkout", with).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{field}");
        assert_eq!(body["field"], field);
        let text = body["error"].as_str().expect("text");
        assert!(!text.contains("jane") && !text.contains("XYZ"), "{text}");
    }
    assert_eq!(server.place.requests().len(), 3, "nothing else was placed");
}

#[tokio::test]
async fn nobody_buys_for_somebody_else_or_dates_an_order_back() {
    let server = Server::new();
    drop(
        server
            .place
            .clone()
            .otherwise(|_| refused(Refusal::ReviewLapsed)),
    );
    let any = json!({"sub": "operator", "scope": "checkout:any"});
    let mut dated = order();
    dated["ordered_at"] = json!("2010-12-01T08:26:00Z");
    for (claims, body, status) in [
        (None, order(), 402),
        (None, dated.clone(), 402),
        (Some(json!({"sub": "ada"})), order(), 402),
        (Some(json!({"sub": "ada"})), dated.clone(), 403),
        (Some(json!({"sub": "bob"})), order(), 403),
        (Some(json!({})), order(), 403),
        (Some(any.clone()), dated, 402),
        (Some(any), order(), 402),
    ] {
        let name = format!("{claims:?}");
        let with = With {
            key: Some("k"),
            body: Some(body),
            claims,
        };
        let (got, _) = server.ask("POST", "/checkout", with).await;
        assert_eq!(got.as_u16(), status, "{name}");
    }
    let asked = server.place.requests();
    assert_eq!(asked.len(), 5);
    assert_eq!(
        asked[1].body.ordered_at,
        Some(Timestamp::from_millis(1_291_191_960_000))
    );
}

#[tokio::test]
async fn a_server_of_another_shop_sells_nothing() {
    let server = Server::of(TenantId::new("other").expect("an id"));
    let (intent, _) = sample();
    let request = PlaceOrder {
        tenant: TenantId::new("shop").expect("an id"),
        key: IdempotencyKey::new("k").expect("a key"),
        body: intent.body,
        dry_run: false,
        deadline: Timestamp::MAX,
        traceparent: None,
    };
    let got = server.client().run(request.clone()).await;
    let fault = got.expect_err("refused");
    assert_eq!(fault.fault().map(Fault::kind), Some(FaultKind::Permanent));
    assert!(server.place.requests().is_empty());

    // Nor is anything sent that is too late already.
    let server = Server::new();
    let late = PlaceOrder {
        deadline: Noon.now(),
        ..request
    };
    let fault = server.client().run(late).await.expect_err("too late");
    assert_eq!(fault.fault().map(Fault::kind), Some(FaultKind::Unavailable));
    assert!(server.place.requests().is_empty());
}

#[tokio::test]
async fn an_order_tells_its_state_and_story_to_its_buyer_alone() {
    let server = Server::new();
    let (mut intent, verdicts) = sample();
    intent.tenant = TenantId::new("shop").expect("an id");
    intent.body.user_id = UserId::new("ada").expect("an id");
    intent.started_at = Timestamp::from_millis(1_000);
    let order_id = order_id();
    intent.order_id = order_id.clone();
    let path = format!("/checkout/{order_id}");
    let receipt = Receipt::of(&intent, &verdicts);
    let begun = server.store.begin(Arc::new(intent)).await;
    assert_eq!(begun.expect("begun"), Begun::New);
    let (_, started) = server.ask("GET", &path, With::default()).await;
    let expected = json!({"order_id": order_id.as_str(), "state": "started", "attempt": 1,
        "timeline": [{"state": "started", "at": "1970-01-01T00:00:01Z"}]});
    assert_eq!(started, expected);

    let until = Timestamp::from_millis(9_000);
    let park = Decide::Park {
        verdicts: verdicts.clone(),
        until,
    };
    let decide = |decision, at| {
        server
            .store
            .decide(&order_id, 1, decision, Timestamp::from_millis(at))
    };
    decide(park, 2_000).await.expect("parked");
    let (_, parked) = server.ask("GET", &path, With::default()).await;
    assert_eq!(parked["state"], "review");
    assert_eq!(parked["until"], "1970-01-01T00:00:09Z");

    let deadline = until;
    let approve = Decide::Approve {
        verdicts: verdicts.clone(),
        deadline,
    };
    decide(approve, 3_000).await.expect("approved");
    let event = boutique_core::event::ConfirmedOrder::of(&sample().0, &verdicts).encode();
    let confirm = Decide::Confirm {
        verdicts,
        event: Box::new(event),
    };
    decide(confirm, 4_000).await.expect("confirmed");
    let (status, sold) = server.ask("GET", &path, With::default()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        sold["receipt"],
        serde_json::to_value(&receipt).expect("JSON")
    );
    let story = sold["timeline"].as_array().expect("a list").iter();
    let story: Vec<_> = story
        .map(|it| (it["state"].as_str(), it["at"].as_str()))
        .collect();
    assert_eq!(
        story,
        [
            (Some("started"), Some("1970-01-01T00:00:01Z")),
            (Some("review"), Some("1970-01-01T00:00:02Z")),
            (Some("approved"), Some("1970-01-01T00:00:03Z")),
            (Some("confirmed"), Some("1970-01-01T00:00:04Z")),
        ]
    );

    let unknown = server
        .ask("GET", "/checkout/nothing", With::default())
        .await;
    for (claims, status) in [
        (json!({"sub": "ada"}), 200),
        (json!({"sub": "bob"}), 404),
        (json!({"sub": "bob", "scope": "orders:any"}), 404),
        (json!({"sub": "bob", "scope": "checkout:any"}), 200),
    ] {
        let with = With {
            claims: Some(claims.clone()),
            ..With::default()
        };
        let (got, body) = server.ask("GET", &path, with).await;
        assert_eq!(got.as_u16(), status, "{claims}");
        if status == 404 {
            assert_eq!((got, body), unknown, "as if it were not there");
        }
    }
}

#[tokio::test]
async fn a_review_is_for_reviewers_and_says_what_became_of_the_order() {
    let server = Server::new();
    let denied = || Refusal::ReviewDenied {
        remark: "no".into(),
    };
    drop(server.review.clone().otherwise(move |_| refused(denied())));
    let body = Some(json!({"decision": "deny", "remark": "no"}));
    for (claims, status) in [
        (None, 200),
        (Some(json!({"sub": "ada"})), 403),
        (Some(json!({"sub": "eve", "scope": "checkout:any"})), 200),
    ] {
        let with = With {
            claims,
            body: body.clone(),
            key: None,
        };
        let (got, body) = server.ask("POST", "/checkout/o-1/review", with).await;
        assert_eq!(got.as_u16(), status);
        if status == 200 {
            let expected = json!({"order_id": "o-1", "state": "refused",
                "refusal": {"refusal": "review_denied", "remark": "no"}});
            assert_eq!(body, expected);
        }
    }
    for body in [
        json!({"decision": "maybe"}),
        json!({"remark": "x"}),
        json!({}),
    ] {
        let with = With {
            body: Some(body),
            ..With::default()
        };
        let (got, body) = server.ask("POST", "/checkout/o-1/review", with).await;
        assert_eq!(got, StatusCode::BAD_REQUEST);
        assert_eq!(body["field"], "decision");
    }
    assert_eq!(server.review.requests().len(), 2);
}

#[tokio::test]
async fn a_cart_is_its_users_alone() {
    let server = Server::new();
    let path = "/carts/ada%20l/items";
    for (body, status, field) in [
        (json!({"product_id": "mug", "quantity": 9_999}), 200, None),
        (json!({"productId": "jar", "quantity": 1}), 200, None),
        (
            json!({"product_id": "mug", "quantity": 2}),
            422,
            Some("quantity"),
        ),
        (
            json!({"product_id": "mug", "quantity": 0}),
            400,
            Some("quantity"),
        ),
        (json!({"quantity": 1}), 400, Some("product_id")),
    ] {
        let with = With {
            body: Some(body),
            ..With::default()
        };
        let (got, body) = server.ask("POST", path, with).await;
        assert_eq!(got.as_u16(), status, "{body}");
        assert_eq!(body["field"].as_str(), field);
    }
    let filled = json!({"user_id": "ada l", "version": 2, "items": [
        {"product_id": "mug", "quantity": 9_999}, {"product_id": "jar", "quantity": 1}]});
    for (method, path, body) in [
        ("GET", "/carts/ada%20l", None),
        ("DELETE", "/carts/ada%20l", None),
        (
            "POST",
            path,
            Some(json!({"product_id": "mug", "quantity": 1})),
        ),
    ] {
        let claims = Some(json!({"sub": "bob"}));
        let with = With {
            claims,
            body,
            key: None,
        };
        let (status, _) = server.ask(method, path, with).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method}");
    }
    let with = With {
        claims: Some(json!({"sub": "ada l"})),
        ..With::default()
    };
    let (_, cart) = server.ask("GET", "/carts/ada%20l", with.clone()).await;
    assert_eq!(cart, filled);
    let (status, cart) = server.ask("DELETE", "/carts/ada%20l", with).await;
    assert_eq!((status, &cart["items"]), (StatusCode::OK, &json!([])));
}

#[tokio::test]
async fn an_addition_that_is_repeated_with_its_key_adds_once() {
    let server = Server::new();
    let add = async |key, quantity: u32| {
        let body = json!({"product_id": "mug", "quantity": quantity});
        let with = With {
            key,
            body: Some(body),
            ..With::default()
        };
        server.ask("POST", "/carts/ada/items", with).await
    };
    // The answer of the first was lost on its way: the client asks again.
    for key in ["k", "\"k\""] {
        let (status, cart) = add(Some(key), 2).await;
        assert_eq!(status, StatusCode::OK, "{cart}");
        assert_eq!(cart["items"], json!([{"product_id": "mug", "quantity": 2}]));
    }
    let (status, problem) = add(Some("k"), 3).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["field"], "Idempotency-Key");
    assert_eq!(problem["rejection"], json!({"code": "key_reused"}));
    let (status, problem) = add(Some(""), 3).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    let (_, cart) = add(None, 2).await;
    assert_eq!(cart["items"][0]["quantity"], 4, "without a key each adds");
}

#[tokio::test]
async fn a_late_emptying_spares_a_cart_that_was_filled_again() {
    let server = Server::new();
    let ask = async |method: &str, path: &str, tag: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let body = json!({"product_id": "mug", "quantity": 1}).to_string();
        let request = request.body(Bytes::from(body)).expect("a request");
        let answer = server.http.clone().oneshot(request).await;
        let answer = answer.expect("answers");
        let tag = answer.headers().get("etag").cloned();
        (answer.status(), tag)
    };
    let (_, tag) = ask("POST", "/carts/ada/items", None).await;
    let tag = tag.expect("an ETag");
    let seen = tag.to_str().ok();
    ask("POST", "/carts/ada/items", None).await;
    let (status, _) = ask("DELETE", "/carts/ada", seen).await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
    let (_, tag) = ask("GET", "/carts/ada", None).await;
    let tag = tag.expect("an ETag");
    for _ in 0..2 {
        let (status, _) = ask("DELETE", "/carts/ada", tag.to_str().ok()).await;
        assert_eq!(status, StatusCode::OK, "again is as good as once");
    }
}

#[tokio::test]
async fn the_catalog_is_read_page_by_page() {
    let server = Server::new();
    let (_, all) = server.ask("GET", "/catalog", With::default()).await;
    let all = all.as_array().expect("a list");
    let first = all[2]["id"].as_str().expect("an id");
    let (_, rest) = server
        .ask(
            "GET",
            &format!("/catalog?after={first}&limit=1000"),
            With::default(),
        )
        .await;
    assert_eq!(rest.as_array().expect("a list"), &all[3..]);
    let (_, one) = server
        .ask("GET", &format!("/catalog/{first}"), With::default())
        .await;
    assert_eq!(one, all[2]);
    assert!(one["prices"][0]["currency_code"].is_string());
    let (status, _) = server.ask("GET", "/catalog/nothing", With::default()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_description_names_no_schema_that_it_does_not_have() {
    fn check(part: &Value, whole: &Value) {
        match part {
            Value::Object(members) => members.iter().for_each(|(name, value)| match value {
                Value::String(to) if name == "$ref" => {
                    let pointer = to.strip_prefix('#').expect("of this document");
                    assert!(whole.pointer(pointer).is_some(), "{to}");
                }
                value => check(value, whole),
            }),
            Value::Array(items) => items.iter().for_each(|it| check(it, whole)),
            _ => {}
        }
    }
    let server = Server::new();
    let (_, document) = server.ask("GET", "/openapi.json", With::default()).await;
    check(&document, &document);
}
