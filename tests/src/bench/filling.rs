//! Records as long as real ones, and a register of accesses that is filled with them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use uuid::Uuid;
use varco_gateway::audit::committer::{Register, Run};
use varco_gateway::audit::deposit::Deposit;
use varco_gateway::audit::{MIGRATIONS, index};
use varco_gateway::keys;
use varco_proto::audit::v1::{Decision, Details, Record, RecordKind, Subject};
use varco_runtime::clock::Clock;
use varco_runtime::secret::dpo::Recipients;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;

use super::town::Town;

/// A person of whom one record in this many speaks.
pub const RARE: u64 = 10_000;

/// Makes so many records durable.
pub async fn fill(register: &Arc<Register>, wanted: u64) {
    let next = Arc::new(AtomicU64::new(0));
    let mut running = JoinSet::new();
    for _ in 0..1024 {
        let (register, next) = (Arc::clone(register), Arc::clone(&next));
        running.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wanted {
                    return;
                }
                register.commit(deposit(number)).await.unwrap();
            }
        });
    }
    running.join_all().await;
}

/// Fills the register of a town whose gateway does not run, and gives the bytes of each record on the
/// disk, its sealed details and its index included.
pub async fn fill_town(town: &Town, wanted: u64) -> u64 {
    let (config, clock) = (&town.config, Clock::system());
    let gateway = &config.gateway;
    let audit = Db::open(&gateway.audit_database, &config.folder, MIGRATIONS).await;
    let places = (audit.unwrap(), index::open(config).await.unwrap());
    let run = Run {
        ipa: config.comune.ipa.clone(),
        instance: gateway.instance.clone(),
        boot_id: clock.uuid(),
        started: Instant::now(),
        recipients: Recipients::read(&config.path(&gateway.dpo)).unwrap(),
        clock,
        mark: None,
    };
    let signers = keys::log_signers(&town.vault(), &config.path(&gateway.keys)).unwrap();
    let tasks = Tasks::default();
    let register = Register::open(places.clone(), run, signers, &tasks).await;
    let register = Arc::new(register.unwrap());
    fill(&register, wanted).await;
    drop(register);
    tasks.drain(Duration::from_mins(1)).await;
    places.0.close().await;
    places.1.close().await;
    let files = std::fs::read_dir(config.audit_folder()).unwrap();
    let bytes = files.map(|file| file.unwrap().metadata().unwrap().len());
    bytes.sum::<u64>() / wanted
}

/// Checks that there is room for so many records.
pub fn check_room(place: &Path, records: u64) {
    let disk = rustix::fs::statvfs(place).unwrap();
    let free = disk.f_bavail * disk.f_frsize;
    let needed = records * BYTES_EACH + SPARE;
    println!(
        "{records} records need {} MB, {} MB are free in {}",
        needed >> 20,
        free >> 20,
        place.display()
    );
    assert!(free > needed, "there is no room for {records} records");
}

/// Under what a person stands in a record.
#[must_use]
pub fn person(number: u64) -> Vec<u8> {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    [spread, spread].concat()
}

/// What a read leaves: a record as long as a real one, with its details.
#[must_use]
pub fn deposit(number: u64) -> Deposit {
    let id = |salt: u128| Uuid::from_u128(salt << 64 | 0x7000_8000_0000_0000);
    let unique = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let record = Record {
        kind: RecordKind::Outcome.into(),
        audit_id: unique.to_be_bytes().to_vec().into(),
        trace_id: unique.rotate_left(64).to_be_bytes().to_vec().into(),
        span_id: number.to_be_bytes().to_vec().into(),
        client_id: id(u128::from(number % 40)).to_string(),
        client_cert_sha256: vec![9; 32].into(),
        peer_ip_class: "private".to_owned(),
        office_code: "c_z999/tributi".to_owned(),
        eservice_id: id(101).to_string(),
        producer_id: id(102).to_string(),
        method: "varco.anagrafe.v1.AnagrafeService/GetFamiglia".to_owned(),
        purpose_id: id(103 + u128::from(number % 7)).to_string(),
        legal_basis: "L. 160/2019 art. 1 c. 792".to_owned(),
        agreement_id: id(104).to_string(),
        voucher_jti: id(unique >> 64).to_string(),
        voucher_iss: "https://localhost:7444".to_owned(),
        voucher_exp: 1_790_000_000,
        decision: Decision::Permit.into(),
        policy_epoch: 17,
        policy_digest: vec![8; 32].into(),
        subject_refs: vec![person(number % RARE).into()],
        subject_epoch: 2026,
        subject_count: 1,
        data_classes_delivered: vec!["identita".to_owned(), "residenza".to_owned()],
        outcome: "OK".to_owned(),
        records_count: 1,
        bytes_out: 310,
        latency_us: 1800,
        req_digest: vec![7; 32].into(),
        resp_digest: vec![6; 32].into(),
        ..Record::default()
    };
    let details = Details {
        schema: 1,
        subjects: vec![Subject {
            kind: 1,
            identifier: "RSSMRA80A01H501U".to_owned(),
            scope: String::new(),
        }],
        peer_address: "10.0.0.7:51234".to_owned(),
        user_agent: "tonic/0.14".to_owned(),
        request: vec![5; 24].into(),
        salt: vec![4; 16].into(),
        ..Details::default()
    };
    Deposit {
        record,
        details: Some(details),
    }
}

/// What a record takes on the disk at most, with room for what is written beside it.
const BYTES_EACH: u64 = 1300;
/// What must stay free beside the records.
const SPARE: u64 = 2 << 30;
