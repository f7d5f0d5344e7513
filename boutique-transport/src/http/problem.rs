//! Refusals and failures as RFC 9457 problem documents, written and read.
//!
//! The member `error` repeats the text, because existing clients read `{"error": "..."}`. Two
//! members are ours: `fault` names the [`FaultKind`] of a failure, and `rejection` is the
//! refusal itself, so that a client of ours gives exactly what the service behind it gave.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use boutique_core::fault::{Fault, FaultKind, PortError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A refusal or a failure as it travels. Its texts name no personal data, path or internals.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    // Behind a pointer, because a handler's result is moved about and is hardly ever this.
    body: Box<Body>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The members of the document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Problem)]
struct Body {
    /// What kind of problem it is; `about:blank` where the status says it all.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words: the status code's.
    title: String,
    /// The status code again.
    status: u16,
    /// What is wrong with this request, and the remedy.
    detail: String,
    /// The same as `detail`.
    error: String,
    /// The field of the request that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// For a failure: `unavailable`, `ambiguous` or `permanent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// The refusal with its particulars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejection: Option<Value>,
    #[serde(flatten)]
    more: Map<String, Value>,
    /// What caused a failure, for our own log: it does not travel.
    #[serde(skip)]
    #[schema(ignore)]
    cause: Option<Cause>,
}

/// What caused a failure, in words for whoever runs the server. An answer carries it as an
/// extension to whoever writes the log; it does not travel.
#[derive(Clone, Debug)]
pub struct Cause(Box<str>);

impl Cause {
    /// The failure and what is behind it, outermost first.
    fn of(fault: &Fault) -> Self {
        let first: &dyn Error = fault;
        let chain: Vec<String> = successors(Some(first), |&it| it.source())
            .map(ToString::to_string)
            .collect();
        Self(chain.join(": ").into())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The schema of the document, for OpenAPI: name it as the body of every error response.
pub use schema::ProblemSchema;
mod schema {
    /// Stands for the problem document in OpenAPI.
    #[derive(utoipa::ToSchema)]
    #[schema(as = Problem)]
    pub struct ProblemSchema(#[allow(dead_code)] super::Body);
}

impl Problem {
    /// A problem with this status and text. The text says what is wrong and what to do.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            status,
            body: Box::new(Body {
                kind: "about:blank".to_owned(),
                title: status.canonical_reason().unwrap_or("Error").to_owned(),
                status: status.as_u16(),
                error: detail.clone(),
                detail,
                field: None,
                fault: None,
                rejection: None,
                more: Map::new(),
                cause: None,
            }),
            headers: Vec::new(),
        }
    }

    /// A field that is missing or wrong: 400.
    pub fn invalid(field: &str, why: impl fmt::Display) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, format!("{field}: {why}"));
        problem.body.field = Some(field.to_owned());
        problem
    }

    /// Something that is not there: 404.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, what)
    }

    /// A refusal with its particulars, which [`Problem::refusal`] reads again.
    pub fn rejection<R: fmt::Display + Serialize>(status: StatusCode, rejection: &R) -> Self {
        let mut problem = Self::new(status, rejection.to_string());
        problem.body.rejection = serde_json::to_value(rejection).ok();
        problem
    }

    /// The same problem, its text after `prefix`.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        self.body.detail.insert_str(0, prefix);
        self.body.error.insert_str(0, prefix);
        self
    }

    /// The same problem about this field of the request.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.body.field = Some(field.into());
        self
    }

    /// The same problem answered with another status, for a path whose callers know that one.
    #[must_use]
    pub fn under(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.body.status = status.as_u16();
        status
            .canonical_reason()
            .unwrap_or("Error")
            .clone_into(&mut self.body.title);
        self
    }

    /// The same problem with one more member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.body.more.insert(member.to_owned(), value);
        }
        self
    }

    /// The same problem with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same problem, telling the client to come back after so many seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong with the request.
    pub fn detail(&self) -> &str {
        &self.body.detail
    }

    /// One of the members that are particular to this problem.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.body.more.get(name)
    }

    /// Reads a problem document; `None` if it is none.
    pub fn parse(status: StatusCode, body: &[u8]) -> Option<Self> {
        let body: Box<Body> = serde_json::from_slice(body).ok()?;
        Some(Self {
            status,
            body,
            headers: Vec::new(),
        })
    }

    /// The refusal this document carries, if it is one of kind `R`.
    pub fn refusal<R: DeserializeOwned>(&self) -> Option<R> {
        serde_json::from_value(self.body.rejection.clone()?).ok()
    }

    /// The kind of failure this document tells of, if it does.
    pub fn fault_kind(&self) -> Option<FaultKind> {
        match self.body.fault.as_deref()? {
            "unavailable" => Some(FaultKind::Unavailable),
            "ambiguous" => Some(FaultKind::Ambiguous),
            "permanent" => Some(FaultKind::Permanent),
            _ => None,
        }
    }
}

/// Unavailable: 503, to be tried again. Ambiguous: 504, to be asked again under the same key.
/// Permanent: 500.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::from(&fault)
    }
}

impl From<&Fault> for Problem {
    fn from(fault: &Fault) -> Self {
        let (status, name) = match fault.kind() {
            FaultKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            FaultKind::Ambiguous => (StatusCode::GATEWAY_TIMEOUT, "ambiguous"),
            FaultKind::Permanent => (StatusCode::INTERNAL_SERVER_ERROR, "permanent"),
        };
        let mut problem = Self::new(status, fault.to_string());
        problem.body.fault = Some(name.to_owned());
        problem.body.cause = Some(Cause::of(fault));
        match fault.kind() {
            FaultKind::Permanent => problem,
            _ => problem.retry_after(1),
        }
    }
}

/// A refusal as its own problem, a failure as that of its kind.
impl<R> From<PortError<R>> for Problem
where
    R: Error,
    Self: From<R>,
{
    fn from(error: PortError<R>) -> Self {
        match error {
            PortError::Rejected(rejection) => rejection.into(),
            PortError::Fault(fault) => fault.into(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let body = serde_json::to_vec(&*self.body).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.extend(self.headers);
        if let Some(cause) = self.body.cause.take() {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body.detail)
    }
}

impl Error for Problem {}
