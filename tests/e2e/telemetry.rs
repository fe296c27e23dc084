//! Spans as a collector gets them, and collectors that do not listen.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_runtime::trace::TraceContext;
use varco_tests::calls::{keyed, registration, store, verify};
use varco_tests::collector::{Collector, attributes};
use varco_tests::process::Process;

use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_call_hang_together_from_the_caller_to_the_last_service() {
    let collector = Collector::start();
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__OTLP", &collector.address);
    town.start();
    let desk = town.client("sportello");
    let documento = store(&desk, b"istanza", "k").await.unwrap();
    let caller = TraceContext::start();
    let mut request = keyed(registration(&documento, b"istanza"), "k");
    request
        .metadata_mut()
        .insert("traceparent", caller.header().parse().unwrap());
    let channel = desk.purpose("istanze-protocollo").unwrap();

    ProtocolloServiceClient::new(channel)
        .register_in_entrata(request)
        .await
        .unwrap();
    let refused = verify(&town.client("tributi"), "accertamento-famiglia")
        .await
        .unwrap_err();
    // What is left is sent when the town stops.
    assert_eq!(town.terminate(), Some(0));

    let spans = collector.spans();
    let journey: Vec<&Span> = spans
        .iter()
        .filter(|span| span.trace_id == caller.trace_id)
        .collect();
    let child = |parent: &[u8], method: &str| {
        let mut children = journey.iter().filter(|span| span.parent_span_id == parent);
        let found = children.find(|span| {
            attributes(span)
                .get("rpc.method")
                .is_some_and(|m| m == method)
        });
        *found
            .unwrap_or_else(|| panic!("{method} under {}: {}", hex::encode(parent), told(&journey)))
    };
    let at_gateway = child(&caller.span_id, REGISTER);
    let at_protocollo = child(&at_gateway.span_id, REGISTER);
    let again = child(&at_protocollo.span_id, IMPRONTA);
    let at_documenti = child(&again.span_id, IMPRONTA);
    for span in [at_gateway, at_protocollo, again, at_documenti] {
        let attributes = attributes(span);
        assert_eq!(attributes["rpc.system.name"], "grpc");
        assert_eq!(attributes["rpc.status_code"], "0");
        assert_eq!(span.name, attributes["rpc.method"]);
    }
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let mut all = spans.iter().map(attributes);
    let refused = all.find(|it| it.get("rpc.method").is_some_and(|method| method == VERIFY));
    let refused = refused.unwrap();
    assert_eq!(refused["rpc.status_code"], "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_is_down_or_hangs_costs_no_call() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", hanging.local_addr().unwrap());
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__OTLP", &hangs);
    let took_hanging = calls_and_end(&mut town).await;
    drop(hanging);
    let took_down = calls_and_end(&mut town).await;

    for took in [took_hanging, took_down] {
        assert!(took < Duration::from_secs(10), "{took:?} for {CALLS} calls");
    }
}

/// The spans of a journey, one a line: parent, span, name.
fn told(spans: &[&Span]) -> String {
    let hex = |bytes: &[u8]| hex::encode(bytes);
    let line = |it: &&Span| {
        format!(
            "\n{} {} {}",
            hex(&it.parent_span_id),
            hex(&it.span_id),
            it.name
        )
    };
    spans.iter().map(line).collect()
}

/// Starts a town, makes calls, ends it, and tells how long the calls took.
async fn calls_and_end(town: &mut Process) -> Duration {
    town.start();
    let tax_office = town.client("tributi");
    let begun = Instant::now();
    for _ in 0..CALLS {
        verify(&tax_office, "verifica-residenza").await.unwrap();
    }
    let took = begun.elapsed();
    let stopping = Instant::now();
    assert_eq!(town.terminate(), Some(0));
    assert!(
        stopping.elapsed() < Duration::from_secs(20),
        "{:?} to stop",
        stopping.elapsed()
    );
    took
}

/// More than one batch of spans.
const CALLS: usize = 100;
const REGISTER: &str = "varco.protocollo.v1.ProtocolloService/RegisterInEntrata";
const IMPRONTA: &str = "varco.documenti.v1.DocumentiService/GetImpronta";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
