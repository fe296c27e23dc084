//! Spans: one tree for one call, in every collector and in the gateway's own store.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tonic::Code;
use varco_proto::protocollo::v1::protocollo_service_client::ProtocolloServiceClient;
use varco_runtime::trace::TraceContext;
use varco_tests::calls::{keyed, registration, store, verify};
use varco_tests::collector::{Collector, Seen, attributes};
use varco_tests::comune::Comune;
use varco_tests::phoenix::Phoenix;
use varco_tests::process::Process;
use varco_tests::traces::Kept;
use varco_tests::wait::until;

use crate::PROGRAM;

mod collectors;

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_call_hang_together_from_the_caller_to_the_last_service() {
    let collector = Collector::start();
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__OTLP", &collector.address);
    town.start();
    let caller = TraceContext::start();

    register(&town, &caller).await;
    let refused = verify(&town.client("tributi"), "accertamento-famiglia")
        .await
        .unwrap_err();
    // What is left is sent when the town stops.
    assert_eq!(town.terminate(), Some(0));

    let tree = Tree::of(&collector.seen(), &caller.trace_id);
    let at_gateway = tree.child(&caller.span_id, "gateway", SpanKind::Server, REGISTER);
    let onward = tree.child(&at_gateway, "gateway", SpanKind::Client, REGISTER);
    let at_protocollo = tree.child(&onward, "protocollo", SpanKind::Server, REGISTER);
    tree.child(&at_protocollo, "protocollo", SpanKind::Client, "COMMIT");
    let back = tree.child(&at_protocollo, "protocollo", SpanKind::Client, IMPRONTA);
    let again = tree.child(&back, "gateway", SpanKind::Server, IMPRONTA);
    let onward = tree.child(&again, "gateway", SpanKind::Client, IMPRONTA);
    let at_documenti = tree.child(&onward, "documenti", SpanKind::Server, IMPRONTA);
    tree.child(
        &at_documenti,
        "documenti",
        SpanKind::Client,
        "SELECT documento",
    );
    assert_eq!(refused.code(), Code::PermissionDenied);
    let all = collector.seen();
    let refused = all.iter().find(|it| it.span.name == VERIFY).unwrap();
    let refused = attributes(&refused.span);
    for (key, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", VERIFY),
        ("rpc.status_code", "PERMISSION_DENIED"),
        ("error.type", "PERMISSION_DENIED"),
        ("server.address", "localhost"),
        ("varco.decision", "deny"),
        ("varco.deny.reason", "METHOD_NOT_IN_PURPOSE"),
        ("varco.peer.zone", "loopback"),
    ] {
        assert_eq!(refused.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(refused.contains_key("varco.audit.index"), "{refused:?}");
    assert!(!refused.contains_key("network.peer.address"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn step_of_the_journey_is_one_tree_down_to_the_database() {
    let collector = Collector::start();
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__OTLP", &collector.address);
    town.start();

    let demo = town.program().json(&["demo"]).await;
    assert_eq!(town.terminate(), Some(0));

    let steps = demo["steps"].as_array().unwrap();
    let method = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
    let answered = |step: &&serde_json::Value| step["method"] == method && step["code"] == "OK";
    let step = steps.iter().find(answered).unwrap();
    let trace_id = hex::decode(step["trace_id"].as_str().unwrap()).unwrap();
    let tree = Tree::of(&collector.seen(), &trace_id);
    let roots = tree.roots();
    assert_eq!(roots.len(), 1, "{}", tree.told());
    assert_eq!(
        (roots[0].role.as_str(), roots[0].span.name.as_str()),
        ("gateway", method)
    );
    let onward = tree.child(&roots[0].span.span_id, "gateway", SpanKind::Client, method);
    let office = tree.child(&onward, "anagrafe", SpanKind::Server, method);
    tree.child(&office, "anagrafe", SpanKind::Client, "SELECT residenza");
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_spans_are_sealed_and_nothing_is_sealed_without_spans() {
    let mut town = Process::new(PROGRAM);
    town.start();
    let caller = TraceContext::start();
    register(&town, &caller).await;
    assert_eq!(town.terminate(), Some(0));
    let config = varco::configuration::load(&town.data().join("varco.toml")).unwrap();

    let kept = Kept::read(&config).await;

    let report = kept.traces.verify(kept.seals.clone()).await.unwrap();
    assert!(!kept.seals.is_empty());
    assert_eq!(report.whole, u64::try_from(kept.seals.len()).unwrap());
    let sealed: u64 = kept.seals.iter().map(|(_, seal)| seal.spans).sum();
    let spans = kept.spans().await;
    assert_eq!(sealed, u64::try_from(spans.len()).unwrap());
    let trace = kept.traces.trace(caller.trace_id).await.unwrap();
    let trace: Vec<Seen> = trace
        .iter()
        .flat_map(varco_tests::collector::seen)
        .collect();
    let tree = Tree::of(&trace, &caller.trace_id);
    tree.child(&caller.span_id, "gateway", SpanKind::Server, REGISTER);
    kept.traces.db().close().await;
    town.start();
    assert_eq!(town.terminate(), Some(0));
    assert_eq!(Kept::read(&config).await.seals, kept.seals);
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_strangers_are_refused() {
    let comune = Comune::start().await;
    for (who, reason) in [("tributi", "OPERATOR_UNKNOWN"), ("amministratore", "")] {
        let mut client = TraceServiceClient::new(comune.control(who));

        let refused = client.export(ExportTraceServiceRequest::default()).await;

        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{who}: {refused}");
        assert_eq!(varco_tests::calls::reason(&refused), reason);
    }
    comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collector_that_nobody_here_wrote_shows_the_tree() {
    let Some(phoenix) = Phoenix::start().await else {
        return;
    };
    let mut town = Process::new(PROGRAM).with("VARCO_TELEMETRY__OTLP", &phoenix.otlp);
    town.start();
    let caller = TraceContext::start();

    register(&town, &caller).await;

    // Each role sends its own, when it likes: the tree is whole when all but one have their parents.
    let root = until("spans in phoenix", async || {
        let spans = phoenix.spans(&caller.trace_hex()).await;
        let methods = spans.iter().filter(|it| it["name"] == IMPRONTA);
        (methods.count() >= 4).then(|| root(&spans)).flatten()
    })
    .await;
    assert_eq!(root["parent_id"], hex::encode(caller.span_id));
    assert_eq!(root["name"], REGISTER);
    assert_eq!(root["attributes"]["rpc.status_code"], "OK");
    assert_eq!(town.terminate(), Some(0));
}

/// The one span whose parent is none of these; none while there are several.
fn root(spans: &[serde_json::Value]) -> Option<serde_json::Value> {
    let ids = spans.iter().map(|it| it["context"]["span_id"].as_str());
    let ids: BTreeSet<Option<&str>> = ids.collect();
    let mut roots = spans
        .iter()
        .filter(|it| !ids.contains(&it["parent_id"].as_str()));
    let root = roots.next();
    root.filter(|_| roots.next().is_none()).cloned()
}

/// Registers a document that the desk has stored: a call for which protocollo calls documenti.
async fn register(town: &Process, caller: &TraceContext) {
    let desk = town.client("sportello");
    let documento = store(&desk, b"istanza", "k").await.unwrap();
    let mut request = keyed(registration(&documento, b"istanza"), "k");
    let header = caller.header().parse().unwrap();
    request.metadata_mut().insert("traceparent", header);
    let channel = desk.purpose("istanze-protocollo").unwrap();
    ProtocolloServiceClient::new(channel)
        .register_in_entrata(request)
        .await
        .unwrap();
}

/// The spans of one trace.
struct Tree(Vec<Seen>);

impl Tree {
    fn of(spans: &[Seen], trace_id: &[u8]) -> Self {
        let of_trace = spans.iter().filter(|it| it.span.trace_id == trace_id);
        Self(of_trace.cloned().collect())
    }

    /// Those whose parent is no span of the trace.
    fn roots(&self) -> Vec<&Seen> {
        let ids: BTreeSet<&[u8]> = self.0.iter().map(|it| it.span.span_id.as_slice()).collect();
        let roots = self.0.iter();
        roots
            .filter(|it| !ids.contains(it.span.parent_span_id.as_slice()))
            .collect()
    }

    /// The id of a span under another.
    fn child(&self, parent: &[u8], role: &str, kind: SpanKind, name: &str) -> Vec<u8> {
        let found = self.0.iter().find(|it| {
            let span = &it.span;
            let whose = it.role == role && span.kind() == kind && span.name == name;
            whose && span.parent_span_id == parent
        });
        let found = found.unwrap_or_else(|| {
            let parent = hex::encode(parent);
            panic!("{role} {kind:?} {name} under {parent}: {}", self.told())
        });
        found.span.span_id.clone()
    }

    /// Its spans, one a line: parent, span, role, name.
    fn told(&self) -> String {
        let line = |it: &Seen| {
            let (parent, id) = (&it.span.parent_span_id, &it.span.span_id);
            let (parent, id) = (hex::encode(parent), hex::encode(id));
            format!(
                "\n{parent} {id} {} {:?} {}",
                it.role,
                it.span.kind(),
                it.span.name
            )
        };
        self.0.iter().map(line).collect()
    }
}

const REGISTER: &str = "varco.protocollo.v1.ProtocolloService/RegisterInEntrata";
const IMPRONTA: &str = "varco.documenti.v1.DocumentiService/GetImpronta";
const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
