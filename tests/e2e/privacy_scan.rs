//! Nobody is named anywhere after ten thousand calls about thousands of people: not in what the processes
//! write, not in spans, not in the register, not in what callers are refused with.
//!
//! The page of metrics is among what the probes say. Each source is also
//! looked at with somebody planted in it, so that the search is known to be able to find.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use varco::sample::{SEED, popolazione};
use varco_gateway::audit::reading::Reading;
use varco_runtime::config::Config;
use varco_tests::collector::Collector;
use varco_tests::personal::people::People;
use varco_tests::personal::texts::texts;
use varco_tests::process::Process;
use varco_tests::traces::Kept;

use crate::PROGRAM;
use calls::Answers;
use citizen::Citizen;

mod calls;
mod citizen;
mod planted;

/// How many calls are made.
const CALLS: usize = 10_000;
/// All that the product itself can say; what libraries say of frames and sockets is theirs, and much.
const LOG: &str = "trace,h2=info,hyper=info,hyper_util=info,tower=info,rustls=info,sqlx=debug,tokio=info,mio=info";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_named_anywhere_after_ten_thousand_calls() {
    // The town makes its people meanwhile: they are the same.
    let citizens = std::thread::spawn(|| Citizen::all(&popolazione::popolazione(SEED)));
    let collector = Collector::start();
    let mut town = Process::new(PROGRAM)
        .with("VARCO_TELEMETRY__LOG", LOG)
        .with("VARCO_TELEMETRY__OTLP", &collector.address)
        // A slow machine gets there too.
        .with("VARCO_GATEWAY__LIMITS__SNAPSHOT_SECONDS", "300")
        .with("VARCO_GATEWAY__LIMITS__CALLS_PER_SECOND", "100000");
    town.start();
    let citizens = Arc::new(citizens.join().unwrap());
    let people = people(&citizens);

    let answers = calls::make(&town, Arc::clone(&citizens), CALLS).await;
    let probes = probes(&config(&town)).await;
    assert_eq!(town.terminate(), Some(0));

    eprintln!("{answers}");
    answers.are_of_every_kind(CALLS);
    let sources = sources(&town, &collector, (answers, probes)).await;
    std::thread::scope(|threads| {
        for (source, text) in &sources {
            let people = &people;
            threads.spawn(move || {
                eprintln!("{source}: {} bytes", text.len());
                assert_eq!(people.found_in(text), [""; 0], "in {source}");
            });
        }
    });
    assert!(people.count() > 10_000);
    let somebody = &citizens[4_321];
    for named in [somebody.codice_fiscale.clone(), somebody.name()] {
        for (source, text) in planted::everywhere(&named) {
            assert_ne!(
                people.found_in(&text),
                [""; 0],
                "{named} would not be found in {source}"
            );
        }
    }
}

fn people(citizens: &[Citizen]) -> People {
    let mut people = People::default();
    for it in citizens {
        people.add(&it.codice_fiscale, (&it.nome, &it.cognome));
    }
    people
}

fn config(town: &Process) -> Config {
    varco::configuration::load(&town.data().join("varco.toml")).unwrap()
}

/// Whatever a town leaves where people may not be named, as text.
async fn sources(
    town: &Process,
    collector: &Collector,
    (answers, probes): (Answers, String),
) -> BTreeMap<&'static str, String> {
    let (log, output) = (read(town.log()), read(town.output()));
    assert!(log.lines().count() > CALLS, "the log says little: {log}");
    let exported: String = collector
        .requests()
        .iter()
        .map(|it| texts(&it.encode_to_vec()))
        .collect();
    let kept = kept(&config(town)).await;
    let spans = |text: &str| text.matches("rpc.method").count();
    assert!(spans(&exported) > CALLS && spans(&kept) > CALLS);
    let records = records(&config(town)).await;
    BTreeMap::from([
        ("the log", log),
        ("the output", output),
        ("exported spans", exported),
        ("kept spans", kept),
        ("records", records),
        ("refusals", answers.refusals),
        ("probes", probes),
    ])
}

fn read(path: std::path::PathBuf) -> String {
    String::from_utf8(fs::read(path).unwrap()).unwrap()
}

/// The spans of the gateway's own store.
async fn kept(config: &Config) -> String {
    let kept = Kept::read(config).await;
    let (spans, _) = kept
        .traces
        .window((0, i64::MAX), None, u32::MAX)
        .await
        .unwrap();
    spans.iter().map(span_texts).collect()
}

fn span_texts(spans: &ResourceSpans) -> String {
    texts(&spans.encode_to_vec())
}

/// The leaves of the register, without their sealed details.
async fn records(config: &Config) -> String {
    let reading = Reading::open(config, None).await.unwrap();
    let leaves = reading.leaves(0, u32::MAX).await.unwrap();
    assert!(leaves.len() > CALLS, "{} records", leaves.len());
    leaves.iter().map(|(_, leaf)| record_texts(leaf)).collect()
}

/// The texts of a record, and its bytes as far as they are text.
fn record_texts(leaf: &[u8]) -> String {
    format!("{}{}\n", texts(leaf), String::from_utf8_lossy(leaf))
}

/// What the probes say, also to a question that names somebody.
async fn probes(config: &Config) -> String {
    let mut said = String::new();
    for path in ["livez", "readyz", "metrics", "RSSMRA80A01H501U"] {
        let address = config.gateway.probes;
        said.push_str(&calls::page(address, path).await);
    }
    assert!(said.contains("ok"), "{said}");
    said
}
