//! Accounting over HTTP: what existing clients read, and that order management cannot tell the
//! client from the books.
#![cfg(feature = "http")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boutique_core::accounting::{
    Book, BookError, Booked, Credit, Entry, EntryKind, Journal, KeepBooks, MemoryJournal,
    Recognition, Reverse, Sale, SalesTotal, TrialBalance,
};
use boutique_core::assembly::BookService;
use boutique_core::customer::{BillingProfile, CustomerProfile, LookUpCustomer};
use boutique_core::fault::{Fault, FaultKind, PortError};
use boutique_core::flow::{Ask, Step};
use boutique_core::ids::{EntryId, OrderId};
use boutique_core::money::Money;
use boutique_testkit::{ManualClock, Scripted, generate};
use boutique_transport::http::Upstream;
use boutique_transport::http::accounting::{
    AccountingApi, AccountingClient, CountCustomers, CountService, routes,
};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, base};
use bytes::Bytes;
use http::{Request, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::ServiceExt;

/// How the CRM is.
#[derive(Clone, Copy)]
enum Crm {
    Up,
    Slow,
    Down,
}

struct Office {
    clock: Arc<ManualClock>,
    journal: Arc<MemoryJournal>,
    book: BookService,
    server: InProcess,
}

fn profile(asked: &LookUpCustomer) -> Option<CustomerProfile> {
    let known = asked.user_id.as_str().len().is_multiple_of(2);
    let billing = BillingProfile {
        name: "Ada Lovelace".to_owned().into(),
        address: serde_json::from_value(
            json!({"street_address": "1 Quay", "city": "Cork", "country": "IE"}),
        )
        .expect("an address"),
        tax_id: None,
    };
    known.then(|| CustomerProfile {
        id: "c1".parse().expect("an id"),
        tier: Default::default(),
        standing: Default::default(),
        created_at: Default::default(),
        orders: 0,
        billing: Some(billing),
    })
}

fn office(crm: Crm) -> Office {
    let journal = Arc::new(MemoryJournal::default());
    let store = Arc::<MemoryJournal>::clone(&journal);
    office_over(crm, journal, store)
}

/// An office whose books are kept in `journal`, by way of `store`.
fn office_over(crm: Crm, journal: Arc<MemoryJournal>, store: Arc<dyn Journal>) -> Office {
    let clock = Arc::new(ManualClock::default());
    let book = KeepBooks {
        journal: Arc::clone(&store),
        clock: Arc::<ManualClock>::clone(&clock),
        crm: tower::service_fn(
            |asked: LookUpCustomer| async move { Ok::<_, Fault>(profile(&asked)) },
        ),
    };
    let book = BookService::new(book.into_service());
    let count = tower::service_fn(move |_: CountCustomers| async move {
        match crm {
            Crm::Up => Ok(7),
            Crm::Slow => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Ok(7)
            }
            Crm::Down => Err(Fault::unavailable("connection refused by 10.0.0.7")),
        }
    });
    let api = AccountingApi {
        book: book.clone(),
        journal: store,
        clock: Arc::<ManualClock>::clone(&clock),
        crm: CountService::new(count),
        crm_within: Duration::from_millis(500),
    };
    let server = InProcess(server("accounting", routes(), api, Limits::default()));
    Office {
        clock,
        journal,
        book,
        server,
    }
}

fn client(server: &InProcess) -> AccountingClient<InProcess> {
    let at = base("http://accounting.test").expect("a URL");
    AccountingClient {
        upstream: Upstream::new(at, server.clone()),
    }
}

impl Office {
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Bytes::from(body.to_string())),
            None => request.body(Bytes::new()),
        };
        let answer = self.server.clone().oneshot(request.expect("a request"));
        let answer = answer.await.expect("answers");
        let body = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status(), body)
    }

    async fn post(&self, body: Value) -> (StatusCode, Value) {
        self.ask("POST", "/transactions", Some(body)).await
    }
}

fn usd(units: i64, nanos: i64) -> Value {
    json!({"currency_code": "USD", "units": units, "nanos": nanos})
}

/// What the order management of the Node.js deployment sends.
fn node() -> Value {
    json!({
        "orderId": "o-1",
        "userId": "u1",
        "customerEmail": "jane@example.com",
        "currency": "USD",
        "financials": {
            "items": [
                {"item": {"product_id": "OLJCESPC7Z", "quantity": 2}, "cost": usd(19, 990_000_000)},
                {"item": {"productId": "66VCHSJNUP", "quantity": 1}, "cost": {"units": "18", "nanos": 990_000_000}},
            ],
            "shipping_cost": usd(8, 990_000_000),
        },
    })
}

#[tokio::test]
async fn a_sale_is_booked_once_with_its_quantities_and_answered_the_same_again() {
    let office = office(Crm::Up);
    let (status, first) = office.post(node()).await;
    assert_eq!(status, StatusCode::CREATED, "{first}");
    for (field, value) in [
        ("id", json!("o-1.sale")),
        ("orderId", json!("o-1")),
        ("item", json!("2 x OLJCESPC7Z, 1 x 66VCHSJNUP")),
        ("price", json!(67.96)),
        ("currency", json!("USD")),
        ("date", json!("2026-01-01T00:00:00Z")),
        ("customer", json!("jane@example.com")),
        ("amount", usd(67, 960_000_000)),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    office.clock.advance_millis(60_000);
    let (status, again) = office.post(node()).await;
    assert_eq!((status, &again), (StatusCode::OK, &first));

    let mut other = node();
    other["financials"]["items"][0]["item"]["quantity"] = json!(3);
    let (status, refused) = office.post(other).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(refused["error"], refused["detail"]);
    assert_eq!(office.journal.sales_total().await.expect("kept").count, 1);
}

#[tokio::test]
async fn what_is_no_amount_is_refused_by_name_and_books_nothing() {
    let office = office(Crm::Up);
    let cost = "/financials/items/0/cost";
    for (at, value, field) in [
        (
            cost,
            json!({"currency_code": "EUR", "units": 1}),
            "financials.items[0].cost",
        ),
        (
            cost,
            json!({"currency_code": "XXX", "units": 1}),
            "financials.items[0].cost.currency_code",
        ),
        (cost, usd(-1, 0), "financials.items[0].cost"),
        (cost, json!(-0.01), "financials.items[0].cost"),
        (cost, json!("a lot"), "financials.items[0].cost"),
        (
            cost,
            json!({"units": "1e3"}),
            "financials.items[0].cost.units",
        ),
        (cost, json!(1e30), "financials.items[0].cost"),
        (cost, usd(1, -1), "financials.items[0].cost"),
        (
            "/financials/shipping_cost",
            usd(-1, 0),
            "financials.shipping_cost",
        ),
        (
            "/financials/items/0/item/quantity",
            json!(0),
            "financials.items[0].item.quantity",
        ),
        ("/financials/items", json!([]), "financials.items"),
        ("/financials", json!(null), "financials"),
        ("/currency", json!("dollars"), "currency"),
        ("/customerEmail", json!("jane"), "customerEmail"),
        ("/orderId", json!(17), "orderId"),
    ] {
        let mut body = node();
        *body.pointer_mut(at).expect("is there") = value.clone();
        let (status, refused) = office.post(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{at} {value}");
        assert_eq!(refused["field"], field, "{at} {value}: {refused}");
    }
    assert_eq!(
        office.journal.trial_balance().await.expect("kept").entries,
        0
    );
}

#[tokio::test(start_paused = true)]
async fn the_list_sums_the_whole_ledger_and_does_without_a_crm_that_is_slow_or_down() {
    for (crm, integration) in [
        (Crm::Up, json!({"connected": true, "customers": 7})),
        (
            Crm::Slow,
            json!({"connected": false, "message": "CRM service not available"}),
        ),
        (
            Crm::Down,
            json!({"connected": false, "message": "CRM service not available"}),
        ),
    ] {
        let office = office(crm);
        for (order, units) in [("o-1", 10), ("o-2", 20), ("o-3", 12)] {
            let mut body = node();
            body["orderId"] = json!(order);
            body["financials"] =
                json!({"items": [{"item": {"product_id": "tea", "quantity": 1}, "cost": units}]});
            let (status, _) = office.post(body).await;
            assert_eq!(status, StatusCode::CREATED);
        }
        let before = tokio::time::Instant::now();
        let (status, mut all) = office.ask("GET", "/transactions?limit=2", None).await;
        assert_eq!(status, StatusCode::OK);
        assert!(before.elapsed() <= Duration::from_millis(500));
        assert_eq!(all["summary"]["totalTransactions"], 3);
        assert_eq!(all["summary"]["totalAmount"], json!(42.0));
        let prices: Vec<_> = all["transactions"]
            .as_array()
            .expect("a page")
            .iter()
            .map(|it| it["price"].clone())
            .collect();
        assert_eq!(prices, [10.0, 20.0]);
        let told = all["crmIntegration"].as_object_mut().expect("an object");
        assert_eq!(
            told.remove("timestamp"),
            Some(json!("2026-01-01T00:00:00Z"))
        );
        assert_eq!(Value::Object(told.clone()), integration);
    }
}

#[tokio::test]
async fn a_correction_and_a_deletion_keep_the_history() {
    let office = office(Crm::Up);
    office.post(node()).await;
    let path = "/transactions/o-1.sale";
    let (status, right) = office.ask("PUT", path, Some(json!({"price": 60.5}))).await;
    assert_eq!(
        (status, &right["price"], &right["id"]),
        (StatusCode::OK, &json!(60.5), &json!("o-1.sale"))
    );
    let (status, again) = office.ask("PUT", path, Some(json!({"price": 60.5}))).await;
    assert_eq!(
        (status, &again),
        (StatusCode::OK, &right),
        "the same correction books nothing"
    );
    let (_, read) = office.ask("GET", path, None).await;
    assert_eq!(read, right);
    let kinds: Vec<_> = read["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert_eq!(kinds, ["sale", "reversal", "sale"]);
    let (_, all) = office.ask("GET", "/transactions", None).await;
    assert_eq!(all["summary"]["totalTransactions"], 1);
    assert_eq!(all["summary"]["totalAmount"], json!(60.5));

    for bad in [
        json!({"price": -1}),
        json!({"tax": 99}),
        json!({"currency": "EUR"}),
    ] {
        let (status, _) = office.ask("PUT", path, Some(bad.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let (status, _) = office.ask("DELETE", path, None).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = office.ask("DELETE", path, None).await;
    assert_eq!(status, StatusCode::OK, "again changes nothing");
    let (status, _) = office.ask("GET", path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, all) = office.ask("GET", "/transactions", None).await;
    assert_eq!(all["summary"]["totalTransactions"], 0);
    let (_, journal) = office.ask("GET", "/journal?orderId=o-1", None).await;
    assert_eq!(journal.as_array().map(Vec::len), Some(4));
    let (_, trial) = office.ask("GET", "/trial-balance", None).await;
    assert_eq!(
        (&trial["balanced"], &trial["entries"]),
        (&json!(true), &json!(4))
    );
    let receivables = &trial["rows"][0];
    assert_eq!(receivables["debits"], receivables["credits"]);
    for path in ["/transactions/nothing", "/transactions/o-1.sale.reversal"] {
        let (status, _) = office.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }
}

/// A journal that stops before it books a sale, until it is let on.
struct Stopping {
    journal: Arc<MemoryJournal>,
    reached: Notify,
    go_on: Notify,
    booked: Notify,
}

#[async_trait]
impl Journal for Stopping {
    async fn post(&self, entry: Entry) -> Result<Booked, BookError> {
        let stops = entry.kind == EntryKind::Sale;
        if stops {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        let booked = self.journal.post(entry).await;
        if stops {
            self.booked.notify_one();
        }
        booked
    }

    async fn entry(&self, id: &EntryId) -> Result<Option<Entry>, Fault> {
        self.journal.entry(id).await
    }

    async fn entries_of(&self, order_id: &OrderId) -> Result<Vec<Entry>, Fault> {
        self.journal.entries_of(order_id).await
    }

    async fn entries(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        self.journal.entries(after, limit).await
    }

    async fn sales(&self, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>, Fault> {
        self.journal.sales(after, limit).await
    }

    async fn sales_total(&self) -> Result<SalesTotal, Fault> {
        self.journal.sales_total().await
    }

    async fn trial_balance(&self) -> Result<TrialBalance, Fault> {
        self.journal.trial_balance().await
    }
}

#[tokio::test]
async fn a_correction_whose_caller_goes_away_does_not_leave_the_sale_taken_back() {
    let journal = Arc::new(MemoryJournal::default());
    let stopping = Arc::new(Stopping {
        journal: Arc::clone(&journal),
        reached: Notify::new(),
        go_on: Notify::new(),
        booked: Notify::new(),
    });
    let office = office_over(Crm::Up, journal, Arc::<Stopping>::clone(&stopping));
    stopping.go_on.notify_one();
    office.post(node()).await;
    stopping.reached.notified().await;
    stopping.booked.notified().await;

    let path = "/transactions/o-1.sale";
    let correction = || Some(json!({"price": 60.5}));
    tokio::select! {
        biased;
        _ = office.ask("PUT", path, correction()) => panic!("the sale is not booked yet"),
        // The sale is taken back, and the caller goes away.
        () = stopping.reached.notified() => {}
    }
    let (status, _) = office.ask("GET", path, None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    stopping.go_on.notify_one();
    let booked = tokio::time::timeout(Duration::from_secs(30), stopping.booked.notified());
    booked.await.expect("the correction is carried to its end");

    let (status, read) = office.ask("GET", path, None).await;
    assert_eq!((status, &read["price"]), (StatusCode::OK, &json!(60.5)));
    let again = office.ask("PUT", path, correction()).await;
    assert_eq!(
        again,
        (StatusCode::OK, read),
        "the same correction books nothing"
    );
}

#[tokio::test]
async fn a_push_is_as_good_as_the_plain_body() {
    let event = json!({
        "order_id": "o-1", "user_id": "u1", "email": "jane@example.com", "user_currency": "USD",
        "shipping_tracking_id": "t-1", "shipping_cost": usd(8, 990_000_000),
        "shipping_address": {"street_address": "1 Quay", "city": "Cork", "country": "IE"},
        "items": [
            {"item": {"product_id": "OLJCESPC7Z", "quantity": 2}, "cost": usd(19, 990_000_000)},
            {"item": {"product_id": "66VCHSJNUP", "quantity": 1}, "cost": usd(18, 990_000_000)},
        ],
    });
    let push = |data: &Value| json!({"subscription": "s", "message": {"data": STANDARD.encode(data.to_string()), "messageId": "1"}});
    let (_, plain) = office(Crm::Up).post(node()).await;
    for path in ["/", "/transactions"] {
        for data in [&event, &node()] {
            let office = office(Crm::Up);
            let (status, pushed) = office.ask("POST", path, Some(push(data))).await;
            assert_eq!((status, &pushed), (StatusCode::CREATED, &plain), "{path}");
            let (status, _) = office.ask("POST", path, Some(push(data))).await;
            assert_eq!(status, StatusCode::OK, "delivered again");
        }
    }
    let office = office(Crm::Up);
    for body in [
        json!({}),
        push(&json!({"hello": "jane"})),
        json!({"message": {"data": "?"}}),
    ] {
        let (status, refused) = office.ask("POST", "/", Some(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(!refused.to_string().contains("jane"), "{refused}");
    }
}

/// Few names, so that requests meet; amounts of every kind, so that many are refused.
fn book() -> impl Strategy<Value = Book> {
    let order = || "[ab]".prop_map(|it| OrderId::new(it).expect("an id"));
    let amount = || {
        prop_oneof![select(vec![0, 100, 250]), Just(-5)].prop_map(|it| {
            Money::from_minor(boutique_core::money::Currency::USD, it).expect("in range")
        })
    };
    let amount = move || prop_oneof![6 => amount(), 1 => generate::money()];
    let amounts = move || (amount(), amount());
    let at = || prop_oneof![4 => Just(Default::default()), 1 => generate::timestamp()];
    let sale = (
        order(),
        generate::user_id(),
        generate::email(),
        amounts(),
        at(),
        generate::text(),
    );
    let sale = sale.prop_map(
        |(order_id, user_id, email, (total, tax), occurred_at, memo)| {
            Book::Sale(Sale {
                order_id,
                user_id,
                email,
                total,
                tax,
                occurred_at,
                memo,
            })
        },
    );
    let part = prop_oneof![4 => "[ab]", 1 => "\\PC{0,9}", 1 => "x{320}"];
    let recognition =
        (order(), part, amount(), at()).prop_map(|(order_id, part, net, occurred_at)| {
            Book::Recognition(Recognition {
                order_id,
                part,
                net,
                occurred_at,
            })
        });
    let kinds = select(vec![
        EntryKind::Sale,
        EntryKind::Cancellation,
        EntryKind::Return,
        EntryKind::CreditNote,
    ]);
    let entry =
        || "[ab]\\.(sale|credit)(\\.reversal)?".prop_map(|it| EntryId::new(it).expect("an id"));
    let credit = (
        entry(),
        kinds,
        prop::option::of(order()),
        amounts(),
        at(),
        generate::text(),
    );
    let credit = credit.prop_map(
        |(entry_id, kind, order_id, (total, tax), occurred_at, memo)| {
            Book::Credit(Credit {
                entry_id,
                kind,
                order_id,
                total,
                tax,
                occurred_at,
                memo,
            })
        },
    );
    let reversal = (entry(), at(), generate::text()).prop_map(|(entry_id, occurred_at, memo)| {
        Book::Reversal(Reverse {
            entry_id,
            occurred_at,
            memo,
        })
    });
    prop_oneof![3 => sale, 2 => recognition, 2 => credit, 2 => reversal]
}

fn told(answer: Result<Booked, BookError>) -> String {
    match answer {
        Ok(booked) => {
            let billing = booked
                .entry
                .billing
                .as_ref()
                .map(|it| it.name.expose().clone());
            format!("{booked:?} {billing:?}")
        }
        Err(PortError::Rejected(why)) => format!("{why:?}"),
        Err(PortError::Fault(fault)) => format!("{:?} {fault}", fault.kind()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_client_answers_as_the_books_do(requests in prop::collection::vec(book(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let (near, far) = (office(Crm::Up), office(Crm::Up));
            let client = client(&far.server);
            for request in requests {
                let expected = near.book.ask(request.clone()).await;
                prop_assert_eq!(told(client.run(request).await), told(expected));
            }
            let books = async |it: &Office| it.journal.entries(None, 100).await.expect("kept");
            prop_assert_eq!(books(&far).await, books(&near).await);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_failure_arrives_as_what_it_is() {
    for kind in [
        FaultKind::Unavailable,
        FaultKind::Ambiguous,
        FaultKind::Permanent,
    ] {
        let office = office(Crm::Up);
        let failing = Scripted::<Book, Booked, BookError>::new().fault(kind);
        let api = AccountingApi {
            book: failing,
            journal: Arc::<MemoryJournal>::clone(&office.journal),
            clock: Arc::<ManualClock>::clone(&office.clock),
            crm: CountService::new(tower::service_fn(|_| async { Ok(0) })),
            crm_within: Duration::ZERO,
        };
        let server = InProcess(server("accounting", routes(), api, Limits::default()));
        let reverse = Book::Reversal(Reverse {
            entry_id: EntryId::new("o.sale").expect("an id"),
            occurred_at: Default::default(),
            memo: String::new(),
        });
        let error = client(&server).run(reverse).await.expect_err("fails");
        assert_eq!(error.fault().map(Fault::kind), Some(kind));
    }
}

// Both spellings of a name that the contract marks are one name.
#[tokio::test]
async fn an_amount_may_be_a_plain_number_and_names_may_be_snake_case() {
    let office = office(Crm::Up);
    let body = json!({
        "order_id": "o-9", "user_id": "u1", "email": "jane@example.com", "user_currency": "JPY",
        "financials": {"items": [{"item": {"product_id": "tea", "quantity": 3}, "cost": 19.5}], "shippingCost": 5},
        "discount": 3,
    });
    let (status, booked) = office.post(body).await;
    assert_eq!(
        (status, &booked["price"]),
        (StatusCode::CREATED, &json!(61.0)),
        "{booked}"
    );
    let expected: BTreeMap<&str, i64> = [("units", 61), ("nanos", 0)].into();
    for (name, value) in expected {
        assert_eq!(booked["amount"][name], value);
    }
}
