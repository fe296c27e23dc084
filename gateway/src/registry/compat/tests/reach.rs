//! What is compared although no field leads to it: extensions, and whatever an Any holds.

use std::slice::from_ref;
use std::sync::Arc;

use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};

use super::*;
use crate::registry::contract::compile;
use crate::registry::contract::testing::{IMPORTS, assuming, compiled, set};

/// A contract whose answer may hold an extension or an Any, and some of both.
fn version(extensions: &[Value], messages: &[Value]) -> (Arc<Contract>, ContractRef) {
    let set = declared(extensions, messages);
    (compiled(&set), assuming(&set, None))
}

fn declared(extensions: &[Value], messages: &[Value]) -> Vec<u8> {
    let any = json!({
        "number": 1, "name": "any", "type": "TYPE_MESSAGE", "label": "LABEL_OPTIONAL",
        "typeName": ".google.protobuf.Any", "options": {"[varco.options.v1.data_class]": "altro"},
    });
    let method = |name: &str, output: &str| {
        json!({
            "name": name, "inputType": ".p.Asked", "outputType": output,
            "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
        })
    };
    let mut all = vec![
        json!({"name": "Asked"}),
        json!({"name": "Extended", "extensionRange": [{"start": 100, "end": 200}]}),
        json!({"name": "Holding", "field": [any]}),
    ];
    all.extend_from_slice(messages);
    let file = json!({
        "name": "p.proto", "package": "p", "syntax": "proto2", "dependency": IMPORTS,
        "messageType": all, "extension": extensions,
        "service": [{"name": "S", "method": [
            method("Extend", ".p.Extended"), method("Hold", ".p.Holding"),
        ]}],
    });
    set(&[file])
}

fn field(number: i32, name: &str, kind: &str, class: &str) -> Value {
    json!({
        "number": number, "name": name, "type": kind, "label": "LABEL_OPTIONAL",
        "options": {"[varco.options.v1.data_class]": class},
    })
}

fn extension(number: i32, name: &str, kind: &str, class: &str) -> Value {
    let mut field = field(number, name, kind, class);
    field["extendee"] = json!(".p.Extended");
    field
}

/// What a version does to the one before it, all of which is exposed.
fn against(
    (old, old_of): (Arc<Contract>, ContractRef),
    (new, new_of): (Arc<Contract>, ContractRef),
) -> Comparison {
    let exposed = ["p.S/Extend", "p.S/Hold"].map(str::to_owned);
    let old = Old {
        exposed: &exposed,
        contract: &old,
        of: &old_of,
    };
    compare(&[old], (&new, &new_of))
}

fn extended(before: &Value, after: &[Value]) -> Comparison {
    against(version(from_ref(before), &[]), version(after, &[]))
}

#[test]
fn class_of_an_extension_changes_quietly() {
    let before = extension(100, "codice", "TYPE_STRING", "codice_fiscale");
    let after = extension(100, "codice", "TYPE_STRING", "pubblico");

    let found = extended(&before, &[after]);

    let expected = Sensitive::Class {
        field: "p.codice".to_owned(),
        before: Some("codice_fiscale".to_owned()),
        after: Some("pubblico".to_owned()),
    };
    assert_eq!((found.sensitive, found.breaking), (vec![expected], vec![]));
}

#[test]
fn whatever_old_clients_would_misread_in_an_extension_breaks() {
    let before = extension(100, "codice", "TYPE_STRING", "a");
    let mut many = before.clone();
    many["label"] = json!("LABEL_REPEATED");
    let cases = [
        (vec![], "field p.codice is gone"),
        (vec![many], "field p.codice is repeated otherwise"),
        (
            vec![extension(100, "codice", "TYPE_BYTES", "a")],
            "field p.codice has another type",
        ),
        (
            vec![extension(100, "altro", "TYPE_STRING", "a")],
            "field p.codice is called p.altro",
        ),
        (
            vec![extension(101, "codice", "TYPE_STRING", "a")],
            "field p.codice has another number",
        ),
    ];

    for (after, expected) in cases {
        let told = extended(&before, &after).breaking;
        assert!(told.contains(&expected.to_owned()), "{expected}: {told:?}");
    }
    let more = [before.clone(), extension(101, "more", "TYPE_STRING", "b")];
    assert_eq!(extended(&before, &more), Comparison::default());
}

/// A message that is nowhere but in an Any, and holds itself.
fn held(text: &Value) -> Value {
    let again = json!({
        "number": 2, "name": "again", "type": "TYPE_MESSAGE", "label": "LABEL_OPTIONAL",
        "typeName": ".p.Held", "options": {"[varco.options.v1.data_class]": "altro"},
    });
    json!({"name": "Held", "field": [text, again]})
}

#[test]
fn whatever_an_any_may_hold_is_compared() {
    let text = |kind: &str, class: &str| held(&field(1, "text", kind, class));
    let before = || version(&[], &[text("TYPE_STRING", "codice_fiscale")]);

    let lowered = against(before(), version(&[], &[text("TYPE_STRING", "pubblico")]));
    let retyped = against(
        before(),
        version(&[], &[text("TYPE_INT32", "codice_fiscale")]),
    );

    let expected = Sensitive::Class {
        field: "p.Held.text".to_owned(),
        before: Some("codice_fiscale".to_owned()),
        after: Some("pubblico".to_owned()),
    };
    assert_eq!(
        (lowered.sensitive, lowered.breaking),
        (vec![expected], vec![])
    );
    assert_eq!(retyped.breaking, ["field p.Held.text has another type"]);
    assert_eq!(against(before(), before()), Comparison::default());
}

#[test]
fn message_that_only_an_any_could_hold_may_go() {
    let before = version(&[], &[held(&field(1, "text", "TYPE_STRING", "altro"))]);

    assert_eq!(against(before, version(&[], &[])), Comparison::default());
}

#[test]
fn message_of_protobuf_that_only_an_any_could_hold_breaks_nobody() {
    let assumed = |set: &[u8]| {
        let of = assuming(set, Some("altro"));
        (Arc::new(compile(&of, set).unwrap()), of)
    };
    let set = FileDescriptorSet::decode(&*declared(&[], &[])).unwrap();
    let mut newer = set.clone();
    let own = newer
        .file
        .iter_mut()
        .find(|it| it.name().ends_with("wrappers.proto"));
    own.unwrap().message_type[0].field.clear();

    let found = against(
        assumed(&set.encode_to_vec()),
        assumed(&newer.encode_to_vec()),
    );

    assert_eq!(found, Comparison::default());
}
