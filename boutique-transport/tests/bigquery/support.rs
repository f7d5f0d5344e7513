//! The emulator, and what it is asked.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use boutique_transport::bigquery::{BigQuery, EMULATOR_HOST};
use serde_json::{Value, json};

use super::required::skip;

pub(crate) const PROJECT: &str = "boutique-test";

/// How long anything is waited for that has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A dataset that no other test and no other run has used, which does not exist yet; none where
/// there is no emulator and none is required.
pub(crate) fn dataset() -> Option<BigQuery> {
    let host = host()?;
    let name = unique("shop").replace('-', "_");
    Some(BigQuery::emulator(PROJECT, &name, &host).expect("http://host:port"))
}

/// A name that no other test and no other run has used: an emulator keeps everything.
pub(crate) fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{what}-{}-{next}", uuid::Uuid::now_v7())
}

/// Where the emulator is; none where there is none and none is required.
pub(crate) fn host() -> Option<String> {
    match std::env::var(EMULATOR_HOST) {
        Ok(host) => Some(host),
        Err(_) => {
            skip(&format!(
                "{EMULATOR_HOST} is not set: run `cargo xtask test`, which starts an emulator"
            ));
            None
        }
    }
}

/// A request of the emulator as anybody may send it, past our own client.
pub(crate) async fn send(method: &str, path: &str, body: &Value) -> Value {
    let host = host().expect("an emulator");
    let method = method.parse().expect("a method");
    let url = format!("{host}/bigquery/v2/projects/{PROJECT}{path}");
    let request = reqwest::Client::new().request(method, url);
    let answer = request
        .body(body.to_string())
        .timeout(PATIENCE)
        .send()
        .await
        .expect("answers");
    let status = answer.status();
    let text = answer.text().await.expect("answers");
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// The rows of a query: each value as text, or null.
pub(crate) async fn query(sql: &str) -> Vec<Vec<Value>> {
    let answer = send(
        "POST",
        "/queries",
        &json!({ "query": sql, "useLegacySql": false }),
    )
    .await;
    assert!(
        answer.get("errors").is_none(),
        "{sql}: {}",
        answer["errors"]
    );
    let rows = answer["rows"].as_array().into_iter().flatten();
    let row = |row: &Value| {
        let cells = row["f"].as_array().into_iter().flatten();
        cells.map(|it| it["v"].clone()).collect()
    };
    rows.map(row).collect()
}
