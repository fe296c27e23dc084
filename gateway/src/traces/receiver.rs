//! The built-in OTLP receiver: services that run as processes of their own send their spans here.
//!
//! Only a certificate of the comune's own authority for a service or a gateway lets them in, and the
//! name that it bears stands in what they send, whatever they call themselves. A full store refuses
//! at once; nobody waits for it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response as Answer;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tonic::{Request, Response, Status};
use varco_runtime::pki;
use varco_runtime::server::Connection;
use varco_runtime::telemetry::batch;
use varco_runtime::tls::Peer;

use crate::control;
use crate::gate::Gate;

/// The receiver of one gateway.
#[derive(Clone, Debug)]
struct Receiver(Arc<Gate>);

/// Where roles send their spans, on the control plane. It has no spans of its own, and no records:
/// what it is told says nothing of anybody.
pub fn router(gate: &Arc<Gate>) -> Router {
    let service = TraceServiceServer::new(Receiver(Arc::clone(gate)));
    let service = service.max_decoding_message_size(MESSAGE);
    Router::new()
        .route_service(PATH, service)
        .layer(from_fn_with_state(Arc::clone(gate), admission))
}

/// Lets roles on, before anything of the body is read; whoever else comes is received as on the
/// rest of the control plane.
async fn admission(State(gate): State<Arc<Gate>>, request: HttpRequest, next: Next) -> Answer {
    let connection = request.extensions().get::<Connection>();
    let peer = connection.and_then(|connection| connection.peer.as_deref());
    if peer.is_none_or(|peer| sender(&gate, peer).is_none()) {
        return control::admission(State(gate), request, next).await;
    }
    let answer = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answer.unwrap_or_else(|_| Status::deadline_exceeded("too slow").into_http())
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let gate = &self.0;
        let connection = request.extensions().get::<Connection>();
        let sender = connection.and_then(|it| sender(gate, it.peer.as_deref()?).map(str::to_owned));
        let sender = sender.ok_or_else(|| Status::unauthenticated("only services send spans"))?;
        let store = gate.traces.as_ref();
        let store = store.ok_or_else(|| Status::unimplemented("this gateway keeps no spans"))?;
        let mut sent = request.into_inner().resource_spans;
        let all = batch::count(&sent);
        for of_role in &mut sent {
            admit(of_role, &sender);
        }
        let taken = batch::count(&sent);
        if taken > MOST {
            return Err(Status::invalid_argument(
                "too many spans at once: send them in parts",
            ));
        }
        store.counts.gain(taken);
        if taken > 0 && store.foreign.try_send(sent).is_err() {
            store.counts.lose(taken);
            return Err(Status::resource_exhausted("the store of spans is busy"));
        }
        Ok(Response::new(answer(all - taken)))
    }
}

/// The name of the role whose certificate a peer presents, when it may send spans now.
fn sender<'p>(gate: &Gate, peer: &'p Peer) -> Option<&'p str> {
    let revoked = gate.registry.snapshot().is_revoked(&peer.thumbprint);
    if revoked || peer.has_ended(gate.clock.unix()) {
        return None;
    }
    let gateway = format!("{}/gateway", gate.trust_domain);
    if peer.uris.contains(&gateway) {
        return Some("gateway");
    }
    // A service may call as a client too; the name under which it serves tells it from all others.
    peer.hosts.iter().find_map(|host| pki::service_of(host))
}

/// Leaves only spans that are some, under the sender's own name.
fn admit(sent: &mut ResourceSpans, sender: &str) {
    for scope in &mut sent.scope_spans {
        scope.spans.retain(is_span);
    }
    sent.scope_spans.retain(|scope| !scope.spans.is_empty());
    let resource = sent.resource.get_or_insert_with(Resource::default);
    resource.attributes.retain(|it| it.key != "service.name");
    resource.attributes.push(KeyValue {
        key: "service.name".to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(sender.to_owned())),
        }),
        ..Default::default()
    });
}

fn is_span(span: &Span) -> bool {
    let has = |id: &[u8], bytes: usize| id.len() == bytes && id.iter().any(|byte| *byte != 0);
    has(&span.trace_id, 16) && has(&span.span_id, 8)
}

fn answer(rejected: u64) -> ExportTraceServiceResponse {
    let rejected = i64::try_from(rejected).unwrap_or(i64::MAX);
    ExportTraceServiceResponse {
        partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: "spans without a trace id or a span id".to_owned(),
        }),
    }
}

/// Largest message, bytes.
const MESSAGE: usize = 4 * 1024 * 1024;
/// Most spans in one message.
const MOST: u64 = 5000;
const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Longest time that a message may take.
const PATIENCE: Duration = Duration::from_secs(10);
