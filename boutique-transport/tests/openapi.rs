//! The OpenAPI document of every server says what the server serves, all of it and nothing else.
#![cfg(feature = "jwt")]

mod jwt_support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use boutique_core::accounting::KeepBooks;
use boutique_core::assembly::{Ports, Topology, WarehousePorts};
use boutique_core::catalog::Catalog;
use boutique_core::checkout::{CheckoutError, Outcome, PlaceOrder, ReviewDecision};
use boutique_core::clock::Clock;
use boutique_core::customer::LookUpInDirectory;
use boutique_core::fault::Fault;
use boutique_core::flow::{Step, StepService};
use boutique_core::fraud::{AssessRisk, EvaluationLog, RuleSet};
use boutique_core::gateway::{Algorithm, RouteTable};
use boutique_core::ids::{IdSource, OrderId, TenantId};
use boutique_core::money::Currency;
use boutique_core::orders::{Desk, Drove, OrderError};
use boutique_core::shipping::Tariff;
use boutique_testkit::{CountingIds, ManualClock};
use boutique_transport::gateway::{Gateway, GatewayOptions, GatewayUpstream};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::InProcess;
use boutique_transport::http::{accounting, checkout, crm, fraud, oms, stock, warehouse};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::Value;
use tower::{ServiceExt, service_fn};

/// Every server, by the function that makes its paths. One that is missing here is noticed by
/// [`every_function_that_makes_paths_is_looked_at`].
fn servers() -> Vec<(&'static str, Router)> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let ids: Arc<dyn IdSource> = Arc::new(CountingIds::default());
    let ports = Ports::memory(Arc::clone(&clock), Arc::clone(&ids));
    let limits = Limits::default();
    let down = || Fault::unavailable("nobody is there");

    let checkout = checkout::CheckoutApi {
        place: service_fn(move |_: PlaceOrder| async move {
            Err::<Outcome, CheckoutError>(down().into())
        }),
        review: service_fn(move |_: ReviewDecision| async move {
            Err::<Outcome, CheckoutError>(down().into())
        }),
        store: Arc::clone(&ports.checkout),
        carts: Arc::clone(&ports.carts),
        catalog: Arc::new(Catalog::default_range()),
        clock: Arc::clone(&clock),
        tenant: TenantId::new("shop").expect("an id"),
    };
    let fraud = fraud::FraudApi {
        assess: AssessRisk {
            store: Arc::clone(&ports.signals),
            rules: Arc::new(RuleSet::standard()),
        }
        .into_service(),
        log: Arc::new(Mutex::new(EvaluationLog::default())),
        clock: Arc::clone(&clock),
    };
    let stock = |ledger| stock::StockApi {
        ledger,
        names: stock::Names::of(Arc::new(Catalog::default_range())),
        ids: Arc::clone(&ids),
        hold_for: stock::HOLD_FOR,
        tariff: Arc::new(Tariff::standard()),
    };
    let (inventory, furniture) = (
        stock(Arc::clone(&ports.inventory)),
        stock(Arc::clone(&ports.furniture)),
    );
    let oms = oms::OmsApi {
        desk: Desk {
            orders: Arc::clone(&ports.orders),
            drive: service_fn(
                move |_: OrderId| async move { Err::<Drove, OrderError>(down().into()) },
            ),
            clock: Arc::clone(&clock),
        },
    };
    let crm = crm::CrmApi {
        directory: Arc::clone(&ports.customers),
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        currency: Currency::USD,
    };
    let look_up = LookUpInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let books = KeepBooks {
        journal: Arc::clone(&ports.journal),
        clock: Arc::clone(&clock),
        crm: look_up.into_service(),
    };
    let count = accounting::CountInDirectory {
        directory: Arc::clone(&ports.customers),
    };
    let accounting = accounting::AccountingApi {
        book: books.into_service(),
        journal: Arc::clone(&ports.journal),
        clock: Arc::clone(&clock),
        crm: accounting::CountService::new(count.into_service()),
        crm_within: Duration::from_millis(500),
    };
    let goods = WarehousePorts {
        shipments: Arc::clone(&ports.shipments),
        stock: ports.stock(),
        broker: Arc::clone(&ports.broker).into(),
        clock: Arc::clone(&clock),
    };
    let warehouse = warehouse::WarehouseApi {
        warehouse: StepService::shared(goods.into_warehouse(&Topology::default())),
        shipments: Arc::clone(&ports.shipments),
        clock: Arc::clone(&clock),
    };
    vec![
        (
            "checkout::routes",
            server("checkout", checkout::routes(), checkout, limits),
        ),
        (
            "crm::routes",
            server("crm", crm::routes(), Arc::new(crm), limits),
        ),
        (
            "fraud::routes",
            server("fraud", fraud::routes(), fraud, limits),
        ),
        (
            "stock::routes",
            server("inventory", stock::routes(), Arc::new(inventory), limits),
        ),
        (
            "stock::furniture_routes",
            server(
                "furniture",
                stock::furniture_routes(),
                Arc::new(furniture),
                limits,
            ),
        ),
        ("oms::routes", server("oms", oms::routes(), oms, limits)),
        (
            "accounting::routes",
            server("accounting", accounting::routes(), accounting, limits),
        ),
        (
            "warehouse::routes",
            server("warehouse", warehouse::routes(), warehouse, limits),
        ),
    ]
}

/// Every server with a document: those made of paths, and the gateway, which is made of a table.
fn documented() -> Vec<(&'static str, Router)> {
    let verifier = jwt_support::verifier(
        Algorithm::Es256,
        &jwt_support::Endpoints::new(&[]),
        &jwt_support::Watch::new(),
    );
    let nobody = || GatewayUpstream::InProcess(Router::new());
    let upstreams = ["checkout", "oms"].map(|it| (it.to_owned(), nobody()));
    let table = RouteTable::standard();
    let options = GatewayOptions::default();
    let gateway = Gateway::new(table, verifier, &upstreams.into(), options).expect("a gateway");
    let mut all = servers();
    all.push(("gateway", gateway.server(Limits::default(), None)));
    all
}

/// Methods and path templates.
type Routes = BTreeSet<(String, String)>;

const METHODS: [&str; 8] = [
    "get", "head", "delete", "options", "patch", "post", "put", "trace",
];

/// What a router serves, by what it prints of itself: it has no other way to tell.
fn served(router: &Router) -> Routes {
    let text = format!("{router:?}");
    let own = text.split("fallback_router").next().unwrap_or_default();
    let (methods, paths) = own.split_once("node: Node").expect("prints its paths");
    let mut by_id: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for route in methods.split("RouteId(").skip(1) {
        let (id, what) = route.split_once(')').expect("prints ids");
        assert!(
            what.starts_with(": MethodRouter"),
            "a route that tells no methods: {what}"
        );
        let takes = |method: &&str| !what.contains(&format!(" {method}: None"));
        by_id.insert(id, METHODS.into_iter().filter(takes).collect());
    }
    let mut routes = Routes::new();
    for path in paths.split("RouteId(").skip(1) {
        let (id, path) = path.split_once("): \"").expect("prints paths");
        let path = path.split('"').next().unwrap_or_default();
        for method in &by_id[id] {
            routes.insert(((*method).to_owned(), path.to_owned()));
        }
    }
    routes
}

/// The operations of a document.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        let operations = item
            .iter()
            .filter(|(key, _)| METHODS.contains(&key.as_str()));
        operations.map(move |(method, it)| (method.as_str(), path.as_str(), it))
    })
}

async fn ask(router: &Router, request: Request<Bytes>) -> (StatusCode, Value) {
    let answer = InProcess(router.clone()).oneshot(request).await;
    let answer = answer.expect("answers");
    let body = serde_json::from_slice(answer.body());
    (answer.status(), body.unwrap_or_default())
}

async fn document(router: &Router) -> Value {
    let request = Request::get("/openapi.json").body(Bytes::new());
    let (status, document) = ask(router, request.expect("a request")).await;
    assert_eq!(status, StatusCode::OK);
    document
}

#[tokio::test]
async fn a_document_has_every_route_and_no_other() {
    for (name, router) in documented() {
        let document = document(&router).await;
        let described = operations(&document);
        let described: Routes = described
            .map(|(method, path, _)| (method.to_owned(), path.to_owned()))
            .collect();
        assert_eq!(described, served(&router), "{name}");
        assert!(described.len() > 2, "{name} serves more than what all do");
    }
}

#[tokio::test]
async fn every_route_of_a_document_answers() {
    for (name, router) in documented() {
        let document = document(&router).await;
        for (method, path, operation) in operations(&document) {
            let at: String = path
                .split('/')
                .map(|it| if it.starts_with('{') { "x-1" } else { it })
                .collect::<Vec<_>>()
                .join("/");
            let upper = method.to_ascii_uppercase();
            let upper = Method::from_bytes(upper.as_bytes()).expect("a method");
            let mut request = Request::builder().method(upper).uri(at);
            let has_body = operation.get("requestBody").is_some();
            if has_body {
                request = request.header("content-type", "application/json");
            }
            let body = if has_body { "{}" } else { "" };
            let request = request.body(Bytes::from_static(body.as_bytes()));
            let (status, answer) = ask(&router, request.expect("a request")).await;
            let at = format!("{name}: {method} {path}: {status} {answer}");
            assert_ne!(status, StatusCode::METHOD_NOT_ALLOWED, "{at}");
            let detail = answer["detail"].as_str().unwrap_or_default();
            assert!(!detail.starts_with("there is no such path here"), "{at}");
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{at}");
        }
    }
}

/// Every `$ref` of a document.
fn references<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            into.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|it| references(it, into));
        }
        Value::Array(items) => items.iter().for_each(|it| references(it, into)),
        _ => {}
    }
}

/// The rules of OpenAPI 3.1 that no schema language tells: what is named is there, once.
/// <https://spec.openapis.org/oas/v3.1.1.html>
#[tokio::test]
async fn a_document_is_openapi_3_1() {
    for (name, router) in documented() {
        let document = document(&router).await;
        assert_eq!(document["openapi"], "3.1.0", "{name}");
        for field in ["title", "version"] {
            let text = document["info"][field].as_str();
            assert!(
                text.is_some_and(|it| !it.is_empty()),
                "{name}: info.{field}"
            );
        }
        let mut named = Vec::new();
        references(&document, &mut named);
        for reference in named {
            let pointer = reference.strip_prefix('#').expect("of this document");
            assert!(document.pointer(pointer).is_some(), "{name}: {reference}");
        }
        let mut ids = BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let at = format!("{name}: {method} {path}");
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(!id.is_empty() && ids.insert(id), "{at}: operationId {id}");
            let told = operation["summary"].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{at}: summary");

            let template = path
                .split('/')
                .filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
            let template: BTreeSet<&str> = template.collect();
            let none = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&none);
            let of_path = parameters.iter().filter(|it| it["in"] == "path");
            let of_path: BTreeSet<&str> = of_path
                .inspect(|it| assert_eq!(it["required"], true, "{at}: {it}"))
                .filter_map(|it| it["name"].as_str())
                .collect();
            assert_eq!(of_path, template, "{at}: path parameters");

            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.keys().any(|it| it.starts_with('2')),
                "{at}: a success"
            );
            for (status, response) in responses {
                assert!(status.parse::<u16>().is_ok(), "{at}: {status}");
                assert!(response["description"].is_string(), "{at}: {status}");
                let fails = status.starts_with(['4', '5']);
                let kinds = response["content"].as_object().into_iter().flatten();
                for (kind, media) in kinds {
                    assert!(media["schema"].is_object(), "{at}: {status} {kind}");
                    let problem = kind == "application/problem+json";
                    assert_eq!(problem, fails, "{at}: {status} {kind}");
                }
            }
        }
    }
}

/// Whoever shops finds in the gateway's document what a request takes and answers, by the names
/// and scopes of the public routes.
#[tokio::test]
async fn the_gateways_document_tells_what_a_shopper_needs() {
    let (_, gateway) = documented().pop().expect("the gateway");
    let document = document(&gateway).await;
    let place = &document["paths"]["/v1/checkout"]["post"];
    assert_eq!(place["operationId"], "placeOrder");
    assert_eq!(place["security"][0]["bearer"][0], "checkout");
    let body = &place["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let body = body.as_str().and_then(|it| it.strip_prefix('#'));
    let order = document.pointer(body.expect("of this document"));
    assert!(order.expect("is there")["properties"]["user_currency"].is_object());
    let parameters = place["parameters"].as_array().expect("parameters");
    assert!(parameters.iter().any(|it| it["name"] == "Idempotency-Key"));
    for status in ["201", "401", "403", "413", "429", "504"] {
        assert!(place["responses"][status].is_object(), "{status}");
    }
    for route in RouteTable::standard().routes() {
        let method = route.method.as_str().to_ascii_lowercase();
        let operation = &document["paths"][&*route.path][method];
        let answers = operation["responses"]["200"]["content"].is_object()
            || operation["responses"]["201"]["content"].is_object();
        assert!(answers, "{}: {operation}", route.name);
    }
}

/// Functions of a module that make paths for all the world: `stock::furniture_routes`.
fn makers(folder: &Path, module: &str, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("is there") {
        let path = entry.expect("is there").path();
        let stem = path
            .file_stem()
            .and_then(|it| it.to_str())
            .unwrap_or_default();
        let module = match module {
            "" => stem,
            module => module,
        };
        if path.is_dir() {
            makers(&path, module, into);
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        for item in text.split("\npub fn ").skip(1) {
            let head = item.split(" {\n").next().unwrap_or_default();
            if head.contains("-> OpenApiRouter<") {
                let name = head.split(['(', '<']).next().unwrap_or_default();
                into.insert(format!("{module}::{name}"));
            }
        }
    }
}

#[test]
fn every_function_that_makes_paths_is_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut made = BTreeSet::new();
    makers(&folder, "", &mut made);
    let looked_at = servers().into_iter().map(|it| it.0.to_owned());
    assert_eq!(made, looked_at.collect());
}
