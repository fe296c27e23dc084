//! A register of accesses alone, as a process of its own that a test may kill.
//!
//! It is told its folder, the addresses of its two databases, what time it is and what to do. Each record that
//! is acknowledged is a line of its output: index, call, log. With `turn` the year ends in the middle;
//! `fill` writes more than a segment of the index and waits until that stands.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and tells what it did"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;
use varco_gateway::audit::committer::{Register, Run, Signers};
use varco_gateway::audit::deposit::Deposit;
use varco_gateway::audit::{MIGRATIONS, dangling, index};
use varco_proto::audit::v1::{Details, Record, RecordKind};
use varco_runtime::clock::Clock;
use varco_runtime::secret::dpo::DpoKey;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_tlog::note::Signer;

#[tokio::main]
async fn main() {
    let told: Vec<String> = std::env::args().skip(1).collect();
    let folder = Path::new(&told[0]);
    let clock = Clock::fixed(told[3].parse().unwrap());
    let db = Db::open(&told[1], folder, MIGRATIONS).await.unwrap();
    let beside = if told[1] == told[2] {
        db.clone()
    } else {
        Db::open(&told[2], folder, index::MIGRATIONS).await.unwrap()
    };
    let tasks = Tasks::default();
    let register = open((db, beside), &clock, &tasks).await;
    dangling::close(&register, "gw1").await.unwrap();
    say(&register, RecordKind::Intent).await;
    match told[4].as_str() {
        "turn" => {
            many(&register, 20).await;
            clock.set("2026-12-31T23:00:10Z".parse().unwrap());
            many(&register, 20).await;
        }
        "fill" => {
            many(&register, index::SEGMENT + 100).await;
            until_written(&register).await;
            // Whoever wrote it learns of it a moment after the database has it.
            many(&register, 100).await;
        }
        _ => many(&register, 20).await,
    }
    drop(register);
    tasks.drain(Duration::from_secs(5)).await;
}

async fn open(places: (Db, Db), clock: &Clock, tasks: &Tasks) -> Register {
    let run = Run {
        ipa: "c_z999".to_owned(),
        instance: "gw1".to_owned(),
        boot_id: Uuid::from_u128(1),
        started: Instant::now(),
        clock: clock.clone(),
        recipients: DpoKey::generate().recipients(),
        mark: None,
    };
    let signers: Signers = Box::new(|origin| Ok(Signer::from_seed(origin, &[7; 32])?));
    Register::open(places, run, signers, tasks).await.unwrap()
}

/// Has records written, as many callers would.
async fn many(register: &Register, records: u64) {
    let mut callers = JoinSet::new();
    for share in 0..CALLERS {
        let register = register.clone();
        callers.spawn(async move {
            for _ in (share..records).step_by(usize::try_from(CALLERS).unwrap()) {
                say(&register, RecordKind::Outcome).await;
            }
        });
    }
    callers.join_all().await;
}

/// Has one record written, and tells it once it is acknowledged.
async fn say(register: &Register, kind: RecordKind) {
    let id = Clock::system().uuid();
    let record = Record {
        kind: kind.into(),
        audit_id: id.as_bytes().to_vec().into(),
        client_id: "prova".to_owned(),
        ..Record::default()
    };
    let details = Some(Details::default());
    let receipt = register.commit(Deposit { record, details }).await.unwrap();
    let origin = receipt.checkpoint.lines().next().unwrap().to_owned();
    println!("{} {id} {origin}", receipt.index);
}

async fn until_written(register: &Register) {
    loop {
        let mut tx = register.index().read().await.unwrap();
        if index::segments(&mut tx, &register.log()).await.unwrap() > 0 {
            return;
        }
        drop(tx);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

const CALLERS: u64 = 400;
