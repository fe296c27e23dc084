//! What must hold of a register of accesses after its process has died, whatever it was doing.

use std::collections::BTreeSet;

use varco_gateway::audit::verify;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::config::Config;
use varco_tests::records;

use super::calls::Seen;

/// What does not hold, in words; nothing when all is well.
pub async fn violations(config: &Config, seen: &Seen) -> Vec<String> {
    if let Err(error) = verify::verify(config, None).await {
        return vec![format!("the log: {error}")];
    }
    let records = records::all(config).await;
    dangling(&records)
        .into_iter()
        .chain(receipt(&records, seen))
        .chain(released(&records, seen))
        .collect()
}

/// INTENTs that no OUTCOME has followed.
fn dangling(records: &[Record]) -> Vec<String> {
    let of = |kind| records.iter().filter(move |it| it.kind() == kind);
    let ended: BTreeSet<_> = of(RecordKind::Outcome).map(|it| &it.ref_audit_id).collect();
    let dangling = of(RecordKind::Intent).filter(|it| !ended.contains(&it.audit_id));
    dangling
        .map(|it| {
            format!(
                "an INTENT without OUTCOME: number {} of its run",
                it.boot_seq
            )
        })
        .collect()
}

/// A receipt names the record of that call, with that end.
fn receipt(records: &[Record], seen: &Seen) -> Option<String> {
    let at = usize::try_from(seen.index?).unwrap();
    let id = seen.id.unwrap();
    let is_its = |it: &Record| {
        let last = [RecordKind::Outcome, RecordKind::Deny].contains(&it.kind());
        last && it.audit_id == id.as_bytes().as_slice() && it.grpc_status == seen.code
    };
    let found = records.get(at).filter(|it| is_its(it));
    found
        .is_none()
        .then(|| format!("no record behind the receipt {at}: {seen:?}"))
}

/// No message was released that no record covers.
fn released(records: &[Record], seen: &Seen) -> Option<String> {
    let id = seen.id?;
    let of_call = records
        .iter()
        .filter(|it| it.audit_id == id.as_bytes().as_slice());
    let covered = of_call.map(|it| it.records_count).max().unwrap_or(0);
    (covered < seen.messages).then(|| format!("released and not recorded: {covered}, {seen:?}"))
}
