//! How a log line is written: as the library writes it, with the trace of the call that it is about.
//!
//! The trace is looked up when a line is written, so that a call about which nothing is logged
//! costs nothing.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace::TraceContext;

/// One JSON object a line.
#[derive(Debug)]
pub struct JsonLine(pub Format<Json>);

/// Text for a terminal.
#[derive(Debug)]
pub struct TextLine(pub Format<Full>);

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = TraceContext::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        let object = line.trim_end();
        let open = object.strip_suffix('}').unwrap_or(object);
        writeln!(writer, "{open},\"trace_id\":\"{}\"}}", trace.trace_hex())
    }
}

impl<S, N> FormatEvent<S, N> for TextLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(trace) = TraceContext::current() else {
            return self.0.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.0
            .format_event(context, Writer::new(&mut line), event)?;
        writeln!(writer, "{} trace_id={}", line.trim_end(), trace.trace_hex())
    }
}
