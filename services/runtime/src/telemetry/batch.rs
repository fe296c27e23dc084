//! Finished spans as OTLP writes them, those of each role together.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use super::collecting::Finished;

/// Writes spans, in the order of the roles that come first.
#[must_use]
pub fn resource_spans(spans: Vec<Finished>) -> Vec<ResourceSpans> {
    let mut roles: Vec<(Arc<Resource>, Vec<SpanData>)> = Vec::new();
    for Finished { role, span } in spans {
        match roles
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, &role))
        {
            Some((_, of_role)) => of_role.push(span),
            None => roles.push((role, vec![span])),
        }
    }
    let written = roles.into_iter().flat_map(|(role, spans)| {
        let mut role = ResourceAttributesWithSchema::from(&*role);
        // The library keeps them in no order: the same role is to be written the same way.
        role.attributes.0.sort_by(|a, b| a.key.cmp(&b.key));
        group_spans_by_resource_and_scope(spans, &role)
    });
    written.collect()
}

/// Spans as a request to a collector.
#[must_use]
pub fn request(spans: Vec<Finished>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: resource_spans(spans),
    }
}

/// How many spans there are.
#[must_use]
pub fn count(resources: &[ResourceSpans]) -> u64 {
    let scopes = resources.iter().flat_map(|it| &it.scope_spans);
    let spans: usize = scopes.map(|it| it.spans.len()).sum();
    u64::try_from(spans).unwrap_or(u64::MAX)
}
