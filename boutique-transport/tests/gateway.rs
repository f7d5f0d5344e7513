//! The front door: what passes, what does not, and what the servers behind it get to see.
#![cfg(feature = "jwt")]

mod jwt_support;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boutique_core::gateway::spec::{Published, openapi2};
use boutique_core::gateway::{Access, Algorithm, Rate, RouteTable};
use boutique_transport::gateway::{Gateway, GatewayOptions, GatewayUpstream, MissingUpstream};
use boutique_transport::http::admission::Admission;
use boutique_transport::http::api::Limits;
use boutique_transport::http::edge::{CircuitSettings, EdgeSettings, Phase, Stack};
use boutique_transport::http::gate::{Gate, GateSize};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use jwt_support::{Endpoints, Pair, Watch, claims, ec, policy, published, token, verifier};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::ServiceExt;

/// What an upstream got: who it is, the request's head, its body.
type Seen = Arc<Mutex<Vec<(String, http::request::Parts, Bytes)>>>;

fn upstream(name: &'static str, seen: &Seen) -> Router {
    let seen = Arc::clone(seen);
    Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let mut all = seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((name.to_owned(), parts, body.to_bytes()));
        let headers = [
            ("connection", "x-secret"),
            ("x-secret", "1"),
            ("keep-alive", "timeout=5"),
            ("link", "</orders?limit=1&after=o-1>; rel=\"next\""),
            ("x-request-id", "the upstream's"),
        ];
        (headers, "hello").into_response()
    })
}

struct Shop {
    router: Router,
    seen: Seen,
    key: Pair,
    endpoints: Endpoints,
}

fn shop_of(
    upstreams: &BTreeMap<String, GatewayUpstream>,
    options: GatewayOptions,
    seen: Seen,
) -> Shop {
    shop_admitting(upstreams, options, seen, None)
}

fn shop_admitting(
    upstreams: &BTreeMap<String, GatewayUpstream>,
    options: GatewayOptions,
    seen: Seen,
    admission: Option<Admission>,
) -> Shop {
    let key = ec();
    let endpoints = Endpoints::new(&[published(&key, "k1")]);
    let verifier = verifier(Algorithm::Es256, &endpoints, &Watch::new());
    let gateway = Gateway::new(RouteTable::standard(), verifier, upstreams, options);
    let gateway = gateway.expect("a gateway");
    Shop {
        router: gateway.server(Limits::default(), admission),
        seen,
        key,
        endpoints,
    }
}

fn shop_with(options: GatewayOptions) -> Shop {
    let seen = Seen::default();
    let of = |name| {
        (
            String::from(name),
            GatewayUpstream::InProcess(upstream(name, &seen)),
        )
    };
    let upstreams = BTreeMap::from([of("checkout"), of("oms")]);
    shop_of(&upstreams, options, seen)
}

fn shop() -> Shop {
    shop_with(GatewayOptions::default())
}

const SHOPPER: &str = "carts:read carts:write checkout orders:read orders:write";

impl Shop {
    fn token(&self, user: &str, scope: &str) -> String {
        let mut claims = claims();
        claims["sub"] = user.into();
        claims["scope"] = scope.into();
        token(&self.key, "k1", &claims)
    }

    /// Asks as ada, who may do what a shopper may.
    async fn ask(&self, method: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token("ada", SHOPPER));
        self.send(method, path, &[("authorization", &bearer)], Body::empty())
            .await
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body) -> Answer {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body).expect("a request");
        let peer: SocketAddr = "192.0.2.1:5555".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        Answer::of(self.router.clone().oneshot(request).await).await
    }

    fn seen(&self) -> Vec<(String, http::request::Parts, Bytes)> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    async fn of(response: Result<Response, Infallible>) -> Self {
        let Ok(response) = response;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |it| it.to_str().expect("ASCII"))
    }

    /// The text of the problem document this has to be.
    fn problem(&self) -> String {
        assert_eq!(self.text("content-type"), "application/problem+json");
        let body: Value = serde_json::from_slice(&self.body).expect("JSON");
        assert_eq!(body["status"], self.status.as_u16());
        assert_eq!(body["error"], body["detail"]);
        assert!(!self.text("x-request-id").is_empty());
        body["error"].as_str().expect("a text").to_owned()
    }
}

#[tokio::test]
async fn every_operation_of_the_document_passes_and_nothing_else_does() {
    let table = RouteTable::standard();
    let address = |name: &str| (name.to_owned(), format!("https://{name}.example"));
    let document = Published {
        title: "Shop".into(),
        version: "1".into(),
        upstreams: BTreeMap::from([address("checkout"), address("oms")]),
        api_key: false,
    };
    let document = openapi2(&table, &policy(Algorithm::Es256), &document).expect("a document");
    let shop = shop();
    let paths = document["paths"].as_object().expect("paths");
    for (template, item) in paths {
        let path = template.replace("{userId}", "ada").replace(['{', '}'], "");
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let operation = &item[method.as_str().to_lowercase()];
            let answer = shop.ask(method.as_str(), &path).await;
            if operation.is_null() {
                assert_eq!(
                    answer.status,
                    StatusCode::METHOD_NOT_ALLOWED,
                    "{method} {path}"
                );
                let allow = answer.text("allow").to_lowercase();
                let said: Vec<&str> = allow.split(", ").collect();
                assert!(said.iter().all(|it| item[it].is_object()), "{allow}");
                assert_eq!(said.len(), item.as_object().map_or(0, serde_json::Map::len));
                continue;
            }
            assert_eq!(answer.status, StatusCode::OK, "{method} {path}");
            let (name, seen, _) = shop.seen().pop().expect("reached an upstream");
            let backend = operation["x-google-backend"]["address"].as_str();
            assert_eq!(Some(&*format!("https://{name}.example")), backend);
            assert_eq!(format!("/v1{}", seen.uri.path()), path);
        }
    }
    for path in [
        "/",
        "/v1",
        "/v2/catalog",
        "/v1/dead-letters",
        "/metrics",
        "/v1/carts",
    ] {
        assert_eq!(
            shop.ask("GET", path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert!(shop.seen().is_empty());
    let health = shop.send("GET", "/health", &[], Body::empty()).await;
    assert_eq!(health.body, r#"{"service":"gateway","status":"healthy"}"#);
}

#[tokio::test]
async fn a_trick_with_a_path_reaches_no_upstream() {
    let shop = shop();
    for path in [
        "/v1/carts/ada/../../orders",
        "/v1/carts/ada/%2e%2e/bob",
        "/v1/carts/ada%2f..%2fbob",
        "/v1/carts/ada%2Fitems",
        "/v1/carts//ada",
        "/v1/carts/ada;x=1",
        "/v1/carts/ada%5c..",
        "/v1/carts/ada%00",
        "/v1/carts/ada%0d%0aHost:%20evil",
        "/v1/carts/%252e%252e",
        "/v1/carts/%zz",
    ] {
        let answer = shop.ask("GET", path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.problem().starts_with("the path has "));
    }
    for path in [
        "/v1/carts/ada/",
        "/v1/%63arts/ada",
        "/V1/carts/ada",
        "/v1/carts/ada/items/../x?",
    ] {
        let status = shop.ask("GET", path).await.status;
        assert!(
            matches!(status.as_u16(), 400 | 404 | 405),
            "{path} {status}"
        );
    }
    assert!(shop.seen().is_empty());

    // What is a name stays one, and the query is not looked at.
    let bearer = format!(
        "Bearer {}",
        shop.token("a b?/../c".replace('/', "#").as_str(), SHOPPER)
    );
    let path = "/v1/carts/a%20b%3F%23..%23c?x=/../%2e%2e&y=%2F";
    let answer = shop
        .send("GET", path, &[("authorization", &bearer)], Body::empty())
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let (_, seen, _) = shop.seen().pop().expect("reached");
    assert_eq!(seen.uri, "/carts/a%20b%3F%23..%23c?x=/../%2e%2e&y=%2F");
}

#[tokio::test]
async fn an_upstream_sees_what_we_say_of_the_caller_and_nothing_the_caller_says_in_our_name() {
    let shop = shop();
    let token = shop.token("ada", SHOPPER);
    let bearer = format!("Bearer {token}");
    let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"bob","scope":"orders:any"}"#);
    let body = r#"{"product_id":"OLJCESPC7Z","quantity":1}"#;
    let sent = [
        ("authorization", &*bearer),
        ("host", "shop.example"),
        ("x-apigateway-api-userinfo", &forged),
        ("X-Apigateway-Api-Userinfo", &forged),
        ("x_apigateway_api_userinfo", &forged),
        ("x-apigateway-other", "1"),
        ("x-boutique-lane", "background"),
        ("x-boutique-anything", "1"),
        ("x-original-url", "/dead-letters"),
        ("x-deadline-ms", "999999999"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "for=203.0.113.9"),
        (
            "connection",
            "keep-alive, x-mine, content-length, x-apigateway-api-userinfo",
        ),
        ("x-mine", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-late"),
        ("upgrade", "websocket"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("expect", "100-continue"),
        ("content-type", "application/json"),
        ("idempotency-key", "k-1"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("x-request-id", "r-1"),
    ];
    let answer = shop
        .send("POST", "/v1/carts/ada/items", &sent, Body::from(body))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let (_, seen, got) = shop.seen().pop().expect("reached");
    assert_eq!(got, body);
    let mut names: Vec<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let expected = [
        "content-type",
        "idempotency-key",
        "traceparent",
        "x-apigateway-api-userinfo",
        "x-deadline-ms",
        "x-forwarded-for",
        "x-request-id",
    ];
    assert_eq!(names, expected);
    let header = |name: &str| seen.headers[name].to_str().expect("ASCII").to_owned();
    let userinfo = URL_SAFE_NO_PAD
        .decode(header("x-apigateway-api-userinfo"))
        .expect("base64");
    let userinfo: Value = serde_json::from_slice(&userinfo).expect("JSON");
    assert_eq!(userinfo["sub"], "ada");
    assert_eq!(
        seen.headers
            .get_all("x-apigateway-api-userinfo")
            .iter()
            .count(),
        1
    );
    assert_eq!(header("x-forwarded-for"), "203.0.113.9, 192.0.2.1");
    let left: u64 = header("x-deadline-ms").parse().expect("a number");
    assert!(left <= 10_000, "{left}");
    assert!(header("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(!header("traceparent").contains("00f067aa0ba902b7"));
    assert_eq!(header("x-request-id"), "r-1");

    // And back: what belongs to a connection stays there, and a link is one that can be followed.
    for gone in ["connection", "x-secret", "keep-alive"] {
        assert!(!answer.headers.contains_key(gone), "{gone}");
    }
    assert_eq!(answer.text("x-request-id"), "r-1");
    let list = shop.ask("GET", "/v1/orders?limit=1").await;
    assert_eq!(
        list.text("link"),
        "</v1/orders?limit=1&after=o-1>; rel=\"next\""
    );
}

#[tokio::test]
async fn who_may_not_is_told_why_unless_that_would_tell_of_others() {
    let shop = shop();
    let bearer = |user, scope| format!("Bearer {}", shop.token(user, scope));
    let (ada, reader) = (bearer("ada", SHOPPER), bearer("ada", "carts:read"));
    let clerk = bearer("clerk", "carts:read checkout:any");
    let none = StatusCode::OK;
    for (method, path, token, status, challenge) in [
        ("GET", "/v1/carts/ada", &*ada, none, ""),
        ("GET", "/v1/carts/bob", &*ada, StatusCode::NOT_FOUND, ""),
        ("DELETE", "/v1/carts/bob", &*ada, StatusCode::NOT_FOUND, ""),
        ("GET", "/v1/carts/Ada", &*ada, StatusCode::NOT_FOUND, ""),
        ("GET", "/v1/carts/bob", &*clerk, none, ""),
        ("GET", "/v1/catalog", &*clerk, none, ""),
        (
            "DELETE",
            "/v1/carts/ada",
            &*reader,
            StatusCode::FORBIDDEN,
            "Bearer error=\"insufficient_scope\", scope=\"carts:write\"",
        ),
        // The scope is looked at before the owner: nothing is learned of bob.
        (
            "DELETE",
            "/v1/carts/bob",
            &*reader,
            StatusCode::FORBIDDEN,
            "Bearer error=\"insufficient_scope\", scope=\"carts:write\"",
        ),
        ("GET", "/v1/catalog", "", StatusCode::UNAUTHORIZED, "Bearer"),
        (
            "GET",
            "/v1/catalog",
            "Basic YTpi",
            StatusCode::UNAUTHORIZED,
            "Bearer",
        ),
        (
            "GET",
            "/v1/catalog",
            "Bearer",
            StatusCode::UNAUTHORIZED,
            "Bearer",
        ),
        (
            "GET",
            "/v1/catalog",
            "Bearer a b",
            StatusCode::UNAUTHORIZED,
            "Bearer",
        ),
        (
            "GET",
            "/v1/catalog",
            "Bearer x",
            StatusCode::UNAUTHORIZED,
            "Bearer error=\"invalid_token\", error_description=\"this is no token\"",
        ),
    ] {
        let answer = shop
            .send(method, path, &[("authorization", token)], Body::empty())
            .await;
        assert_eq!(answer.status, status, "{method} {path} {token}");
        assert_eq!(answer.text("www-authenticate"), challenge);
        if status != StatusCode::OK {
            let said = answer.problem();
            assert!(!said.contains("ada") && !said.contains("bob"), "{said}");
        }
    }
    let twice = [("authorization", &*ada), ("authorization", &*clerk)];
    let answer = shop
        .send("GET", "/v1/carts/bob", &twice, Body::empty())
        .await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(shop.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_principal_may_ask_so_often_and_others_are_not_in_the_way() {
    let shop = shop_with(GatewayOptions {
        address: None,
        ..GatewayOptions::default()
    });
    let mut left = 0;
    let refused = loop {
        let answer = shop.ask("POST", "/v1/checkout").await;
        if answer.status != StatusCode::OK {
            break answer;
        }
        left += 1;
    };
    assert_eq!(left, 30, "the burst of the route");
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.text("retry-after"), "1");
    refused.problem();
    // Another route of hers, the same route of somebody else, and she herself later.
    assert_eq!(shop.ask("GET", "/v1/catalog").await.status, StatusCode::OK);
    let bob = format!("Bearer {}", shop.token("bob", SHOPPER));
    let answer = shop
        .send(
            "POST",
            "/v1/checkout",
            &[("authorization", &bob)],
            Body::empty(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        shop.ask("POST", "/v1/checkout").await.status,
        StatusCode::OK
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_without_a_good_token_is_counted_by_address_before_signatures_are_checked() {
    let options = GatewayOptions {
        address: Some(Rate::new(60, 10)),
        ..GatewayOptions::default()
    };
    let shop = shop_with(options);
    let known = format!("Bearer {}", shop.token("ada", SHOPPER));
    let known = [("authorization", &*known)];
    let answer = shop.send("GET", "/v1/catalog", &known, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let stranger = ec();
    let mut statuses = BTreeMap::new();
    for at in 0..1_000 {
        let forged = format!(
            "Bearer {}",
            token(
                &stranger,
                "k1",
                &json!({"iss": jwt_support::ISSUER, "jti": at})
            )
        );
        let answer = shop
            .send(
                "GET",
                "/v1/catalog",
                &[("authorization", &forged)],
                Body::empty(),
            )
            .await;
        *statuses.entry(answer.status.as_u16()).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(401, 9), (429, 991)]));
    // Whoever was verified before comes through from the same address; a path nobody has does not.
    let answer = shop.send("GET", "/v1/catalog", &known, Body::empty()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let scan = shop.send("GET", "/admin", &[], Body::empty()).await;
    assert_eq!(scan.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(shop.endpoints.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_probes_for_what_is_others_faster_than_they_may_ask() {
    let shop = shop_with(GatewayOptions {
        address: Some(Rate::new(60, 100)),
        principal: Some(Rate::new(60, 6)),
        ..GatewayOptions::default()
    });
    let reader = format!("Bearer {}", shop.token("ada", "carts:read"));
    let mut statuses = Vec::new();
    for (method, path) in [
        ("GET", "/v1/carts/bob"),
        ("GET", "/v1/carts/eve"),
        ("DELETE", "/v1/carts/bob"),
        ("GET", "/v1/nothing"),
        ("PATCH", "/v1/catalog"),
        ("GET", "/v1/carts/ada"),
        ("GET", "/v1/carts/mallory"),
        ("GET", "/v1/nothing"),
    ] {
        let sent = [("authorization", &*reader)];
        let answer = shop.send(method, path, &sent, Body::empty()).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [404, 404, 403, 404, 405, 200, 429, 429]);
    // Another token of hers is no way around it, and bob is not in the way of anybody.
    let answer = shop.ask("GET", "/v1/carts/mallory").await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let bob = format!("Bearer {}", shop.token("bob", SHOPPER));
    let sent = [("authorization", &*bob)];
    let answer = shop
        .send("GET", "/v1/carts/bob", &sent, Body::empty())
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn who_shows_no_token_is_counted_by_the_address_the_trusted_proxy_saw() {
    let shop = shop_with(GatewayOptions {
        address: Some(Rate::new(60, 3)),
        trusted_hops: 1,
        ..GatewayOptions::default()
    });
    let mut statuses = Vec::new();
    for (path, from) in [
        ("/v1/nothing", "203.0.113.1"),
        ("/v1/catalog", "203.0.113.1"),
        ("/v1/nothing", "198.51.100.7, 203.0.113.1"),
        ("/v1/nothing", "203.0.113.1"),
        ("/v1/catalog", "198.51.100.8, 203.0.113.1"),
        ("/v1/catalog", "203.0.113.2"),
    ] {
        let sent = [("x-forwarded-for", from)];
        let answer = shop.send("GET", path, &sent, Body::empty()).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [404, 401, 404, 429, 429, 401]);
}

#[tokio::test(start_paused = true)]
async fn a_full_gateway_turns_strangers_away_whatever_lane_they_say_they_are_in() {
    let deaf = Router::new().fallback(async || std::future::pending::<Response>().await);
    let deaf = GatewayUpstream::InProcess(deaf);
    let upstreams = BTreeMap::from([("checkout".into(), deaf.clone()), ("oms".into(), deaf)]);
    // One place for clients, one for the background, and one who may wait.
    let gate = Gate::new(GateSize {
        concurrency: 2,
        queue: 1,
        reserved: 1,
    });
    let admission = Some(Admission::of_clients(gate.clone()));
    let (options, seen) = (GatewayOptions::default(), Seen::default());
    let shop = shop_admitting(&upstreams, options, seen, admission);
    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    let sent = |patience| {
        [
            ("authorization", &*bearer),
            ("x-boutique-lane", "background"),
            ("x-deadline-ms", patience),
        ]
    };
    let begun = tokio::time::Instant::now();
    let (at_work, waits) = (sent("5000"), sent("300"));
    let at_work = shop.send("GET", "/v1/catalog", &at_work, Body::empty());
    let waiting = async {
        let answer = shop.send("GET", "/v1/catalog", &waits, Body::empty()).await;
        (answer, begun.elapsed())
    };
    let too_many = async {
        let answer = shop.send("GET", "/v1/catalog", &waits, Body::empty()).await;
        (answer, begun.elapsed(), gate.in_flight())
    };
    let (at_work, (waited, after), (shed, at_once, in_flight)) =
        tokio::join!(biased; at_work, waiting, too_many);

    assert_eq!(shed.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!shed.problem().is_empty() && !shed.text("retry-after").is_empty());
    assert_eq!((at_once, in_flight, gate.shed()), (Duration::ZERO, 1, 1));
    // To wait for a place takes of the client's time.
    assert_eq!(waited.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(after < Duration::from_millis(350), "{after:?}");
    assert_eq!(at_work.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!((gate.in_flight(), gate.queued()), (0, 0));
}

/// The spans and lines there were, each as its fields.
#[derive(Clone, Default)]
struct Watched(Arc<Mutex<Vec<BTreeMap<String, String>>>>);

struct Fields(BTreeMap<String, String>);

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}").trim_matches('"').to_owned();
        self.0.insert(field.name().to_owned(), text);
    }
}

impl Watched {
    fn put(&self, fields: Fields) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(fields.0);
    }

    /// The one that is about a request to the gateway and has this field.
    fn only(&self, field: &str) -> BTreeMap<String, String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = std::mem::take(&mut *all);
        found.retain(|it| it.get("service").is_some_and(|it| it == "gateway"));
        found.retain(|it| it.contains_key(field));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

impl tracing::Subscriber for Watched {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == boutique_transport::http::observe::TARGET
    }

    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        let mut fields = Fields(BTreeMap::new());
        span.record(&mut fields);
        self.put(fields);
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        self.put(fields);
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn what_an_upstream_does_hangs_below_the_gateways_own_span() {
    let shop = shop();
    let watched = Watched::default();
    let _watching = tracing::subscriber::set_default(watched.clone());
    let answer = shop.ask("GET", "/v1/carts/ada").await;
    assert_eq!(answer.status, StatusCode::OK);
    let span = watched.only("span_id");
    assert_eq!(span["route"], "/v1/carts/{userId}");
    let (_, seen, _) = shop.seen().pop().expect("reached");
    let parent = seen.headers["traceparent"].to_str().expect("ASCII");
    let ours = format!("00-{}-{}-", span["trace_id"], span["span_id"]);
    assert!(parent.starts_with(&ours), "{parent} is not below {ours}");
    assert_eq!(span["request_id"], answer.text("x-request-id"));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_at_the_gateway_leaves_a_line() {
    let deaf = Router::new().fallback(async || std::future::pending::<Response>().await);
    let shop = shop_at(GatewayUpstream::InProcess(deaf), GatewayOptions::default());
    let watched = Watched::default();
    let _watching = tracing::subscriber::set_default(watched.clone());
    let answer = shop.ask("GET", "/v1/catalog").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    let line = watched.only("took_ms");
    assert_eq!(line["message"], "a request failed");
    assert_eq!((&*line["route"], &*line["status"]), ("/v1/catalog", "504"));
}

#[tokio::test(start_paused = true)]
async fn whoever_floods_the_gateway_does_not_flood_its_log() {
    let shop = shop_with(GatewayOptions {
        address: Some(Rate::new(60, 10)),
        ..GatewayOptions::default()
    });
    let watched = Watched::default();
    let _watching = tracing::subscriber::set_default(watched.clone());
    let told = || {
        let lines = std::mem::take(&mut *watched.0.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = lines.into_iter().filter(|it| it.contains_key("refused"));
        lines.map(|it| it["refused"].clone()).collect::<Vec<_>>()
    };
    let flood = async || {
        for _ in 0..500 {
            shop.send("GET", "/v1/catalog", &[], Body::empty()).await;
        }
    };
    flood().await;
    assert_eq!(told(), ["1"]);
    tokio::time::advance(Duration::from_secs(10)).await;
    flood().await;
    // 490 of the first flood, one of which was told, and the first of the second one: by then
    // there was room for ten again.
    assert_eq!(told(), ["490"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_public_has_a_rate_for_each_address() {
    let shop = shop_with(GatewayOptions {
        own: Some(Rate::new(60, 3)),
        ..GatewayOptions::default()
    });
    let ask = async |path: &str, from: &str| {
        let mut request = http::Request::get(path).body(Body::empty()).expect("one");
        let peer: SocketAddr = from.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        Answer::of(shop.router.clone().oneshot(request).await).await
    };
    let (one, other) = ("192.0.2.1:1", "192.0.2.2:1");
    for path in ["/health", "/openapi.json", "/health"] {
        assert_eq!(ask(path, one).await.status, StatusCode::OK);
    }
    let answer = shop.ask("POST", "/openapi.json").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.text("allow"), "GET");
    let answer = ask("/health", one).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.text("retry-after"), "1");
    assert_eq!(ask("/openapi.json", other).await.status, StatusCode::OK);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(ask("/health", one).await.status, StatusCode::OK);

    // A public route of the table: its own rate, for each address.
    let mut routes = RouteTable::standard().routes().to_vec();
    routes.retain(|it| it.name == "listProducts");
    routes[0].access = Access::Public;
    routes[0].rate = Rate::new(60, 2);
    let table = RouteTable::new(routes).expect("a table");
    let verifier = verifier(Algorithm::Es256, &shop.endpoints, &Watch::new());
    let seen = Seen::default();
    let upstreams = BTreeMap::from([(
        "checkout".to_owned(),
        GatewayUpstream::InProcess(upstream("checkout", &seen)),
    )]);
    let gateway = Gateway::new(table, verifier, &upstreams, GatewayOptions::default());
    let router = gateway.expect("a gateway").server(Limits::default(), None);
    let ask = async |from: &str| {
        let mut request = http::Request::get("/v1/catalog");
        // A proxy that nobody trusts is not believed.
        request = request.header("x-forwarded-for", "203.0.113.9");
        let mut request = request.body(Body::empty()).expect("a request");
        let peer: SocketAddr = from.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = Answer::of(router.clone().oneshot(request).await).await;
        answer.status.as_u16()
    };
    let got = [
        ask(one).await,
        ask(one).await,
        ask(one).await,
        ask(other).await,
    ];
    assert_eq!(got, [200, 200, 429, 200]);
}

#[tokio::test]
async fn what_is_too_long_is_refused_before_an_upstream_hears_of_it() {
    let shop = shop_with(GatewayOptions {
        body: 1_000,
        ..GatewayOptions::default()
    });
    let long = format!("/v1/catalog?{}", "x".repeat(8 << 10));
    let answer = shop.ask("GET", &long).await;
    assert_eq!(answer.status, StatusCode::URI_TOO_LONG);
    answer.problem();

    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    let declared = [("authorization", &*bearer), ("content-length", "1001")];
    let answer = shop
        .send(
            "POST",
            "/v1/checkout",
            &declared,
            Body::from(vec![b' '; 1_001]),
        )
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.problem();

    // Of one that does not say how long it is, the upstream sees the beginning at most.
    let chunks = (0..11).map(|_| Ok::<_, Infallible>(Bytes::from(vec![b' '; 100])));
    let chunked = Body::from_stream(futures_util::stream::iter(chunks));
    let answer = shop
        .send(
            "POST",
            "/v1/checkout",
            &[("authorization", &bearer)],
            chunked,
        )
        .await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    answer.problem();
    assert!(shop.seen().is_empty());

    let chunks = (0..10).map(|_| Ok::<_, Infallible>(Bytes::from(vec![b' '; 100])));
    let chunked = Body::from_stream(futures_util::stream::iter(chunks));
    let answer = shop
        .send(
            "POST",
            "/v1/checkout",
            &[("authorization", &bearer)],
            chunked,
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

async fn listening(router: Router) -> GatewayUpstream {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    http_upstream(at)
}

fn http_upstream(at: SocketAddr) -> GatewayUpstream {
    let base = format!("http://{at}").parse().expect("a URL");
    let stack = Stack::new("upstream", EdgeSettings::default());
    GatewayUpstream::http(&base, Duration::from_secs(1), &stack).expect("an upstream")
}

fn shop_at(checkout: GatewayUpstream, options: GatewayOptions) -> Shop {
    let oms = GatewayUpstream::InProcess(Router::new());
    let upstreams = BTreeMap::from([("checkout".into(), checkout), ("oms".into(), oms)]);
    shop_of(&upstreams, options, Seen::default())
}

#[tokio::test]
async fn a_body_is_passed_on_while_it_is_made_and_its_echo_comes_back_meanwhile() {
    let echo =
        || Router::new().fallback(async |request: Request| Response::new(request.into_body()));
    for upstream in [GatewayUpstream::InProcess(echo()), listening(echo()).await] {
        let options = GatewayOptions {
            body: u64::MAX,
            ..GatewayOptions::default()
        };
        let shop = shop_at(upstream, options);
        let (give, take) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
        let body = Body::from_stream(futures_util::stream::unfold(take, async |mut take| {
            Some((take.recv().await?, take))
        }));
        let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
        let request = http::Request::post("/v1/checkout").header("authorization", bearer);
        let request = request.body(body).expect("a request");
        give.send(Ok(Bytes::from_static(b"first")))
            .await
            .expect("taken");
        let Ok(answer) = shop.router.clone().oneshot(request).await;
        let mut answer = answer.into_body();
        let first = answer.frame().await.expect("a frame").expect("good");
        assert_eq!(first.into_data().expect("data"), "first");
        // 64 MiB, of which neither side ever has more than a few chunks.
        let chunk = Bytes::from(vec![7; 1 << 20]);
        let mut back = 0;
        for _ in 0..64 {
            give.send(Ok(chunk.clone())).await.expect("taken");
            let mut of_this = 0;
            while of_this < chunk.len() {
                let frame = answer.frame().await.expect("a frame").expect("good");
                of_this += frame.into_data().expect("data").len();
            }
            back += of_this;
        }
        drop(give);
        assert!(answer.frame().await.is_none());
        assert_eq!(back, 64 << 20);
    }
}

#[tokio::test]
async fn a_server_on_the_network_sees_what_one_in_the_process_sees() {
    let seen = Seen::default();
    let checkout = listening(upstream("checkout", &seen)).await;
    let oms = GatewayUpstream::InProcess(upstream("oms", &seen));
    let upstreams = BTreeMap::from([("checkout".into(), checkout), ("oms".into(), oms)]);
    let shop = shop_of(&upstreams, GatewayOptions::default(), seen);
    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    let sent = [
        ("authorization", &*bearer),
        ("content-length", "2"),
        ("host", "shop.example"),
    ];
    let answer = shop
        .send("POST", "/v1/checkout?dry_run=true", &sent, Body::from("{}"))
        .await;
    assert_eq!(
        (answer.status, &answer.body[..]),
        (StatusCode::OK, &b"hello"[..])
    );
    let (_, parts, body) = shop.seen().pop().expect("reached");
    assert_eq!(parts.uri, "/checkout?dry_run=true");
    assert_eq!(body, "{}");
    assert!(
        parts.headers["host"]
            .to_str()
            .is_ok_and(|it| it.starts_with("127.0.0.1:"))
    );
    assert!(!parts.headers.contains_key("authorization"));
    let answer = shop.ask("DELETE", "/v1/carts/ada").await;
    assert_eq!(answer.status, StatusCode::OK);
    let (_, parts, body) = shop.seen().pop().expect("reached");
    assert!(body.is_empty() && !parts.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn a_failure_of_an_upstream_says_whether_it_may_have_done_it() {
    // Nobody is there any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone = listener.local_addr().expect("an address");
    drop(listener);
    let shop = shop_at(http_upstream(gone), GatewayOptions::default());
    let answer = shop.ask("POST", "/v1/checkout").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.problem(), "the upstream is away");
    assert_eq!(answer.text("retry-after"), "1");

    // Somebody takes the request and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let rude = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 1];
            let _ = socket.read(&mut head).await;
        }
    });
    let shop = shop_at(http_upstream(rude), GatewayOptions::default());
    let answer = shop.ask("POST", "/v1/checkout").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.problem().starts_with("the upstream broke off"));

    // Somebody answers what is no HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let odd = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(b"220 smtp.example ESMTP\r\n").await;
            let _ = socket.read(&mut [0; 1_024]).await;
        }
    });
    let shop = shop_at(http_upstream(odd), GatewayOptions::default());
    let answer = shop.ask("GET", "/v1/catalog").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    answer.problem();
}

#[tokio::test]
async fn an_upstream_that_is_away_is_left_alone_and_asked_again_after_a_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    drop(listener);
    let settings = EdgeSettings {
        circuit: CircuitSettings {
            window: 4,
            least: 4,
            rest: Duration::ZERO,
            probes: 1,
            ..CircuitSettings::default()
        },
        ..EdgeSettings::default()
    };
    let stack = Stack::new("checkout", settings);
    let base = format!("http://{at}").parse().expect("a URL");
    let away = GatewayUpstream::http(&base, Duration::from_secs(1), &stack);
    let shop = shop_at(away.expect("an upstream"), GatewayOptions::default());
    while stack.state().read().circuit.phase == Phase::Closed {
        let answer = shop.ask("GET", "/v1/catalog").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let reading = stack.state().read();
    assert!(reading.retries > 0, "what was never sent is sent again");
    let listener = TcpListener::bind(at).await.expect("the port again");
    let seen = Seen::default();
    let back = upstream("checkout", &seen);
    tokio::spawn(async move { axum::serve(listener, back).await });
    let answer = shop.ask("GET", "/v1/catalog").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(stack.state().read().circuit.phase, Phase::Closed);
}

#[tokio::test]
async fn a_read_whose_answer_was_lost_is_asked_again_and_an_order_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("an address");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    // Hangs up on every other request.
    tokio::spawn(async move {
        let mut polite = false;
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = vec![0; 4_096];
            let read = socket.read(&mut head).await.unwrap_or_default();
            let line = String::from_utf8_lossy(&head[..read]).into_owned();
            let line = line.lines().next().unwrap_or_default().to_owned();
            hears
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
            if polite {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
                let _ = socket.write_all(answer).await;
            }
            polite = !polite;
        }
    });
    let shop = shop_at(http_upstream(at), GatewayOptions::default());
    let answer = shop.ask("GET", "/v1/catalog").await;
    assert_eq!(answer.status, StatusCode::OK);
    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    let sent = [("authorization", &*bearer), ("idempotency-key", "k")];
    let answer = shop
        .send("POST", "/v1/checkout", &sent, Body::from("{}"))
        .await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(
        heard,
        [
            "GET /catalog HTTP/1.1",
            "GET /catalog HTTP/1.1",
            "POST /checkout HTTP/1.1"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_route_or_the_client_allows() {
    let deaf = Router::new().fallback(async || std::future::pending::<Response>().await);
    let shop = shop_at(GatewayUpstream::InProcess(deaf), GatewayOptions::default());
    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    for (patience, takes) in [(None, 10_000), (Some("250"), 250), (Some("60000"), 10_000)] {
        let mut sent = vec![("authorization", &*bearer)];
        sent.extend(patience.map(|it| ("x-deadline-ms", it)));
        let from = tokio::time::Instant::now();
        let answer = shop
            .send("POST", "/v1/checkout", &sent, Body::empty())
            .await;
        assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
        answer.problem();
        let took = from.elapsed().as_millis();
        assert!((takes..takes + 50).contains(&took), "{took}");
    }
    // An answer that begins and never ends is broken off at the same time.
    let drip = Router::new().fallback(async || {
        let first = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"x"))]);
        let rest = futures_util::stream::pending();
        Response::new(Body::from_stream(futures_util::StreamExt::chain(
            first, rest,
        )))
    });
    let shop = shop_at(GatewayUpstream::InProcess(drip), GatewayOptions::default());
    let bearer = format!("Bearer {}", shop.token("ada", SHOPPER));
    let request = http::Request::get("/v1/catalog").header("authorization", bearer);
    let request = request.body(Body::empty()).expect("a request");
    let Ok(answer) = shop.router.clone().oneshot(request).await;
    assert!(answer.into_body().collect().await.is_err());
}

#[test]
fn a_table_that_leads_nowhere_is_told_at_once() {
    let endpoints = Endpoints::new(&[]);
    let verifier = verifier(Algorithm::Es256, &endpoints, &Watch::new());
    let table = RouteTable::standard();
    let error = Gateway::new(table, verifier, &BTreeMap::new(), GatewayOptions::default());
    assert_eq!(error.err(), Some(MissingUpstream("checkout".into())));
}
