//! What nobody may read anywhere: an e-mail address, a name, a street, a token and an
//! idempotency key go through every kind of request to nine processes that log all they can. No
//! line, span, metric, probe or refusal repeats them. Ids of orders, products and the like are not
//! secret: a refusal names the one that there is not.
#![cfg(feature = "otel")]

mod canary_sender;
mod nine;

use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use boutique_servers::config::Server;
use boutique_servers::up::{Planned, free_ports, plan, ready};
use canary_sender::{Ask, BOGUS, KEY, MAIL, NAME, STREET, Sender, silent};
use futures_util::future::join_all;
use nine::{PROGRAM, send, token};
use reqwest::{Client, Method};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A collector on a port of its own, and what it got.
async fn collector() -> (String, Arc<Mutex<Vec<Bytes>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    let take = async move |body: Bytes| keep.lock().expect("free").push(body);
    let router = axum::Router::new()
        .route("/v1/traces", post(take))
        .layer(DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), got)
}

/// `boutique up --processes`, telling all it can.
struct Up {
    child: Child,
    plan: Vec<Planned>,
    log: PathBuf,
    token: String,
    folder: TempDir,
}

impl Up {
    async fn start(format: &str, collector: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let first = free_ports().expect("free ports");
        let (data, key) = (folder.path().join("data"), folder.path().join("dev.key"));
        let log = folder.path().join("log");
        let child = Command::new(PROGRAM)
            .args(["up", "--processes", "--dev-issuer", "--with-parent"])
            .args(["--port", &first.to_string(), "--data"])
            .arg(&data)
            .env("BOUTIQUE_DEV_KEY", &key)
            .env("LOG_LEVEL", "trace")
            .env("LOG_FORMAT", format)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
            // Few places and few requests of one address, so that some are turned away.
            .env("IN_FLIGHT", "4")
            .env("ADDRESS_RATE", "100")
            .env("PRINCIPAL_RATE", "100000")
            .env("REQUEST_TIMEOUT", "2s")
            .env("CHECK_EVERY", "500ms")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).expect("a file"))
            .kill_on_drop(true)
            .spawn()
            .expect("it starts");
        let plan = plan(first, &data);
        ready(&plan).await.expect("all are ready");
        let token = token(&key);
        Self {
            child,
            plan,
            log,
            token,
            folder,
        }
    }

    fn of(&self, server: Server) -> &Planned {
        let found = self.plan.iter().find(|it| it.server == server);
        found.expect("planned")
    }

    fn lines(&self) -> String {
        let log = std::fs::read(&self.log).expect("the log");
        String::from_utf8(log).expect("text")
    }

    /// The server's process, by what is said of it.
    fn signal(&self, server: Server, signal: Signal) {
        let lines = self.lines();
        let said = format!("{:>10} | started as process ", server.name());
        let mut ids = lines.lines().filter_map(|it| it.strip_prefix(&said));
        let id = ids.next_back().and_then(|it| it.parse().ok());
        send(id.expect("it was started"), signal);
    }

    /// Ends it, so that every line and span is out.
    async fn end(mut self) -> (String, TempDir) {
        drop(self.child.stdin.take());
        let ended = timeout(Duration::from_secs(30), self.child.wait()).await;
        assert!(ended.expect("ends in time").expect("ours").success());
        (self.lines(), self.folder)
    }
}

fn order(quantity: u32) -> Value {
    json!({
        "user_id": NAME, "user_currency": "USD", "email": MAIL,
        "address": {"street_address": STREET, "city": NAME, "state": NAME,
                    "country": "United States", "zip_code": "97477"},
        "items": [{"product_id": "OLJCESPC7Z", "quantity": quantity}],
    })
}

fn place<'a>(to: &'a Planned, path: &'a str, key: &str, body: impl ToString) -> Ask<'a> {
    Ask::post(to, path, body).with("idempotency-key", key)
}

/// Bodies that are wrong in every way there is, each with something in it.
fn bad_bodies() -> Vec<String> {
    let mut bodies = vec![
        format!("{{\"email\": \"{MAIL}\", "),
        format!("\"{NAME}\""),
        format!("{MAIL} {NAME}"),
        format!("[{{\"{NAME}\": \"{STREET}\"}}]"),
        json!({NAME: {"email": MAIL}}).to_string(),
    ];
    // Every member mistyped, or of a text that it cannot be.
    let good = json!({
        "user_id": "u", "user_currency": "USD", "email": MAIL, "name": NAME, "surname": NAME,
        "code": "c", "count": 1, "orderId": "o", "currency": "USD", "customerEmail": MAIL,
        "userId": "u", "transactionType": "t", "durationMs": 1, "success": true,
        "destinationAddress": STREET, "brand": NAME, "product_id": "p", "quantity": 1,
        "ttlSeconds": 5, "lines": [], "stockLevel": 5, "status": "packed",
        "financials": {"items": [], "shipping_cost": null},
        "address": {"street_address": STREET, "city": NAME, "state": "", "country": NAME,
                    "zip_code": "1"},
        "items": [{"product_id": "OLJCESPC7Z", "quantity": 1}],
        "signals": {"customer": NAME, "email": MAIL},
        "message": {"data": "e30=", "messageId": KEY},
    });
    let names: Vec<String> = good
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    for name in names {
        for wrong in [
            json!(format!("{NAME} {MAIL}")),
            json!([MAIL]),
            json!({NAME: MAIL}),
        ] {
            let mut body = good.clone();
            body[&name] = wrong;
            bodies.push(body.to_string());
        }
    }
    bodies
}

async fn send_everything(up: &Up, sender: &Sender) {
    let (gateway, checkout) = (up.of(Server::Gateway), up.of(Server::Checkout));
    through_the_gateway(gateway, sender).await;
    // Every server itself, past the gateway.
    let of = |server| up.of(server);
    let paths = [
        (checkout, Method::POST, "/checkout"),
        (checkout, Method::POST, "/carts/canaryname/items"),
        (of(Server::Crm), Method::POST, "/customers"),
        (of(Server::Crm), Method::PUT, "/customers/no-such"),
        (of(Server::Crm), Method::POST, "/orders"),
        (of(Server::Inventory), Method::POST, "/inventory"),
        (of(Server::Inventory), Method::PUT, "/inventory/no-such"),
        (of(Server::Inventory), Method::PUT, "/holds/no-such"),
        (of(Server::Furniture), Method::POST, "/furniture"),
        (of(Server::Furniture), Method::POST, "/freight-quotes"),
        (of(Server::Fraud), Method::POST, "/metrics"),
        (of(Server::Oms), Method::POST, "/"),
        (of(Server::Oms), Method::POST, "/orders/no-such/cancel"),
        (of(Server::Oms), Method::POST, "/orders/no-such/returns"),
        (of(Server::Accounting), Method::POST, "/transactions"),
        (of(Server::Accounting), Method::PUT, "/transactions/no-such"),
        (of(Server::Warehouse), Method::POST, "/shipments"),
        (
            of(Server::Warehouse),
            Method::POST,
            "/shipments/no-such/events",
        ),
    ];
    for (at, body) in bad_bodies().into_iter().enumerate() {
        for (to, method, path) in &paths {
            let key = format!("{KEY}-bad-{at}");
            let ask = Ask {
                method: method.clone(),
                ..place(to, path, &key, &body)
            };
            sender.send(ask).await;
        }
    }
    for planned in &up.plan {
        for path in [
            "/canaryname",
            "/customers/no-such",
            "/customers?email=canarymail@example.com",
            "/orders/no-such",
            "/orders?after=canaryname",
            "/inventory/no-such",
            "/holds/no-such",
            "/transactions/no-such",
            "/shipments/no-such",
            "/checkout/no-such",
            "/dead-letters/no-such",
            "/%63anaryname/..%2fcanarykey",
        ] {
            for method in [Method::GET, Method::DELETE, Method::PATCH] {
                sender.send(Ask::new(planned, method, path)).await;
            }
        }
    }
    good_ones(up, sender).await;
    failing_upstreams(up, sender).await;
}

async fn through_the_gateway(gateway: &Planned, sender: &Sender) {
    let checkout = "/v1/checkout";
    let key = format!("{KEY}-1");
    let asks = [
        place(gateway, checkout, &key, order(1)),
        place(gateway, checkout, &key, order(2)),
        place(gateway, checkout, &format!("{KEY}-2"), order(9_999)),
        place(gateway, checkout, &format!("{KEY} \u{e9}"), order(1)),
        place(gateway, checkout, &KEY.repeat(40), order(1)),
        place(gateway, checkout, &format!("{KEY}-3"), order(1)).with("x-deadline-ms", "0"),
        place(gateway, checkout, &format!("{KEY}-4"), MAIL.repeat(10_000)),
        place(gateway, checkout, &format!("{KEY}-5"), order(1))
            .with("content-type", format!("text/{NAME}")),
        place(gateway, checkout, &format!("{KEY}-6"), order(1))
            .with("x-apigateway-api-userinfo", NAME)
            .with("baggage", format!("user={NAME}"))
            .with("traceparent", format!("00-{NAME}"))
            .with("cookie", format!("session={BOGUS}")),
        Ask::post(
            gateway,
            "/v1/carts/canaryname/items",
            json!({"product_id": "no-such", "quantity": 1}),
        ),
        Ask::post(
            gateway,
            "/v1/carts/canaryname/items",
            json!({"product_id": "OLJCESPC7Z", "quantity": 1}),
        ),
        Ask::get(gateway, "/v1/carts/canaryname"),
        Ask::get(gateway, "/v1/catalog/no-such"),
        Ask::get(gateway, "/v1/checkout/no-such"),
        Ask::get(gateway, "/v1/orders/no-such"),
        Ask::get(gateway, "/v1/orders?after=canaryname&limit=canaryname"),
        Ask::new(gateway, Method::PUT, "/v1/orders/no-such"),
        Ask::get(gateway, "/v1/canaryname?access_token=canarytoken"),
        Ask::get(gateway, "/v1/orders").with("authorization", ""),
        Ask::get(gateway, "/v1/orders").with("authorization", format!("Bearer {BOGUS}")),
        Ask::get(gateway, "/v1/orders").with("authorization", format!("Bearer {BOGUS}.a.b")),
        Ask::get(gateway, "/v1/orders").with("authorization", format!("Basic {BOGUS}")),
        Ask::get(gateway, "/v1/orders")
            .with("authorization", format!("Bearer {}{BOGUS}", sender.token)),
    ];
    for ask in asks {
        sender.send(ask).await;
    }
    for status in [201, 400, 401, 404, 405, 413, 415, 422, 504] {
        assert!(
            sender.saw("gateway", status),
            "nothing was answered {status}"
        );
    }
}

/// What is right, and what is right but for once before.
async fn good_ones(up: &Up, sender: &Sender) {
    let customer = json!({"name": NAME, "surname": NAME, "email": MAIL, "address": STREET});
    let (usd, item) = (
        |units: i64| json!({"currency_code": "USD", "units": units, "nanos": 0}),
        json!({"product_id": "OLJCESPC7Z", "quantity": 1}),
    );
    let sale = |units| {
        json!({"orderId": "canary-order", "currency": "USD", "customerEmail": MAIL, "userId": NAME,
               "financials": {"items": [{"item": item, "cost": usd(units)}], "shipping_cost": usd(1)}})
    };
    let shipment = json!({"orderId": "canary-order", "items": [item], "email": MAIL,
                          "destinationAddress": {"street_address": STREET, "city": NAME,
                          "state": "", "country": NAME, "zip_code": "1"}});
    let metrics = json!({"transactionType": "checkout", "durationMs": 10, "success": true});
    let crm = up.of(Server::Crm);
    let (books, house) = (up.of(Server::Accounting), up.of(Server::Warehouse));
    let asks = [
        Ask::post(crm, "/customers", customer),
        Ask::get(crm, "/customers?email=canarymail@example.com"),
        Ask::post(books, "/transactions", sale(5)),
        Ask::post(books, "/transactions", sale(6)),
        Ask::post(house, "/shipments", shipment),
        Ask::post(up.of(Server::Fraud), "/metrics", metrics),
        Ask::get(up.of(Server::Oms), "/orders"),
        Ask::get(up.of(Server::Oms), "/dead-letters"),
    ];
    for ask in asks {
        sender.send(ask).await;
    }
    for (server, status) in [
        ("crm", 201),
        ("accounting", 201),
        ("accounting", 409),
        ("fraud", 201),
    ] {
        assert!(
            sender.saw(server, status),
            "{server} never answered {status}"
        );
    }
}

/// Servers behind the checkout that do not answer, or are not there; more requests than there is
/// room for, and more than one address may send.
async fn failing_upstreams(up: &Up, sender: &Sender) {
    let gateway = up.of(Server::Gateway);
    for server in [Server::Crm, Server::Inventory, Server::Fraud] {
        up.signal(server, Signal::STOP);
        let crowd = (0..16).map(|at| {
            let key = format!("{KEY}-{}-{at}", server.name());
            sender.send(place(gateway, "/v1/checkout", &key, order(1)).with("x-deadline-ms", "700"))
        });
        join_all(crowd).await;
        up.signal(server, Signal::CONT);
        up.signal(server, Signal::KILL);
        let key = format!("{KEY}-{}-killed", server.name());
        sender
            .send(place(gateway, "/v1/checkout", &key, order(1)))
            .await;
    }
    assert!(sender.saw("gateway", 503), "nothing was shed");
    let flood = (0..400).map(|_| {
        sender
            .send(Ask::get(gateway, "/v1/orders").with("authorization", format!("Bearer {BOGUS}")))
    });
    join_all(flood).await;
    assert!(sender.saw("gateway", 429), "nobody was told to slow down");
    ready(&up.plan).await.expect("all are ready again");
}

/// What the admin ports show.
async fn admin_ports_are_silent(up: &Up, sender: &Sender) {
    for planned in &up.plan {
        for path in ["healthz", "readyz", "metrics"] {
            let url = format!("{}/{path}", planned.admin_url());
            let answer = sender.client.get(url).send().await.expect("it answers");
            let text = answer.text().await.expect("text");
            assert!(!text.is_empty());
            silent(
                &format!("{} /{path}", planned.server.name()),
                &text,
                &sender.token,
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_may_read_is_in_no_line_span_metric_probe_or_refusal() {
    for format in ["text", "json"] {
        let (address, got) = collector().await;
        let up = Up::start(format, &address).await;
        let client = Client::builder().timeout(Duration::from_secs(20)).build();
        let sender = Sender {
            client: client.expect("a client"),
            token: up.token.clone(),
            seen: Mutex::default(),
        };
        send_everything(&up, &sender).await;
        admin_ports_are_silent(&up, &sender).await;
        let (log, _folder) = up.end().await;

        for server in Server::NINE {
            let begun = format!("{:>10} | ", server.name());
            let told = log
                .lines()
                .filter(|it| it.starts_with(&begun) && it.contains("answered"));
            assert!(told.count() > 10, "{} says nothing", server.name());
        }
        silent(&format!("the log as {format}"), &log, &sender.token);
        let spans = got.lock().expect("free").clone();
        let exported: usize = spans.iter().map(Bytes::len).sum();
        assert!(exported > 10_000, "spans are exported");
        for batch in spans {
            silent("the spans", &String::from_utf8_lossy(&batch), &sender.token);
        }
    }
}
