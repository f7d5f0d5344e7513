//! A stock system over HTTP: what existing clients read, and that nobody can tell its client
//! from the ledger behind it.
#![cfg(feature = "http")]

use std::sync::Arc;

use boutique_core::carts::CartLine;
use boutique_core::catalog::Catalog;
use boutique_core::fault::FaultKind;
use boutique_core::flow::Step;
use boutique_core::ids::{HoldId, ProductId};
use boutique_core::limits::Units;
use boutique_core::money::Currency;
use boutique_core::shipping::{QuoteByTariff, QuoteShipping, Tariff};
use boutique_core::stock::{MemoryLedger, StockLedger};
use boutique_testkit::{CountingIds, ManualClock};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, Upstream, base};
use boutique_transport::http::stock::{
    FreightClient, HOLD_FOR, HttpLedger, Names, StockApi, furniture_routes,
};
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;

fn system(ledger: Arc<dyn StockLedger>) -> InProcess {
    let api = StockApi {
        ledger,
        names: Names::of(Arc::new(Catalog::default_range())),
        ids: Arc::new(CountingIds::default()),
        hold_for: HOLD_FOR,
        tariff: Arc::new(Tariff::standard()),
    };
    let limits = Limits::default();
    InProcess(server(
        "furniture",
        furniture_routes(),
        Arc::new(api),
        limits,
    ))
}

fn upstream(system: InProcess) -> Upstream<InProcess> {
    Upstream::new(base("http://stock.test").expect("an address"), system)
}

mod conformance {
    use super::*;

    boutique_testkit::ledger_conformance!(async |clock: Arc<ManualClock>| {
        let upstream = upstream(system(Arc::new(MemoryLedger::new(clock))));
        Arc::new(HttpLedger { upstream })
    });
}

/// A furniture system of the default range: chairs and lamps come and go, a mug is what a
/// parcel system has, which the same paths serve.
fn fresh() -> InProcess {
    system(Arc::new(MemoryLedger::new(Arc::<ManualClock>::default())))
}

/// Sends `"METHOD /path"`, with headers as `"name: value"`.
async fn exchange(
    system: &InProcess,
    line: &str,
    headers: &[&str],
    body: Option<Value>,
) -> Response<Bytes> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(path);
    for header in headers {
        let (name, value) = header.split_once(": ").expect("a name and a value");
        request = request.header(name, value);
    }
    let body = body.map(|it| it.to_string());
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    let request = request.body(Bytes::from(body.unwrap_or_default()));
    let answer = system.clone().oneshot(request.expect("a request")).await;
    answer.expect("answers")
}

async fn send(
    system: &InProcess,
    line: &str,
    headers: &[&str],
    body: Option<Value>,
) -> (u16, Value) {
    let answer = exchange(system, line, headers, body).await;
    let body = serde_json::from_slice(answer.body()).expect("JSON");
    (answer.status().as_u16(), body)
}

/// The members of `answer` that `expected` has.
fn part(answer: &Value, expected: &Value) -> Value {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => expected
            .iter()
            .filter_map(|(name, it)| Some((name.clone(), part(answer.get(name)?, it))))
            .collect(),
        _ => answer.clone(),
    }
}

/// Sends one request after the other and compares status and the members that are named.
async fn story(system: &InProcess, steps: &[(&str, &[&str], Value, u16, Value)]) {
    for (line, headers, body, status, expected) in steps {
        let body = Some(body.clone()).filter(|it| !it.is_null());
        let (got, answer) = send(system, line, headers, body).await;
        assert_eq!(
            (got, &part(&answer, expected)),
            (*status, expected),
            "{line}: {answer}"
        );
    }
}

const NONE: &[&str] = &[];

#[tokio::test]
async fn existing_clients_list_add_and_count() {
    let system = fresh();
    let chair = |count: u64| {
        json!({"name": "Oak Chair", "code": "FURN-CHAIR-OAK", "productId": "FURN-CHAIR-OAK", "count": count,
            "stockLevel": count, "reserved": 0, "committed": 0, "available": count})
    };
    let add = json!({"name": "Oak Chair", "code": "FURN-CHAIR-OAK", "count": 4});
    story(&system, &[
        ("GET /inventory", NONE, Value::Null, 200, json!([])),
        ("GET /inventory/FURN-CHAIR-OAK", NONE, Value::Null, 404, json!({"status": 404, "error": "product FURN-CHAIR-OAK is not listed in this stock system"})),
        ("POST /inventory", NONE, add, 201, chair(4)),
        ("POST /inventory", NONE, json!({"name": "Oak Chair", "code": "FURN-CHAIR-OAK"}), 201, json!({"count": 5})),
        // A product the catalog does not know keeps the name it was listed with.
        ("POST /inventory", NONE, json!({"name": "Stool", "code": "stool/1", "count": 0}), 201, json!({"name": "Stool", "count": 0})),
        ("GET /inventory/stool%2F1", NONE, Value::Null, 200, json!({"name": "Stool", "code": "stool/1"})),
        ("PUT /inventory/FURN-CHAIR-OAK", NONE, json!({"stockLevel": 50}), 200, json!({"stockLevel": 50, "available": 50})),
        ("POST /inventory", NONE, json!({"code": "x"}), 400, json!({"field": "name", "error": "name: is missing"})),
        ("POST /inventory", NONE, json!({"name": "x"}), 400, json!({"field": "code"})),
        ("POST /inventory", NONE, json!({"name": " ", "code": "x"}), 400, json!({"field": "name"})),
        ("POST /inventory", NONE, json!({"name": "x", "code": "x", "count": -1}), 400, json!({"field": "count"})),
        ("PUT /inventory/x", NONE, json!({}), 400, json!({"field": "stockLevel"})),
        ("DELETE /inventory/x", NONE, Value::Null, 405, json!({"title": "Method Not Allowed"})),
    ]).await;
    let (_, list) = send(&system, "GET /inventory", NONE, None).await;
    let codes: Vec<_> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["code"])
        .collect();
    assert_eq!(codes, ["FURN-CHAIR-OAK", "stool/1"]);
    let updated = list[0]["lastUpdated"].as_str().expect("a text");
    assert!(updated.starts_with("2026-01-01T00:00:00.0"), "{updated}");
    let first = exchange(&system, "GET /inventory?limit=1", NONE, None).await;
    let link = first.headers()["link"].to_str().expect("text");
    assert_eq!(
        link,
        "</inventory?limit=1&after=FURN-CHAIR-OAK>; rel=\"next\""
    );
    let (_, rest) = send(
        &system,
        "GET /inventory?limit=1&after=FURN-CHAIR-OAK",
        NONE,
        None,
    )
    .await;
    assert_eq!(rest[0]["code"], "stool/1");
}

#[tokio::test]
async fn a_post_under_the_same_key_adds_once() {
    let system = fresh();
    let two = json!({"name": "Mug", "code": "mug", "count": 2});
    let three = json!({"name": "Mug", "code": "mug", "count": 3});
    let key: &[&str] = &["idempotency-key: k-1"];
    story(
        &system,
        &[
            (
                "POST /inventory",
                key,
                two.clone(),
                201,
                json!({"count": 2}),
            ),
            ("POST /inventory", key, two, 201, json!({"count": 2})),
            (
                "POST /inventory",
                key,
                three,
                422,
                json!({"rejection": {"code": "id_reused"}}),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_count_honours_the_version_and_what_is_promised() {
    let system = fresh();
    let list = json!({"name": "Mug", "code": "mug", "count": 5});
    let (_, _) = send(&system, "POST /inventory", NONE, Some(list)).await;
    let answer = exchange(&system, "GET /inventory/mug", NONE, None).await;
    let tag = answer.headers()["etag"].to_str().expect("text").to_owned();
    let matching = format!("if-match: {tag}");
    story(
        &system,
        &[
            (
                "PUT /holds/h",
                NONE,
                json!({"lines": [{"product_id": "mug", "quantity": 2}], "ttlSeconds": 60}),
                201,
                json!({"state": "held"}),
            ),
            // The promise was a change.
            (
                "PUT /inventory/mug",
                &[&matching],
                json!({"stockLevel": 9}),
                412,
                json!({"rejection": {"code": "version_mismatch"}}),
            ),
            (
                "PUT /inventory/mug",
                &["if-match: seven"],
                json!({"stockLevel": 9}),
                400,
                json!({"field": "If-Match"}),
            ),
            (
                "PUT /inventory/mug",
                NONE,
                json!({"stockLevel": 1}),
                409,
                json!({"rejection": {"code": "below_promised", "of": {"promised": 2}}}),
            ),
            (
                "PUT /inventory/mug",
                &["if-match: *"],
                json!({"stockLevel": 2}),
                200,
                json!({"stockLevel": 2, "reserved": 2, "available": 0}),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_hold_is_promised_sold_and_shipped() {
    let system = fresh();
    for code in ["mug", "tea"] {
        let list = json!({"name": code, "code": code, "count": 5});
        send(&system, "POST /inventory", NONE, Some(list)).await;
    }
    let goods = |mugs: u64| json!({"lines": [{"product_id": "mug", "quantity": mugs}, {"product_id": "tea", "quantity": 1}], "ttlSeconds": 0.5});
    let settle = |it: Value| json!({"settle": it});
    story(&system, &[
        ("PUT /holds/h", NONE, goods(2), 201, json!({"holdId": "h", "state": "held"})),
        ("PUT /holds/h", NONE, goods(2), 200, json!({"holdId": "h", "state": "held"})),
        ("PUT /holds/h", NONE, goods(1), 409, json!({"rejection": {"code": "hold_mismatch"}})),
        ("PUT /holds/i", NONE, goods(4), 409, json!({"rejection": {"code": "short", "of": [{"product_id": "mug", "wanted": 4, "left": 3}]}})),
        ("PUT /holds/i", NONE, json!({"lines": []}), 400, json!({"field": "ttlSeconds"})),
        ("PUT /holds/i", NONE, json!({"lines": [], "ttlSeconds": -1}), 400, json!({"field": "ttlSeconds"})),
        ("PUT /holds/i", NONE, json!({"lines": [], "ttlSeconds": 1}), 400, json!({"field": "lines"})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "s"})), 409, json!({"rejection": {"code": "not_sold", "of": "held"}})),
        ("POST /holds/h/pin", NONE, Value::Null, 200, json!({"state": "pinned"})),
        ("POST /holds/h/confirm", NONE, json!({"note": "sold"}), 200, json!({"state": "confirmed", "note": "sold"})),
        ("POST /holds/h/confirm", NONE, Value::Null, 200, json!({"state": "confirmed", "note": "sold"})),
        ("DELETE /holds/h", NONE, Value::Null, 200, json!({"state": "confirmed"})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "s", "quantity": 1})), 200, json!({"state": "confirmed"})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "s", "quantity": 1})), 200, json!({"state": "confirmed"})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "s", "quantity": 2})), 422, json!({"rejection": {"code": "id_reused"}})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "t", "lines": [{"product_id": "tea", "quantity": 1}]})), 400, json!({"field": "settle.lines"})),
        ("PUT /inventory/mug", NONE, settle(json!({"holdId": "h", "shipmentId": "t"})), 200, json!({"state": "shipped"})),
        ("GET /inventory/mug", NONE, Value::Null, 200, json!({"stockLevel": 3, "committed": 0})),
        ("GET /inventory/tea", NONE, Value::Null, 200, json!({"stockLevel": 4, "committed": 0})),
        ("GET /holds/nobody", NONE, Value::Null, 404, json!({"rejection": {"code": "unknown_hold"}})),
        ("DELETE /holds/late", NONE, Value::Null, 200, json!({"state": "voided", "lines": []})),
        ("PUT /holds/late", NONE, goods(1), 200, json!({"state": "voided"})),
        ("GET /audit", NONE, Value::Null, 200, json!({"products": 2, "violations": []})),
    ]).await;
}

#[tokio::test]
async fn one_product_is_reserved_and_given_back_without_a_word_of_holds() {
    let system = fresh();
    let list = json!({"name": "Mug", "code": "mug", "count": 5});
    send(&system, "POST /inventory", NONE, Some(list)).await;
    let key: &[&str] = &["idempotency-key: a"];
    let units = |it: u64| json!({"quantity": it});
    story(
        &system,
        &[
            (
                "POST /inventory/mug/reserve",
                key,
                units(2),
                200,
                json!({"reserved": 2, "available": 3, "hold": {"state": "held"}}),
            ),
            (
                "POST /inventory/mug/reserve",
                key,
                units(2),
                200,
                json!({"reserved": 2}),
            ),
            (
                "POST /inventory/mug/reserve",
                key,
                units(3),
                422,
                json!({"rejection": {"code": "hold_mismatch"}}),
            ),
            (
                "POST /inventory/mug/reserve",
                NONE,
                units(4),
                409,
                json!({"rejection": {"code": "short"}}),
            ),
            (
                "POST /inventory/cup/reserve",
                NONE,
                units(1),
                404,
                json!({"status": 404}),
            ),
            (
                "POST /inventory/mug/reserve",
                NONE,
                units(0),
                400,
                json!({"field": "quantity"}),
            ),
            (
                "POST /inventory/mug/release",
                NONE,
                units(2),
                400,
                json!({"field": "holdId"}),
            ),
            (
                "POST /inventory/mug/release",
                key,
                units(1),
                409,
                json!({"rejection": {"code": "hold_mismatch"}}),
            ),
            (
                "POST /inventory/mug/release",
                key,
                units(2),
                200,
                json!({"reserved": 0, "available": 5, "hold": {"state": "voided"}}),
            ),
            (
                "POST /inventory/mug/release",
                key,
                units(2),
                200,
                json!({"available": 5}),
            ),
            // Nobody is told that something is held when nothing is.
            (
                "POST /inventory/mug/reserve",
                key,
                units(2),
                409,
                json!({"status": 409}),
            ),
        ],
    )
    .await;
    // Without a key the answer names the hold, which can be given back by that.
    let (_, held) = send(&system, "POST /inventory/mug/reserve", NONE, Some(units(1))).await;
    let body = json!({"quantity": 1, "holdId": held["hold"]["holdId"]});
    let (status, answer) = send(&system, "POST /inventory/mug/release", NONE, Some(body)).await;
    assert_eq!((status, &answer["available"]), (200, &json!(5)));
    // A line of somebody's order is not given back here.
    let order = json!({"lines": [{"product_id": "mug", "quantity": 1}, {"product_id": "mug", "quantity": 1}], "ttlSeconds": 9});
    send(&system, "PUT /holds/order", NONE, Some(order)).await;
    send(&system, "POST /holds/order/confirm", NONE, None).await;
    let body = json!({"quantity": 2, "holdId": "order"});
    let (status, _) = send(&system, "POST /inventory/mug/release", NONE, Some(body)).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn furniture_is_listed_by_name_and_brand() {
    let system = fresh();
    let key: &[&str] = &["idempotency-key: a"];
    let bench = json!({"name": "Bench", "brand": "Larch & Sons"});
    let (status, made) = send(&system, "POST /furniture", key, Some(bench.clone())).await;
    assert_eq!(
        (status, &made["name"], &made["brand"]),
        (201, &bench["name"], &bench["brand"])
    );
    let (_, again) = send(&system, "POST /furniture", key, Some(bench.clone())).await;
    assert_eq!(again["id"], made["id"]);
    let (_, list) = send(&system, "GET /furniture", NONE, None).await;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&list[0]["id"], &list[0]["brand"], &list[0]["count"]),
        (&made["id"], &bench["brand"], &json!(0))
    );
    let (status, problem) = send(
        &system,
        "POST /furniture",
        NONE,
        Some(json!({"name": "Bench"})),
    )
    .await;
    assert_eq!((status, &problem["field"]), (400, &json!("brand")));
}

#[tokio::test]
async fn freight_is_quoted_by_weight_and_zone() {
    let system = fresh();
    let address = |country: &str| json!({"street_address": "1 Main Street", "city": "Springfield", "country": country});
    let asked = |country: &str, currency: &str, product: &str| json!({"address": address(country), "user_currency": currency, "items": [{"product_id": product, "quantity": 2}]});
    let home = json!({"freight": {"currency_code": "USD", "units": 36, "nanos": 800_000_000}, "lead_days": 7});
    story(
        &system,
        &[
            (
                "POST /freight-quotes",
                NONE,
                asked("US", "USD", "FURN-CHAIR-OAK"),
                200,
                home,
            ),
            (
                "POST /freight-quotes",
                NONE,
                asked("US", "JPY", "FURN-CHAIR-OAK"),
                400,
                json!({"field": "user_currency"}),
            ),
            (
                "POST /freight-quotes",
                NONE,
                asked("US", "USD", "nothing"),
                400,
                json!({"field": "items[0].product_id"}),
            ),
            (
                "POST /freight-quotes",
                NONE,
                json!({"address": address("US"), "user_currency": "USD"}),
                400,
                json!({"field": "items"}),
            ),
        ],
    )
    .await;
    let client = FreightClient {
        upstream: upstream(system),
    };
    let tariff = QuoteByTariff {
        tariff: Arc::new(Tariff::standard()),
    };
    for currency in ["USD", "JPY"] {
        let currency = currency.parse().expect("a currency");
        let sofa = ProductId::new("FURN-SOFA-3").expect("an id");
        let line = CartLine {
            product_id: sofa,
            quantity: Units::ONE,
        };
        let usd = Currency::USD;
        let lines = Catalog::default_range()
            .quote(usd, &[line])
            .expect("is sold");
        let address = serde_json::from_value(address("France")).expect("an address");
        let request = QuoteShipping {
            address,
            currency,
            lines,
        };
        let (one, other) = (client.run(request.clone()).await, tariff.run(request).await);
        match (one, other) {
            (Ok(one), Ok(other)) => assert_eq!(one, other),
            (Err(one), Err(other)) => assert_eq!(one.rejection(), other.rejection()),
            (one, other) => panic!("{one:?} is not {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_note_of_any_characters_is_kept_up_to_its_ceiling() {
    let ledger = Arc::new(MemoryLedger::new(Arc::<ManualClock>::default()));
    let system = system(ledger.clone());
    let list = json!({"name": "Mug", "code": "mug", "count": 5});
    send(&system, "POST /inventory", NONE, Some(list)).await;
    let goods = json!({"lines": [{"product_id": "mug", "quantity": 1}], "ttlSeconds": 9});
    send(&system, "PUT /holds/h", NONE, Some(goods)).await;
    let client = HttpLedger {
        upstream: upstream(system),
    };
    let hold_id = HoldId::new("h").expect("an id");
    // Six bytes of JSON each, so far more than a body may usually have.
    let note = "\u{1}".repeat(65_536);
    let hold = client
        .confirm(&hold_id, Some(note.clone()))
        .await
        .expect("fits");
    assert!(hold.note == Some(note), "the note came back as it went");
}

/// A server that knows nothing of holds is not taken for a ledger without any.
#[tokio::test]
async fn a_404_of_another_server_is_no_answer() {
    let other = InProcess(axum::Router::new());
    let client = HttpLedger {
        upstream: upstream(other),
    };
    let hold_id = HoldId::new("h").expect("an id");
    assert!(client.hold(&hold_id).await.is_err());
    let answer = client.void(&hold_id).await.expect_err("no ledger");
    assert_eq!(
        answer.fault().map(|it| it.kind()),
        Some(FaultKind::Permanent)
    );
}
