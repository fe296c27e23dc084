//! A collector of spans (OTLP over gRPC), which keeps what a town sends it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A collector that listens until it is dropped.
#[derive(Debug)]
pub struct Collector {
    /// Its address, for `telemetry.otlp`.
    pub address: String,
    kept: Kept,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

impl Collector {
    /// Listens on a free port.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn start() -> Self {
        let kept = Kept::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().expect("an address"));
        let incoming = incoming.expect("a free port");
        let address = format!("http://{}", incoming.local_addr().expect("an address"));
        let service = TraceServiceServer::new(kept.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let served = Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming);
            served.await.expect("a collector");
        });
        Self {
            address,
            kept,
            _tasks: tasks,
        }
    }

    /// The spans that came so far.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it held them.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let kept = self.kept.0.lock().expect("spans");
        let resources = kept.iter().flat_map(|request| &request.resource_spans);
        resources
            .flat_map(|it| &it.scope_spans)
            .flat_map(|it| &it.spans)
            .cloned()
            .collect()
    }
}

/// The attributes of a span that are texts or numbers, as text.
#[must_use]
pub fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    let pairs = span.attributes.iter().filter_map(|pair| {
        let value = pair.value.as_ref()?.value.as_ref()?;
        Some((pair.key.clone(), text(value)?))
    });
    pairs.collect()
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().expect("spans").push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
