//! The warehouse over HTTP: what existing clients read, and that order management and carriers
//! cannot tell the client from the warehouse.
#![cfg(feature = "http")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boutique_core::assembly::{Ports, Topology, WarehousePorts};
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::flow::{Step, StepService};
use boutique_core::ids::{CarrierEventId, OrderId, ReturnId, ShipmentId};
use boutique_core::stock::{Receive, Reserve, StockSystem};
use boutique_core::warehouse::{
    CancelShipment, CarrierEvent, Fulfil, Schedule, ShipmentError, ShipmentStatus, TakeBack,
    Warehouse,
};
use boutique_testkit::faulty::gated_ports;
use boutique_testkit::{CountingIds, FaultPlan, ManualClock, generate};
use boutique_transport::http::Upstream;
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, base};
use boutique_transport::http::warehouse::{WarehouseApi, WarehouseClient, routes};
use bytes::Bytes;
use http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tower::ServiceExt;

struct Yard {
    ports: Ports,
    warehouse: Arc<Warehouse>,
    server: InProcess,
}

fn yard() -> Yard {
    let clock = Arc::new(ManualClock::default());
    yard_of(Ports::memory(clock, Arc::new(CountingIds::default())))
}

fn yard_of(ports: Ports) -> Yard {
    let warehouse = WarehousePorts {
        shipments: Arc::clone(&ports.shipments),
        stock: ports.stock(),
        broker: Arc::clone(&ports.broker).into(),
        clock: Arc::clone(&ports.clock),
    };
    let warehouse = warehouse.into_warehouse(&Topology::default());
    let api = WarehouseApi {
        warehouse: StepService::shared(Arc::clone(&warehouse)),
        shipments: Arc::clone(&ports.shipments),
        clock: Arc::clone(&ports.clock),
    };
    let server = InProcess(server("warehouse", routes(), api, Limits::default()));
    Yard {
        ports,
        warehouse,
        server,
    }
}

impl Yard {
    fn client(&self) -> WarehouseClient<InProcess> {
        let at = base("http://warehouse.test").expect("a URL");
        WarehouseClient {
            upstream: Upstream::new(at, self.server.clone()),
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        self.keyed(method, path, body, None).await
    }

    async fn keyed(
        &self,
        method: &str,
        path: &str,
        body: Value,
        key: Option<&str>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = if body.is_null() {
            request.body(Bytes::new())
        } else {
            let request = request.header("content-type", "application/json");
            request.body(Bytes::from(body.to_string()))
        };
        let answer = self.server.clone().oneshot(request.expect("a request"));
        let answer = answer.await.expect("answers");
        let body = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status(), body)
    }

    /// Puts tea on the shelf and holds two of it for `order`.
    async fn hold(&self, order: &str) {
        let order: OrderId = order.parse().expect("an id");
        let ledger = &self.ports.inventory;
        let receive = Receive {
            receipt_id: "r1".parse().expect("an id"),
            product_id: "tea".parse().expect("an id"),
            quantity: 10,
        };
        ledger.receive(receive).await.expect("received");
        let hold_id = order.hold("inventory", 1);
        let reserve = Reserve {
            hold_id: hold_id.clone(),
            lines: serde_json::from_value(json!([{"product_id": "tea", "quantity": 2}]))
                .expect("lines"),
            ttl: Duration::from_secs(60),
            valid_until: boutique_core::clock::Timestamp::MAX,
        };
        ledger.reserve(reserve).await.expect("held");
        ledger.confirm(&hold_id, None).await.expect("confirmed");
    }
}

fn address() -> Value {
    json!({"streetAddress": "1 Quay", "city": "Cork", "state": "", "country": "IE", "zipCode": 94043})
}

/// What the order management of the Node.js deployment sends.
fn node() -> Value {
    json!({
        "orderId": "o-1",
        "trackingId": "t-1",
        "items": [{"item": {"product_id": "tea", "quantity": 2}, "cost": {"currency_code": "USD", "units": 1}}],
        "destinationAddress": address(),
        "shippingCost": {"currency_code": "USD", "units": 8},
        "email": "jane@example.com",
        "currency": "USD",
        "userId": "u1",
    })
}

#[tokio::test]
async fn a_shipment_is_scheduled_once_however_its_names_are_written() {
    let snake = json!({
        "order_id": "o-1", "tracking_id": "t-1", "destination_address": address(),
        "items": [{"productId": "tea", "quantity": 2}],
    });
    let details = json!({"orderId": "o-1", "trackingId": "t-1", "status": "pending_fulfillment"});
    for body in [node(), snake] {
        let yard = yard();
        let (status, first) = yard.ask("POST", "/shipments", body.clone()).await;
        assert_eq!(status, StatusCode::CREATED, "{first}");
        assert_eq!(first["message"], "Shipment scheduled successfully");
        assert_eq!(first["shipmentDetails"], details);
        let (status, again) = yard.ask("POST", "/shipments", node()).await;
        assert_eq!((status, &again), (StatusCode::OK, &first));
        let (status, one) = yard
            .ask("GET", "/shipments/o-1.inventory", Value::Null)
            .await;
        assert_eq!((status, &one), (StatusCode::OK, &first["shipments"][0]));
        let (_, all) = yard.ask("GET", "/shipments", Value::Null).await;
        assert_eq!(all, json!([one]));

        let mut other = node();
        other["items"][0]["item"]["quantity"] = json!(3);
        let (status, _) = yard.ask("POST", "/shipments", other).await;
        assert_eq!(status, StatusCode::CONFLICT);
        let mut elsewhere = node();
        elsewhere["stockSystem"] = json!("furniture");
        let (status, _) = yard.ask("POST", "/shipments", elsewhere).await;
        assert_eq!(status, StatusCode::CREATED, "another system's goods");
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_name() {
    let yard = yard();
    for (at, value, field) in [
        ("/orderId", json!(""), "orderId"),
        ("/items", json!("tea"), "items"),
        ("/items/0", json!({"quantity": 1}), "items[0].product_id"),
        (
            "/items/0",
            json!({"product_id": "tea"}),
            "items[0].quantity",
        ),
        ("/items/0/item/quantity", json!(0), "items[0].item.quantity"),
        (
            "/destinationAddress",
            json!("1 Quay, Cork"),
            "destinationAddress",
        ),
        ("/destinationAddress/city", json!(""), "destinationAddress"),
    ] {
        let mut body = node();
        *body.pointer_mut(at).expect("is there") = value.clone();
        let (status, refused) = yard.ask("POST", "/shipments", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{at} {value}");
        assert_eq!(refused["field"], field, "{at} {value}: {refused}");
    }
    let mut nothing = node();
    nothing["items"] = json!([]);
    let (status, _) = yard.ask("POST", "/shipments", nothing).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (_, all) = yard.ask("GET", "/shipments", Value::Null).await;
    assert_eq!(all, json!([]));
}

#[tokio::test]
async fn what_was_not_kept_is_never_answered_201() {
    for (kind, expected) in [
        (FaultKind::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        (FaultKind::Ambiguous, StatusCode::GATEWAY_TIMEOUT),
        (FaultKind::Permanent, StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let plan = FaultPlan::default().nth_of("create", 1, kind);
        let clock = Arc::new(ManualClock::default());
        let memory = Ports::memory(clock, Arc::new(CountingIds::default()));
        let yard = yard_of(gated_ports(&memory, &plan));
        let (status, problem) = yard.ask("POST", "/shipments", node()).await;
        assert_eq!(status, expected, "{problem}");
        assert!(problem["error"].is_string());
        let (status, _) = yard.ask("POST", "/shipments", node()).await;
        assert!(status.is_success(), "asked again it is kept");
    }
}

#[tokio::test]
async fn a_report_ships_the_hold_and_counts_once() {
    let yard = yard();
    yard.hold("o-1").await;
    let mut body = node();
    body["holdId"] = json!("o-1.inventory.1");
    yard.ask("POST", "/shipments", body).await;
    let path = "/shipments/o-1.inventory/events";
    let (status, _) = yard.ask("POST", path, json!({"status": "packed"})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "a report needs an id");
    let (status, packed) = yard
        .keyed("POST", path, json!({"status": "packed"}), Some("c-1"))
        .await;
    assert_eq!(
        (status, &packed["status"]),
        (StatusCode::OK, &json!("packed"))
    );
    for _ in 0..2 {
        let report = json!({"id": "c-2", "status": "shipped", "at": "2026-01-02T03:04:05Z"});
        let (status, shipped) = yard.ask("POST", path, report).await;
        assert_eq!(status, StatusCode::OK, "{shipped}");
        assert_eq!(shipped["status"], "shipped");
        assert_eq!(
            shipped["duties"],
            json!(["announce"]),
            "the hold is settled"
        );
        assert_eq!(shipped["events"].as_array().map(Vec::len), Some(2));
    }
    let tea = "tea".parse().expect("an id");
    let level = yard
        .ports
        .inventory
        .level(&tea)
        .await
        .expect("kept")
        .expect("known");
    assert_eq!(level.on_hand, 8);

    for (path, body, expected) in [
        (
            "/shipments/o-1.inventory/events",
            json!({"id": "c-3", "status": "lost"}),
            400,
        ),
        (
            "/shipments/o-1.inventory/events",
            json!({"id": "c-3", "status": "cancelled"}),
            409,
        ),
        ("/shipments/o-1.inventory/cancel", Value::Null, 409),
        ("/shipments/o-2.inventory/cancel", Value::Null, 404),
        ("/shipments/o-1.attic/cancel", Value::Null, 404),
        (
            "/shipments/o-2.inventory/events",
            json!({"id": "c-3", "status": "packed"}),
            404,
        ),
    ] {
        let (status, _) = yard.ask("POST", path, body.clone()).await;
        assert_eq!(status.as_u16(), expected, "{path} {body}");
    }
    let back = json!({"returnId": "b-1", "items": [{"product_id": "tea", "quantity": 1}]});
    for _ in 0..2 {
        let path = "/shipments/o-1.inventory/take-back";
        let (status, _) = yard.ask("POST", path, back.clone()).await;
        assert_eq!(status, StatusCode::OK);
    }
    let level = yard
        .ports
        .inventory
        .level(&tea)
        .await
        .expect("kept")
        .expect("known");
    assert_eq!(level.on_hand, 9, "back on the shelf once");
}

#[tokio::test]
async fn a_push_is_as_good_as_the_plain_body_and_an_order_is_sent_in_its_parts() {
    let line = |product: &str| json!({"item": {"product_id": product, "quantity": 2}, "cost": {"currency_code": "USD", "units": 1}});
    let event = json!({
        "order_id": "o-1", "user_id": "u1", "email": "jane@example.com", "user_currency": "USD",
        "shipping_tracking_id": "t-1", "shipping_cost": {"currency_code": "USD", "units": 8},
        "shipping_address": address(), "items": [line("tea"), line("sofa")],
    });
    let holds = json!([
        {"system": "inventory", "hold_id": "o-1.inventory.1", "items": 1},
        {"system": "furniture", "hold_id": "o-1.furniture.1", "items": 1},
    ]);
    let push = |data: &Value, attributes: Value| json!({"message": {"data": STANDARD.encode(data.to_string()), "attributes": attributes}});
    for path in ["/", "/shipments"] {
        let yard = yard();
        let (status, plain) = yard.ask("POST", path, push(&node(), json!({}))).await;
        assert_eq!(status, StatusCode::CREATED, "{plain}");
        let details =
            json!({"orderId": "o-1", "trackingId": "t-1", "status": "pending_fulfillment"});
        assert_eq!(plain["shipmentDetails"], details);
    }
    for (attributes, expected) in [
        (json!({}), vec!["o-1.inventory"]),
        (
            json!({"holds": holds.to_string()}),
            vec!["o-1.inventory", "o-1.furniture"],
        ),
    ] {
        let yard = yard();
        let (status, sent) = yard
            .ask("POST", "/", push(&event, attributes.clone()))
            .await;
        assert_eq!(status, StatusCode::CREATED, "{sent}");
        let shipments = sent["shipments"].as_array().expect("shipments");
        let ids: Vec<_> = shipments.iter().map(|it| it["id"].clone()).collect();
        assert_eq!(ids, expected);
        let (status, again) = yard.ask("POST", "/", push(&event, attributes)).await;
        assert_eq!((status, again), (StatusCode::OK, sent), "delivered again");
    }
}

/// Anything that the warehouse may be asked.
#[derive(Clone, Debug)]
enum Asked {
    Fulfil(Fulfil),
    Report(CarrierEvent),
}

/// Few names, so that requests meet.
fn asked() -> impl Strategy<Value = Asked> {
    let order = || "[ab]".prop_map(|it| OrderId::new(it).expect("an id"));
    let system = generate::stock_system;
    let lines = select(vec![
        json!([]),
        json!([{"product_id": "tea", "quantity": 2}]),
        json!([{"product_id": "cup", "quantity": 1}]),
    ]);
    let lines = prop_oneof![
        4 => lines.prop_map(|it| serde_json::from_value(it).expect("lines")),
        1 => prop::collection::vec(generate::stock_line(), 1..3),
    ];
    let schedule = (
        generate::schedule(),
        order(),
        system(),
        any::<bool>(),
        lines,
    );
    let schedule = schedule.prop_map(|(it, order_id, system, holds, lines)| {
        Asked::Fulfil(Fulfil::Schedule(Schedule {
            hold_id: holds.then(|| order_id.hold(system.as_str(), 1)),
            lines,
            order_id,
            system,
            ..it
        }))
    });
    let cancel = (order(), system()).prop_map(|(order_id, system)| {
        Asked::Fulfil(Fulfil::Cancel(CancelShipment { order_id, system }))
    });
    let line = (
        generate::product_id(),
        prop_oneof![3 => 0..9_u64, 1 => any::<u64>()],
    );
    let lines = prop::collection::vec(line, 0..3);
    let back = (order(), "[xy]", system(), lines);
    let back = back.prop_map(|(order_id, it, system, lines)| {
        let return_id = ReturnId::new(it).expect("an id");
        Asked::Fulfil(Fulfil::TakeBack(TakeBack {
            order_id,
            return_id,
            system,
            lines,
        }))
    });
    let statuses = select(ShipmentStatus::ALL.to_vec());
    let report = ("[1-9]", order(), system(), statuses, generate::timestamp());
    let report = report.prop_map(|(id, order, system, status, at)| {
        Asked::Report(CarrierEvent {
            id: CarrierEventId::new(id).expect("an id"),
            shipment_id: order.shipment(system.as_str()),
            status,
            at,
        })
    });
    let stray = generate::carrier_event().prop_map(Asked::Report);
    prop_oneof![3 => schedule, 1 => cancel, 1 => back, 3 => report, 1 => stray]
}

fn told<T: std::fmt::Debug>(answer: Result<T, ShipmentError>) -> String {
    match answer {
        Ok(done) => format!("{done:?}"),
        Err(PortError::Rejected(why)) => format!("{why:?}"),
        Err(PortError::Fault(fault)) => format!("{:?}", Fault::kind(&fault)),
    }
}

async fn answered<S>(step: &S, asked: Asked) -> String
where
    S: Step<Fulfil, Response = boutique_core::warehouse::Fulfilled, Error = ShipmentError>
        + Step<CarrierEvent, Response = boutique_core::warehouse::Shipment, Error = ShipmentError>,
{
    match asked {
        Asked::Fulfil(it) => told(step.run(it).await),
        Asked::Report(it) => told(step.run(it).await),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_client_answers_as_the_warehouse_does(requests in prop::collection::vec(asked(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (near, far) = (yard(), yard());
            let client = far.client();
            for yard in [&near, &far] {
                yard.hold("a").await;
            }
            for request in requests {
                let expected = answered(&*near.warehouse, request.clone()).await;
                prop_assert_eq!(answered(&client, request).await, expected);
            }
            for order in ["a", "b"] {
                for system in StockSystem::ALL {
                    let id: ShipmentId = OrderId::new(order).expect("an id").shipment(system.as_str());
                    let kept = far.ports.shipments.shipment(&id).await.expect("kept");
                    prop_assert_eq!(kept, near.ports.shipments.shipment(&id).await.expect("kept"));
                }
            }
            Ok(())
        })?;
    }
}
