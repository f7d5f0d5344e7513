//! One request of BigQuery's REST API (<https://cloud.google.com/bigquery/docs/reference/rest>).
//!
//! Few of its many methods are needed, and the one that rows are written with is not in Google's
//! own client, so they are asked for by themselves.

use std::time::Duration;

use boutique_core::fault::{Fault, FaultKind};
use bytes::Bytes;
use google_cloud_auth::credentials::CacheableResource;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::BigQuery;
use super::connect::REQUEST_TIME;

/// How often a request is sent at most.
const ATTEMPTS: u32 = 4;
const REST_MIN: Duration = Duration::from_millis(200);

/// What a request came to, short of a fault.
pub(super) enum Answer {
    Fine(Value),
    NotFound,
    /// What is to be made is there.
    Exists,
    /// It may not be done, by us or at all, whatever is asked.
    Denied(Fault),
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Reason,
}

#[derive(Default, Deserialize)]
struct Reason {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(String);

impl BigQuery {
    /// Sends a request that may be sent again, again if that can help. `path` is below the
    /// project. What BigQuery says of a mistake is the fault's source unless the request is
    /// `personal`: it may quote it.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
        personal: bool,
    ) -> Result<Answer, Fault> {
        let body = body.map(Bytes::from);
        let mut attempt = 1;
        loop {
            let answer = self
                .once(method.clone(), path, body.clone(), personal)
                .await;
            match answer {
                Err(fault) if fault.kind().is_transient() && attempt < ATTEMPTS => {
                    sleep(REST_MIN * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        personal: bool,
    ) -> Result<Answer, Fault> {
        let url = format!(
            "{}/bigquery/v2/projects/{}{path}",
            self.endpoint, self.project
        );
        let headers = self.credentials.headers(http::Extensions::new());
        // No fault of what is asked, however lasting it is.
        let none = || Fault::unavailable("Google gives no token");
        let headers = match timeout(REQUEST_TIME, headers).await {
            Ok(Ok(CacheableResource::New { data, .. })) => data,
            // Only where an earlier answer was shown, which it was not.
            Ok(Ok(CacheableResource::NotModified)) => http::HeaderMap::new(),
            Ok(Err(error)) => return Err(none().because(error)),
            Err(late) => return Err(none().because(late)),
        };
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let answer = request.send().await.map_err(unanswered)?;
        let status = answer.status();
        let text = answer.bytes().await.map_err(unanswered)?;
        if status.is_success() {
            if text.is_empty() {
                return Ok(Answer::Fine(Value::Null));
            }
            let answer = serde_json::from_slice(&text).map_err(|error| {
                Fault::ambiguous("BigQuery answers something that is not JSON").because(error)
            });
            return answer.map(Answer::Fine);
        }
        match status {
            StatusCode::NOT_FOUND => return Ok(Answer::NotFound),
            StatusCode::CONFLICT => return Ok(Answer::Exists),
            _ => {}
        }
        let refusal: Refusal = serde_json::from_slice(&text).unwrap_or_default();
        let fault = Fault::new(
            kind(status, &refusal.error.errors),
            format!("BigQuery refuses the request: {status}"),
        );
        let fault = match personal {
            true => fault,
            false => fault.because(Said(refusal.error.message)),
        };
        match (status, fault.kind()) {
            // Of these alone another request may be free.
            (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE, _) => Err(fault),
            (_, FaultKind::Permanent) => Ok(Answer::Denied(fault)),
            _ => Err(fault),
        }
    }
}

/// <https://cloud.google.com/bigquery/docs/error-messages>
fn kind(status: StatusCode, causes: &[Cause]) -> FaultKind {
    const LATER: [&str; 4] = [
        "rateLimitExceeded",
        "quotaExceeded",
        "backendError",
        "jobRateLimitExceeded",
    ];
    let later = causes.iter().any(|it| LATER.contains(&it.reason.as_str()));
    match status.as_u16() {
        429 | 503 => FaultKind::Unavailable,
        403 if later => FaultKind::Unavailable,
        408 | 500.. => FaultKind::Ambiguous,
        _ => FaultKind::Permanent,
    }
}

/// The address in reqwest's own text is not repeated: it names the project.
fn unanswered(error: reqwest::Error) -> Fault {
    let kind = match error.is_connect() {
        true => FaultKind::Unavailable,
        false => FaultKind::Ambiguous,
    };
    Fault::new(kind, "BigQuery does not answer").because(error.without_url())
}
