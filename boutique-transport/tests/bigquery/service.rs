//! What the service says and an emulator does not: refused rows, refused requests.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use boutique_core::analytics::{Source, Table, TableRow, TableSink};
use boutique_core::broker::{AckId, Delivery, Message, Push};
use boutique_core::clock::Timestamp;
use boutique_core::fault::FaultKind;
use boutique_core::flow::Step;
use boutique_transport::bigquery::{BigQuery, BigQuerySink, IngestRows};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const PATH: &str = "/bigquery/v2/projects/boutique-test/datasets/shop/tables/shipments/insertAll";

/// `insertAll` as Google describes it: one row that is refused stops those beside it.
#[derive(Default)]
struct Service {
    /// What the next requests are answered instead, the last one first.
    instead: Mutex<Vec<(u16, &'static str)>>,
    /// Ids of all rows, request by request.
    requests: Mutex<Vec<Vec<String>>>,
    /// Ids of the rows it has.
    rows: Mutex<Vec<String>>,
}

impl Service {
    fn new(instead: impl IntoIterator<Item = (u16, &'static str)>) -> Arc<Self> {
        let mut instead: Vec<_> = instead.into_iter().collect();
        instead.reverse();
        Arc::new(Self {
            instead: Mutex::new(instead),
            ..Self::default()
        })
    }

    /// Serves until the test ends.
    async fn sink(self: &Arc<Self>) -> BigQuerySink {
        let routes = Router::new().route(PATH, post(insert_all));
        serve(routes.with_state(Arc::clone(self))).await
    }

    fn rows(&self) -> Vec<String> {
        let mut rows = self.rows.lock().expect("whole").clone();
        rows.sort_unstable();
        rows
    }
}

/// Serves until the test ends.
async fn serve(routes: Router) -> BigQuerySink {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let host = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let warehouse = BigQuery::emulator("boutique-test", "shop", &host);
    BigQuerySink {
        warehouse: warehouse.expect("host:port"),
    }
}

async fn insert_all(State(service): State<Arc<Service>>, body: Bytes) -> (StatusCode, String) {
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let rows = body["rows"].as_array().expect("rows");
    let ids: Vec<String> = rows
        .iter()
        .map(|it| it["insertId"].as_str().expect("an id").to_owned())
        .collect();
    service.requests.lock().expect("whole").push(ids.clone());
    if let Some((status, text)) = service.instead.lock().expect("whole").pop() {
        return (
            StatusCode::from_u16(status).expect("a status"),
            text.to_owned(),
        );
    }
    let bad = |it: &Value| it["json"]["order_id"] == "bad";
    if !rows.iter().any(bad) {
        service.rows.lock().expect("whole").extend(ids);
        return (StatusCode::OK, "{}".to_owned());
    }
    let errors = rows.iter().enumerate().map(|(at, row)| {
        let error = match bad(row) {
            true => json!({ "reason": "invalid", "location": "order_id", "message": "bad" }),
            false => json!({ "reason": "stopped" }),
        };
        json!({ "index": at, "errors": [error] })
    });
    let errors: Vec<Value> = errors.collect();
    (
        StatusCode::OK,
        json!({ "insertErrors": errors }).to_string(),
    )
}

fn table() -> &'static Table {
    Table::named("shipments").expect("a table")
}

fn push(message_id: u64, order_id: &str) -> Push {
    let data = json!({
        "event_id": format!("e-{message_id}"), "order_id": order_id, "shipment_id": "s",
        "system": "inventory", "status": "packed", "at": 1,
    });
    let message = Message {
        data: data.to_string().into(),
        attributes: Arc::default(),
        ordering_key: None,
    };
    Push {
        subscription: "shipments.analytics".into(),
        delivery: Delivery {
            ack_id: AckId {
                message_id,
                attempt: 1,
            },
            message_id,
            published_at: Timestamp::from_micros(1),
            attempt: 1,
            message: Arc::new(message),
        },
    }
}

fn row(message_id: u64, order_id: &str) -> TableRow {
    let push = push(message_id, order_id);
    let name = message_id.to_string();
    let source = Source {
        subscription: &push.subscription,
        message_id: &name,
        published_at: push.delivery.published_at,
    };
    let row = table().row(&source, &push.delivery.message);
    row.expect("a row")
}

fn ingest(sink: BigQuerySink) -> (IngestRows, watch::Sender<bool>) {
    let (stop, stopped) = watch::channel(false);
    (IngestRows::new(table(), Arc::new(sink), stopped), stop)
}

#[tokio::test]
async fn a_row_that_is_refused_keeps_no_other_from_being_written() {
    let service = Service::new([]);
    let (ingest, _stop) = ingest(service.sink().await);
    let pushes = (1..=40).map(|at| ingest.run(push(at, if at == 17 { "bad" } else { "good" })));
    let answers = futures_util::future::join_all(pushes).await;
    for (at, answer) in (1..).zip(answers) {
        match answer {
            Ok(()) => assert_ne!(at, 17),
            Err(fault) => {
                assert_eq!((at, fault.kind()), (17, FaultKind::Permanent));
                let said = format!("{fault:?}");
                assert!(said.contains("order_id") && !said.contains("bad"), "{said}");
            }
        }
    }
    let mut written: Vec<String> = (1..=40).map(|it| it.to_string()).collect();
    written.retain(|it| it != "17");
    written.sort_unstable();
    assert_eq!(service.rows(), written);
}

#[tokio::test]
async fn a_request_that_may_pass_is_sent_again_with_the_same_ids() {
    const LATER: &str = r#"{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}"#;
    let service = Service::new([(503, ""), (403, LATER)]);
    let sink = service.sink().await;
    let written = sink.append(table(), vec![row(1, "a"), row(2, "b")]).await;
    written.expect("written in the end");
    assert_eq!(service.rows(), ["1", "2"]);
    let requests = service.requests.lock().expect("whole").clone();
    assert_eq!(requests, vec![vec!["1".to_owned(), "2".to_owned()]; 3]);
}

#[tokio::test]
async fn what_is_wrong_with_the_table_is_no_fault_of_the_rows() {
    for instead in [
        (404, r#"{"error":{"errors":[{"reason":"notFound"}]}}"#),
        (403, r#"{"error":{"errors":[{"reason":"accessDenied"}]}}"#),
        (401, r#"{"error":{"errors":[{"reason":"authError"}]}}"#),
        // Somebody in between: whoever wants to log in, whoever knows another place.
        (407, ""),
        (302, ""),
    ] {
        let service = Service::new([instead]);
        let sink = service.sink().await;
        let refused = sink.append(table(), vec![row(1, "a")]).await;
        let kind = refused.expect_err("it is refused").kind();
        assert_eq!(kind, FaultKind::Unavailable, "{instead:?}");

        // Whoever takes messages in waits until somebody has mended it.
        let service = Service::new([instead; 2]);
        let (ingest, _stop) = ingest(service.sink().await);
        ingest.run(push(1, "a")).await.expect("written in the end");
        assert_eq!(service.rows(), ["1"]);
    }
}

/// Rows by themselves may fail, too, and for nothing that is theirs.
#[tokio::test]
async fn only_what_is_wrong_with_a_row_is_its_fault() {
    let said = |reasons: [&str; 2]| {
        let errors = (0..).zip(reasons);
        let errors = errors.map(|(at, it)| json!({ "index": at, "errors": [{ "reason": it }] }));
        json!({ "insertErrors": errors.collect::<Vec<_>>() })
            .to_string()
            .leak() as &'static str
    };
    for (reasons, expected) in [
        (["backendError", "stopped"], FaultKind::Ambiguous),
        (["stopped", "timeout"], FaultKind::Ambiguous),
        (["internalError", "internalError"], FaultKind::Ambiguous),
        (["stopped", "stopped"], FaultKind::Ambiguous),
        (["timeout", "invalid"], FaultKind::Permanent),
        (["row-too-large", "stopped"], FaultKind::Permanent),
        (["stopped", "notImplemented"], FaultKind::Permanent),
    ] {
        let service = Service::new([(200, said(reasons))]);
        let sink = service.sink().await;
        let refused = sink.append(table(), vec![row(1, "a"), row(2, "b")]).await;
        let kind = refused.expect_err("it is refused").kind();
        assert_eq!(kind, expected, "{reasons:?}");
    }

    // Whoever takes messages in writes them when it has passed, under the same id.
    let service = Service::new([(200, said(["backendError", "stopped"]))]);
    let (ingest, _stop) = ingest(service.sink().await);
    ingest.run(push(1, "a")).await.expect("written in the end");
    let requests = service.requests.lock().expect("whole").clone();
    assert_eq!(requests, vec![vec!["1".to_owned()]; 2]);
}

/// A server that ends does not wait until a request has run out of time, four times.
#[tokio::test]
async fn who_stops_does_not_wait_for_who_does_not_answer() {
    let (asked, mut was_asked) = mpsc::unbounded_channel();
    let silent = move || {
        asked.send(()).expect("the test listens");
        pending::<StatusCode>()
    };
    let sink = serve(Router::new().route(PATH, post(silent))).await;
    let (ingest, stop) = ingest(sink);
    let stopping = async {
        was_asked.recv().await.expect("it is asked");
        stop.send_replace(true);
    };
    let ended = async { tokio::join!(ingest.run(push(1, "a")), stopping).0 };
    let answer = timeout(Duration::from_secs(60), ended).await;
    let answer = answer.expect("it goes on waiting for an answer");
    let kind = answer.expect_err("nobody answered").kind();
    assert_eq!(kind, FaultKind::Unavailable);
}

#[tokio::test]
async fn what_is_no_row_is_not_sent() {
    let service = Service::new([]);
    let (ingest, _stop) = ingest(service.sink().await);
    let mut wrong = push(1, "a");
    let message = Arc::make_mut(&mut wrong.delivery.message);
    message.data = message.data.replace("\"at\":1", "\"at\":\"secret\"").into();
    let fault = ingest.run(wrong).await.expect_err("no row");
    assert_eq!(fault.kind(), FaultKind::Permanent);
    let said = format!("{fault:?}");
    assert!(said.contains("at") && !said.contains("secret"), "{said}");
    assert!(service.requests.lock().expect("whole").is_empty());
}
