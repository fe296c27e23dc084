//! Logs and spans: a view for people, never the evidence.
//!
//! Logs are JSON lines on stderr. Spans exist only when a collector is configured; they may be
//! lost, which costs no call and no record. Neither ever holds a codice fiscale, a name, a body or
//! a token: only what is named in the attributes below.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::config::{LogFormat, Telemetry};
use crate::trace::TraceContext;

/// Keeps telemetry running; [`Guard::shutdown`] sends what is left.
#[derive(Debug, Default)]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

/// Ways that telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collector's address cannot be used.
    #[error("telemetry.otlp cannot be used as a collector's address")]
    Collector(#[source] opentelemetry_otlp::ExporterBuildError),
    /// The filter of the log does not parse.
    #[error("telemetry.log is no log filter: write for example \"info\"")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
}

/// Starts logs, and spans where a collector is configured. Does nothing when already started.
///
/// # Errors
///
/// When the configuration cannot be used.
pub fn start(config: &Telemetry, instance: &str) -> Result<Guard, Error> {
    let filter: EnvFilter = config.log.parse()?;
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = match config.format {
        LogFormat::Json => logs.json().boxed(),
        LogFormat::Text => logs.boxed(),
    };
    let provider = config
        .otlp
        .as_deref()
        .map(|to| provider(to, instance))
        .transpose()?;
    let spans = provider.as_ref().map(|provider| {
        // The exporter's own traffic must not trace itself.
        let quiet: EnvFilter = SPANS.parse().unwrap_or_default();
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("varco"))
            .with_filter(quiet)
    });
    let started = tracing_subscriber::registry()
        .with(spans)
        .with(logs.with_filter(filter))
        .try_init();
    if started.is_err() {
        return Ok(Guard::default());
    }
    Ok(Guard { provider })
}

impl Guard {
    /// Sends what is left to the collector, at most for its own five seconds.
    pub async fn shutdown(self) {
        if let Some(provider) = self.provider {
            let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        }
    }
}

/// Opens the span of a served call and makes its trace context the current one.
///
/// The span has no name yet: a path is whatever the caller wrote, personal data included.
pub async fn server_span(mut request: Request, next: Next) -> Response {
    let caller = TraceContext::from_headers(request.headers()).unwrap_or_else(TraceContext::start);
    let span = tracing::info_span!(
        "call",
        otel.name = "call",
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = tracing::field::Empty,
        rpc.status_code = tracing::field::Empty,
    );
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote(caller)));
    let here = context_of(&span).unwrap_or_else(|| caller.child());
    request.extensions_mut().insert(here);
    let response = here.scope(next.run(request)).instrument(span.clone()).await;
    let code = response
        .headers()
        .get("grpc-status")
        .and_then(|value| value.to_str().ok());
    span.record("rpc.status_code", code.unwrap_or("0"));
    response
}

/// Names the current call's span by its method, `pkg.Service/Method`, once that is known to be one.
pub fn name_span(method: &str) {
    let span = tracing::Span::current();
    span.record("rpc.method", method);
    // The span has started: a field can no longer change its name.
    span.context().span().update_name(method.to_owned());
}

/// The context of a span, when a collector listens.
fn context_of(span: &tracing::Span) -> Option<TraceContext> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then(|| TraceContext {
        trace_id: context.trace_id().to_bytes(),
        span_id: context.span_id().to_bytes(),
        sampled: context.is_sampled(),
    })
}

fn remote(caller: TraceContext) -> SpanContext {
    let flags = if caller.sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::default()
    };
    let (trace, span) = (
        TraceId::from_bytes(caller.trace_id),
        SpanId::from_bytes(caller.span_id),
    );
    SpanContext::new(trace, span, flags, true, TraceState::default())
}

fn provider(collector: &str, instance: &str) -> Result<SdkTracerProvider, Error> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(collector)
        .with_timeout(std::time::Duration::from_secs(5))
        .build()
        .map_err(Error::Collector)?;
    let resource = opentelemetry_sdk::Resource::builder()
        .with_service_name("varco")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.namespace",
            instance.to_owned(),
        ))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

const SPANS: &str =
    "info,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,opentelemetry=off,rustls=off";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use tower::ServiceExt as _;
    use tracing::field::{Field, Visit};
    use tracing_subscriber::layer::Context;

    use super::*;

    /// Everything that spans were told.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<String>>);

    impl Visit for Told {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
        }
    }

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Told {
        fn on_new_span(
            &self,
            span: &tracing::span::Attributes<'_>,
            _: &tracing::Id,
            _: Context<'_, S>,
        ) {
            span.record(&mut self.clone());
        }

        fn on_record(
            &self,
            _: &tracing::Id,
            values: &tracing::span::Record<'_>,
            _: Context<'_, S>,
        ) {
            values.record(&mut self.clone());
        }
    }

    #[tokio::test]
    async fn span_is_named_by_the_verified_method_and_never_by_the_path() {
        let told = Told::default();
        let subscriber = tracing_subscriber::registry().with(told.clone());
        let _default = tracing::subscriber::set_default(subscriber);
        let verified = async || name_span("varco.anagrafe.v1.AnagrafeService/GetFamiglia");
        let router = Router::new().fallback(verified).layer(from_fn(server_span));

        let request = Request::builder().uri("/residente/RSSMRA80A01H501U");
        let request = request.body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap();

        let told = told.0.lock().unwrap();
        assert!(told.contains("rpc.method=\"varco.anagrafe.v1.AnagrafeService/GetFamiglia\""));
        assert!(!told.contains("RSSMRA80A01H501U"), "{told}");
    }
}
