//! Any body at the fraud engine's `POST /metrics`: it is scored as the rules say, the answer can
//! be read again, and what is refused is named and not repeated.
#![no_main]

use std::sync::{Arc, Mutex, OnceLock};

use axum::http::{Method, StatusCode, header};
use boutique_core::clock::Timestamp;
use boutique_core::flow::Step as _;
use boutique_core::fraud::{
    AssessRisk, Band, EvaluationLog, MemorySignals, RuleSet, SignalStore, Thresholds,
};
use boutique_fuzz::{CANARY, clock, head_and_body, run};
use boutique_transport::http::api::{Limits, server};
use boutique_transport::http::exchange::{InProcess, Sent};
use boutique_transport::http::fraud::{FraudApi, routes};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower::ServiceExt;

/// The engine's server, and what it remembers.
struct Engine {
    http: InProcess,
    signals: Arc<MemorySignals>,
    log: Arc<Mutex<EvaluationLog>>,
}

impl Engine {
    /// One that remembers nothing. Making its router takes longer than anything it is asked.
    fn anew() -> &'static Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| {
            let signals = Arc::new(MemorySignals::default());
            let log = Arc::new(Mutex::new(EvaluationLog::default()));
            let assess = AssessRisk {
                store: Arc::clone(&signals) as Arc<dyn SignalStore>,
                rules: Arc::new(RuleSet::standard()),
            };
            let api = FraudApi {
                assess: assess.into_service(),
                log: Arc::clone(&log),
                clock: clock(),
            };
            let http = InProcess(server("fraud", routes(), api, Limits::default()));
            Self { http, signals, log }
        });
        run(engine.signals.forget(Timestamp::MAX)).expect("in memory");
        *engine.log.lock().expect("one at a time") = EvaluationLog::default();
        engine
    }
}

fuzz_target!(|input: &[u8]| {
    let http = Engine::anew().http.clone();
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
