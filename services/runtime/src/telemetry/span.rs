//! A span: one step of a call, as those who collect spans see it.
//!
//! It is made only where somebody collects; elsewhere every function here does nothing. Its
//! attributes are those of the OpenTelemetry conventions for RPC and databases (v1.44) and our own
//! in `varco.*`; none holds a codice fiscale, a name, a body or a token. A caller's path is the
//! caller's own text, so a span has its method only once that is known to be one.

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};
use tonic::Code;

use super::statement::Statement;
use crate::trace::TraceContext;

/// A step that is measured until it ends; empty where nobody collects.
#[derive(Clone, Debug, Default)]
pub struct Span(Option<Arc<Open>>);

/// Where the spans of one role begin; empty where nobody collects.
#[derive(Clone, Debug, Default)]
pub struct Spans(Option<Arc<SdkTracer>>);

/// Ends a call's span as cancelled when nothing else has ended it before.
#[derive(Debug)]
pub struct Ending(Span);

/// What a call says of the step before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The call goes on with that step's trace.
    Parent(TraceContext),
    /// Somebody unknown claims it: it is noted, and the call starts a trace of its own.
    Claimed(TraceContext),
    /// Nothing.
    Nothing,
}

/// A server as its clients know it: by its configured name, never by a caller's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Name.
    pub host: Arc<str>,
    /// Port.
    pub port: u16,
}

#[derive(Debug)]
struct Open {
    context: TraceContext,
    tracer: Arc<SdkTracer>,
    span: Mutex<SdkSpan>,
}

tokio::task_local! {
    static CURRENT: Span;
}

impl Spans {
    /// Spans of the tracer of one role.
    #[must_use]
    pub fn of(tracer: SdkTracer) -> Self {
        Self(Some(Arc::new(tracer)))
    }

    /// Begins the span of a call that is served.
    #[must_use]
    pub fn server(&self, before: Before, server: &Server) -> Span {
        let Some(tracer) = &self.0 else {
            return Span::default();
        };
        let mut builder = SpanBuilder::from_name(OTHER)
            .with_kind(SpanKind::Server)
            .with_attributes(rpc(Cow::Borrowed(OTHER), server));
        let parent = match before {
            Before::Parent(parent) => Some(parent),
            Before::Claimed(claimed) => {
                let link = Link::new(remote(claimed), Vec::new(), 0);
                builder = builder.with_links(vec![link]);
                None
            }
            Before::Nothing => None,
        };
        Span::begin(Arc::clone(tracer), builder, parent)
    }
}

impl Span {
    /// The span of the call that this task serves.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs `work` as a part of this step.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Runs a piece of `work` as a part of this step.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }

    /// Whether somebody collects it.
    #[must_use]
    pub fn is_collected(&self) -> bool {
        self.0.is_some()
    }

    /// Its place in the trace, where somebody collects it.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        self.0.as_ref().map(|open| open.context)
    }

    /// Begins the span of a call to another server, within this one.
    #[must_use]
    pub fn client(&self, method: &str, server: &Server) -> Self {
        let attributes = |()| rpc(Cow::Owned(method.to_owned()), server);
        self.child(|| method.to_owned().into(), attributes)
    }

    /// Begins the span of a statement on a database, within this one.
    #[must_use]
    pub fn statement(&self, system: &'static str, sql: &str) -> Self {
        if self.0.is_none() {
            return Self::default();
        }
        let Statement {
            operation,
            collection,
        } = Statement::of(sql);
        let summary = match collection {
            Some(collection) => Cow::Owned(format!("{operation} {collection}")),
            None => Cow::Borrowed(operation),
        };
        let attributes = |()| {
            let mut attributes = vec![
                KeyValue::new("db.system.name", system),
                KeyValue::new("db.operation.name", operation),
                KeyValue::new("db.query.summary", summary.clone()),
            ];
            let collection = collection.map(str::to_owned);
            attributes.extend(collection.map(|it| KeyValue::new("db.collection.name", it)));
            attributes
        };
        self.child(|| summary.clone(), attributes)
    }

    fn child(
        &self,
        name: impl FnOnce() -> Cow<'static, str>,
        attributes: impl FnOnce(()) -> Vec<KeyValue>,
    ) -> Self {
        let Some(open) = &self.0 else {
            return Self::default();
        };
        let builder = SpanBuilder::from_name(name())
            .with_kind(SpanKind::Client)
            .with_attributes(attributes(()));
        Self::begin(Arc::clone(&open.tracer), builder, Some(open.context))
    }

    fn begin(tracer: Arc<SdkTracer>, builder: SpanBuilder, parent: Option<TraceContext>) -> Self {
        let within = match parent {
            Some(parent) => Context::new().with_remote_span_context(remote(parent)),
            None => Context::new(),
        };
        let span = tracer.build_with_context(builder, &within);
        let made = span.span_context();
        let context = TraceContext {
            trace_id: made.trace_id().to_bytes(),
            span_id: made.span_id().to_bytes(),
            sampled: true,
        };
        Self(Some(Arc::new(Open {
            context,
            tracer,
            span: Mutex::new(span),
        })))
    }

    /// Notes something of it.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(open) = &self.0 {
            open.held().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Names it by its method, `pkg.Service/Method`, which is known to be one.
    pub fn name(&self, method: &str) {
        if let Some(open) = &self.0 {
            let mut span = open.held();
            span.update_name(method.to_owned());
            span.set_attribute(KeyValue::new("rpc.method", method.to_owned()));
        }
    }

    /// Ends a call; what comes after is too late.
    pub fn end(&self, code: Code) {
        let Some(open) = &self.0 else {
            return;
        };
        let mut span = open.held();
        span.set_attribute(KeyValue::new("rpc.status_code", name(code)));
        if code != Code::Ok {
            span.set_attribute(KeyValue::new("error.type", name(code)));
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Notes that a statement failed, by a word for the kind of failure.
    pub fn fail(&self, kind: impl Into<Value>) {
        if let Some(open) = &self.0 {
            let mut span = open.held();
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(""));
        }
    }

    /// What ends it as cancelled when it is dropped before anything else has ended it.
    #[must_use]
    pub fn ending(&self) -> Ending {
        Ending(self.clone())
    }
}

impl Ending {
    /// The span.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.0
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(open) = &self.0.0 {
            let is_open = open.held().is_recording();
            if is_open {
                self.0.end(Code::Cancelled);
            }
        }
    }
}

impl Open {
    fn held(&self) -> MutexGuard<'_, SdkSpan> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// A server by the address of its configuration, such as `https://host:7451`.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let uri: Option<http::Uri> = address.parse().ok();
        let host = uri.as_ref().and_then(|uri| uri.host());
        Self {
            host: host.unwrap_or_default().into(),
            port: uri.as_ref().and_then(http::Uri::port_u16).unwrap_or(443),
        }
    }
}

/// The name of a code as the conventions write it.
#[must_use]
pub fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

fn rpc(method: Cow<'static, str>, server: &Server) -> Vec<KeyValue> {
    // Room for what is noted later.
    let mut attributes = Vec::with_capacity(16);
    attributes.extend([
        KeyValue::new("rpc.system.name", "grpc"),
        KeyValue::new("rpc.method", method),
        KeyValue::new("server.address", Arc::clone(&server.host)),
        KeyValue::new("server.port", i64::from(server.port)),
    ]);
    attributes
}

fn remote(context: TraceContext) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(context.trace_id),
        SpanId::from_bytes(context.span_id),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    )
}

/// The method of a call to no known method: the conventions' word against endless many names.
const OTHER: &str = "_OTHER";
