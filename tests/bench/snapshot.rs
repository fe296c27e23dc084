//! How long a gateway takes to read a large registry: whole when it starts, and after one change.
//!
//! A thousand clients with a key each and five thousand purposes, in an SQLite file. Run it in
//! release: `cargo bench -p varco-tests --bench snapshot`.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use varco::registry_file;
use varco_gateway::REGISTRY_MIGRATIONS;
use varco_gateway::registry::apply::Mode;
use varco_gateway::registry::scope::Who;
use varco_gateway::registry::{Registry, Rules};
use varco_proto::registry::v1::Document;
use varco_runtime::clock::Clock;
use varco_runtime::pki::{self, KeyKind};
use varco_runtime::store::Db;

const TENANTS: usize = 50;
const CLIENTS: usize = 1_000;
const PURPOSES: usize = 5_000;
const RUNS: usize = 15;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open("sqlite:gateway.db", folder.path(), REGISTRY_MIGRATIONS)
        .await
        .unwrap();
    let writer = open(&db).await;
    apply(&writer, &whole(folder.path())).await;
    let follower = open(&db).await;

    let (mut start, mut after, mut change) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let begun = Instant::now();
        let fresh = open(&db).await;
        start.push(begun.elapsed());
        let document = one_change(folder.path(), run);
        let begun = Instant::now();
        apply(&writer, &document).await;
        change.push(begun.elapsed());
        let begun = Instant::now();
        follower.catch_up(writer.snapshot().epoch).await.unwrap();
        after.push(begun.elapsed());
        assert_ne!(fresh.snapshot().epoch, follower.snapshot().epoch);
    }

    println!("{CLIENTS} clients, {PURPOSES} purposes, {TENANTS} tenants");
    say("read whole, at the start", &mut start, "50 ms");
    say("read again, after a change elsewhere", &mut after, "50 ms");
    say("one change, durable and visible", &mut change, "none");
    db.close().await;
}

/// Opens the registry, which reads it whole.
async fn open(db: &Db) -> Registry {
    Registry::open(db.clone(), Clock::system(), Rules::default())
        .await
        .unwrap()
}

/// Makes the registry hold a document.
async fn apply(registry: &Registry, document: &Document) {
    let who = Who::installation();
    registry
        .apply(document, Mode::Apply, 0, &who)
        .await
        .unwrap();
}

/// The registry of a large body, as a registry file declares it: one e-service, many who use it.
fn whole(folder: &Path) -> Document {
    let mut file = PRODUCER.to_owned();
    for number in 0..TENANTS {
        let name = tenant(number);
        write!(
            file,
            "[[tenant]]\nname = \"{name}\"\ntitle = \"Ente di prova\"\nipa = \"c_z999\"\n\
             [[agreement]]\nconsumer = \"{name}\"\neservice = \"anagrafe\"\n"
        )
        .unwrap();
    }
    for number in 0..CLIENTS {
        let key = pki::generate_key(KeyKind::EcP256).unwrap();
        let pem = format!("{number}.pem");
        std::fs::write(folder.join(&pem), pki::public_key(&key).unwrap()).unwrap();
        write!(
            file,
            "[[client]]\nname = \"client-{number}\"\nconsumer = \"{}\"\nkeys = [\"{pem}\"]\n",
            tenant(number)
        )
        .unwrap();
    }
    file.extend((0..PURPOSES).map(|number| purpose(number, "collaudo")));
    read(folder, &file)
}

/// A file that changes one purpose.
fn one_change(folder: &Path, run: usize) -> Document {
    read(folder, &purpose(run, "collaudo, di nuovo"))
}

fn read(folder: &Path, text: &str) -> Document {
    let file = folder.join("registro.toml");
    std::fs::write(&file, text).unwrap();
    registry_file::read(&file).unwrap()
}

fn tenant(number: usize) -> String {
    format!("ente-{}", number % TENANTS)
}

fn purpose(number: usize, legal_basis: &str) -> String {
    let client = number % CLIENTS;
    format!(
        "[[purpose]]\nname = \"finalita-{number}\"\nconsumer = \"{}\"\neservice = \"anagrafe\"\n\
         legal_basis = \"{legal_basis}\"\n\
         methods = [\"varco.anagrafe.v1.AnagrafeService/VerifyResidenza\"]\n\
         data_classes = [\"esito\", \"identificativi\", \"residenza\"]\ndaily_calls = 100\n\
         clients = [\"client-{client}\"]\n",
        tenant(client)
    )
}

fn say(what: &str, runs: &mut [Duration], bound: &str) {
    runs.sort_unstable();
    let at = |place: usize| {
        runs.get(place)
            .map_or(f64::NAN, |run| run.as_secs_f64() * 1000.0)
    };
    let (least, median, most) = (at(0), at(runs.len() / 2), at(runs.len() - 1));
    println!("{what:38} {median:7.1} ms   ({least:.1} to {most:.1}, bound {bound})");
}

const PRODUCER: &str = r#"
[[tenant]]
name = "anagrafe"
title = "Servizi demografici"
ipa = "c_z999"

[[eservice]]
name = "anagrafe"
producer = "anagrafe"
[[eservice.descriptor]]
version = 1
audience = "https://anagrafe.comune.example/v1"
descriptor_set = "builtin:varco.anagrafe.v1"
upstream = { address = "https://127.0.0.1:7451", server_name = "localhost" }
methods = ["varco.anagrafe.v1.AnagrafeService/*"]
voucher_lifespan = 300
daily_calls = { per_consumer = 1000000, total = 10000000 }
approval = "automatic"
"#;
