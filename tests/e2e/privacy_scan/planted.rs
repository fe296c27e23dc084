//! Somebody planted in each kind of source, who must be found there in the way in which it is looked at.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use varco_proto::audit::v1::Record;
use varco_tests::personal::texts::texts;

use super::calls::words;
use super::{record_texts, span_texts};

/// What each source would say if it named somebody.
pub fn everywhere(named: &str) -> [(&'static str, String); 6] {
    let spans = span(named);
    let exported = TracesData {
        resource_spans: vec![spans.clone()],
    };
    let record = Record {
        detail: named.to_owned(),
        ..Record::default()
    };
    let details = ErrorDetails::with_bad_request_violation("campo", named);
    let detailed = Status::with_error_details(Code::InvalidArgument, "no", details);
    [
        (
            "a log or an output",
            format!("{{\"message\":\"per {named}: no\"}}\n"),
        ),
        ("exported spans", texts(&exported.encode_to_vec())),
        ("kept spans", span_texts(&spans)),
        ("records", record_texts(&record.encode_to_vec())),
        ("details of a refusal", words(&detailed)),
        ("the text of a refusal", words(&Status::not_found(named))),
    ]
}

/// A span with an attribute that names somebody.
fn span(named: &str) -> ResourceSpans {
    let value = Value::StringValue(named.to_owned());
    let attribute = KeyValue {
        key: "rpc.method".to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let span = Span {
        attributes: vec![attribute],
        ..Span::default()
    };
    let scope = ScopeSpans {
        spans: vec![span],
        ..ScopeSpans::default()
    };
    ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    }
}
