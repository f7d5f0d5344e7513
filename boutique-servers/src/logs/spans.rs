//! Spans of requests to a collector, by OTLP over HTTP.
//!
//! A request's trace, span and parent are those of its `traceparent`, so that what the collector
//! puts together is what the servers told one another. That is why spans are handed to the
//! OpenTelemetry SDK as they ended instead of being started by it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use boutique_core::fault::Fault;
use boutique_transport::http::exchange::Reqwest;
use boutique_transport::http::observe::TARGET;
use bytes::Bytes;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tower::ServiceExt;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Server, Traces};

/// The exporter while it runs: a thread that sends what ended, in batches.
#[derive(Clone, Debug)]
pub struct SpanExporting {
    processor: Arc<BatchSpanProcessor>,
}

/// How long the collector may take for one batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

impl SpanExporting {
    /// Exports spans of `server` as `traces` says. Call it within a runtime, which carries the
    /// requests.
    ///
    /// # Errors
    ///
    /// A permanent [`Fault`] if TLS or the exporter cannot be set up.
    pub fn start(server: Server, traces: &Traces) -> Result<Self, Fault> {
        let Some(endpoint) = &traces.endpoint else {
            return Err(Fault::permanent("no collector is configured"));
        };
        let endpoint = format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'));
        let collector = Collector {
            exchange: Reqwest::new(EXPORT_TIMEOUT)?,
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_endpoint(endpoint)
            .with_headers(traces.headers.iter().cloned().collect())
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            // The error may repeat a header.
            .map_err(|_| Fault::permanent("the span exporter cannot be set up: check OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_HEADERS"))?;
        let name = format!("boutique-{}", server.name());
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&Resource::builder_empty().with_service_name(name).build());
        Ok(Self {
            processor: Arc::new(processor),
        })
    }

    /// The layer that hands spans of requests over.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let wanted = filter_fn(|it| it.is_span() && it.target() == TARGET);
        SpanExport {
            processor: Arc::clone(&self.processor),
            scope: InstrumentationScope::builder("boutique").build(),
        }
        .with_filter(wanted.with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what waits, for at most two seconds.
    pub async fn close(self) {
        let done = tokio::task::spawn_blocking(move || {
            self.processor.shutdown_with_timeout(Duration::from_secs(1))
        });
        if !matches!(done.await, Ok(Ok(()))) {
            tracing::warn!("spans were not sent: the collector did not answer");
        }
    }
}

/// Hands spans of requests that are to be recorded to the exporter as they end.
#[derive(Debug)]
pub struct SpanExport {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// A span that has not ended.
struct Open {
    began: SystemTime,
    trace: u128,
    span: u64,
    parent: u64,
    sampled: bool,
    method: String,
    route: String,
    status: Option<i64>,
    attributes: Vec<KeyValue>,
}

impl Open {
    fn begin() -> Self {
        Self {
            began: SystemTime::now(),
            trace: 0,
            span: 0,
            parent: 0,
            sampled: false,
            method: String::new(),
            route: String::new(),
            status: None,
            attributes: Vec::with_capacity(6),
        }
    }
}

impl Visit for Open {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = || format!("{value:?}");
        match field.name() {
            "trace_id" => self.trace = u128::from_str_radix(&text(), 16).unwrap_or_default(),
            "span_id" => self.span = u64::from_str_radix(&text(), 16).unwrap_or_default(),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // Semantic conventions for HTTP spans, version 1.
        let key = match field.name() {
            "service" => "boutique.server",
            "request_id" => "boutique.request_id",
            "route" => {
                self.route = value.to_owned();
                "http.route"
            }
            "method" => {
                self.method = value.to_owned();
                "http.request.method"
            }
            _ => return,
        };
        self.attributes.push(KeyValue::new(key, value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "parent_id" => self.parent = value,
            "status" => self.status = i64::try_from(value).ok(),
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "sampled" {
            self.sampled = value;
        }
    }
}

impl<S> Layer<S> for SpanExport
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut open = Open::begin();
        attributes.record(&mut open);
        if let (true, Some(span)) = (open.sampled, context.span(id)) {
            span.extensions_mut().insert(open);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        self.processor.on_end(open.end(&self.scope));
    }
}

impl Open {
    fn end(mut self, scope: &InstrumentationScope) -> SpanData {
        if let Some(status) = self.status {
            let status = KeyValue::new("http.response.status_code", status);
            self.attributes.push(status);
        }
        let status = match self.status {
            Some(500..) => Status::error(""),
            // The client went away, so there was no answer.
            None => Status::error("no answer"),
            Some(_) => Status::Unset,
        };
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(self.trace),
                SpanId::from(self.span),
                TraceFlags::SAMPLED,
                false,
                TraceState::default(),
            ),
            parent_span_id: SpanId::from(self.parent),
            parent_span_is_remote: self.parent != 0,
            span_kind: SpanKind::Server,
            name: format!("{} {}", self.method, self.route).into(),
            start_time: self.began,
            end_time: SystemTime::now(),
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: scope.clone(),
        }
    }
}

/// Carries the exporter's requests on our runtime: its own thread has none.
#[derive(Clone, Debug)]
struct Collector {
    exchange: Reqwest,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(self.exchange.clone().oneshot(request));
        Ok(sent.await??)
    }
}
