//! What breaks a contract, what changes it quietly, what does neither.

use prost_types::field_descriptor_proto::Type;
use prost_types::method_options::IdempotencyLevel::{self, Idempotent, NoSideEffects};
use serde_json::json;

use super::*;
use crate::registry::contract::{Contracts, hash, testing};
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
    let old = Old {
        exposed: &["eco.v1.EcoService/Echo".to_owned()],
        contract: &old,
        of: &old_of,
    };
    compare(&[old], (&new, &new_of))
}

fn since(history: &[(std::sync::Arc<Contract>, ContractRef)]) -> Comparison {
    let exposed = ["eco.v1.EcoService/Echo".to_owned()];
    let (before, new) = history.split_at(history.len() - 1);
    let old = |(contract, of): &'_ (std::sync::Arc<Contract>, ContractRef)| {
        (std::sync::Arc::clone(contract), of.clone())
    };
    let before: Vec<_> = before.iter().rev().map(old).collect();
    let before: Vec<Old<'_>> = before
        .iter()
        .map(|(contract, of)| Old {
            exposed: &exposed,
            contract,
            of,
        })
        .collect();
    compare(&before, (&new[0].0, &new[0].1))
}

#[test]
fn what_no_method_exposed_may_go_but_not_change_quietly() {
    let both = |other| [ECHO[0], ("Other", Some(other))];
    let first = || contract(&both(NoSideEffects), TEXT, "riservato");

    let changed = since(&[first(), contract(&both(Idempotent), TEXT, "riservato")]);
    let gone = since(&[first(), contract(ECHO, TEXT, "riservato")]);

    let method = "eco.v1.EcoService/Other".to_owned();
    assert_eq!(changed.sensitive, [Sensitive::Effect { method }]);
    assert_eq!(gone, Comparison::default());
}

#[test]
fn what_was_hidden_in_between_is_not_forgotten_and_what_was_agreed_to_is() {
    let version = |fields, class| contract(ECHO, fields, class);

    let hidden = since(&[
        version(TEXT, "riservato"),
        version(&[], "riservato"),
        version(TEXT, "pubblico"),
    ]);
    let agreed = since(&[
        version(TEXT, "riservato"),
        version(TEXT, "pubblico"),
        version(TEXT, "pubblico"),
    ]);

    assert!(
        matches!(hidden.sensitive.as_slice(), [Sensitive::Class { .. }]),
        "{hidden:?}"
    );
    assert_eq!(agreed, Comparison::default());
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

#[test]
fn messages_may_be_deeper_than_a_stack() {
    let deep = |place: usize| {
        json!({"name": format!("M{place}"), "field": [{
            "number": 1, "name": "next", "type": "TYPE_MESSAGE", "label": "LABEL_OPTIONAL",
            "typeName": format!(".p.M{}", place + 1),
        }]})
    };
    let mut messages: Vec<_> = (0..10_000).map(deep).collect();
    messages.push(json!({"name": "M10000"}));
    let set = testing::set(&[json!({
        "name": "p.proto", "package": "p", "messageType": messages,
        "service": [{"name": "S", "method": [
            {"name": "Do", "inputType": ".p.M0", "outputType": ".p.M0"},
        ]}],
    })]);
    let version = || (testing::compiled(&set), testing::assuming(&set, None));

    assert_eq!(since(&[version(), version()]), Comparison::default());
}

mod reach;
