//! What a server tells of itself while it runs: lines on standard error, spans to a collector.
//!
//! Every line carries the trace and the request it is about. Nothing personal is in one: personal
//! data is in a type that does not print, errors name places instead of texts, and requests are
//! told by the template of their route.

mod lines;
#[cfg(feature = "otel")]
mod spans;

use std::io;
use std::panic;

use boutique_core::fault::Fault;
use boutique_transport::http::call;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::config::{Common, Logs, Server};
pub use lines::Lines;
#[cfg(feature = "otel")]
pub use spans::{SpanExport, SpanExporting};

/// Ends logging in order; spans that wait are sent by [`Telemetry::close`].
#[derive(Default)]
#[must_use = "spans that wait are lost without a close"]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    spans: Option<SpanExporting>,
}

/// Logs from here on as `config` says. Call it within the runtime. Only the first call of a process does anything to its
/// lines, so that several servers of one process share them.
///
/// # Errors
///
/// A permanent [`Fault`] if spans cannot be exported as configured; nothing is logged then.
pub fn start(config: &Common) -> Result<Telemetry, Fault> {
    let lines = lines(config.server, &config.logs, io::stderr);
    let subscriber = Registry::default().with(lines);
    let (first, telemetry) = match &config.traces.endpoint {
        #[cfg(feature = "otel")]
        Some(_) => {
            let exporting = SpanExporting::start(config.server, &config.traces)?;
            let layer = exporting.layer();
            let spans = Some(exporting);
            (set(subscriber.with(layer)), Telemetry { spans })
        }
        #[cfg(not(feature = "otel"))]
        Some(_) => {
            let text = "this program was built without the feature otel: unset OTEL_EXPORTER_OTLP_ENDPOINT";
            return Err(Fault::permanent(text));
        }
        None => (set(subscriber), Telemetry::default()),
    };
    if first {
        if config.traces.endpoint.is_some() {
            call::sample(config.traces.percent);
        }
        panic::set_hook(Box::new(told));
    }
    Ok(telemetry)
}

fn set(subscriber: impl Subscriber + Send + Sync) -> bool {
    tracing::subscriber::set_global_default(subscriber).is_ok()
}

/// A panic as a line like every other. Its text may hold what a client sent: only the place is
/// told.
fn told(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let place = place.as_deref().unwrap_or("an unknown place");
    tracing::error!(place, "a panic: this is a bug");
}

/// The layer that writes lines about `server` to `to`.
pub fn lines<S, W>(server: Server, logs: &Logs, to: W) -> impl Layer<S> + Send + Sync + use<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer()
        .event_format(Lines {
            service: server.name(),
            format: logs.format,
        })
        .with_writer(to)
        .with_filter(logs.levels.clone())
}

impl Telemetry {
    /// Sends the spans that wait, for at most two seconds.
    pub async fn close(self) {
        #[cfg(feature = "otel")]
        if let Some(spans) = self.spans {
            spans.close().await;
        }
    }
}
