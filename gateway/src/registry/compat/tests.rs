//! What breaks a contract, what changes it quietly, what does neither.

use prost_types::field_descriptor_proto::Type;
use prost_types::method_options::IdempotencyLevel::{self, Idempotent, NoSideEffects};

use super::*;
use crate::registry::contract::{Contracts, hash};
use crate::registry::testing::foreign;

fn contract(
    methods: &[(&str, Option<IdempotencyLevel>)],
    fields: &[(&str, i32, Type)],
    class: &str,
) -> (std::sync::Arc<Contract>, ContractRef) {
    let set = foreign(methods, fields);
    let of = ContractRef {
        set: hash(&set),
        builtin: None,
        default_effect: None,
        default_class: Some(class.to_owned()),
    };
    (Contracts::default().compile(&of, &set).unwrap(), of)
}

const ECHO: &[(&str, Option<IdempotencyLevel>)] = &[("Echo", Some(NoSideEffects))];
const TEXT: &[(&str, i32, Type)] = &[("text", 1, Type::String)];

fn against(
    methods: &[(&str, Option<IdempotencyLevel>)],
    fields: &[(&str, i32, Type)],
    class: &str,
) -> Comparison {
    let (old, old_of) = contract(ECHO, TEXT, "riservato");
    let (new, new_of) = contract(methods, fields, class);
    let exposed = ["eco.v1.EcoService/Echo".to_owned()];
    compare(&exposed, (&old, &old_of), (&new, &new_of))
}

#[test]
fn same_contract_and_additions_change_nothing() {
    let more = [("text", 1, Type::String), ("more", 2, Type::Int32)];
    let wider = [("Echo", Some(NoSideEffects)), ("Other", Some(Idempotent))];

    assert_eq!(against(ECHO, TEXT, "riservato"), Comparison::default());
    assert_eq!(against(&wider, &more, "riservato"), Comparison::default());
}

#[test]
fn whatever_old_clients_would_misread_breaks() {
    let cases: [(&[(&str, i32, Type)], &str); 4] = [
        (&[], "is gone"),
        (&[("text", 1, Type::Bytes)], "another type"),
        (&[("testo", 1, Type::String)], "is called testo"),
        (&[("text", 2, Type::String)], "another number"),
    ];
    for (fields, expected) in cases {
        let found = against(ECHO, fields, "riservato");
        let told = found.breaking.join("; ");
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let gone = against(&[("Other", Some(NoSideEffects))], TEXT, "riservato");
    assert_eq!(gone.breaking, ["method eco.v1.EcoService/Echo is gone"]);
}

#[test]
fn class_and_effect_change_quietly() {
    let class = against(ECHO, TEXT, "pubblico");
    let effect = against(&[("Echo", Some(Idempotent))], TEXT, "riservato");

    assert!(class.breaking.is_empty() && effect.breaking.is_empty());
    assert!(matches!(
        class.sensitive.as_slice(),
        [Sensitive::Class { .. }]
    ));
    assert!(matches!(
        effect.sensitive.as_slice(),
        [Sensitive::Effect { .. }]
    ));
}
