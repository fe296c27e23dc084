//! What a gateway holds of streams that stand idle: 10 000 of them, from 100 clients.
//!
//! The installation is one that `varco init` and `varco apply` have made, with every limit as it is by
//! default. Each client has a certificate, a purpose and a connection of its own, and opens 100 streams,
//! as many as one client may. Each gets one message and then neither side says anything. First they are
//! streams of answers (`eco.v1.EcoService/Follow`), then of requests and answers (`Converse`), each with a
//! gateway that has just begun.
//!
//! `cargo build --release && cargo bench -p varco-tests --bench streams`; `VARCO_BENCH_SECONDS` is how long
//! they stand (15), `VARCO_BENCH_CLIENTS` how many clients there are, and with `VARCO_BENCH_STRICT=1`
//! more memory than the bound ends it with 1.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails by panicking"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use prost::Message as _;
use tempfile::TempDir;
use varco_runtime::tasks::Tasks;
use varco_tests::bench::fleet::{Fleet, Offer, Size};
use varco_tests::bench::held::{Asks, Holder};
use varco_tests::bench::meter::{self, Memory};
use varco_tests::bench::service::{self, Service};
use varco_tests::bench::town::Town;
use varco_tests::bench::{beside, setting_of};
use varco_tests::eco;
use varco_tests::eco::v1::ConverseRequest;
use varco_tests::metrics::Scrape;

fn main() -> ExitCode {
    if service::serves() {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let most = runtime.unwrap().block_on(streams());
    println!("\nbound: {BOUND} MB in RAM");
    if setting_of("VARCO_BENCH_STRICT", 0) == 1 && most > BOUND {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures both kinds of streams; gives the most megabytes that a gateway had.
async fn streams() -> f64 {
    let place = TempDir::new().unwrap();
    let kinds = [("Follow", Asks::Once), ("Converse", Asks::AndStays)];
    let mut most = 0.0_f64;
    for (method, asks) in kinds {
        most = most.max(measure(&place.path().join(method), method, asks).await);
    }
    most
}

async fn measure(place: &Path, method: &str, asks: Asks) -> f64 {
    let clients = usize::try_from(setting_of("VARCO_BENCH_CLIENTS", 100)).unwrap();
    let (mut town, fleet) = installed(place, clients).await;
    let _service = Service::start(&town);
    let mut table = Table::begin(method);
    table.row(&town, "ready, nobody connected").await;

    let path = format!("/eco.v1.EcoService/{method}");
    let tasks = Tasks::default();
    let at = (town.config.gateway.data_plane, "localhost");
    let mut holders = Vec::new();
    for caller in (0..).zip(fleet.callers(clients, (&path, &question()), 1)) {
        holders.push(Holder::connect(caller, at, &tasks).await);
    }
    table.row(&town, &format!("{clients} connections")).await;

    let begun = Instant::now();
    // One after the other first: each leases the calls of its purpose, for which no call waits a second.
    for holder in &mut holders {
        holder.open(1, asks).await.unwrap();
    }
    let opened = join_all(holders.iter_mut().map(|it| it.open(EACH - 1, asks))).await;
    opened.into_iter().collect::<Result<(), _>>().unwrap();
    let took = begun.elapsed();
    table.row(&town, "streams, just opened").await;
    let idle = Duration::from_secs(setting_of("VARCO_BENCH_SECONDS", 15));
    let cpu = meter::cpu(town.id());
    tokio::time::sleep(idle).await;
    let cpu = meter::cpu(town.id()).saturating_sub(cpu);
    table.row(&town, "streams, idle for a while").await;

    holders.iter_mut().for_each(Holder::close);
    until_closed(&town).await;
    table.row(&town, "streams closed").await;
    tokio::time::sleep(idle).await;
    table.row(&town, "closed for a while").await;
    drop(holders);
    tasks.drain(Duration::from_secs(5)).await;
    println!(
        "opened in {:.1} s; while idle {:.1} % of a core",
        took.as_secs_f64(),
        100.0 * cpu.as_secs_f64() / idle.as_secs_f64()
    );
    let most = table.end(clients * EACH);
    town.stop();
    most
}

/// An installation whose gateway has just begun, with so many clients.
async fn installed(place: &Path, clients: usize) -> (Town, Fleet) {
    std::fs::create_dir_all(place).unwrap();
    let mut town = Town::install(&beside("release/varco"), place).await;
    let folder = town.real.data.join("flotta");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("eco.binpb"), eco::DESCRIPTOR_SET).unwrap();
    town.start_with(&[]);
    let size = Size {
        clients,
        purposes: clients,
    };
    let fleet = Fleet::declare(&town, &OFFER, size).await;
    town.stop();
    town.start_with(&[]);
    (town, fleet)
}

/// Waits until the gateway itself says that no stream is open.
async fn until_closed(town: &Town) {
    let closed = async {
        while open(town).await > 0.0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), closed)
        .await
        .unwrap();
}

/// Streams that are open, as the gateway's own metrics tell.
async fn open(town: &Town) -> f64 {
    let scrape = Scrape::of(town.config.gateway.probes, "text/plain").await;
    scrape.one("varco_streams_open", &[])
}

/// What was measured, a row at a time.
struct Table(Vec<(f64, Memory)>);

impl Table {
    fn begin(what: &str) -> Self {
        println!(
            "\n{what:<28} {:>8} {:>8} {:>8} {:>8}",
            "open", "RSS MB", "PSS MB", "anon MB"
        );
        Self(Vec::new())
    }

    async fn row(&mut self, town: &Town, what: &str) {
        let (memory, open) = (meter::memory(town.id()), open(town).await);
        println!(
            "{what:<28} {open:8.0} {:8.1} {:8.1} {:8.1}",
            memory.resident, memory.proportional, memory.anonymous
        );
        self.0.push((open, memory));
    }

    /// Prints what one stream takes and gives the most that was in RAM.
    fn end(self, streams: usize) -> f64 {
        let count = f64::from(u32::try_from(streams).unwrap());
        let with = self.0.iter().filter(|(open, _)| *open >= count);
        let with = with.map(|(_, it)| it.anonymous).fold(0.0, f64::max);
        let without = self.0.iter().take_while(|(open, _)| *open < count);
        let without = without.map(|(_, it)| it.anonymous).fold(0.0, f64::max);
        println!(
            "{:.0} bytes a stream, on the gateway",
            (with - without) * 1024.0 * 1024.0 / count
        );
        let all = self.0.iter().map(|(_, it)| it.resident);
        all.fold(0.0, f64::max)
    }
}

fn question() -> bytes::Bytes {
    let message = ConverseRequest::default().encode_to_vec();
    varco_gateway::minimise::frames::frame(&message)
}

/// A foreign contract with streams of both kinds.
const OFFER: Offer = Offer {
    contract: "descriptor_set = \"eco.binpb\"\ndefaults = { effect = \"read\", data_class = \"pubblico\" }",
    methods: r#"["eco.v1.EcoService/Follow", "eco.v1.EcoService/Converse"]"#,
    data_classes: r#"["pubblico"]"#,
    daily_calls: 100_000,
};
/// As many as one client may have open by default.
const EACH: usize = 100;
/// Megabytes that ten thousand streams may take, all of the gateway included.
const BOUND: f64 = 200.0;
