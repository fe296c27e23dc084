//! A collector of spans (OTLP over gRPC), which keeps what a town sends it, or behaves badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
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

/// How a collector answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// It takes what it gets.
    #[default]
    Takes,
    /// It says that it has rejected so many spans.
    Rejects(i64),
    /// It never answers.
    Hangs,
    /// It refuses.
    Refuses,
}

/// A span, and the role that made it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Name of the role.
    pub role: String,
    /// The span.
    pub span: Span,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    manner: Manner,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    /// Listens on a free port and takes what it gets.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn start() -> Self {
        Self::that(Manner::Takes)
    }

    /// Listens on a free port and answers in some manner.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn that(manner: Manner) -> Self {
        let kept = Kept {
            manner,
            requests: Arc::default(),
        };
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
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.seen().into_iter().map(|it| it.span).collect()
    }

    /// What came so far, as it came.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it held it.
    #[must_use]
    pub fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.kept.requests.lock().expect("spans").clone()
    }

    /// The spans that came so far, each with its role.
    ///
    /// # Panics
    ///
    /// When a test thread panicked while it held them.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        let kept = self.kept.requests.lock().expect("spans");
        let resources = kept.iter().flat_map(|request| &request.resource_spans);
        resources.flat_map(seen).collect()
    }
}

/// What answers anything with the same bytes, whatever they mean.
#[derive(Debug)]
pub struct Babbler {
    /// Its address, for `telemetry.otlp`.
    pub address: String,
    _tasks: JoinSet<()>,
}

impl Babbler {
    /// Listens on a free port.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub async fn start(bytes: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(bytes).await;
                held.push(stream);
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

/// The spans of one role.
pub fn seen(of_role: &ResourceSpans) -> impl Iterator<Item = Seen> {
    let resource = of_role.resource.iter().flat_map(|it| &it.attributes);
    let role = texts(resource).remove("service.name").unwrap_or_default();
    let spans = of_role.scope_spans.iter().flat_map(|it| &it.spans);
    spans.map(move |span| Seen {
        role: role.clone(),
        span: span.clone(),
    })
}

/// The attributes of a span that are texts or numbers, as text.
#[must_use]
pub fn attributes(span: &Span) -> BTreeMap<String, String> {
    texts(span.attributes.iter())
}

fn texts<'a>(pairs: impl Iterator<Item = &'a KeyValue>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        _ => None,
    };
    let pairs = pairs.filter_map(|pair| {
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
        let rejected = match self.manner {
            Manner::Hangs => std::future::pending().await,
            Manner::Refuses => return Err(Status::permission_denied("no")),
            Manner::Takes => None,
            Manner::Rejects(spans) => Some(spans),
        };
        let requests = &self.requests;
        requests.lock().expect("spans").push(request.into_inner());
        let partial_success = rejected.map(|rejected_spans| ExportTracePartialSuccess {
            rejected_spans,
            error_message: "no".to_owned(),
        });
        Ok(Response::new(ExportTraceServiceResponse {
            partial_success,
        }))
    }
}
