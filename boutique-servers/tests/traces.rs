//! One order through several servers: what the log and the collector get to see of it.
#![cfg(feature = "otel")]

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Bytes as Body;
use axum::routing::post;
use boutique_core::assembly::{
    Boutique, CheckoutEdges, CheckoutPorts, CheckoutSystem, CrmService, FraudService, Ports,
    PushService, Settings, Topology,
};
use boutique_core::catalog::Catalog;
use boutique_core::clock::Clock;
use boutique_core::customer::LookUpInDirectory;
use boutique_core::flow::Step;
use boutique_core::fraud::{AssessRisk, EvaluationLog, RuleSet};
use boutique_core::ids::TenantId;
use boutique_core::shipping::Tariff;
use boutique_core::stock::{Receive, StockLedger, StockRouter, StockSystem};
use boutique_servers::config::{Common, Configured, LogFormat, Logs, Reader, Server, Source};
use boutique_servers::logs::{SpanExporting, lines};
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::checkout::{self, CheckoutApi};
use boutique_transport::http::exchange::{InProcess, base};
use boutique_transport::http::fraud::{self, FraudApi, FraudClient};
use boutique_transport::http::oms::{self, OmsApi, PushClient};
use boutique_transport::http::stock::{self, HOLD_FOR, HttpLedger, Names, StockApi};
use boutique_transport::sources::{NamedIds, SystemClock};
use bytes::Bytes;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tower::ServiceExt;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;

const CANARIES: [&str; 4] = [
    "canary-mail",
    "canary-street",
    "canary-user",
    "canary-secret",
];
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A collector on a port of its own, and what it got.
async fn collector() -> (String, Arc<Mutex<Vec<Body>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&got);
    let take = async move |body: Body| keep.lock().expect("free").push(body);
    let router = axum::Router::new().route("/v1/traces", post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), got)
}

/// What is logged, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("free").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("free").clone()).expect("text")
    }
}

fn upstream(router: axum::Router) -> Upstream<InProcess> {
    Upstream::new(
        base("http://upstream.test").expect("a URL"),
        InProcess(router),
    )
}

/// A checkout that asks fraud and stock, and pushes to order management, over HTTP.
async fn shop() -> (InProcess, CheckoutSystem) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::new(NamedIds));
    let catalog = Arc::new(Catalog::default_range());
    let receive = Receive {
        receipt_id: "r-1".parse().expect("an id"),
        product_id: "OLJCESPC7Z".parse().expect("an id"),
        quantity: 100,
    };
    ports.inventory.receive(receive).await.expect("stocked");
    let settings = Settings::standard(Arc::clone(&catalog));
    let behind = Boutique::new(ports.clone(), settings.clone());
    behind.start().await.expect("starts");

    let fraud = FraudApi {
        assess: AssessRisk {
            store: Arc::clone(&ports.signals),
            rules: Arc::new(RuleSet::none()),
        }
        .into_service(),
        log: Arc::new(Mutex::new(EvaluationLog::default())),
        clock: Arc::clone(&clock),
    };
    let fraud = server("fraud", fraud::routes(), fraud, Limits::default());
    let ledger = |name: &'static str, system| -> Arc<dyn StockLedger> {
        let api = Arc::new(StockApi {
            ledger: Arc::clone(ports.ledger(system)),
            names: Names::of(Arc::clone(&catalog)),
            ids: Arc::new(NamedIds),
            hold_for: HOLD_FOR,
            tariff: Arc::new(Tariff::standard()),
        });
        let router = server(name, stock::routes(), api, Limits::default());
        Arc::new(HttpLedger {
            upstream: upstream(router),
        })
    };
    let desk = OmsApi {
        desk: behind.desk().clone(),
    };
    let oms = server("oms", oms::routes(), desk, Limits::default());
    let crm = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let system = CheckoutSystem::new(
        CheckoutPorts {
            checkout: Arc::clone(&ports.checkout),
            carts: Arc::clone(&ports.carts),
            stock: StockRouter::new(
                ledger("inventory", StockSystem::Inventory),
                ledger("furniture", StockSystem::Furniture),
            ),
            broker: Arc::clone(&ports.broker).into(),
            analytics: Arc::clone(&ports.analytics),
            clock: Arc::clone(&clock),
            ids: Arc::new(NamedIds),
        },
        CheckoutEdges {
            crm: CrmService::new(crm.into_service()),
            fraud: FraudService::new(
                FraudClient {
                    upstream: upstream(fraud),
                }
                .into_service(),
            ),
            orders: PushService::new(
                PushClient {
                    upstream: upstream(oms),
                    credential: None,
                }
                .into_service(),
            ),
        },
        settings,
        Topology::default(),
    );
    let api = CheckoutApi {
        place: system.placing().clone(),
        review: system.reviewing().clone(),
        store: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        catalog,
        clock,
        tenant: TenantId::new("boutique").expect("a tenant"),
    };
    let router = server("checkout", checkout::routes(), api, Limits::default());
    (InProcess(router), system)
}

async fn place(shop: &InProcess, key: &str, headers: &[(&str, &str)]) -> StatusCode {
    let order = json!({
        "user_id": "canary-user", "user_currency": "USD", "email": "canary-mail@example.com",
        "address": {"street_address": "canary-street 1", "city": "Springfield", "state": "",
                    "country": "United States", "zip_code": 97477},
        "items": [{"product_id": "OLJCESPC7Z", "quantity": 2}],
    });
    let mut request = Request::post("/checkout")
        .header("content-type", "application/json")
        .header("authorization", "Bearer canary-secret")
        .header("idempotency-key", key);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Bytes::from(order.to_string()))
        .expect("a request");
    shop.clone()
        .oneshot(request)
        .await
        .expect("answers")
        .status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_one_trace_over_all_servers_and_says_nothing_of_its_buyer() {
    let (endpoint, got) = collector().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT".into(), endpoint.into()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS".into(),
            "authorization=canary-secret".into(),
        ),
    ];
    let source = Source::parse("", variables).expect("TOML");
    let common = Common::read(&mut Reader::new(Server::Checkout, &source));
    let exporting = SpanExporting::start(Server::Checkout, &common.traces).expect("starts");
    let kept = Kept::default();
    let writer = kept.clone();
    let everything = Logs {
        levels: "trace".parse::<Targets>().expect("levels"),
        format: LogFormat::Json,
    };
    let subscriber = Registry::default()
        .with(lines(Server::Checkout, &everything, move || writer.clone()))
        .with(exporting.layer());
    tracing::subscriber::set_global_default(subscriber).expect("the first");

    let (shop, system) = shop().await;
    let sampled = format!("00-{TRACE}-{SPAN}-01");
    let headers = [("traceparent", &*sampled), ("x-request-id", "request-1")];
    assert_eq!(place(&shop, "key-1", &headers).await, StatusCode::CREATED);
    while !system.work().await.expect("delivered").is_idle() {}
    // One that nobody records, and one that fails.
    let unsampled = format!("00-{}-{SPAN}-00", TRACE.replace('4', "5"));
    assert_eq!(
        place(&shop, "key-2", &[("traceparent", &unsampled)]).await,
        StatusCode::CREATED
    );
    let late = [("x-deadline-ms", "0"), ("x-request-id", "request-3")];
    assert_eq!(
        place(&shop, "key-3", &late).await,
        StatusCode::GATEWAY_TIMEOUT
    );
    exporting.close().await;

    let bodies = got.lock().expect("free").clone();
    let spans = spans(&bodies);
    let servers: BTreeSet<String> = spans
        .iter()
        .filter_map(|it| attribute(it, "boutique.server"))
        .collect();
    assert_eq!(
        servers,
        ["checkout", "fraud", "inventory", "oms"]
            .map(String::from)
            .into()
    );
    let ids: BTreeSet<String> = spans.iter().map(|it| hex(&it.span_id)).collect();
    assert_eq!(ids.len(), spans.len(), "every hop has a span of its own");
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
        let parent = hex(&span.parent_span_id);
        assert!(
            parent == SPAN || ids.contains(&parent),
            "{} hangs in the air",
            span.name
        );
    }
    let reserve = spans.iter().any(|it| it.name == "PUT /holds/{holdId}");
    assert!(reserve, "spans are named by templates");

    let log = kept.text();
    let lines: Vec<Value> = log
        .lines()
        .map(|it| serde_json::from_str(it).expect("an object a line"))
        .collect();
    let failed: Vec<_> = lines
        .iter()
        .filter(|it| it["message"] == "a request failed")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    let failed = failed[0];
    assert_eq!(
        (&failed["level"], &failed["request_id"]),
        (&"WARN".into(), &"request-3".into())
    );
    assert_eq!(
        (&failed["route"], &failed["status"]),
        (&"/checkout".into(), &504.into())
    );
    let answered = lines
        .iter()
        .filter(|it| it["message"] == "answered" && it["request_id"] == "request-1");
    let traced: BTreeSet<String> = answered.map(|it| it["trace_id"].to_string()).collect();
    assert_eq!(traced, [format!("\"{TRACE}\"")].into());
    for canary in CANARIES {
        assert!(!log.contains(canary), "{canary} in the log");
        let exported = bodies
            .iter()
            .any(|it| it.windows(canary.len()).any(|it| it == canary.as_bytes()));
        assert!(!exported, "{canary} in a span");
    }
}

fn spans(bodies: &[Body]) -> Vec<Span> {
    let requests = bodies
        .iter()
        .map(|it| ExportTraceServiceRequest::decode(&**it).expect("OTLP"));
    let resources = requests.flat_map(|it| it.resource_spans);
    resources
        .flat_map(|it| it.scope_spans)
        .flat_map(|it| it.spans)
        .collect()
}

fn attribute(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    let found = span.attributes.iter().find(|it| it.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
