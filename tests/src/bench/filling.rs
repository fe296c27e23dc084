//! Records as long as real ones, and a register of accesses that is filled with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;
use uuid::Uuid;
use varco_gateway::audit::committer::Register;
use varco_gateway::audit::deposit::Deposit;
use varco_proto::audit::v1::{Decision, Details, Record, RecordKind, Subject};

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
