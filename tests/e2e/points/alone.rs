//! The register dies where only it comes by: as it takes a key, turns the year, writes its index. What it
//! had acknowledged is there, found and opened, and it goes on by itself.

use std::path::Path;
use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;
use uuid::Uuid;
use varco_gateway::audit::reading::Reading;
use varco_gateway::audit::store_log::{self, Log};
use varco_gateway::audit::{MIGRATIONS, index, search, verify};
use varco_gateway::points::{OWN, Point};
use varco_proto::audit::v1::{Record, RecordKind, RetentionClass, SearchRecordsRequest};
use varco_runtime::store::Db;
use varco_runtime::store::testing::{empty_postgres, server};

/// The register alone, as a process of its own.
const REGISTER: &str = env!("CARGO_BIN_EXE_register-under-test");
/// Ten seconds before and after the year turns in Europe/Rome.
const BEFORE: &str = "2026-12-31T22:59:50Z";
const AFTER: &str = "2026-12-31T23:00:10Z";

#[tokio::test(flavor = "multi_thread")]
async fn register_is_whole_wherever_it_dies_by_itself() {
    for point in OWN {
        for place in Place::each().await {
            let died = place.run(Some(point), BEFORE).await;
            let went_on = place.run(None, AFTER).await;

            let at = format!("{point:?} on {}", place.records);
            assert_eq!(died.status.code(), None, "{at}: it did not die");
            assert!(went_on.status.success(), "{at}: {went_on:?}");
            let acknowledged = [acknowledged(&died), acknowledged(&went_on)].concat();
            assert!(acknowledged.len() > 20, "{at}");
            place.assert_whole(&acknowledged, &at).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn register_that_is_not_told_to_die_lives() {
    let place = Place::sqlite();

    let lived = place.run(None, BEFORE).await;

    assert!(lived.status.success(), "{lived:?}");
}

/// Where a register stands.
struct Place {
    folder: TempDir,
    records: String,
    index: String,
}

/// A record that was acknowledged: its index, its call, its log.
#[derive(Clone, Debug)]
struct Acknowledged {
    index: u64,
    call: Uuid,
    origin: String,
}

fn acknowledged(output: &Output) -> Vec<Acknowledged> {
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let read = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap();
        Acknowledged {
            index: next().parse().unwrap(),
            call: next().parse().unwrap(),
            origin: next().to_owned(),
        }
    };
    lines.map(read).collect()
}

/// What has the register come by a point.
fn work(point: Option<Point>) -> &'static str {
    match point {
        Some(Point::SegmentBefore | Point::SegmentHalf | Point::SegmentAfter) => "fill",
        Some(Point::KeyBefore | Point::KeyStored) => "few",
        _ => "turn",
    }
}

impl Place {
    fn sqlite() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            records: "sqlite:audit.db".to_owned(),
            index: "sqlite:audit-index.db".to_owned(),
        }
    }

    async fn each() -> Vec<Self> {
        let mut places = vec![Self::sqlite()];
        if let Some(server) = server() {
            let address = empty_postgres(&server).await.unwrap();
            places.push(Self {
                records: address.clone(),
                index: address,
                ..Self::sqlite()
            });
        }
        places
    }

    /// Runs the register to its end, which is the point where one is armed.
    async fn run(&self, point: Option<Point>, now: &str) -> Output {
        let armed = self.folder.path().join("point");
        if let Some(point) = point {
            std::fs::write(&armed, format!("{point:?}")).unwrap();
        }
        let mut command = Command::new(REGISTER);
        let folder: &Path = self.folder.path();
        command.arg(folder).args([&self.records, &self.index]);
        command
            .args([now, work(point)])
            .env("VARCO_TEST_POINT", armed);
        let ended = command.kill_on_drop(true).output();
        let ended = tokio::time::timeout(std::time::Duration::from_mins(1), ended).await;
        ended.unwrap().unwrap()
    }

    async fn assert_whole(&self, acknowledged: &[Acknowledged], at: &str) {
        let (db, index) = self.open().await;
        let mut tx = db.read().await.unwrap();
        let logs = store_log::logs(&mut tx).await.unwrap();
        drop(tx);
        let mut records = Vec::new();
        for log in &logs {
            let report = verify::verify_log(&db, &index, log).await;
            report.unwrap_or_else(|error| panic!("{at}, {}: {error}", log.origin));
            let reading = Reading::of(db.clone(), index.clone(), log.clone());
            let reading = reading.await.unwrap();
            let stored = reading.records(0, u32::MAX).await.unwrap();
            let stored: Vec<Record> = stored.into_iter().map(|(_, it)| it).collect();
            for record in acknowledged.iter().filter(|it| it.origin == log.origin) {
                let there = &stored[usize::try_from(record.index).unwrap()];
                let call = record.call.as_bytes().as_slice();
                assert_eq!(there.audit_id, call, "{at}: {record:?}");
                // One of many: each search goes through the whole index.
                if record.index.is_multiple_of(997) || record.index < 50 {
                    is_found(record, &reading, at).await;
                }
            }
            records.push(stored);
        }
        let known = |it: &Acknowledged| logs.iter().any(|log| log.origin == it.origin);
        assert!(acknowledged.iter().all(known), "{at}: a log is gone");
        are_linked(&logs, &records, at);
        let open = dangling(&records);
        // The last run leaves its own to the next.
        assert_eq!(open.len(), 1, "{at}: INTENTs without OUTCOME {open:?}");
        db.close().await;
    }

    async fn open(&self) -> (Db, Db) {
        let folder = self.folder.path();
        let db = Db::open(&self.records, folder, MIGRATIONS).await.unwrap();
        if self.records == self.index {
            return (db.clone(), db);
        }
        let index = Db::open(&self.index, folder, index::MIGRATIONS).await;
        (db, index.unwrap())
    }
}

/// A record is found by its call, and its details have their key.
async fn is_found(record: &Acknowledged, reading: &Reading, at: &str) {
    let asked = SearchRecordsRequest {
        audit_ids: vec![record.call.as_bytes().to_vec().into()],
        ..SearchRecordsRequest::default()
    };
    let found = search::search(reading, &asked).await.unwrap().entries;
    assert!(
        found.iter().any(|it| it.index == record.index),
        "{at}: {record:?}"
    );
    let details = reading
        .details(record.index, RetentionClass::A)
        .await
        .unwrap();
    assert!(details.is_some(), "{at}: no key for {record:?}");
}

/// Each log but the last ends with a record that names the next, which begins with one that names its end.
fn are_linked(logs: &[Log], records: &[Vec<Record>], at: &str) {
    for (before, after) in (0..).zip(1..logs.len()) {
        let (last, first) = (records[before].last().unwrap(), &records[after][0]);
        assert_eq!(last.next_origin, logs[after].origin, "{at}");
        let previous = first.previous.as_ref().unwrap();
        assert_eq!(previous.origin, logs[before].origin, "{at}");
        let size = u64::try_from(records[before].len()).unwrap();
        assert_eq!(previous.size, size, "{at}");
    }
}

/// Calls of INTENTs that no OUTCOME follows, in whichever log.
fn dangling(records: &[Vec<Record>]) -> Vec<Vec<u8>> {
    let of = |kind| records.iter().flatten().filter(move |it| it.kind() == kind);
    let ended: Vec<_> = of(RecordKind::Outcome).map(|it| &it.ref_audit_id).collect();
    let open = of(RecordKind::Intent).filter(|it| !ended.contains(&&it.audit_id));
    open.map(|it| it.audit_id.to_vec()).collect()
}
