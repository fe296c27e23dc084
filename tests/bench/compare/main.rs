//! Varco beside Envoy, `HAProxy` and nginx: the same calls, the same service behind, TLS both ways on
//! both legs, one worker each.
//!
//! What counts is the time that the scheduler gives to each proxy for a call, and its ratio to that of
//! a peer in the same round: this machine's two cores are shared with the callers, the service and
//! strangers, so that calls a second and latencies move with them. A round measures everybody in one
//! order and then in the other (A B … B A). Varco does here all that it does in production: a durable
//! record before each answer, minimisation, quotas, a signed grant for the service, spans that are kept
//! and sealed. The peers verify the voucher's signature, algorithm, issuer, audience and end, and do
//! none of the rest. `HAProxy` keeps no verdicts; nginx checks no voucher.
//!
//! `cargo build --release && cargo bench -p varco-tests --bench compare`; `VARCO_BENCH_ROUNDS` and
//! `VARCO_BENCH_SECONDS` make it longer than three rounds of four seconds, `VARCO_BENCH_ONLY=varco` leaves
//! the others out, and `VARCO_BENCH_SHAPE="8 x 16"` measures that alone, for a profiler.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints its figures, reads its settings from the environment and fails by panicking"
)]

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prost::Message as _;
use serde_json::json;
use tempfile::TempDir;
use varco_proto::anagrafe::v1::GetFamigliaRequest;
use varco_runtime::pki::public_key;
use varco_tests::bench::figure::Figure;
use varco_tests::bench::load::{Caller, Shape, Vouchers};
use varco_tests::bench::service::{self, Service};
use varco_tests::bench::town::{AUDIENCE, SERVER_NAME, Town};
use varco_tests::bench::{beside, meter, seconds, setting_of};

mod peers;
mod table;

use peers::{Peer, Setting};
use table::Table;

fn main() {
    if service::serves() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(compare());
}

async fn compare() {
    let place = TempDir::new().unwrap();
    let programs: HashMap<String, PathBuf> = peers::install(&beside("peers")).into_iter().collect();
    let mut town = Town::install(&beside("release/varco"), place.path()).await;
    println!(
        "varco: `serve gateway` ready after {}, {}",
        ms(town.start()),
        idle(town.id())
    );
    let service = Service::start(&town);
    let registry = town.registry();
    let client = town.real.register_client(&registry).await;
    client.certify(&[]).await;
    let voucher = client.open().voucher("collaudo").await.unwrap().token;

    let question = GetFamigliaRequest {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        ..Default::default()
    };
    let message = varco_gateway::minimise::frames::frame(&question.encode_to_vec());
    let ca = town.real.data.join("ca.pem");
    let reused = Vouchers::of(std::slice::from_ref(&voucher));
    let caller = Caller::new(&client.folder, &ca, (PATH, message.clone()), reused);
    // The service itself takes the gateway alone.
    let own = town.real.data.join("services/gateway");
    let direct = Caller::new(
        &own,
        &ca,
        (PATH, message),
        Vouchers::of(std::slice::from_ref(&voucher)),
    );

    let [jwks, public] = ["jwks.json", "voucher.pub.pem"].map(|it| place.path().join(it));
    let key = town.signing_key(&voucher);
    fs::write(&jwks, json!({"keys": [key.public().jwk()]}).to_string()).unwrap();
    fs::write(&public, pem(&town, &voucher)).unwrap();
    let issuer = town.config.issuer();
    let setting = Setting {
        folder: place.path(),
        identity: &own,
        ca: &ca,
        upstream: town.upstream(),
        server_name: SERVER_NAME,
        issuer: &issuer,
        audience: AUDIENCE,
        jwks: &jwks,
        public: &public,
    };
    let mut running = Vec::new();
    for peer in Peer::ALL {
        let Some(program) = programs.get(peer.program()) else {
            continue;
        };
        let started = peer.start(program, &setting, &caller).await;
        println!(
            "{}: first answer after {}, {}",
            peer.name(),
            ms(started.started),
            idle(started.id())
        );
        running.push((peer, started));
    }

    let gateway = town.config.gateway.data_plane;
    let mut contenders = vec![
        Contender::new(
            "direct",
            service.id(),
            town.upstream(),
            SERVER_NAME,
            &direct,
        ),
        Contender::new("varco", town.id(), gateway, "localhost", &caller),
    ];
    for (peer, process) in &running {
        contenders.push(Contender::new(
            peer.name(),
            process.id(),
            process.at,
            "localhost",
            &caller,
        ));
    }
    if let Ok(only) = std::env::var("VARCO_BENCH_ONLY") {
        contenders.retain(|it| only.split(',').any(|name| name == it.name));
    }
    sync_time(&town.real.data);
    let only = std::env::var("VARCO_BENCH_SHAPE").unwrap_or_default();
    for (what, shape) in SHAPES.iter().filter(|(what, _)| what.contains(&only)) {
        rounds(what, *shape, &contenders).await;
    }
    if FRESH.contains(&only) {
        fresh(&town, &voucher, &contenders).await;
    }
    drop(running);
    town.stop();
}

/// Somebody who answers calls.
struct Contender {
    name: &'static str,
    process: u32,
    at: SocketAddr,
    server_name: &'static str,
    caller: Caller,
}

impl Contender {
    fn new(
        name: &'static str,
        process: u32,
        at: SocketAddr,
        server_name: &'static str,
        caller: &Caller,
    ) -> Self {
        Self {
            name,
            process,
            at,
            server_name,
            caller: caller.clone(),
        }
    }

    async fn measure(&self, caller: &Caller, shape: Shape) -> Figure {
        // Connections, caches and allocators settle first.
        let warm = Duration::from_secs(1);
        caller.load(self.at, self.server_name, shape, warm).await;
        let before = meter::cpu(self.process);
        let came = caller
            .load(self.at, self.server_name, shape, seconds())
            .await;
        let cpu = meter::cpu(self.process).saturating_sub(before);
        Figure {
            cpu: cpu.as_secs_f64() * 1e6 / came.calls(),
            rate: came.rate(),
            latencies: came.latencies,
            memory: meter::resident(self.process),
        }
    }
}

/// Measures everybody in one order and then in the other, as often as there are rounds.
async fn rounds(what: &str, shape: Shape, contenders: &[Contender]) {
    let mut table = Table::default();
    for _ in 0..setting_of("VARCO_BENCH_ROUNDS", 3) {
        let there = contenders.iter();
        for contender in there.clone().chain(there.rev()) {
            let figure = contender.measure(&contender.caller, shape).await;
            table.put(contender.name, figure);
        }
    }
    table.print(what);
}

/// The same with vouchers that nobody has seen before; nobody's cache helps.
async fn fresh(town: &Town, voucher: &str, contenders: &[Contender]) {
    let mut table = Table::default();
    let shape = Shape::Closed {
        connections: 1,
        callers: 32,
    };
    let calls = usize::try_from(seconds().as_secs() + 1).unwrap() * MOST_FRESH;
    let contenders = contenders
        .iter()
        .filter(|it| ["varco", "envoy", "haproxy"].contains(&it.name));
    for _ in 0..setting_of("VARCO_BENCH_ROUNDS", 3) {
        for contender in contenders
            .clone()
            .chain(contenders.clone().collect::<Vec<_>>().into_iter().rev())
        {
            let vouchers = Vouchers::of(&town.vouchers(voucher, calls));
            let caller = contender.caller.with(vouchers);
            let figure = contender.measure(&caller, shape).await;
            assert!(figure.latencies.len() < calls, "vouchers came round again");
            table.put(contender.name, figure);
        }
    }
    table.print(FRESH);
}

/// What this disk takes to keep a record, which no call can be faster than.
fn sync_time(folder: &Path) {
    let mut file = fs::File::create(folder.join("sync")).unwrap();
    let mut sync = |_| {
        let begun = Instant::now();
        file.write_all(&[7; 600]).unwrap();
        file.sync_data().unwrap();
        begun.elapsed().as_secs_f64() * 1000.0
    };
    let mut times: Vec<f64> = (0..300).map(&mut sync).collect();
    let (p50, p99) = (meter::at(&mut times, 50), meter::at(&mut times, 99));
    println!("fdatasync of 600 bytes here: p50 {p50:.2} ms, p99 {p99:.2} ms");
}

fn pem(town: &Town, voucher: &str) -> String {
    let gateway = &town.config.gateway;
    let keys = town.config.path(&gateway.keys).join(&gateway.instance);
    let vault = varco_runtime::secret::Vault::open(&town.config).unwrap();
    let kid = varco_runtime::jose::header(voucher).unwrap().kid.unwrap();
    let file = keys.join(format!("voucher-{kid}.key"));
    public_key(&vault.read(&file).unwrap()).unwrap()
}

fn idle(process: u32) -> String {
    format!("{:.1} MB", meter::resident(process))
}

fn ms(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

const SHAPES: [(&str, Shape); 4] = [
    (
        "1 x 1",
        Shape::Closed {
            connections: 1,
            callers: 1,
        },
    ),
    (
        "1 x 32",
        Shape::Closed {
            connections: 1,
            callers: 32,
        },
    ),
    (
        "8 x 16",
        Shape::Closed {
            connections: 8,
            callers: 16,
        },
    ),
    ("500 a second, due", Shape::Open { rate: 500 }),
];
const FRESH: &str = "fresh vouchers, 1 x 32";
const PATH: &str = "/varco.anagrafe.v1.AnagrafeService/GetFamiglia";
/// More calls a second with fresh vouchers than anybody has reached.
const MOST_FRESH: usize = 12_000;
