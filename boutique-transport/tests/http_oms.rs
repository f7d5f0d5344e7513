//! Order management over HTTP: what becomes of every kind of push, whose orders somebody may
//! see and call off, and that a caller cannot tell the clients from the services behind them.
#![cfg(feature = "http")]

use std::sync::Arc;

use boutique_core::broker::{AckId, Delivery, Message, Push, SOURCE_SUBSCRIPTION};
use boutique_core::clock::{Clock, Timestamp};
use boutique_core::customer::{Address, Email};
use boutique_core::event::{ConfirmedOrder, HoldRef, ItemRef, OrderConfirmedEvent, OrderItem};
use boutique_core::fault::{Fault, FaultKind};
use boutique_core::flow::{Step, StepService};
use boutique_core::fraud::{Band, Risk};
use boutique_core::ids::{OrderId, ProductId, ReturnId, UserId};
use boutique_core::limits::Units;
use boutique_core::money::{Currency, Money};
use boutique_core::orders::{
    CancelOrder, DeadLetter, Desk, DeskError, DeskRejection, Drove, Fact, MemoryOrders, Order,
    OrderError, OrderStore, ReceiveDeadLetters, ReceiveOrders, ReceiveReports, ReturnGoods,
    ReturnLine,
};
use boutique_core::stock::StockSystem::{self, Furniture, Inventory};
use boutique_core::warehouse::{ShipmentReport, ShipmentStatus};
use boutique_testkit::faulty::{FaultPlan, Faulty};
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, base};
use boutique_transport::http::oms::{DeskClient, OmsApi, PushClient, routes};
use boutique_transport::http::userinfo::{USERINFO, Userinfo};
use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Noon;
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(43_200_000)
    }
}

/// Drives nothing: what was asked for is durable all the same.
#[derive(Clone)]
struct Idle;

impl Step<OrderId> for Idle {
    type Response = Drove;
    type Error = OrderError;

    async fn run(&self, _: OrderId) -> Result<Drove, OrderError> {
        Err(Fault::unavailable("accounting is down").into())
    }
}

type Driver = StepService<Idle>;

/// Order management in memory, and its server.
struct Oms {
    orders: Arc<MemoryOrders>,
    desk: Desk<Driver>,
    http: InProcess,
}

impl Oms {
    fn over(store: Arc<dyn OrderStore>, orders: Arc<MemoryOrders>) -> Self {
        let desk = Desk {
            orders: store,
            drive: Idle.into_service(),
            clock: Arc::new(Noon),
        };
        let api = OmsApi { desk: desk.clone() };
        Self {
            orders,
            desk,
            http: InProcess(server("oms", routes(), api, Limits::default())),
        }
    }

    fn new() -> Self {
        let orders = Arc::new(MemoryOrders::default());
        Self::over(Arc::<MemoryOrders>::clone(&orders), orders)
    }

    /// With these orders taken in.
    async fn with(orders: &[(&str, &str)]) -> Self {
        let oms = Self::new();
        for (id, user) in orders {
            let accepted = oms.orders.accept(placed(id, user), at(1)).await;
            accepted.expect("new");
        }
        oms
    }

    fn upstream(&self) -> Upstream<InProcess> {
        Upstream::new(base("http://oms").expect("an address"), self.http.clone())
    }

    async fn ask(
        &self,
        (method, path): (&str, &str),
        claims: Option<Value>,
        body: Option<Value>,
    ) -> (StatusCode, Value, Option<String>) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(claims) = &claims {
            request = request.header(&USERINFO, Userinfo::value(claims).expect("a header"));
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Bytes::from(body.to_string())),
            None => request.body(Bytes::new()),
        };
        let answer = self.http.clone().oneshot(request.expect("a request")).await;
        let answer = answer.expect("answers");
        let link = answer.headers().get("link");
        let link = link.map(|it| it.to_str().expect("text").to_owned());
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (answer.status(), body, link)
    }

    async fn order(&self, id: &str) -> Option<Order> {
        self.orders.order(&order_id(id)).await.expect("reads")
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        self.orders.dead_letters(None, 10).await.expect("reads")
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn order_id(id: &str) -> OrderId {
    OrderId::new(id).expect("an id")
}

fn usd(cents: i64) -> Money {
    Money::from_minor(Currency::USD, cents).expect("in range")
}

/// Two mugs for 5.00 from Inventory, a sofa for 100.00 from Furniture, 10.00 of shipping.
fn placed(id: &str, user: &str) -> ConfirmedOrder {
    let item = |product: &str, quantity, cents| OrderItem {
        item: ItemRef {
            product_id: ProductId::new(product).expect("an id"),
            quantity: Units::new(quantity).expect("in range"),
        },
        cost: usd(cents),
    };
    let hold = |system: StockSystem| HoldRef {
        system,
        hold_id: order_id(id).hold(system.as_str(), 1),
        items: 1,
    };
    let address = Address {
        street_address: "1 Quay".to_owned(),
        city: "Cork".to_owned(),
        state: String::new(),
        country: "Ireland".to_owned(),
        zip_code: String::new(),
    };
    ConfirmedOrder {
        event_id: order_id(id).confirmed_event(),
        occurred_at: Timestamp::from_micros(1_234_567),
        holds: vec![hold(Inventory), hold(Furniture)],
        total: usd(12_000),
        discount: usd(0),
        tax: usd(0),
        risk: Some(Risk {
            score: 450,
            band: Band::Medium,
        }),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        order: OrderConfirmedEvent {
            order_id: order_id(id),
            user_id: UserId::new(user).expect("an id"),
            email: Email::new("canary@example.com").expect("an e-mail").into(),
            user_currency: Currency::USD,
            shipping_tracking_id: order_id(id).tracking(),
            shipping_cost: usd(1_000),
            shipping_address: address.into(),
            items: vec![item("mug", 2, 500), item("sofa", 1, 10_000)],
        },
    }
}

fn report(id: &str, status: ShipmentStatus) -> Message {
    let order_id = order_id(id);
    let shipment_id = order_id.shipment("furniture");
    let report = ShipmentReport {
        event_id: shipment_id.report(status.as_str()),
        order_id,
        shipment_id,
        system: Furniture,
        status,
        at: at(9_000),
        shipped_at: Some(at(8_000)),
    };
    report.encode().expect("encodes")
}

fn push(message: Message) -> Push {
    Push {
        subscription: "some subscription".into(),
        delivery: Delivery {
            ack_id: AckId {
                message_id: 9,
                attempt: 2,
            },
            message_id: 9,
            published_at: at(2),
            attempt: 2,
            message: Arc::new(message),
        },
    }
}

fn unreadable() -> Message {
    let mut message = placed("o1", "ada").encode();
    message.data = r#"{"email":"canary@example.com"}"#.into();
    message
}

/// Every kind of message that comes to order management.
fn messages() -> Vec<(&'static str, Message)> {
    let mut foreign = placed("o2", "ada").encode();
    foreign.attributes = Arc::default();
    let mut conflict = placed("known", "ada");
    conflict.order.shipping_cost = usd(1);
    vec![
        ("an order", placed("o1", "ada").encode()),
        ("an order again", placed("known", "ada").encode()),
        ("an order without attributes", foreign),
        ("an order known with other content", conflict.encode()),
        ("an unreadable order", unreadable()),
        ("a report", report("known", ShipmentStatus::Delivered)),
        (
            "a report before its order",
            report("late", ShipmentStatus::Shipped),
        ),
        ("a dead letter", unreadable().dead(&"orders.oms".into(), 10)),
        (
            "a dead report",
            report("known", ShipmentStatus::Shipped).dead(&"shipments.oms".into(), 10),
        ),
        (
            "nothing at all",
            Message {
                data: "".into(),
                attributes: Arc::default(),
                ordering_key: None,
            },
        ),
    ]
}

/// What the receivers themselves make of a push.
async fn receive(desk: &Desk<Driver>, push: Push) -> Result<(), Fault> {
    let Desk {
        orders,
        drive,
        clock,
    } = desk.clone();
    let attributes = &push.delivery.message.attributes;
    if attributes.contains_key(SOURCE_SUBSCRIPTION) {
        return ReceiveDeadLetters { orders, clock }.run(push).await;
    }
    match attributes.get("ce-type").map(String::as_str) {
        Some("boutique.shipment.reported.v1") => {
            ReceiveReports {
                orders,
                drive,
                clock,
            }
            .run(push)
            .await
        }
        _ => {
            ReceiveOrders {
                orders,
                drive,
                clock,
            }
            .run(push)
            .await
        }
    }
}

fn kind(result: &Result<(), Fault>) -> Option<(FaultKind, String)> {
    let fault = result.as_ref().err()?;
    Some((fault.kind(), fault.to_string()))
}

#[tokio::test]
async fn a_broker_cannot_tell_the_client_from_the_receivers() {
    for (name, message) in messages() {
        let (near, far) = (
            Oms::with(&[("known", "ada")]).await,
            Oms::with(&[("known", "ada")]).await,
        );
        let client = PushClient {
            upstream: far.upstream(),
            credential: None,
        };
        // Twice: what is delivered again changes nothing.
        for _ in 0..2 {
            let push = push(message.clone());
            let expected = receive(&near.desk, push.clone()).await;
            let got = client.run(push).await;
            assert_eq!(kind(&got), kind(&expected), "{name}");
        }
        assert_eq!(far.letters().await, near.letters().await, "{name}");
        let all = |oms: &Oms| Arc::clone(&oms.orders);
        let (near, far) = (all(&near), all(&far));
        let orders = near.orders(None, 10).await.expect("reads");
        assert_eq!(far.orders(None, 10).await.expect("reads"), orders, "{name}");
    }
}

#[tokio::test]
async fn a_failure_of_the_store_leaves_the_message_with_the_broker() {
    for kind in [
        FaultKind::Unavailable,
        FaultKind::Ambiguous,
        FaultKind::Permanent,
    ] {
        let failing = || {
            let orders = Arc::new(MemoryOrders::default());
            let store = Arc::<MemoryOrders>::clone(&orders) as Arc<dyn OrderStore>;
            let plan = FaultPlan::default().nth(1, kind);
            Oms::over(Arc::new(Faulty::new(store, plan)), orders)
        };
        let message = placed("o1", "ada").encode();
        let client = PushClient {
            upstream: failing().upstream(),
            credential: None,
        };
        let fault = client.run(push(message.clone())).await.expect_err("failed");
        assert_eq!(fault.kind(), kind);
        let (status, _, _) = failing()
            .ask(("POST", "/"), None, Some(envelope(&message)))
            .await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{kind:?}");
    }
}

fn envelope(message: &Message) -> Value {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(message.data.as_bytes());
    json!({"subscription": "projects/p/subscriptions/s", "message":
        {"data": data, "attributes": *message.attributes, "messageId": "7"}})
}

#[tokio::test]
async fn a_push_is_acknowledged_once_it_is_durable_and_never_for_what_is_none() {
    let table = [
        ("an order", envelope(&placed("o1", "ada").encode()), 200, 0),
        ("an unreadable order", envelope(&unreadable()), 200, 1),
        (
            "a report before its order",
            envelope(&report("late", ShipmentStatus::Shipped)),
            503,
            0,
        ),
        ("no envelope", json!({"order_id": "o1"}), 400, 0),
        ("half an envelope", json!({"message": {}}), 400, 0),
    ];
    for (name, body, status, letters) in table {
        let oms = Oms::new();
        let (got, said, _) = oms.ask(("POST", "/"), None, Some(body)).await;
        assert_eq!(got.as_u16(), status, "{name}");
        assert!(!said.to_string().contains("canary"), "{name}");
        assert_eq!(oms.letters().await.len(), letters, "{name}");
        assert_eq!(
            oms.order("o1").await.is_some(),
            name == "an order",
            "{name}"
        );
    }
}

/// A shop where an order has shipped in part and another is fresh.
async fn shipped() -> Oms {
    let oms = Oms::with(&[("fresh", "ada"), ("gone", "ada")]).await;
    let report = |system| Fact::Reported {
        system,
        status: ShipmentStatus::Shipped,
        at: at(7_000),
    };
    let tracking_id = order_id("gone").tracking();
    let facts = vec![
        Fact::SaleBooked,
        Fact::Scheduled {
            system: Inventory,
            tracking_id,
        },
        report(Inventory),
        report(Furniture),
        Fact::Recognised { system: Inventory },
    ];
    let recorded = oms
        .orders
        .record(&order_id("gone"), facts, None, at(8))
        .await;
    recorded.expect("possible");
    oms
}

fn goods(id: &str, return_id: &str, lines: &[(usize, i64, Option<i64>)]) -> ReturnGoods {
    let line = |&(line, quantity, cents): &(usize, i64, Option<i64>)| ReturnLine {
        line,
        quantity: Units::new(quantity).expect("in range"),
        refund: cents.map(usd),
    };
    ReturnGoods {
        order_id: order_id(id),
        return_id: ReturnId::new(return_id).expect("an id"),
        lines: lines.iter().map(line).collect(),
        restock: true,
        at: Some(Timestamp::from_micros(5_000_001)),
    }
}

fn said(result: Result<Order, DeskError>) -> Result<Order, (Option<DeskRejection>, String)> {
    result.map_err(|error| (error.rejection().cloned(), error.to_string()))
}

#[tokio::test]
async fn a_caller_cannot_tell_the_client_from_the_desk() {
    let (near, far) = (shipped().await, shipped().await);
    let client = DeskClient {
        upstream: far.upstream(),
    };
    for (id, at) in [
        ("gone", None),
        ("fresh", Some(at(3))),
        ("fresh", None),
        ("no", None),
    ] {
        let cancel = CancelOrder {
            order_id: order_id(id),
            at,
        };
        let expected = said(near.desk.run(cancel.clone()).await);
        assert_eq!(said(client.run(cancel).await), expected, "{id}");
    }
    for request in [
        goods("gone", "r1", &[(0, 1, Some(400)), (1, 1, None)]),
        goods("gone", "r1", &[(0, 1, Some(400)), (1, 1, None)]),
        goods("gone", "r1", &[(0, 1, None)]),
        goods("gone", "r2", &[(0, 2, None)]),
        goods("gone", "r2", &[(0, 3, None)]),
        goods("gone", "r2", &[(0, 1, Some(501))]),
        goods("gone", "r2", &[(2, 1, None)]),
        goods("gone", "r2", &[]),
        goods("fresh", "r3", &[(0, 1, None)]),
        goods("no", "r4", &[(0, 1, None)]),
    ] {
        let expected = said(near.desk.run(request.clone()).await);
        assert_eq!(
            said(client.run(request.clone()).await),
            expected,
            "{request:?}"
        );
    }
    for id in ["fresh", "gone"] {
        assert_eq!(far.order(id).await, near.order(id).await);
    }
}

#[tokio::test]
async fn an_order_is_told_with_its_parts_and_its_story() {
    let oms = shipped().await;
    let (status, body, _) = oms.ask(("GET", "/orders/gone"), None, None).await;
    assert_eq!(status, StatusCode::OK);
    for (member, value) in [
        ("order_id", json!("gone")),
        ("state", json!("shipped")),
        ("placed_at", json!("1970-01-01T00:00:01.234567Z")),
        (
            "total",
            json!({"currency_code": "USD", "units": 120, "nanos": 0}),
        ),
        ("sale_booked", json!(true)),
        (
            "parts",
            json!([
                {"system": "inventory", "tracking_id": "BT-gone", "status": "shipped", "shipped_at": "1970-01-01T00:00:07Z", "recognised": true},
                {"system": "furniture", "status": "shipped", "shipped_at": "1970-01-01T00:00:07Z", "recognised": false},
            ]),
        ),
    ] {
        assert_eq!(body[member], value, "{member}");
    }
    assert_eq!(
        body["order"]["items"][0]["item"],
        json!({"product_id": "mug", "quantity": 2})
    );
    let first = json!({"event": "received", "at": "1970-01-01T00:00:00.001Z"});
    assert_eq!(body["timeline"][0], first);
    assert_eq!(body["timeline"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn a_buyer_sees_and_changes_their_own_orders_alone() {
    let ada = || Some(json!({"sub": "ada"}));
    let bob = || Some(json!({"sub": "bob"}));
    let clerk = || Some(json!({"sub": "bob", "scope": "orders:any"}));
    let goods = json!({"return_id": "r", "lines": [{"line": 0, "quantity": 1}]});
    let mut restocked = goods.clone();
    restocked["restock"] = json!(true);
    let dated = json!({"at": "2010-12-01T08:26:00Z"});
    let nameless = json!({"lines": [{"line": 0, "quantity": 1}]});
    for (method, path, claims, body, status) in [
        ("GET", "/orders/gone", ada(), None, 200),
        ("GET", "/orders/gone", bob(), None, 404),
        ("GET", "/orders/gone", clerk(), None, 200),
        ("GET", "/orders/nothing", ada(), None, 404),
        ("POST", "/orders/fresh/cancel", bob(), None, 404),
        (
            "POST",
            "/orders/fresh/cancel",
            ada(),
            Some(dated.clone()),
            403,
        ),
        ("POST", "/orders/fresh/cancel", ada(), Some(json!({})), 200),
        ("POST", "/orders/fresh/cancel", ada(), None, 200),
        ("POST", "/orders/fresh/cancel", clerk(), Some(dated), 200),
        ("POST", "/orders/gone/cancel", ada(), None, 409),
        (
            "POST",
            "/orders/gone/returns",
            bob(),
            Some(goods.clone()),
            404,
        ),
        (
            "POST",
            "/orders/gone/returns",
            ada(),
            Some(restocked.clone()),
            403,
        ),
        ("POST", "/orders/gone/returns", ada(), Some(nameless), 400),
        ("POST", "/orders/gone/returns", ada(), Some(goods), 200),
        (
            "POST",
            "/orders/gone/returns",
            clerk(),
            Some(restocked),
            200,
        ),
        ("GET", "/dead-letters", ada(), None, 403),
        ("GET", "/stuck", ada(), None, 403),
        ("POST", "/dead-letters/x/replay", ada(), None, 403),
    ] {
        let oms = shipped().await;
        let (got, said, _) = oms.ask((method, path), claims.clone(), body).await;
        assert_eq!(got.as_u16(), status, "{method} {path} {claims:?}: {said}");
        let touched = method == "POST" && status == 200;
        let changed = oms
            .order("fresh")
            .await
            .expect("kept")
            .progress
            .cancellation
            .is_some()
            || !oms
                .order("gone")
                .await
                .expect("kept")
                .progress
                .returns
                .is_empty();
        assert_eq!(changed, touched, "{method} {path} {claims:?}");
    }
    // Somebody else's order and no order read the same.
    let oms = shipped().await;
    let empty = Oms::with(&[]).await;
    for (method, path) in [
        ("GET", "/orders/gone"),
        ("POST", "/orders/gone/cancel"),
        ("POST", "/orders/gone/returns"),
    ] {
        let returned = json!({"return_id": "r", "lines": [{"line": 0, "quantity": 1}]});
        let body = path.ends_with("returns").then_some(returned);
        let (_, others, _) = oms.ask((method, path), bob(), body.clone()).await;
        let (status, none, _) = empty.ask((method, path), bob(), body.clone()).await;
        assert_eq!(others, none, "{method} {path}");
        assert_eq!(status, StatusCode::NOT_FOUND);
        // And a buyer reads what the shop's own clerk reads: why, for programs as well.
        let (_, clerks, _) = empty.ask((method, path), clerk(), body).await;
        assert_eq!(clerks, none, "{method} {path}");
        assert_eq!(none["rejection"]["code"], "unknown_order", "{none}");
    }
}

#[tokio::test]
async fn a_return_is_named_by_its_key_if_it_has_no_name_of_its_own() {
    let oms = shipped().await;
    let body = json!({"lines": [{"line": 0, "quantity": 1}]}).to_string();
    for _ in 0..2 {
        let request = Request::post("/orders/gone/returns")
            .header("content-type", "application/json")
            .header("idempotency-key", "once")
            .body(Bytes::from(body.clone()));
        let answer = oms.http.clone().oneshot(request.expect("a request")).await;
        assert_eq!(answer.expect("answers").status(), StatusCode::OK);
    }
    let returns = oms.order("gone").await.expect("kept").progress.returns;
    let names: Vec<_> = returns.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(names, ["once"]);
}

#[tokio::test]
async fn lists_lead_from_page_to_page_and_show_a_buyer_their_own() {
    let oms = Oms::with(&[
        ("a", "ada"),
        ("b", "bob"),
        ("c", "ada"),
        ("d", "bob"),
        ("e", "ada"),
    ])
    .await;
    for (claims, expected) in [
        // Whoever may see all wants to see what is new.
        (None, &["e", "d", "c", "b", "a"][..]),
        (Some(json!({"sub": "ada"})), &["a", "c", "e"]),
        (Some(json!({"sub": "eve"})), &[]),
        (
            Some(json!({"sub": "eve", "scope": "orders:any"})),
            &["e", "d", "c", "b", "a"],
        ),
    ] {
        let (mut path, mut seen) = ("/orders?limit=2".to_owned(), Vec::new());
        loop {
            let (status, body, link) = oms.ask(("GET", &path), claims.clone(), None).await;
            assert_eq!(status, StatusCode::OK);
            let page = body.as_array().expect("a list");
            assert!(page.len() <= 2);
            seen.extend(
                page.iter()
                    .map(|it| it["order_id"].as_str().expect("an id").to_owned()),
            );
            assert!(!body.to_string().contains("canary"), "a list has no e-mail");
            let Some(link) = link else { break };
            let next = link.split(['<', '>']).nth(1).expect("a link");
            next.clone_into(&mut path);
            assert!(seen.len() < 10, "it never ends");
        }
        assert_eq!(seen, expected, "{claims:?}");
    }
    let (status, _, _) = oms.ask(("GET", "/orders?limit=0"), None, None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_buyers_list_says_nothing_of_the_orders_of_others() {
    // More of others than a page can have, with hers in between.
    let names: Vec<_> = (0..1_010).map(|n| format!("o{n:04}")).collect();
    let of = |n: usize| if n % 500 == 5 { "ada" } else { "bob" };
    let orders = names.iter().enumerate();
    let orders: Vec<_> = orders.map(|(n, id)| (id.as_str(), of(n))).collect();
    let oms = Oms::with(&orders).await;
    let ask =
        |path: &'static str, user: &str| oms.ask(("GET", path), Some(json!({"sub": user})), None);

    let (_, body, link) = ask("/orders?limit=2", "ada").await;
    let ids: Vec<_> = body
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["order_id"])
        .collect();
    assert_eq!(ids, ["o0005", "o0505"]);
    assert_eq!(
        link.as_deref(),
        Some("</orders?limit=2&after=o0505>; rel=\"next\"")
    );
    let (_, body, link) = ask("/orders?limit=2&after=o0505", "ada").await;
    assert_eq!((&body[0]["order_id"], link), (&json!("o1005"), None));
    // Whoever has no order does not learn that there are a thousand.
    let (_, body, link) = ask("/orders?limit=2", "eve").await;
    assert_eq!((body, link), (json!([]), None));
}

#[tokio::test]
async fn a_dead_letter_is_listed_without_its_data_and_replayed_once() {
    let oms = Oms::new();
    let good = placed("o1", "ada").encode().dead(&"orders.oms".into(), 10);
    for message in [unreadable(), good] {
        // Both have the event's id, so one of them is made another's.
        let mut message = message;
        if message.attributes.contains_key(SOURCE_SUBSCRIPTION) {
            Arc::make_mut(&mut message.attributes).remove("ce-id");
        }
        let pushed = receive(&oms.desk, push(message)).await;
        pushed.expect("parked");
    }
    let (_, letters, _) = oms.ask(("GET", "/dead-letters"), None, None).await;
    let ids: Vec<_> = letters
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["id"].clone())
        .collect();
    assert_eq!(ids, ["o1.confirmed", "some subscription.9"]);
    assert!(!letters.to_string().contains("canary"));
    let first = &letters[0];
    assert_eq!(first["source"], "refused");
    assert_eq!(first["order_id"], "o1");

    let replay = |id: &str| format!("/dead-letters/{id}/replay");
    let (still, dead, none) = (
        replay("o1.confirmed"),
        replay("some%20subscription.9"),
        replay("x"),
    );
    for (path, status) in [(&still, 409), (&dead, 200), (&dead, 404), (&none, 404)] {
        let (got, body, _) = oms.ask(("POST", path), None, None).await;
        assert_eq!(got.as_u16(), status, "{path}: {body}");
    }
    assert!(oms.order("o1").await.is_some());
    assert_eq!(oms.letters().await.len(), 1);
}

#[tokio::test]
async fn an_order_that_nobody_drives_is_stuck_with_what_is_left_to_do() {
    let oms = Oms::with(&[("o1", "ada")]).await;
    let (_, stuck, _) = oms.ask(("GET", "/stuck"), None, None).await;
    let expected = json!([{"order_id": "o1", "state": "received", "since": "1970-01-01T00:00:00.001Z",
        "remaining": [{"action": "book_sale"}, {"action": "schedule", "system": "inventory"},
                      {"action": "schedule", "system": "furniture"}]}]);
    assert_eq!(stuck, expected);
    let (_, none, _) = oms
        .ask(("GET", "/stuck?idle_ms=86400000"), None, None)
        .await;
    assert_eq!(none, json!([]));
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
    let (_, document, _) = Oms::new().ask(("GET", "/openapi.json"), None, None).await;
    check(&document, &document);
}
