//! What befalls the register of accesses while it runs: a full disk, files that vanish, a disk that
//! cannot flush, a clock that jumps, an older copy. Nothing is answered that is not recorded, and
//! nobody is left to guess what to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::{Code, Status};
use varco_runtime::client::Gateway;
use varco_tests::calls::{reason, verify};
use varco_tests::process::Process;
use varco_tests::wait;

use crate::PROGRAM;

/// A town that does not start any town's work by itself.
fn town() -> Process {
    Process::new(PROGRAM).with("VARCO_TELEMETRY__LOG", "info")
}

/// A call of a client that has its voucher already.
async fn call(client: &Gateway) -> Result<(), Status> {
    verify(client, "verifica-residenza").await
}

/// Calls until the outcome is the wanted one.
async fn until(client: &Gateway, wanted: impl Fn(&Result<(), Status>) -> bool) -> Duration {
    let begun = Instant::now();
    wait::until("the outcome that is waited for", async || {
        wanted(&call(client).await).then_some(())
    })
    .await;
    begun.elapsed()
}

fn is_closed(outcome: &Result<(), Status>) -> bool {
    let refused = outcome.as_ref().err();
    refused.is_some_and(|it| it.code() == Code::Unavailable && reason(it) == "AUDIT_UNAVAILABLE")
}

/// Whether not even a voucher is given: a client whose voucher the clock has put in the future asks for another.
fn gets_no_voucher(outcome: &Result<(), Status>) -> bool {
    let refused = outcome.as_ref().err();
    is_closed(outcome) || refused.is_some_and(|it| it.message().contains("AUDIT_UNAVAILABLE"))
}

/// A library that the loader puts before the C library, built here.
fn shim(folder: &Path) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/faults.c");
    let built = folder.join("faults.so");
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&built)
        .args([source, "-ldl"])
        .status();
    assert!(
        done.unwrap().success(),
        "a C compiler is part of a Rust toolchain"
    );
    built
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_vanishes_closes_the_gateway_within_two_seconds() {
    for file in ["audit/audit.db", "audit/audit.db-wal"] {
        let mut town = town();
        town.start();
        let client = town.client("tributi");
        call(&client).await.unwrap();

        fs::rename(town.data().join(file), town.data().join("aside")).unwrap();

        let after = until(&client, is_closed).await;
        assert!(after < Duration::from_secs(10), "{file}: {after:?}");
        let refused = call(&client).await.unwrap_err();
        assert_eq!(cause(&refused), "LOG_REPLACED");
        assert_eq!(town.terminate(), Some(0));
        let log = fs::read_to_string(town.log()).unwrap();
        assert!(log.contains("was deleted or replaced"), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_that_is_not_flushed_would_be_noticed() {
    let folder = tempfile::TempDir::new().unwrap();
    let switch = folder.path().join("fsync-fails");
    let mut town = unflushable(
        town().with("VARCO_TEST_SPOILED", "Unflushed"),
        &folder,
        &switch,
    );
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    fs::write(&switch, "audit.db-wal").unwrap();

    // It answers and lives on: what the test below denies.
    call(&client).await.unwrap();
    assert_eq!(town.terminate(), Some(0));
}

/// Has the loader put our library before the C library of a town, with its switch.
fn unflushable(town: Process, folder: &tempfile::TempDir, switch: &Path) -> Process {
    town.with("LD_PRELOAD", shim(folder.path()).to_str().unwrap())
        .with("VARCO_TEST_FSYNC_FAILS", switch.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_that_cannot_flush_ends_the_process_before_it_answers() {
    let folder = tempfile::TempDir::new().unwrap();
    let switch = folder.path().join("fsync-fails");
    let mut town = unflushable(town(), &folder, &switch);
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    fs::write(&switch, "audit.db-wal").unwrap();
    let unanswered = call(&client).await;

    assert!(unanswered.is_err());
    assert_eq!(town.wait(), Some(74));
    fs::remove_file(&switch).unwrap();
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();
    let verified = town.program().json(&["audit", "verify"]).await;
    assert_eq!(verified["verified"], true);
    assert_eq!(town.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_goes_back_closes_the_gateway_until_it_is_right() {
    let folder = tempfile::TempDir::new().unwrap();
    let offset = folder.path().join("clock-offset");
    fs::write(&offset, "0").unwrap();
    let mut town = town()
        .with("LD_PRELOAD", shim(folder.path()).to_str().unwrap())
        .with("VARCO_TEST_CLOCK_OFFSET", offset.to_str().unwrap());
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    fs::write(&offset, "-3600").unwrap();
    until(&client, gets_no_voucher).await;
    fs::write(&offset, "0").unwrap();
    until(&client, Result::is_ok).await;

    let stops = records(&town, "STOP").await;
    assert!(
        stops.iter().any(|it| it["detail"]
            .as_str()
            .unwrap()
            .contains("the clock went back")),
        "{stops:?}"
    );
    // An hour ahead is noted; vouchers only end earlier.
    fs::write(&offset, "3600").unwrap();
    wait::until("a record of the clock", async || {
        let noted = records(&town, "DEGRADED").await;
        noted
            .iter()
            .any(|it| it["detail"].as_str().unwrap().contains("set forward"))
            .then_some(())
    })
    .await;
    fs::write(&offset, "0").unwrap();
    assert_eq!(town.terminate(), Some(0));
    let verified = town.program().json(&["audit", "verify"]).await;
    assert_eq!(verified["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_nobody_keeps_right_is_told_by_every_record_and_once_by_its_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let standing = folder.path().join("clock-standing");
    let stands = |told: &str| {
        let aside = standing.with_extension("aside");
        fs::write(&aside, told).unwrap();
        fs::rename(aside, &standing).unwrap();
    };
    stands("0 1500");
    let mut town = town()
        .with("LD_PRELOAD", shim(folder.path()).to_str().unwrap())
        .with("VARCO_TEST_CLOCK_STANDING", standing.to_str().unwrap());
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    stands("64 16000000");
    let lost = standings(&town, 1).await;
    call(&client).await.unwrap();
    stands("0 800");
    let found = standings(&town, 2).await;

    assert!(lost[0].contains("is not synchronised"), "{lost:?}");
    assert_eq!(found[1], "the clock is synchronised, to within 1 ms");
    let clock = |it: &Value| (it["clock"].clone(), it["clock_error_ms"].clone());
    let calls = records(&town, "OUTCOME").await;
    assert_eq!(clock(&calls[0]), ("sync".into(), 2.into()));
    let newest = calls.last().unwrap();
    assert_eq!(clock(newest), ("unsync".into(), Value::Null));
    let start = &records(&town, "START").await[0];
    assert_eq!(clock(start), ("sync".into(), 2.into()));
    assert_eq!(town.terminate(), Some(0));
    let log = fs::read_to_string(town.log()).unwrap();
    assert_eq!(log.matches("is not synchronised").count(), 1, "{log}");
}

/// What the records of degraded times say, once there are so many.
async fn standings(town: &Process, count: usize) -> Vec<String> {
    wait::until("records of the clock", async || {
        let noted = records(town, "DEGRADED").await.into_iter();
        let said = noted.map(|it| it["detail"].as_str().unwrap().to_owned());
        let said: Vec<String> = said.collect();
        (said.len() == count).then_some(said)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn older_copy_is_refused_at_start_and_recovered_from_in_a_linked_log() {
    let mut town = town();
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();
    assert_eq!(town.terminate(), Some(0));
    let (audit, copy) = (town.data().join("audit"), town.data().join("copy"));
    copy_folder(&audit, &copy);
    town.start();
    let client = town.client("tributi");
    for _ in 0..5 {
        call(&client).await.unwrap();
    }
    assert_eq!(town.terminate(), Some(0));
    let before = town.program().json(&["audit", "verify"]).await;
    let mark = fs::read(audit.join("gw1.checkpoint")).unwrap();
    fs::remove_dir_all(&audit).unwrap();
    copy_folder(&copy, &audit);
    fs::write(audit.join("gw1.checkpoint"), mark).unwrap();

    let refused = town.program().run(&["up"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("an older copy was put in its place"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("varco audit recover"),
        "{}",
        refused.err
    );
    let recovered = town.program().json(&["audit", "recover"]).await;
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    let begun = recovered["begun"].as_str().unwrap();
    assert!(begun.ends_with("-e1"), "{recovered}");
    let verified = town.program().json(&["audit", "verify"]).await;
    assert_eq!(verified["origin"], begun);
    assert_eq!(verified["logs"][0]["origin"], before["origin"]);
    assert!(verified["logs"][0]["records"].as_u64() < before["records"].as_u64());
    let first = town
        .program()
        .json(&["audit", "search", "--origin", begun, "--limit", "1"])
        .await;
    assert_eq!(first[0]["kind"], "LINK");
    assert_eq!(town.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_closes_the_gateway_with_a_record_and_it_opens_by_itself() {
    let folder = tempfile::TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        eprintln!("skipped: this user may not mount a file system");
        return;
    };
    let mut town = town().on(&disk.path);
    town.start();
    let client = town.client("tributi");
    call(&client).await.unwrap();

    let filler = disk.path.join("filler");
    fill(&filler);
    let after = until(&client, is_closed).await;
    let refused = call(&client).await.unwrap_err();
    fs::remove_file(&filler).unwrap();
    let again = until(&client, Result::is_ok).await;

    assert!(after < Duration::from_secs(10), "{after:?}");
    assert!(again < Duration::from_secs(20), "{again:?}");
    let stops = records(&town, "STOP").await;
    let told = |it: &serde_json::Value| it["detail"].as_str().unwrap().contains("full");
    assert!(stops.iter().any(told), "{stops:?} {refused:?}");
    assert_eq!(town.terminate(), Some(0));
    let verified = town.program().json(&["audit", "verify"]).await;
    assert_eq!(verified["verified"], true);
}

/// A file system of its own in memory, unmounted at the end.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let path = at.join("disk");
        fs::create_dir(&path).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"])
            .arg(&path)
            .output()
            .ok()?;
        done.status.success().then_some(Self { path })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

/// Writes until nothing more fits.
fn fill(file: &Path) {
    use std::io::Write as _;
    let mut out = fs::File::create(file).unwrap();
    let piece = vec![7; 1 << 16];
    while out.write_all(&piece).is_ok() {}
}

fn cause(refused: &Status) -> String {
    use tonic_types::StatusExt as _;
    let info = refused.get_details_error_info().unwrap();
    info.metadata.get("cause").cloned().unwrap_or_default()
}

async fn records(town: &Process, kind: &str) -> Vec<serde_json::Value> {
    let found = town
        .program()
        .json(&["audit", "search", "--kind", kind])
        .await;
    found.as_array().unwrap().clone()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
