//! The CRM over HTTP: what existing clients read, that nobody can tell its client from the
//! directory behind it, and that a CRM which knows less serves the checkout as well.
#![cfg(feature = "http")]

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use boutique_core::customer::{
    CustomerDirectory, Email, LookUpCustomer, LookUpInDirectory, MemoryDirectory, Standing, Tier,
};
use boutique_core::fault::FaultKind;
use boutique_core::flow::Step;
use boutique_core::ids::UserId;
use boutique_core::money::Currency;
use boutique_core::pii::Pii;
use boutique_testkit::{CountingIds, ManualClock};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::crm::{CrmApi, CrmClient, HttpDirectory, routes};
use boutique_transport::http::exchange::{InProcess, Upstream, base};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;

fn crm(directory: Arc<dyn CustomerDirectory>) -> InProcess {
    let api = CrmApi {
        directory,
        clock: Arc::<ManualClock>::default(),
        ids: Arc::new(CountingIds::default()),
        currency: Currency::USD,
    };
    InProcess(server("crm", routes(), Arc::new(api), Limits::default()))
}

fn upstream(crm: InProcess) -> Upstream<InProcess> {
    Upstream::new(base("http://crm.test").expect("an address"), crm)
}

mod conformance {
    use super::*;

    boutique_testkit::customers_conformance!(async |_: Arc<ManualClock>| {
        let upstream = upstream(crm(Arc::new(MemoryDirectory::default())));
        Arc::new(HttpDirectory { upstream })
    });
}

fn fresh() -> InProcess {
    crm(Arc::new(MemoryDirectory::default()))
}

/// Sends `"METHOD /path"`.
async fn exchange(crm: &InProcess, line: &str, body: &Value) -> Response<Bytes> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(path);
    let mut sent = Bytes::new();
    if !body.is_null() {
        request = request.header("content-type", "application/json");
        sent = body.to_string().into();
    }
    let request = request.body(sent).expect("a request");
    crm.clone().oneshot(request).await.expect("answers")
}

/// The members of `answer` that `expected` has.
fn part(answer: &Value, expected: &Value) -> Value {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => expected
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), part(answer.get(name)?, it))))
            .collect(),
        (Value::Array(answer), Value::Array(expected)) if answer.len() == expected.len() => {
            let pairs = answer.iter().zip(expected);
            pairs.map(|(one, other)| part(one, other)).collect()
        }
        _ => answer.clone(),
    }
}

/// Sends one request after the other and compares status and the members that are named.
async fn story(crm: &InProcess, steps: &[(&str, Value, u16, Value)]) {
    for (line, body, status, expected) in steps {
        let answer = exchange(crm, line, body).await;
        let got = answer.status().as_u16();
        let answer = match answer.body().is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(answer.body()).expect("JSON"),
        };
        let told = part(&answer, expected);
        assert_eq!((got, &told), (*status, expected), "{line}: {answer}");
    }
}

const NO: Value = Value::Null;

#[tokio::test]
async fn existing_clients_keep_customers() {
    let crm = fresh();
    let ada = json!({"id": "ada", "name": "Ada", "surname": "Love", "email": "Ada@example.org", "address": "1 Main Street"});
    let whole = json!({"id": "ada", "name": "Ada", "surname": "Love", "email": "Ada@example.org", "address": "1 Main Street",
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "Orders": [],
        "tier": "standard", "standing": "good", "billing": null});
    let fields = json!({"street_address": "2 Quay", "city": "Port", "state": "", "country": "NO", "zip_code": "0150"});
    story(
        &crm,
        &[
            ("GET /customers", NO, 200, json!([])),
            ("POST /customers", ada.clone(), 201, whole.clone()),
            // By e-mail it is the same customer, and what is not said stays.
            (
                "POST /customers",
                json!({"email": "ada@EXAMPLE.org", "surname": "Lovelace"}),
                200,
                json!({"id": "ada", "name": "Ada", "surname": "Lovelace"}),
            ),
            (
                "POST /customers",
                json!({"email": "bob@example.org", "name": "Bob"}),
                201,
                json!({"id": "fresh-2", "name": "Bob", "surname": "", "address": null}),
            ),
            (
                "POST /customers",
                json!({"id": "ada", "email": "eve@example.org"}),
                409,
                json!({"field": "id", "rejection": {"code": "id_taken"}}),
            ),
            (
                "GET /customers",
                NO,
                200,
                json!([{"id": "fresh-2"}, {"id": "ada", "Orders": []}]),
            ),
            (
                "GET /customers?limit=1",
                NO,
                200,
                json!([{"id": "fresh-2"}]),
            ),
            (
                "GET /customers?limit=1&after=fresh-2",
                NO,
                200,
                json!([{"id": "ada"}]),
            ),
            (
                "GET /customers?email=BOB%40example.org",
                NO,
                200,
                json!([{"id": "fresh-2"}]),
            ),
            (
                "GET /customers/ada",
                NO,
                200,
                json!({"surname": "Lovelace"}),
            ),
            (
                "GET /customers/eve",
                NO,
                404,
                json!({"error": "there is no such customer"}),
            ),
            (
                "GET /customers/eve?email=bob%40example.org",
                NO,
                200,
                json!({"id": "fresh-2"}),
            ),
            (
                "PUT /customers/ada",
                json!({"email": "ada@example.com", "address": fields}),
                200,
                json!({"email": "ada@example.com", "address": fields, "name": "Ada"}),
            ),
            (
                "PUT /customers/ada",
                json!({"email": "bob@example.org"}),
                409,
                json!({"field": "email"}),
            ),
            (
                "PUT /customers/eve",
                json!({"name": "Eve"}),
                404,
                json!({"status": 404}),
            ),
            ("DELETE /customers/ada", NO, 204, NO),
            ("DELETE /customers/ada", NO, 404, json!({"status": 404})),
            ("GET /customers", NO, 200, json!([{"id": "fresh-2"}])),
        ],
    )
    .await;
}

#[tokio::test]
async fn existing_clients_keep_orders() {
    let crm = fresh();
    let amount = |cents: u64| json!({"currency_code": "USD", "units": cents / 100, "nanos": cents % 100 * 10_000_000});
    let with = |order: Value| json!({"id": "ada", "email": "ada@example.org", "order": order});
    let attached = json!({"Orders": [{"id": "o1", "orderId": "o1", "total": amount(1_999), "placedAt": "2026-01-01T00:00:00Z"}]});
    let euro = json!({"currency_code": "EUR", "units": "7", "nanos": 0});
    story(&crm, &[
        ("POST /customers", with(json!({"orderId": "o1", "total": 19.99})), 201, attached.clone()),
        ("POST /customers", with(json!({"order_id": "o1", "total": amount(1_999)})), 200, attached.clone()),
        ("POST /customers", with(json!({"orderId": "o1", "total": 20})), 409, json!({"field": "orderId"})),
        ("POST /orders", json!({"customerId": "ada", "orderId": "o2", "total": 5}), 201, json!({"orderId": "o2", "customerId": "ada", "total": amount(500)})),
        ("POST /orders", json!({"email": "ADA@example.org", "order_id": "o2", "amount": 5}), 200, json!({"orderId": "o2"})),
        ("POST /orders", json!({"customer_id": "ada", "orderId": "o3", "total": euro, "placedAt": "2025-12-31T23:00:00Z"}), 201, json!({"placedAt": "2025-12-31T23:00:00Z"})),
        ("POST /orders", json!({"customerId": "eve", "orderId": "o4", "total": 5}), 404, json!({"status": 404})),
        ("POST /orders", json!({"orderId": "o4", "total": 5}), 400, json!({"field": "customerId"})),
        ("GET /orders", NO, 200, json!([{"orderId": "o1"}, {"orderId": "o2"}, {"orderId": "o3"}])),
        ("GET /orders?limit=1&after=o1", NO, 200, json!([{"orderId": "o2"}])),
        ("GET /stats", NO, 200, json!({"customers": 1, "orders": 3, "revenue": 24.99, "currency": "USD",
            "revenueByCurrency": [{"currency_code": "EUR", "units": 7}, {"currency_code": "USD", "units": 24}]})),
        ("DELETE /orders/o2", NO, 204, NO),
        ("DELETE /orders/o2", NO, 404, json!({"error": "there is no such order"})),
        ("GET /customers/ada", NO, 200, json!({"Orders": [{"orderId": "o3"}, {"orderId": "o1"}]})),
        ("GET /customers/ada?view=profile", NO, 200, json!({"id": "ada", "orderCount": 2, "tier": "standard", "standing": "good"})),
    ]).await;
    let profile = exchange(&crm, "GET /customers/ada?view=profile", &NO).await;
    let profile: Value = serde_json::from_slice(profile.body()).expect("JSON");
    assert_eq!((profile.get("Orders"), profile.get("email")), (None, None));
}

#[tokio::test]
async fn what_is_wrong_is_said_by_field_and_never_repeated() {
    let crm = fresh();
    for (line, body, field) in [
        ("POST /customers", json!({"name": "canary"}), "email"),
        ("POST /customers", json!({"email": "canary"}), "email"),
        (
            "POST /customers",
            json!({"email": "a@b", "tier": "canary"}),
            "tier",
        ),
        (
            "POST /customers",
            json!({"email": "a@b", "address": 7}),
            "address",
        ),
        (
            "POST /customers",
            json!({"email": "a@b", "address": {"street_address": "canary"}}),
            "address.city",
        ),
        (
            "POST /customers",
            json!({"email": "a@b", "name": "canary\n"}),
            "name",
        ),
        (
            "POST /customers",
            json!({"email": "a@b", "order": {"total": 1}}),
            "orderId",
        ),
        (
            "POST /customers",
            json!({"email": "a@b", "order": {"orderId": "o", "total": "canary"}}),
            "order.total",
        ),
        (
            "POST /orders",
            json!({"customerId": "c", "orderId": "o", "total": 0.001}),
            "total",
        ),
        (
            "POST /orders",
            json!({"customerId": "c", "orderId": "o", "total": -1}),
            "total",
        ),
        (
            "POST /orders",
            json!({"customerId": "c", "orderId": "o", "total": 1e300}),
            "total",
        ),
        ("GET /customers/x?view=canary", NO, "view"),
        ("GET /customers?limit=canary", NO, "limit"),
    ] {
        let answer = exchange(&crm, line, &body).await;
        let text = String::from_utf8_lossy(answer.body());
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{line}: {text}");
        let problem: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(problem["field"], field, "{line}: {text}");
        assert!(!text.contains("canary"), "{line}: {text}");
    }
}

fn who(user: &str, email: &str) -> LookUpCustomer {
    LookUpCustomer {
        user_id: UserId::new(user).expect("an id"),
        email: Pii::new(Email::new(email).expect("an e-mail")),
    }
}

#[tokio::test]
async fn a_buyer_is_told_as_the_directory_tells_them() {
    let directory: Arc<dyn CustomerDirectory> = Arc::new(MemoryDirectory::default());
    let crm = crm(Arc::clone(&directory));
    let ada = json!({"id": "ada", "email": "ada+x@example.org", "tier": "gold", "standing": "blocked",
        "billing": {"name": "Ada L.", "address": {"street_address": "2 Quay", "city": "Port", "country": "NO"}, "tax_id": "T1"},
        "order": {"orderId": "o1", "total": 5}, "at": "2024-02-29T12:00:00.123456Z"});
    exchange(&crm, "POST /customers", &ada).await;
    let (near, far) = (
        LookUpInDirectory { directory },
        CrmClient {
            upstream: upstream(crm),
        },
    );
    for (user, email, known) in [
        ("ada", "nobody@example.org", true),
        ("user 17 / ü", "ADA+x@example.org", true),
        ("eve", "eve@example.org", false),
    ] {
        let told = far.run(who(user, email)).await.expect("answers");
        assert_eq!(
            told,
            near.run(who(user, email)).await.expect("answers"),
            "{user}"
        );
        assert_eq!(told.is_some(), known, "{user}");
    }
}

/// What the CRM knows that ours replaces.
fn plain() -> InProcess {
    let eve = || {
        json!({"id": 7, "name": "Eve", "surname": "Day", "email": "Eve@example.org", "address": "3 Lane",
        "createdAt": "2024-05-06T07:08:09.000Z", "updatedAt": "2024-05-06T07:08:09.000Z", "Orders": [{"id": 1, "amount": 3}]})
    };
    let one = async move |Path(id): Path<String>| match id.as_str() {
        "7" => (StatusCode::OK, axum::Json(eve())),
        _ => (
            StatusCode::NOT_FOUND,
            axum::Json(json!({"error": "Customer not found"})),
        ),
    };
    let routes = Router::new()
        .route("/customers", get(async move || axum::Json(json!([eve()]))))
        .route("/customers/{id}", get(one));
    InProcess(routes)
}

#[tokio::test]
async fn a_crm_without_tiers_and_standings_serves_as_well() {
    let client = CrmClient {
        upstream: upstream(plain()),
    };
    for (user, email, known) in [
        ("7", "x@example.org", true),
        ("eve", "eve@EXAMPLE.org", true),
        ("eve", "x@example.org", false),
    ] {
        let told = client.run(who(user, email)).await.expect("answers");
        assert_eq!(told.is_some(), known, "{user} {email}");
        let Some(eve) = told else { continue };
        assert_eq!((eve.id.as_str(), eve.orders), ("7", 1));
        assert_eq!((eve.tier, eve.standing), (Tier::Standard, Standing::Good));
        assert_eq!(eve.created_at.to_string(), "2024-05-06T07:08:09.000Z");
    }
    // Another server altogether is not a CRM without customers.
    let other = CrmClient {
        upstream: upstream(InProcess(Router::new())),
    };
    let fault = other
        .run(who("7", "x@example.org"))
        .await
        .expect_err("no CRM");
    assert_eq!(fault.kind(), FaultKind::Permanent);
}
