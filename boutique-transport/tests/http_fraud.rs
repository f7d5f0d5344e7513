//! The fraud engine over HTTP: what existing clients read, and that a checkout cannot tell the
//! client from the engine.
#![cfg(feature = "http")]

use std::sync::{Arc, Mutex};

use boutique_core::clock::{Clock, Timestamp};
use boutique_core::flow::Step;
use boutique_core::fraud::{AssessRisk, EvaluationLog, MemorySignals, RuleSet};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::InProcess;
use boutique_transport::http::fraud::{FraudApi, routes};
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

fn engine() -> InProcess {
    let store = Arc::new(MemorySignals::default());
    let rules = Arc::new(RuleSet::standard());
    let api = FraudApi {
        assess: AssessRisk { store, rules }.into_service(),
        log: Arc::new(Mutex::new(EvaluationLog::default())),
        clock: Arc::new(Noon),
    };
    InProcess(server("fraud", routes(), api, Limits::default()))
}

async fn ask(
    engine: &InProcess,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string())),
        None => request.body(Bytes::new()),
    };
    let answer = engine.clone().oneshot(request.expect("a request")).await;
    let answer = answer.expect("answers");
    let body = serde_json::from_slice(answer.body()).expect("JSON");
    (answer.status(), body)
}

#[tokio::test]
async fn the_three_fields_are_answered_with_the_band() {
    let engine = engine();
    for (duration, success, band) in [
        (80, true, "LOW"),
        (201, true, "MEDIUM"),
        (501, true, "HIGH"),
        (5, false, "HIGH"),
    ] {
        let body = json!({"transactionType": "checkout", "durationMs": duration, "success": success, "unknown": 1});
        let (status, body) = ask(&engine, "POST", "/metrics", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(body["riskScore"], band);
        assert_eq!(body["durationMs"].as_f64(), Some(duration.into()));
        assert_eq!(body["timestamp"], "1970-01-01T12:00:00.000Z");
    }
    let (status, body) = ask(&engine, "GET", "/metrics?limit=1", None).await;
    assert_eq!(status, StatusCode::OK);
    let summary = json!({"totalTransactionsEvaluated": 4, "highRiskCount": 2, "mediumRiskCount": 1, "lowRiskCount": 1, "averageDurationMs": 196.75});
    assert_eq!(body["summary"], summary);
    assert_eq!(body["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_question_that_is_repeated_counts_once() {
    let engine = engine();
    let order = |id: &str, dry_run| {
        json!({
            "transactionType": "checkout", "durationMs": 0, "success": true, "dryRun": dry_run,
            "signals": {
                "order_id": id, "user": "u", "email": "e", "address": "a", "country": "US",
                "amount": {"currency_code": "USD", "units": 10, "nanos": 0}, "lines": 1,
                "units": 1, "known_customer": true, "tier": "standard", "customer_age": null,
                "prior_orders": 0,
            },
        })
    };
    for (id, dry_run, total) in [
        ("o1", false, 1),
        ("o1", false, 1),
        ("o1", true, 2),
        ("o2", false, 3),
    ] {
        let (status, body) = ask(&engine, "POST", "/metrics", Some(order(id, dry_run))).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        let (_, body) = ask(&engine, "GET", "/metrics", None).await;
        assert_eq!(body["summary"]["totalTransactionsEvaluated"], total);
        assert_eq!(body["data"].as_array().map(Vec::len), Some(total));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_payload_is_said_by_the_name_of_the_field() {
    let engine = engine();
    for (body, text) in [
        (
            json!({"durationMs": 1, "success": true}),
            "Invalid payload: transactionType: is missing",
        ),
        (
            json!({"transactionType": "x", "durationMs": "1", "success": true}),
            "Invalid payload: durationMs: must be f64",
        ),
        (
            json!({"transactionType": "x", "durationMs": -1, "success": true}),
            "Invalid payload: durationMs: must be a finite number of at least 0",
        ),
        (
            json!({"transactionType": "x", "durationMs": 1, "success": "yes"}),
            "Invalid payload: success: must be a boolean",
        ),
    ] {
        let (status, body) = ask(&engine, "POST", "/metrics", Some(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body["error"], text);
        assert_eq!(body["detail"], text);
    }
    let (status, body) = ask(&engine, "DELETE", "/metrics", None).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(body["title"], "Method Not Allowed");
    let (status, _) = ask(&engine, "GET", "/nothing", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, document) = ask(&engine, "GET", "/openapi.json", None).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/metrics"]["post"].is_object());
}
