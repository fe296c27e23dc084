//! The instructions of one unary call, room by room, and whether they are what they were.
//!
//! Times of a shared machine move by a fifth; the number of instructions that a call takes repeats
//! within one or two in a hundred, so that a change of three can be told. The gateway runs as in
//! `compare`, with everything on, on one worker, under valgrind's callgrind, which counts only while calls
//! come on a connection that is open and with a voucher that has been seen.
//!
//! What is compared is what the call itself does (`rooms.rs`), not the whole process: valgrind makes
//! it fifty times slower, and what a gateway does four times a second or every ten seconds would weigh
//! fifty times more, and more still on a busy machine. The table shows that part beside the call. What
//! remains of it in the rooms are records of the gateway's own and polls that find nothing.
//!
//! SHA-256 is dearer here than in life: valgrind's processor has no instructions for it, so that a
//! block takes some two thousand. That processor is the same on every host with AVX2: aws-lc and
//! glibc choose by it, not by the host, so that counts made on one machine should hold on another.
//!
//! `cargo bench --profile dev -p varco-tests --bench instructions` builds the program first, with
//! the profile `counted`: the release without its LTO, which takes many minutes; so the counts are not quite
//! those of the program as it ships. What was counted remains in `target/counted/instructions` for `callgrind_annotate` and
//! `KCachegrind`. It fails where a count is not that of `expected.toml` within 3 %, fewer as well as more;
//! `VARCO_BENCH_WRITE=1` writes the new ones down.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a benchmark prints its figures, reads its settings from the environment and fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use prost::Message as _;
use tempfile::TempDir;
use varco_proto::anagrafe::v1::GetFamigliaRequest;
use varco_tests::bench::beside;
use varco_tests::bench::line::Line;
use varco_tests::bench::load::{Caller, Vouchers};
use varco_tests::bench::service::{self, Service};
use varco_tests::bench::town::Town;

mod callgrind;
mod expected;
mod profile;
mod rooms;
mod table;

use callgrind::Callgrind;
use expected::Counts;
use table::Counted;

fn main() -> ExitCode {
    if service::serves() {
        return ExitCode::SUCCESS;
    }
    let program = build();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let counted = runtime.unwrap().block_on(count(&program));
    counted.iter().for_each(table::print);
    let counts = Counts::of(&counted);
    if std::env::var("VARCO_BENCH_WRITE").is_ok() {
        counts.write();
        return ExitCode::SUCCESS;
    }
    counts.compare()
}

/// Builds the program as it is now, and gives its path.
fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--profile", PROFILE, "--locked", "-p", "varco"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.unwrap().success());
    beside(PROFILE).join("varco")
}

async fn count(program: &Path) -> Vec<Counted> {
    let place = TempDir::new().unwrap();
    let mut town = Town::install(program, place.path()).await;
    let _service = Service::start(&town);
    // What is not counted has not to be slow.
    town.start();
    let caller = register(&town).await;
    town.stop();

    let out = beside(PROFILE).join("instructions");
    town.under = callgrind::under(&out);
    town.start();
    let callgrind = Callgrind::of(town.id(), &out);
    let gateway = town.config.gateway.data_plane;
    let line = Line::open(&caller, gateway, "localhost").await;
    let mut counted = Vec::new();
    line.warm(WARM).await;
    callgrind.start();
    line.warm(WARM).await;
    for (shape, callers) in SHAPES {
        line.calls(WARM, callers).await;
        callgrind.zero();
        line.calls(CALLS, callers).await;
        counted.push(Counted {
            shape,
            calls: CALLS,
            profile: callgrind.dump(),
        });
    }
    line.close().await;
    town.stop();
    counted
}

/// A client of the town, with a voucher.
async fn register(town: &Town) -> Caller {
    let client = town.real.register_client(&town.registry()).await;
    client.certify(&[]).await;
    let voucher = client.open().voucher("collaudo").await.unwrap().token;
    let question = GetFamigliaRequest {
        codice_fiscale: Some("RSSMRA80A01H501U".to_owned()),
        ..Default::default()
    };
    let message = varco_gateway::minimise::frames::frame(&question.encode_to_vec());
    let ca = town.real.data.join("ca.pem");
    Caller::new(
        &client.folder,
        &ca,
        (PATH, message),
        Vouchers::of(&[voucher]),
    )
}

/// The profile of `Cargo.toml`, and its folder in `target`.
const PROFILE: &str = "counted";
const PATH: &str = "/varco.anagrafe.v1.AnagrafeService/GetFamiglia";
/// Callers who wait for their answers, all on one connection.
const SHAPES: [(&str, usize); 2] = [("1 x 1", 1), ("1 x 32", 32)];
/// Calls until nothing is done for the first time.
const WARM: usize = 320;
/// Calls that are counted.
const CALLS: usize = 960;
