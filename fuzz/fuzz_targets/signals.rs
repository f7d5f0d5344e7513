//! Any body at the fraud engine's `POST /metrics`: it is scored as the rules say, the answer can
//! be read again, and what is refused is named and not repeated.
#![no_main]

use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode, header};
use boutique_core::flow::Step as _;
use boutique_core::fraud::{AssessRisk, Band, EvaluationLog, MemorySignals, RuleSet, Thresholds};
use boutique_fuzz::{CANARY, clock, head_and_body, run};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, Sent};
use boutique_transport::http::fraud::{FraudApi, routes};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::ServiceExt;

thread_local! {
    static RULES: Arc<RuleSet> = Arc::new(RuleSet::standard());
}

fuzz_target!(|input: &[u8]| {
    let engine = AssessRisk {
        store: Arc::new(MemorySignals::default()),
        rules: RULES.with(Arc::clone),
    };
    let api = FraudApi {
        assess: engine.into_service(),
        log: Arc::new(Mutex::new(EvaluationLog::default())),
        clock: clock(),
    };
    let http = InProcess(server("fraud", routes(), api, Limits::default()));
    let (head, body) = head_and_body(input);
    let mut request = Sent::new(Bytes::copy_from_slice(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/metrics".parse().expect("a path");
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        "application/json".parse().expect("a value"),
    );
    headers.extend(head);

    let answer = run(http.oneshot(request)).expect("a router answers");
    let answered: Value = serde_json::from_slice(answer.body()).expect("JSON");
    if answer.status() == StatusCode::CREATED {
        let score = answered["score"].as_u64().expect("a score");
        let band = Band::of(u16::try_from(score).expect("a score"));
        assert!(score <= 1_000);
        assert_eq!(
            answered["riskScore"],
            serde_json::to_value(band).expect("a word")
        );
        // Without signals the old figures decide; with them, the rules. What is skipped need
        // not be text that can be had.
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        if !asked["signals"].is_null() {
            let decision = Thresholds::default().decision(u16::try_from(score).expect("a score"));
            assert_eq!(
                answered["decision"],
                serde_json::to_value(decision).expect("a word")
            );
        }
        let reasons = answered["reasons"].to_string();
        assert!(
            !reasons.contains(CANARY),
            "a reason that repeats what a buyer wrote"
        );
        return;
    }
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let text = String::from_utf8_lossy(answer.body());
    assert!(!text.contains(CANARY), "an error that repeats its input");
    let detail = answered["detail"].as_str().expect("says what is wrong");
    let told = detail.trim_start_matches("Invalid payload: ");
    if answer.status() == StatusCode::BAD_REQUEST && !told.starts_with("the body ") {
        let field = answered["field"]
            .as_str()
            .expect("a refusal names the field");
        assert!(told.starts_with(field), "{detail}");
    }
});
