//! An access to a person's data: all records of one call as one row.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prost::Message as _;
use serde::Serialize;
use uuid::Uuid;
use varco_proto::audit::v1::{Entry, Record, RecordKind};
use varco_runtime::clock;

use super::super::names::Names;
use super::operators::Opener;
use super::words;
use crate::failure::Failure;

/// An access, for people and programs; the fields are a contract.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Access {
    /// When it began, RFC 3339 with the offset of Europe/Rome.
    pub time: String,
    /// The same for people, `GG/MM/AAAA HH:MM:SS`.
    #[serde(skip)]
    pub local_time: String,
    /// Office that asked.
    pub office: String,
    /// System that asked for it, by name where it is known.
    pub client: String,
    /// E-service that was asked, by name where it is known.
    pub eservice: String,
    /// Id of the body that offers it.
    pub producer_id: String,
    /// What was done, in words.
    pub operation: String,
    /// Method, `pkg.Service/Method`.
    pub method: String,
    /// What for, by name where it is known.
    pub purpose: String,
    /// Its legal basis.
    pub legal_basis: String,
    /// Number of the case that it served.
    pub procedure: String,
    /// Classes of data that left.
    pub data_classes: Vec<String>,
    /// Fields that left, `Message.field`.
    pub fields: Vec<String>,
    /// How it ended.
    pub outcome: String,
    /// Log that holds its last record.
    pub origin: String,
    /// Index of that record.
    pub index: u64,
    /// Id of the call.
    pub audit_id: String,
    /// Who acted; only where it was asked for and is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
}

/// Makes a row of each call, oldest first; with an opener the rows name who acted.
///
/// # Errors
///
/// When a leaf is no record, or details do not open.
pub fn accesses(
    logs: &[(String, Vec<Entry>)],
    names: &Names,
    mut opener: Option<Opener<'_>>,
) -> Result<Vec<Access>, Failure> {
    let mut calls: BTreeMap<Vec<u8>, Call> = BTreeMap::new();
    for (origin, entries) in logs {
        for entry in entries {
            let record = Record::decode(&*entry.leaf).map_err(|error| {
                Failure::from(error).while_doing(format!("record {}", entry.index))
            })?;
            if !is_of_a_call(record.kind()) {
                continue;
            }
            let operator = match &mut opener {
                Some(opener) => opener.actor(&record.audit_id, entry)?,
                None => None,
            };
            let call = calls.entry(record.audit_id.to_vec()).or_default();
            call.add(record, operator, (origin, entry.index));
        }
    }
    let mut calls: Vec<Call> = calls.into_values().collect();
    calls.sort_by_key(|call| (call.began, call.index));
    Ok(calls.into_iter().map(|call| call.access(names)).collect())
}

/// Vouchers and operators' records are no access to anybody's data.
fn is_of_a_call(kind: RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Intent | RecordKind::Progress | RecordKind::Outcome | RecordKind::Deny
    )
}

/// What the records of a call say together.
#[derive(Debug, Default)]
struct Call {
    /// Nanoseconds since the Unix epoch.
    began: i64,
    /// The newest record.
    last: Record,
    origin: String,
    index: u64,
    data_classes: BTreeSet<String>,
    fields: BTreeSet<String>,
    operator: Option<String>,
}

impl Call {
    /// Adds a record that is newer than those before.
    fn add(&mut self, mut record: Record, operator: Option<String>, (origin, index): (&str, u64)) {
        if self.began == 0 {
            self.began = record.ts_unix_ns;
        }
        self.data_classes
            .extend(std::mem::take(&mut record.data_classes_delivered));
        self.fields.extend(std::mem::take(&mut record.fields));
        self.operator = operator.or(self.operator.take());
        origin.clone_into(&mut self.origin);
        self.index = index;
        self.last = record;
    }

    fn access(self, names: &Names) -> Access {
        let record = self.last;
        let client = names.name(&record.client_id).to_owned();
        let eservice = names.eservice(&record.purpose_id);
        let zoned = Timestamp::from_nanosecond(i128::from(self.began)).map(clock::rome);
        let told = |format: &str| {
            let zoned = zoned.as_ref().ok();
            zoned.map_or(String::new(), |it| it.strftime(format).to_string())
        };
        Access {
            time: told("%Y-%m-%dT%H:%M:%S%:z"),
            local_time: told("%d/%m/%Y %H:%M:%S"),
            office: match record.office_code.as_str() {
                "" => client.clone(),
                code => code.to_owned(),
            },
            client,
            eservice: eservice.unwrap_or(words::office(&record.method)).to_owned(),
            operation: words::method(&record.method).to_owned(),
            purpose: names.name(&record.purpose_id).to_owned(),
            outcome: words::outcome(&record),
            audit_id: Uuid::from_slice(&record.audit_id).map_or(String::new(), |id| id.to_string()),
            producer_id: record.producer_id,
            method: record.method,
            legal_basis: record.legal_basis,
            procedure: record.procedure_ref,
            data_classes: self.data_classes.into_iter().collect(),
            fields: self.fields.into_iter().collect(),
            origin: self.origin,
            index: self.index,
            operator: self.operator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, kind: RecordKind, call: u128, fields: &[&str]) -> Entry {
        let began = kind == RecordKind::Intent;
        let record = Record {
            kind: kind.into(),
            audit_id: Uuid::from_u128(call).as_bytes().to_vec().into(),
            ts_unix_ns: 1_790_000_000_000_000_000 + i64::try_from(index).unwrap(),
            client_id: "client-1".to_owned(),
            office_code: "tributi".to_owned(),
            purpose_id: "purpose-1".to_owned(),
            legal_basis: "L. 147/2013".to_owned(),
            method: "varco.anagrafe.v1.AnagrafeService/GetResidenza".to_owned(),
            fields: fields.iter().map(|&it| it.to_owned()).collect(),
            outcome: if began { "" } else { "OK" }.to_owned(),
            ..Record::default()
        };
        Entry {
            index,
            leaf: record.encode_to_vec().into(),
            ..Entry::default()
        }
    }

    fn rows(entries: Vec<Entry>) -> Vec<Access> {
        let mut names = Names::default();
        names.add_purpose("purpose-1".into(), "tari".into());
        names.add_eservice("purpose-1".into(), "anagrafe-residenza".into());
        accesses(&[("c.audit/gw1/2026".to_owned(), entries)], &names, None).unwrap()
    }

    #[test]
    fn records_of_a_call_are_one_row_with_all_that_left() {
        let rows = rows(vec![
            entry(3, RecordKind::Intent, 1, &[]),
            entry(4, RecordKind::Progress, 1, &["A.x"]),
            entry(5, RecordKind::Outcome, 1, &["A.x", "A.y"]),
        ]);

        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].fields, ["A.x", "A.y"]);
        assert_eq!((rows[0].index, rows[0].outcome.as_str()), (5, "eseguita"));
        assert_eq!(rows[0].eservice, "anagrafe-residenza");
        assert_eq!(rows[0].purpose, "tari");
        assert_eq!(rows[0].legal_basis, "L. 147/2013");
        assert_eq!(rows[0].office, "tributi");
        assert_eq!(rows[0].operator, None);
    }

    #[test]
    fn call_that_ends_in_the_next_log_is_one_row() {
        let log = |year: u16, entry| (format!("c.audit/gw1/{year}"), vec![entry]);
        let logs = [
            log(2026, entry(900, RecordKind::Intent, 1, &[])),
            log(2027, entry(1, RecordKind::Outcome, 1, &[])),
        ];

        let rows = accesses(&logs, &Names::default(), None).unwrap();

        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].origin.as_str(), rows[0].index),
            ("c.audit/gw1/2027", 1)
        );
    }

    #[test]
    fn times_are_those_of_rome() {
        let rows = rows(vec![entry(0, RecordKind::Outcome, 1, &[])]);

        assert_eq!(rows[0].time, "2026-09-21T16:13:20+02:00");
        assert_eq!(rows[0].local_time, "21/09/2026 16:13:20");
    }

    #[test]
    fn calls_are_told_oldest_first_and_what_is_no_call_is_not() {
        let rows = rows(vec![
            entry(3, RecordKind::Outcome, 9, &[]),
            entry(4, RecordKind::VoucherIssued, 2, &[]),
            entry(5, RecordKind::Deny, 1, &[]),
        ]);

        let told: Vec<u64> = rows.iter().map(|row| row.index).collect();
        assert_eq!(told, [3, 5]);
    }

    #[test]
    fn call_that_has_not_ended_is_told_as_such() {
        let rows = rows(vec![entry(3, RecordKind::Intent, 1, &[])]);

        assert_eq!(rows[0].outcome, "esito non ancora registrato");
    }

    #[test]
    fn row_without_an_operator_has_no_such_field() {
        let rows = rows(vec![entry(3, RecordKind::Outcome, 1, &[])]);

        let json = serde_json::to_value(&rows[0]).unwrap();
        assert_eq!(json.get("operator"), None);
        assert_eq!(json["index"], 3);
    }
}
