//! Spans as OTLP/JSON, which Jaeger and Tempo read: ids in hexadecimal, times as texts.

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, TracesData};

use super::Error;

/// Writes spans as one JSON object.
///
/// # Errors
///
/// When they cannot be written.
pub fn write(resource_spans: Vec<ResourceSpans>) -> Result<String, Error> {
    Ok(serde_json::to_string(&TracesData { resource_spans })?)
}
