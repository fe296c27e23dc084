//! Refusals that come too often: sixty of a sender and a minute have a record each, the rest one
//! with their count, and what was begun always has its own.

use std::collections::HashSet;

use bytes::Bytes;
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_tests::calls::reason;
use varco_tests::eco::Eco;
use varco_tests::process::Process;
use varco_tests::records;
use varco_tests::wire::{Answer, Wire};

use super::{Attacker, ECHO, attacker};
use crate::PROGRAM;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_that_come_too_often_are_counted_and_none_is_lost() {
    let mut town = Process::new(PROGRAM);
    town.start();
    let eco = Eco::start();
    let by = attacker(&town, &eco, "write").await;
    let mut wire = by.wire().await;
    let bearer = by.bearer();

    let nothing = refused(&mut wire, ECHO, &[], 100).await;
    let authorized = [("authorization", bearer.as_str())];
    let elsewhere = "/varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
    let elsewhere = refused(&mut wire, elsewhere, &authorized, 70).await;
    let begun = malformed(&mut wire, &authorized, 5).await;
    let garbage = garbage(&by, 70).await;

    // The first ones have a receipt; what is counted has the id of its one record.
    let singles = |answers: &[Answer]| answers.iter().filter(|it| has_receipt(it)).count();
    assert_eq!(
        (singles(&nothing), singles(&elsewhere), singles(&begun)),
        (EACH, 0, 5)
    );
    let [missing] = ids(&nothing[EACH..])[..] else {
        panic!("one record for many");
    };
    let [audience] = ids(&elsewhere)[..] else {
        panic!("one record for many");
    };
    assert_eq!(
        (ids(&nothing[..EACH]).len(), garbage.len()),
        (EACH, EACH + 1)
    );

    // A minute is not over; the stop writes what was counted.
    assert_eq!(town.terminate(), Some(0));
    let all = records::all(&by.config).await;
    assert_eq!(counted(&all, missing), ("VOUCHER_MISSING", 16, 40));
    assert_eq!(counted(&all, audience), ("VOUCHER_AUDIENCE", 16, 70));
    let strangers = of_kind(&all, RecordKind::VoucherRefused);
    assert_eq!(strangers.filter(|it| it.http_status == 401).count(), EACH);
    let aggregates: Vec<_> = of_kind(&all, RecordKind::AggregateGarbage).collect();
    assert_eq!(aggregates.len(), 3, "{aggregates:?}");
    let malformed = all
        .iter()
        .filter(|it| it.deny_reason == "MESSAGE_MALFORMED");
    assert!(malformed.clone().all(|it| it.kind() == RecordKind::Outcome));
    assert_eq!(malformed.count(), 5);

    is_found_and_counted(&mut town, missing, &all).await;
}

/// An auditor finds the record by the id that the refused were told, and PDND's tracing counts it.
async fn is_found_and_counted(town: &mut Process, missing: Uuid, all: &[Record]) {
    let voucher = of_kind(all, RecordKind::AggregateGarbage).find(|it| !it.voucher_jti.is_empty());
    let voucher = &voucher.unwrap().voucher_jti;
    town.start();

    let missing = missing.to_string();
    let found = town
        .program()
        .json(&["audit", "search", "--call", &missing])
        .await;
    let file = town.data().join("tracing.csv");
    let export = [
        "audit",
        "export",
        "--format",
        "pdnd-tracing",
        "--to",
        file.to_str().unwrap(),
    ];
    town.program().done(&export).await;

    assert!(found.to_string().contains("AGGREGATE_GARBAGE"), "{found}");
    assert!(found.to_string().contains("40 from "), "{found}");
    let tracing = std::fs::read_to_string(&file).unwrap();
    let row = format!(",{voucher},401,70\n");
    assert!(tracing.contains(&row), "{row}{tracing}");
    assert_eq!(town.terminate(), Some(0));
}

/// Calls without a body that are refused, one after the other.
async fn refused(
    wire: &mut Wire,
    path: &str,
    headers: &[(&str, &str)],
    calls: usize,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..calls {
        let answer = wire.send(&path[1..], headers, Bytes::new()).await.unwrap();
        assert!(!reason(&answer.status()).is_empty(), "{answer:?}");
        answers.push(answer);
    }
    answers
}

/// Writes whose INTENT is durable before anybody sees that their message is no protobuf.
async fn malformed(wire: &mut Wire, headers: &[(&str, &str)], calls: usize) -> Vec<Answer> {
    let mut answers = Vec::new();
    for _ in 0..calls {
        let body = Bytes::from_static(&[0, 0, 0, 0, 1, 0xff]);
        let answer = wire.send(&ECHO[1..], headers, body).await.unwrap();
        assert_eq!(reason(&answer.status()), "MESSAGE_MALFORMED");
        answers.push(answer);
    }
    answers
}

/// Assertions that prove nothing; gives the ids that their answers name, each once.
async fn garbage(by: &Attacker, calls: usize) -> HashSet<String> {
    let form = by.asker.form("x.y.z");
    let mut ids = HashSet::new();
    for _ in 0..calls {
        let answer = by.asker.post(&form).await;
        ids.insert(answer.text("correlation_id").to_owned());
    }
    ids
}

fn has_receipt(answer: &Answer) -> bool {
    answer.headers.contains_key("varco-audit-index")
}

/// The ids that answers name, each once.
fn ids(answers: &[Answer]) -> Vec<Uuid> {
    let ids = answers
        .iter()
        .map(|it| it.headers["varco-audit-id"].to_str().unwrap());
    let ids: HashSet<Uuid> = ids.map(|id| id.parse().unwrap()).collect();
    ids.into_iter().collect()
}

fn of_kind(all: &[Record], kind: RecordKind) -> impl Iterator<Item = &Record> {
    all.iter().filter(move |it| it.kind() == kind)
}

/// Reason, status and count of the one record with an id.
fn counted(all: &[Record], id: Uuid) -> (&str, u32, u64) {
    let found: Vec<_> = all
        .iter()
        .filter(|it| it.audit_id == id.as_bytes().as_slice())
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    let record = found[0];
    assert!(!record.client_id.is_empty() && record.kind() == RecordKind::AggregateGarbage);
    (
        &record.deny_reason,
        record.grpc_status,
        record.records_count,
    )
}

/// Refusals of a sender in a minute that have a record each, by default.
const EACH: usize = 60;
