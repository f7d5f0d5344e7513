//! How a line is written.

use std::fmt;

use boutique_transport::http::call::Call;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// Writes the moment, the level, the server, the trace and request at hand, where it was
/// written, and what was said. What spans hold is not repeated.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// The server.
    pub service: &'static str,
    /// For people or for programs.
    pub format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let call = Call::current();
        match self.format {
            LogFormat::Text => self.text(context, writer, event, call.as_ref()),
            LogFormat::Json => self.json(writer, event, call.as_ref()),
        }
    }
}

impl Lines {
    fn text<S, N>(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
        call: Option<&Call>,
    ) -> fmt::Result
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        SystemTime.format_time(&mut writer)?;
        let metadata = event.metadata();
        write!(writer, " {:5} {}", metadata.level(), self.service)?;
        match call {
            Some(call) => {
                let (trace, request) = (call.trace.trace, &call.request_id);
                write!(writer, " trace={trace:032x} request={request}")?;
            }
            // A line of the server itself, such as that it listens.
            None => writer.write_str(" trace=- request=-")?,
        }
        write!(writer, " {}: ", metadata.target())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }

    fn json(&self, mut writer: Writer<'_>, event: &Event<'_>, call: Option<&Call>) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = fields.0;
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("time", time.into());
        put("level", metadata.level().as_str().into());
        put("server", self.service.into());
        put("target", metadata.target().into());
        put(
            "trace_id",
            call.map(|it| format!("{:032x}", it.trace.trace)).into(),
        );
        put(
            "request_id",
            call.map(|it| it.request_id.to_string()).into(),
        );
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
