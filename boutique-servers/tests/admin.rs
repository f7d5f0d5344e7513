//! The admin port: what probes and Prometheus see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use boutique_core::assembly::Ports;
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::fault::Fault;
use boutique_core::ids::ProductId;
use boutique_core::limits::Units;
use boutique_core::stock::{Receive, Reserve, StockLine, StockSystem};
use boutique_servers::admin::{Admin, Dependency, admitted, backlog, check, edge, outbox, stock};
use boutique_servers::config::{AccountingConfig, Server, Source, read};
use boutique_servers::exit::Failure;
use boutique_servers::output::Output;
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::edge::{EdgeSettings, Stack};
use boutique_transport::http::exchange::{InProcess, base};
use boutique_transport::http::gate::{Gate, GateSize};
use boutique_transport::sources::{NamedIds, SystemClock};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use utoipa_axum::router::OpenApiRouter;

async fn get(admin: &Admin, path: &str) -> (StatusCode, String) {
    ask(&InProcess(admin.router()), path).await
}

async fn ask(server: &InProcess, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).body(Bytes::new());
    let answer = server.clone().oneshot(request.expect("a request")).await;
    let answer = answer.expect("answers");
    let text = String::from_utf8(answer.body().to_vec()).expect("text");
    (answer.status(), text)
}

async fn ready(admin: &Admin) -> (StatusCode, Value) {
    let (status, text) = get(admin, "/readyz").await;
    (status, serde_json::from_str(&text).expect("JSON"))
}

/// A dependency that is there as long as the switch is on.
fn switched(name: &'static str, needed: bool) -> (Arc<AtomicBool>, Dependency) {
    let switch = Arc::new(AtomicBool::new(true));
    let on = Arc::clone(&switch);
    let check = move || {
        let on = on.load(Ordering::SeqCst);
        async move {
            if on {
                Ok(())
            } else {
                Err(Fault::unavailable("pulled the plug"))
            }
        }
    };
    (switch, Dependency::new(name, needed, check))
}

#[tokio::test]
async fn a_server_is_ready_while_what_it_needs_is_there_and_it_does_not_drain() {
    let (crm, needed) = switched("crm", true);
    let (oms, helpful) = switched("oms", false);
    let admin = Admin::new(Server::Checkout, vec![needed, helpful], Vec::new());

    // Nothing is known yet, so nobody is sent here.
    let (status, body) = ready(&admin).await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"not ready".into())
    );
    assert_eq!(body["dependencies"][0]["state"], "unknown");
    assert_eq!(get(&admin, "/healthz").await.0, StatusCode::OK);

    admin.check().await;
    let (status, up) = ready(&admin).await;
    assert_eq!((status, &up["status"]), (StatusCode::OK, &"ready".into()));

    oms.store(false, Ordering::SeqCst);
    admin.check().await;
    let (status, body) = ready(&admin).await;
    assert_eq!(status, StatusCode::OK, "it can do without order management");
    assert_eq!(body["dependencies"][1]["detail"], "pulled the plug");
    assert_eq!(
        body["dependencies"][0]["since"],
        up["dependencies"][0]["since"]
    );

    crm.store(false, Ordering::SeqCst);
    admin.check().await;
    let (status, body) = ready(&admin).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (
            &body["dependencies"][0]["name"],
            &body["dependencies"][0]["state"]
        ),
        (&"crm".into(), &"down".into())
    );

    crm.store(true, Ordering::SeqCst);
    admin.check().await;
    assert_eq!(ready(&admin).await.0, StatusCode::OK);
    admin.drain();
    let (status, body) = ready(&admin).await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"draining".into())
    );
    assert_eq!(
        get(&admin, "/healthz").await.0,
        StatusCode::OK,
        "it is not to be killed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_is_down_and_keeps_no_probe_waiting() {
    let hangs = Dependency::new("crm", true, std::future::pending);
    let (_, fine) = switched("store", true);
    let admin = Admin::new(Server::Checkout, vec![hangs, fine], Vec::new());
    let stop = CancellationToken::new();
    let watching = tokio::spawn({
        let (admin, stop) = (admin.clone(), stop.clone());
        async move { admin.watch(Duration::from_secs(5), &stop).await }
    });
    assert_eq!(ready(&admin).await.0, StatusCode::SERVICE_UNAVAILABLE);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (_, body) = ready(&admin).await;
    assert_eq!(body["dependencies"][0]["state"], "down");
    assert_eq!(body["dependencies"][0]["detail"], "no answer in time");
    assert_eq!(body["dependencies"][1]["state"], "up");
    stop.cancel();
    watching.await.expect("ends");
}

#[tokio::test]
async fn another_server_is_up_if_its_health_says_so() {
    let crm = server("crm", OpenApiRouter::new(), (), Limits::default());
    let url = base("http://crm.test").expect("a URL");
    let up = Dependency::upstream("crm", true, Upstream::new(url.clone(), InProcess(crm)));
    let other = Dependency::upstream(
        "fraud",
        true,
        Upstream::new(url, InProcess(axum::Router::new())),
    );
    let found = Admin::new(Server::Checkout, vec![up, other], Vec::new())
        .check()
        .await;
    let told: Vec<_> = found
        .iter()
        .map(|it| (it.name, it.detail.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            ("crm", None),
            ("fraud", Some("the upstream answered 404 Not Found"))
        ]
    );
}

async fn checked(environment: &[(&str, &str)]) -> (Result<(), Failure>, String) {
    let variables = environment.iter().map(|(a, b)| (a.into(), b.into()));
    let source = Source::parse("", variables).expect("TOML");
    let config: AccountingConfig = read(Server::Accounting, &source).expect("fits");
    let mut printed = Vec::new();
    let out = &mut Output {
        to: &mut printed,
        json: false,
    };
    let done = check(&config, false, out).await;
    (done, String::from_utf8(printed).expect("text"))
}

#[tokio::test]
async fn a_check_prints_what_it_found_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("books.db");
    let store = format!("sqlite:{}", file.display());
    let crm = server("crm", OpenApiRouter::new(), (), Limits::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let serving = tokio::spawn(async move { axum::serve(listener, crm).await });
    let environment = [("BOUTIQUE_STORE", &*store), ("CRM_SERVICE_URL", &*url)];

    let (done, printed) = checked(&environment).await;
    assert!(done.is_ok(), "{done:?}");
    for said in [
        "127.0.0.1:8087",
        "127.0.0.1:9087",
        "is made at the start",
        &url,
    ] {
        assert!(printed.contains(said), "no {said} in {printed}");
    }
    assert!(!file.exists());

    serving.abort();
    drop(serving.await);
    let (done, printed) = checked(&environment).await;
    let failure = done.expect_err("nobody is there");
    assert_eq!((failure.code(), printed.contains("down")), (1, true));
    assert!(failure.to_string().contains("crm"));

    let nowhere = format!("sqlite:{}/no/such/books.db", folder.path().display());
    let (done, _) = checked(&[("BOUTIQUE_STORE", &nowhere)]).await;
    assert_eq!(done.expect_err("there is no such folder").code(), 3);
}

/// The line of `name` with these labels, in any order.
fn sample<'a>(metrics: &'a str, name: &str, labels: &[&str]) -> Option<&'a str> {
    metrics
        .lines()
        .filter(|it| it.starts_with(name) && labels.iter().all(|label| it.contains(label)))
        .find_map(|it| it.rsplit(' ').next())
}

#[tokio::test]
async fn prometheus_reads_requests_by_template_and_what_waits() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
    let product_id: ProductId = "OLJCESPC7Z".parse().expect("an id");
    let receive = Receive {
        receipt_id: "r1".parse().expect("an id"),
        product_id: product_id.clone(),
        quantity: 7,
    };
    ports.inventory.receive(receive).await.expect("received");
    let reserve = Reserve {
        hold_id: "h1".parse().expect("an id"),
        lines: vec![StockLine {
            product_id,
            quantity: Units::new(3).expect("units"),
        }],
        ttl: Duration::from_secs(60),
        valid_until: Timestamp::MAX,
    };
    ports.inventory.reserve(reserve).await.expect("held");
    let meters = vec![
        stock(StockSystem::Inventory, Arc::clone(&ports.inventory)),
        outbox(Arc::clone(&ports.checkout), Arc::clone(&clock)),
        backlog(Arc::clone(&ports.broker), "orders.oms".into(), clock),
        edge(Stack::new("crm", EdgeSettings::default()).state()),
        admitted("metered", Gate::new(GateSize::default())),
    ];
    let admin = Admin::new(Server::Checkout, vec![Dependency::store(&ports)], meters);

    // No label is what a client sent.
    const CANARY: &str = "canary-ada";
    let routes = OpenApiRouter::new()
        .route("/carts/{userId}", axum::routing::get(async || "cart"))
        .route(
            "/broken",
            axum::routing::get(async || StatusCode::SERVICE_UNAVAILABLE),
        );
    let shop = InProcess(server("metered", routes, (), Limits::default()));
    for path in [
        "/carts/canary-ada",
        "/carts/canary-bob",
        "/broken",
        "/canary-ada/no/such",
    ] {
        ask(&shop, path).await;
    }

    admin.check().await;
    let (_, metrics) = get(&admin, "/metrics").await;
    let count = "http_server_request_duration_seconds_count";
    for (name, labels, value) in [
        (
            count,
            &[
                "service=\"metered\"",
                "route=\"/carts/{userId}\"",
                "method=\"GET\"",
                "status=\"200\"",
            ][..],
            "2",
        ),
        (
            count,
            &["service=\"metered\"", "route=\"/broken\"", "status=\"503\""],
            "1",
        ),
        (
            count,
            &[
                "service=\"metered\"",
                "route=\"unmatched\"",
                "status=\"404\"",
            ],
            "1",
        ),
        ("boutique_outbox_waiting", &[], "0"),
        ("boutique_holds_open", &["system=\"inventory\""], "1"),
        (
            "boutique_units",
            &["system=\"inventory\"", "state=\"held\""],
            "3",
        ),
        ("boutique_dependency_up", &["dependency=\"store\""], "1"),
        (
            "boutique_breaker_state",
            &["upstream=\"crm\"", "state=\"closed\""],
            "1",
        ),
        (
            "boutique_breaker_state",
            &["upstream=\"crm\"", "state=\"open\""],
            "0",
        ),
        (
            "boutique_upstream_retries_total",
            &["upstream=\"crm\""],
            "0",
        ),
        (
            "boutique_requests_shed_total",
            &["service=\"metered\""],
            "0",
        ),
    ] {
        assert_eq!(
            sample(&metrics, name, labels),
            Some(value),
            "{name} {labels:?} in {metrics}"
        );
    }
    let bucket = sample(
        &metrics,
        "http_server_request_duration_seconds_bucket",
        &["metered", "le=\"+Inf\"", "/carts"],
    );
    assert_eq!(bucket, Some("2"));
    for process in [
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
    ] {
        let value: f64 = sample(&metrics, process, &[])
            .expect(process)
            .parse()
            .expect("a number");
        assert!(value > 0.0, "{process}");
    }
    assert!(!metrics.contains(CANARY), "{metrics}");
}
