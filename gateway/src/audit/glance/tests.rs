//! A glance beside prost: what it sees, and that nothing passes that prost would not have written.

use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{Cardinality, DescriptorPool, Kind};
use varco_proto::audit::v1::{Anchor, LogLink};

use super::*;

#[test]
fn forms_are_those_of_the_contract() {
    let pool = DescriptorPool::decode(varco_proto::DESCRIPTOR_SET).unwrap();
    let record = pool.get_message_by_name("varco.audit.v1.Record").unwrap();

    for (number, form) in (0..).zip(FORMS) {
        let field = record.get_field(number);
        let expected = field.map_or(Form::Never, |field| {
            let is_list = field.cardinality() == Cardinality::Repeated;
            match (field.kind(), is_list) {
                (Kind::Uint32, false) => Form::Small,
                (Kind::Uint64 | Kind::Int64, false) => Form::Large,
                (Kind::Enum(_), false) => Form::Choice,
                (Kind::Bytes, false) => Form::Bytes,
                (Kind::Bytes, true) => Form::Many,
                (Kind::String, false) => Form::Text,
                (Kind::String, true) => Form::Texts,
                _ => Form::Never,
            }
        });
        assert_eq!(form, expected, "field {number}");
    }
    let last = record.fields().map(|field| field.number()).max();
    assert_eq!(last, u32::try_from(FORMS.len() - 1).ok());
}

#[test]
fn messages_are_left_to_prost() {
    let linked = Record {
        previous: Some(LogLink::default()),
        ..record()
    };
    let anchored = Record {
        anchor: Some(Anchor::default()),
        ..record()
    };

    assert!(Glance::read(&record().encode_to_vec()).is_some());
    assert_eq!(Glance::read(&linked.encode_to_vec()), None);
    assert_eq!(Glance::read(&anchored.encode_to_vec()), None);
}

fn record() -> Record {
    Record {
        schema: 1,
        kind: 2,
        audit_id: vec![1; 16].into(),
        ts_unix_ns: 1_790_000_000_000_000_000,
        mono_ns: -1,
        client_id: "client".to_owned(),
        on_behalf_of: vec![String::new(), "a".to_owned()],
        subject_refs: vec![vec![2; 16].into(), vec![].into()],
        sealed_len: 40,
        retention_class: 1,
        ..Record::default()
    }
}

/// Whether prost would write these bytes.
fn is_canonical(leaf: &[u8]) -> bool {
    Record::decode(leaf).is_ok_and(|record| record.encode_to_vec() == leaf)
}

fn any_record() -> impl Strategy<Value = Record> {
    let ids = prop::collection::vec(any::<u8>(), 0..20);
    let lists = prop::collection::vec(ids.clone(), 0..4);
    let texts = prop::collection::vec("[a-zà-ù]{0,6}", 0..4);
    let numbers = (any::<i64>(), any::<u64>(), any::<u32>(), 0..30_i32);
    (ids, lists, texts, numbers).prop_map(|(id, subjects, texts, numbers)| {
        let text = |at: usize| texts.get(at).cloned().unwrap_or_default();
        Record {
            schema: 1,
            kind: numbers.3,
            audit_id: id.clone().into(),
            trace_id: id.iter().rev().copied().collect::<Vec<u8>>().into(),
            actor_ref: id.iter().skip(1).copied().collect::<Vec<u8>>().into(),
            ts_unix_ns: numbers.0,
            mono_ns: numbers.0.wrapping_neg(),
            boot_seq: numbers.1,
            clock_error_ms: numbers.2,
            parent_audit_id: id.clone().into(),
            client_id: text(0),
            method: text(1),
            deny_reason: text(2),
            office_code: text(3),
            purpose_id: text(2) + &text(0),
            voucher_jti: text(1) + &text(0),
            on_behalf_of: texts.clone(),
            subject_refs: subjects.iter().cloned().map(Into::into).collect(),
            sealed_sha256: id.into(),
            sealed_len: numbers.2,
            retention_class: numbers.3 % 5,
            evidence_sha256: subjects.into_iter().map(Into::into).collect(),
            ..Record::default()
        }
    })
}

proptest! {
    #[test]
    fn glance_at_a_leaf_is_that_at_its_record(record in any_record()) {
        let leaf = record.encode_to_vec();

        prop_assert_eq!(Glance::read(&leaf), Some(Glance::from(&record)));
    }

    /// Whatever is done to a leaf, nothing passes that prost would not have written.
    #[test]
    fn nothing_passes_that_is_not_canonical(
        record in any_record(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut leaf = record.encode_to_vec();
        for (place, byte, change) in changes {
            let at = place.index(leaf.len() + 1);
            match change {
                0 => leaf.insert(at, byte),
                1 if at < leaf.len() => drop(leaf.remove(at)),
                _ => if let Some(there) = leaf.get_mut(at) { *there = byte },
            }
        }

        let seen = Glance::read(&leaf);

        prop_assert!(seen.is_none() || is_canonical(&leaf));
        // The other way round it is for prost where there are messages, and numbers that no enumeration has.
        if let Some(seen) = seen {
            let record = Record::decode(leaf.as_slice()).unwrap();
            prop_assert_eq!(seen, Glance::from(&record));
        }
    }
}
