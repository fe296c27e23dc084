//! The register of accesses: how fast records become durable, and how long it takes to find, prove and
//! verify them in a large log.
//!
//! Callers hand records over in a closed loop, each waiting for its receipt, as calls do. CPU time is
//! that of the whole process, callers included. SQLite stands in a folder of the system's temporary
//! files, PostgreSQL where `VARCO_TEST_POSTGRES` says; the time of a bare `fdatasync` there is printed
//! beside. `VARCO_BENCH_RECORDS` is the size of the large log (1 000 000 when it is not set). Run it in
//! release, on a machine that does nothing else: `cargo bench -p varco-tests --bench register`.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads its size from the environment, prints its figures and fails by panicking"
)]

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;
use varco_gateway::audit::committer::{Register, Run, Signers};
use varco_gateway::audit::export::tiles;
use varco_gateway::audit::reading::Reading;
use varco_gateway::audit::{MIGRATIONS, index, proofs, search, verify};
use varco_proto::audit::v1::SearchRecordsRequest;
use varco_runtime::clock::Clock;
use varco_runtime::secret::dpo::DpoKey;
use varco_runtime::store::{Db, testing};
use varco_runtime::tasks::Tasks;
use varco_tests::bench::filling::{RARE, deposit, fill, person};
use varco_tlog::note::Signer;

const CALLERS: [usize; 5] = [1, 8, 32, 64, 128];
const FOR: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() {
    println!(
        "{:>10} {:>8} {:>11} {:>12} {:>8} {:>8} {:>8}",
        "database", "callers", "records/s", "CPU us each", "p50 ms", "p99 ms", "p999 ms"
    );
    for place in [Some(Place::sqlite().await), Place::postgres().await] {
        let Some(place) = place else { continue };
        let (register, _) = place.open().await;
        loops(&place, &register).await;
        place.say_size(&register).await;
    }
    large().await;
    println!("bounds: 20000/s at 64 on SQLite, p50 2 ms, p99 10 ms; PostgreSQL 10000/s");
    println!(
        "        35 us at 32, 25 us at 128; verify 500000/s; proof 5 ms; restart 2 s; search 300 ms"
    );
    let (p50, p99) = syncs(std::env::temp_dir().as_path());
    println!("fdatasync of 600 bytes here: p50 {p50:.2} ms, p99 {p99:.2} ms");
}

struct Place {
    name: &'static str,
    db: Db,
    index: Db,
    folder: TempDir,
}

impl Place {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let db = Db::open("sqlite:audit.db", folder.path(), MIGRATIONS)
            .await
            .unwrap();
        let beside = Db::open("sqlite:audit-index.db", folder.path(), index::MIGRATIONS).await;
        Self {
            name: "sqlite",
            db,
            index: beside.unwrap(),
            folder,
        }
    }

    async fn postgres() -> Option<Self> {
        let address = testing::empty_postgres(&testing::server()?).await.unwrap();
        let folder = TempDir::new().unwrap();
        let db = Db::open(&address, folder.path(), MIGRATIONS).await.unwrap();
        Some(Self {
            name: "postgres",
            index: db.clone(),
            db,
            folder,
        })
    }

    async fn open(&self) -> (Arc<Register>, Tasks) {
        let run = Run {
            ipa: "c_z999".to_owned(),
            instance: "gw1".to_owned(),
            boot_id: Uuid::from_u128(1),
            started: Instant::now(),
            clock: Clock::system(),
            recipients: DpoKey::generate().recipients(),
            mark: None,
        };
        let signers: Signers = Box::new(|origin| Ok(Signer::from_seed(origin, &[7; 32])?));
        let tasks = Tasks::default();
        let places = (self.db.clone(), self.index.clone());
        let register = Register::open(places, run, signers, &tasks).await.unwrap();
        (Arc::new(register), tasks)
    }

    async fn say_size(&self, register: &Register) {
        if self.name != "sqlite" {
            return;
        }
        let bytes: u64 = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|it| it.unwrap())
            .filter(|it| !it.file_name().to_string_lossy().ends_with("-wal"))
            .map(|it| it.metadata().unwrap().len())
            .sum();
        let records = register.reading().head().await.unwrap().unwrap().size;
        println!(
            "{:>10} {} bytes a record, index and sealed details included",
            "sqlite",
            bytes / records
        );
    }
}

async fn loops(place: &Place, register: &Arc<Register>) {
    closed(register, 8, Duration::from_secs(1)).await;
    for callers in CALLERS {
        let (cpu, begun) = (cpu_seconds(), Instant::now());
        let mut took = closed(register, callers, FOR).await;
        let (cpu, lasted) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
        took.sort_by(f64::total_cmp);
        let count = f64::from(u32::try_from(took.len()).unwrap());
        let at = |part: usize| took[took.len() * part / 1000];
        println!(
            "{:>10} {callers:>8} {:>11.0} {:>12.1} {:>8.2} {:>8.2} {:>8.2}",
            place.name,
            count / lasted,
            cpu / count * 1e6,
            at(500),
            at(990),
            at(999)
        );
    }
}

/// Latencies in milliseconds.
async fn closed(register: &Arc<Register>, callers: usize, lasts: Duration) -> Vec<f64> {
    let mut running = JoinSet::new();
    let until = Instant::now() + lasts;
    for _ in 0..callers {
        let register = Arc::clone(register);
        running.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                register.commit(deposit(next())).await.unwrap();
                took.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            took
        });
    }
    running.join_all().await.concat()
}

/// A large log: filled, opened again, proven, searched, verified.
async fn large() {
    let wanted = std::env::var("VARCO_BENCH_RECORDS");
    let wanted: u64 = wanted.map_or(1_000_000, |it| it.parse().unwrap());
    let place = Place::sqlite().await;
    let (register, _) = place.open().await;
    let begun = Instant::now();
    fill(&register, wanted).await;
    let filled = begun.elapsed().as_secs_f64();
    println!("large log: {wanted} records in {filled:.0} s");
    drop(register);

    // What the index lacks of the last records is taken up now.
    let begun = Instant::now();
    let (register, _) = place.open().await;
    println!("opened again in {:.2} s", begun.elapsed().as_secs_f64());
    place.say_size(&register).await;
    let reading = register.reading();
    prove(&reading, wanted).await;
    find(&reading).await;

    let timed = (cpu_seconds(), Instant::now());
    let report = verify::verify_log(&place.db, &place.index, &register.log()).await;
    say_verified(
        "database, sealed details and index",
        timed,
        report.unwrap().size,
    );
    let tree = export(&place).await;
    let timed = (cpu_seconds(), Instant::now());
    let report = verify::tree::verify(tree.path(), None);
    say_verified("exported tree", timed, report.unwrap().size);
}

fn say_verified(what: &str, (cpu, begun): (f64, Instant), size: u64) {
    let (cpu, lasted) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    let size = f64::from(u32::try_from(size).unwrap());
    println!(
        "{what} verified in {lasted:.1} s: {:.0} records/s, {:.0} a second of CPU",
        size / lasted,
        size / cpu
    );
}

/// The log as static files (C2SP tlog-tiles).
async fn export(place: &Place) -> TempDir {
    let file = place.folder.path().join("varco.toml");
    std::fs::write(&file, "[gateway]\naudit_database = \"sqlite:audit.db\"\n").unwrap();
    let config = varco::configuration::load(&file).unwrap();
    let to = TempDir::new().unwrap();
    tiles::write(&config, None, to.path()).await.unwrap();
    to
}

async fn prove(reading: &Reading, size: u64) {
    let mut took = Vec::new();
    for turn in 0..200_u64 {
        let index = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
        let begun = Instant::now();
        proofs::inclusion(reading, index, size).await.unwrap();
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!("a proof: p50 {:.2} ms, p95 {:.2} ms", took[100], took[190]);
}

async fn find(reading: &Reading) {
    let mut took = Vec::new();
    let mut found = 0;
    for turn in 0..100_u64 {
        let request = SearchRecordsRequest {
            subject_refs: vec![person(turn * 97 % RARE).into()],
            page_size: 1000,
            ..SearchRecordsRequest::default()
        };
        let begun = Instant::now();
        found += search::search(reading, &request)
            .await
            .unwrap()
            .entries
            .len();
        took.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    println!(
        "one person's records ({} each): p50 {:.1} ms, p95 {:.1} ms",
        found / 100,
        took[50],
        took[95]
    );
}

static NEXT: AtomicU64 = AtomicU64::new(0);

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn syncs(folder: &Path) -> (f64, f64) {
    let path = folder.join("varco-bench-sync");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut took: Vec<f64> = (0..400)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&[1; 600]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    std::fs::remove_file(path).unwrap();
    took.sort_by(f64::total_cmp);
    (took[200], took[396])
}
