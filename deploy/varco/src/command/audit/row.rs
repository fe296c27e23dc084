//! One record of the register of accesses, as people and programs read it.

use jiff::Timestamp;
use prost::Message as _;
use serde::Serialize;
use uuid::Uuid;
use varco_proto::audit::v1::{ClockState, Entry, Record, RecordKind};

use super::names::Names;
use crate::failure::Failure;

/// A record with names in place of ids where they are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Index in the log.
    pub index: u64,
    /// When, RFC 3339.
    pub time: String,
    /// Whether a time service kept the clock right: `sync`, `unsync` or `unknown`.
    pub clock: &'static str,
    /// The most by which the clock was off, in milliseconds, where it was synchronised.
    pub clock_error_ms: Option<u32>,
    /// What it is evidence of, such as `OUTCOME`.
    pub kind: &'static str,
    /// Id of the call.
    pub audit_id: String,
    /// Id of the call that this one serves.
    pub parent_audit_id: Option<String>,
    /// Who asked: a client or an operator, by name where it is known.
    pub client: String,
    /// Id of the client.
    pub client_id: String,
    /// What for, by name where it is known.
    pub purpose: String,
    /// Id of the purpose.
    pub purpose_id: String,
    /// Method, `pkg.Service/Method`.
    pub method: String,
    /// Reason of a refusal, else the outcome in one word.
    pub outcome: String,
    /// gRPC status code.
    pub grpc_status: u32,
    /// W3C trace id.
    pub trace_id: String,
    /// Classes of data that were held back.
    pub withheld: Vec<String>,
    /// What an operator changed or looked at; of refusals that were counted, how many and since when.
    pub detail: String,
}

impl Row {
    /// Reads an entry of the log.
    ///
    /// # Errors
    ///
    /// When the leaf is no record.
    pub fn read(entry: &Entry, names: &Names) -> Result<Self, Failure> {
        let record = Record::decode(&*entry.leaf)
            .map_err(|error| Failure::from(error).while_doing(format!("record {}", entry.index)))?;
        let outcome = match record.deny_reason.as_str() {
            "" => record.outcome.clone(),
            reason => reason.to_owned(),
        };
        let detail = match record.kind() {
            RecordKind::AggregateGarbage => format!("{} {}", record.records_count, record.detail),
            _ => record.detail.clone(),
        };
        Ok(Self {
            index: entry.index,
            time: time(record.ts_unix_ns),
            clock: clock(record.clock_state()),
            clock_error_ms: (record.clock_state() == ClockState::Sync)
                .then_some(record.clock_error_ms),
            kind: kind(record.kind()),
            audit_id: id(&record.audit_id).unwrap_or_default(),
            parent_audit_id: id(&record.parent_audit_id),
            client: names.name(&record.client_id).to_owned(),
            purpose: names.name(&record.purpose_id).to_owned(),
            outcome,
            grpc_status: record.grpc_status,
            trace_id: hex::encode(&record.trace_id),
            client_id: record.client_id,
            purpose_id: record.purpose_id,
            method: record.method,
            withheld: record.data_classes_withheld,
            detail,
        })
    }
}

fn id(bytes: &[u8]) -> Option<String> {
    Uuid::from_slice(bytes).ok().map(|id| id.to_string())
}

fn time(nanoseconds: i64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.map(|time| format!("{time:.3}")).unwrap_or_default()
}

fn clock(state: ClockState) -> &'static str {
    match state {
        ClockState::Unspecified => "unknown",
        ClockState::Sync => "sync",
        ClockState::Unsync => "unsync",
    }
}

/// The name of a kind without its prefix.
fn kind(kind: RecordKind) -> &'static str {
    let name = kind.as_str_name();
    name.strip_prefix("RECORD_KIND_").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_shows_its_reason_and_names_in_place_of_ids() {
        let mut names = Names::default();
        names.add_client("id-1".into(), "tributi".into());
        let record = Record {
            kind: RecordKind::Deny.into(),
            client_id: "id-1".into(),
            purpose_id: "id-2".into(),
            outcome: "DENIED".into(),
            deny_reason: "PURPOSE_SUSPENDED".into(),
            clock_state: ClockState::Sync.into(),
            clock_error_ms: 12,
            ts_unix_ns: 1_700_000_000_000_000_000,
            audit_id: Uuid::nil().as_bytes().to_vec().into(),
            ..Record::default()
        };
        let leaf = record.encode_to_vec().into();

        let row = Row::read(
            &Entry {
                index: 7,
                leaf,
                ..Entry::default()
            },
            &names,
        )
        .unwrap();

        assert_eq!((row.index, row.kind), (7, "DENY"));
        assert_eq!(
            (row.client.as_str(), row.purpose.as_str()),
            ("tributi", "id-2")
        );
        assert_eq!(row.outcome, "PURPOSE_SUSPENDED");
        assert_eq!(row.time, "2023-11-14T22:13:20.000Z");
        assert_eq!((row.clock, row.clock_error_ms), ("sync", Some(12)));
        assert_eq!(row.parent_audit_id, None);
    }

    #[test]
    fn leaf_that_is_no_record_is_told_with_its_index() {
        let leaf = vec![0xff].into();

        let failure = Row::read(
            &Entry {
                index: 9,
                leaf,
                ..Entry::default()
            },
            &Names::default(),
        )
        .unwrap_err();

        assert!(failure.to_string().starts_with("record 9: "));
    }
}
