//! Recorded decisions, taken again.

use std::sync::Arc;

use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};

use super::*;
use crate::registry::client::Client;
use crate::registry::entry::State;
use crate::registry::purpose::Purpose;
use crate::registry::testing::{METHOD, NOW, OTHER, Town, town};

/// The record that ends a call of the town's one client.
fn record(town: &Town, method: &str) -> Record {
    Record {
        kind: RecordKind::Outcome.into(),
        audit_id: Uuid::from_u128(1).as_bytes().to_vec().into(),
        client_id: town.entry::<Client>("tributi").id.to_string(),
        purpose_id: town.entry::<Purpose>("verifica").id.to_string(),
        agreement_id: Uuid::from_u128(2).to_string(),
        method: method.to_owned(),
        policy_epoch: 1,
        ts_unix_ns: NOW * 1_000_000_000,
        ..Record::default()
    }
}

fn refused(town: &Town, method: &str, reason: &str) -> Record {
    Record {
        kind: RecordKind::Deny.into(),
        agreement_id: String::new(),
        deny_reason: reason.to_owned(),
        ..record(town, method)
    }
}

fn tally(records: &[Record], current: Town, proposed: Town) -> Tally {
    let supposed = Supposed {
        current: Arc::new(current.snapshot),
        proposed: Arc::new(proposed.snapshot),
    };
    let mut tally = Tally::default();
    for record in records {
        tally.take(&Told::of(record), &supposed);
    }
    tally
}

#[test]
fn what_a_change_would_refuse_is_counted_by_office_purpose_and_method() {
    let town = Town::holding(&town());
    let mut without = town.fork();
    without.bend::<Purpose>("verifica", |it| it.state = State::Suspended);
    let records = [record(&town, METHOD), record(&town, METHOD)];

    let found = tally(&records, town, without);

    let row = Row {
        office: "tributi".into(),
        purpose: "tributi/verifica".into(),
        method: METHOD.into(),
        reason: "PURPOSE_SUSPENDED",
    };
    assert_eq!(found.decisions, 2);
    assert_eq!(found.newly_denied, BTreeMap::from([(row, 2)]));
    assert!(found.newly_allowed.is_empty());
}

#[test]
fn what_a_change_would_let_pass_is_counted_with_why_it_was_refused() {
    let town = Town::holding(&town());
    let mut with = town.fork();
    with.bend::<Purpose>("verifica", |it| it.body.content.methods.push(OTHER.into()));
    let records = [refused(&town, OTHER, "METHOD_NOT_IN_PURPOSE")];

    let found = tally(&records, town, with);

    let rows: Vec<_> = found.newly_allowed.keys().map(|row| row.reason).collect();
    assert_eq!(rows, ["METHOD_NOT_IN_PURPOSE"]);
    assert!(found.newly_denied.is_empty());
}

#[test]
fn registry_that_does_not_change_makes_no_difference_whatever_changed_since() {
    let mut town = Town::holding(&town());
    let records = [
        record(&town, METHOD),
        refused(&town, OTHER, "METHOD_NOT_IN_PURPOSE"),
    ];
    let same = tally(&records, town.fork(), town.fork());
    town.bend::<Purpose>("verifica", |it| it.state = State::Suspended);

    let since = tally(&records, town.fork(), town);

    for found in [&same, &since] {
        assert_eq!(found.decisions, 2);
        assert!(found.newly_allowed.is_empty() && found.newly_denied.is_empty());
    }
    assert_eq!((same.changed_since, since.changed_since), (0, 1));
}

#[test]
fn time_of_the_call_decides_and_not_the_present() {
    let town = Town::holding(&town());
    let mut ending = town.fork();
    ending.bend::<Purpose>("verifica", |it| it.body.content.valid_until = Some(NOW));
    let mut slow = record(&town, METHOD);
    // It was recorded ten seconds after it arrived.
    slow.ts_unix_ns += 5_000_000_000;
    slow.latency_us = 10_000_000;

    let found = tally(&[record(&town, METHOD), slow], town, ending);

    let denied: u64 = found.newly_denied.values().sum();
    assert_eq!((found.decisions, denied), (2, 1));
}

#[test]
fn refusal_for_what_no_record_tells_is_not_decided_again() {
    let town = Town::holding(&town());
    let mut limited = refused(&town, METHOD, "QUOTA_DAILY");
    limited.agreement_id = Uuid::from_u128(2).to_string();
    let mut chained = refused(&town, METHOD, "PURPOSE_EXPIRED");
    chained.on_behalf_of = vec![Uuid::from_u128(3).to_string()];
    let mut nobody = refused(&town, "unknown", "VOUCHER_MISSING");
    nobody.purpose_id = String::new();
    let key = refused(&town, METHOD, "KEY_REVOKED");
    let before_epochs = Record {
        policy_epoch: 0,
        ..refused(&town, METHOD, "PURPOSE_EXPIRED")
    };

    let refused = [limited, chained, nobody, key, before_epochs];
    let found = tally(&refused, town.fork(), town);

    assert_eq!((found.decisions, found.not_redecidable), (0, 5));
}

#[test]
fn each_call_counts_once_and_what_is_no_call_does_not() {
    let town = Town::holding(&town());
    let of = |kind: RecordKind| Record {
        kind: kind.into(),
        ..record(&town, METHOD)
    };
    let abandoned = Record {
        agreement_id: String::new(),
        policy_epoch: 0,
        ..record(&town, METHOD)
    };
    let records = [
        of(RecordKind::Intent),
        of(RecordKind::Progress),
        of(RecordKind::Outcome),
        of(RecordKind::VoucherIssued),
        of(RecordKind::Meta),
        abandoned,
    ];

    let found = tally(&records, town.fork(), town);

    assert_eq!((found.decisions, found.not_redecidable), (1, 0));
}
