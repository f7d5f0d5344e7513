//! What is seen of requests: a span each, a latency histogram, a line for those that fail.
//!
//! Names and labels are templates and codes: never a path, an id or anything a client sent.
//! Metrics go to the [`metrics`] facade, spans and lines to [`tracing`]; where nobody records,
//! a request costs two looks at the clock and a few branches.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use metrics::Histogram;
use tokio::time::Instant;
use tracing::{Level, Span};

use super::call::{Call, TRACEPARENT, Trace};
use super::problem::Cause;

/// The target of spans and lines about requests.
pub const TARGET: &str = "boutique::request";

/// Seconds from a request's head to its answer's, by `service`, `route`, `method` and `status`;
/// the histogram's count is the rate.
pub const DURATION: &str = "http_server_request_duration_seconds";

/// The methods that have labels; the last stands for all others.
const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "other",
];

/// The statuses whose histograms are found without a search by name.
const STATUSES: [u16; 24] = [
    200, 201, 404, 409, 400, 503, 504, 202, 204, 304, 401, 402, 403, 405, 408, 412, 413, 414, 415,
    422, 429, 431, 500, 502,
];

/// One route of one server, all methods.
#[derive(Debug)]
pub(super) struct Observed {
    service: &'static str,
    methods: [OnceLock<Arc<Seen>>; METHODS.len()],
}

impl Observed {
    pub(super) const fn new(service: &'static str) -> Self {
        Self {
            service,
            methods: [const { OnceLock::new() }; METHODS.len()],
        }
    }

    /// What is seen of requests by `method`; `route` is the template that matched.
    pub(super) fn seen(&self, method: &Method, route: Option<&str>) -> Arc<Seen> {
        let other = METHODS.len() - 1;
        let known = METHODS.iter().position(|it| *it == method.as_str());
        let at = known.unwrap_or(other);
        Arc::clone(self.methods[at].get_or_init(|| {
            Arc::new(Seen {
                service: self.service,
                // Paths that nobody serves are one label, whatever they are.
                route: route.unwrap_or("unmatched").into(),
                method: METHODS[at],
                durations: [const { OnceLock::new() }; STATUSES.len()],
                refused: Mutex::default(),
            })
        }))
    }
}

/// One method of one route. Its histograms belong to the recorder that is there when the first
/// request is answered.
pub(super) struct Seen {
    service: &'static str,
    route: Arc<str>,
    method: &'static str,
    durations: [OnceLock<Histogram>; STATUSES.len()],
    refused: Mutex<Refused>,
}

/// Requests that were refused for their rate: whoever floods a server shall not flood its log.
#[derive(Default)]
struct Refused {
    /// When a line was written.
    told: Option<Instant>,
    /// How many since.
    since: u64,
}

/// The rest between two lines about refused requests of one route.
const REFUSED_EVERY: Duration = Duration::from_secs(10);

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.service, self.method, self.route)
    }
}

impl Seen {
    /// The span of one request, our hop of its trace. Nothing if nobody asks for it.
    pub(super) fn span(&self, call: &Call, headers: &HeaderMap) -> Span {
        let parent = || {
            headers
                .get(&TRACEPARENT)?
                .to_str()
                .ok()
                .and_then(Trace::parse)
        };
        let Trace {
            trace,
            span,
            sampled,
        } = call.trace;
        tracing::debug_span!(
            target: TARGET,
            "request",
            service = self.service,
            route = &*self.route,
            method = self.method,
            status = tracing::field::Empty,
            request_id = &*call.request_id,
            trace_id = format_args!("{trace:032x}"),
            span_id = format_args!("{span:016x}"),
            parent_id = parent().map(|it| it.span),
            sampled,
        )
    }

    /// Counts the answer, and writes a line if it is a failure; if it was refused for its rate
    /// (429), one every ten seconds at most, which says how many were.
    pub(super) fn answered(&self, call: &Call, span: &Span, answer: &Response, took: Duration) {
        let status = answer.status();
        self.count(status, took);
        if !span.is_disabled() {
            span.record("status", status.as_u16());
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            if let Some(refused) = self.refused() {
                call.clone().within(|| self.line_of_refusals(refused));
            }
        } else if status.is_server_error() {
            let cause = answer.extensions().get::<Cause>().map_or("", Cause::as_str);
            call.clone()
                .within(|| self.line_of_failure(status, took, cause));
        } else if tracing::enabled!(target: TARGET, Level::DEBUG) {
            call.clone().within(|| self.line(status, took));
        }
    }

    #[cold]
    fn line_of_failure(&self, status: StatusCode, took: Duration, cause: &str) {
        let (route, took) = (&*self.route, millis(took));
        let (service, method, status) = (self.service, self.method, status.as_u16());
        tracing::warn!(target: TARGET, service, method, route, status, took_ms = took, cause, "a request failed");
    }

    /// Counts one that was refused; how many there were, if it is time to tell.
    #[cold]
    fn refused(&self) -> Option<u64> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.since += 1;
        if refused.told.is_some_and(|it| it.elapsed() < REFUSED_EVERY) {
            return None;
        }
        refused.told = Some(Instant::now());
        Some(std::mem::take(&mut refused.since))
    }

    fn line_of_refusals(&self, refused: u64) {
        let (service, method, route) = (self.service, self.method, &*self.route);
        tracing::warn!(target: TARGET, service, method, route, status = 429, refused, "asked too often");
    }

    fn line(&self, status: StatusCode, took: Duration) {
        let (route, took) = (&*self.route, millis(took));
        let (service, method, status) = (self.service, self.method, status.as_u16());
        tracing::debug!(target: TARGET, service, method, route, status, took_ms = took, "answered");
    }

    fn count(&self, status: StatusCode, took: Duration) {
        let code = status.as_u16();
        let register = || {
            let status = status.as_str().to_owned();
            let route = Arc::clone(&self.route);
            metrics::histogram!(DURATION, "service" => self.service, "route" => route, "method" => self.method, "status" => status)
        };
        match STATUSES.iter().position(|it| *it == code) {
            Some(at) => self.durations[at].get_or_init(register).record(took),
            None => register().record(took),
        }
    }
}

fn millis(took: Duration) -> f64 {
    let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1_000.0
}
