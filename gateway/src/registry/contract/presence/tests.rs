//! Fields without which a reader takes nothing of a message.

use serde_json::{Value, json};

use super::*;
use crate::registry::contract::compile;
use crate::registry::contract::testing::{IMPORTS, assuming, compiled, set};

fn field(number: i32, name: &str, label: &str, class: Option<&str>) -> Value {
    let mut field = json!({
        "number": number, "name": name, "type": "TYPE_STRING", "label": format!("LABEL_{label}"),
    });
    if let Some(class) = class {
        field["options"] = json!({"[varco.options.v1.data_class]": class});
    }
    field
}

/// A contract whose answer has these fields and extensions.
fn answering(fields: &[Value], extensions: &[Value]) -> Vec<u8> {
    set(&[json!({
        "name": "p.proto", "package": "p", "syntax": "proto2", "dependency": IMPORTS,
        "messageType": [
            {"name": "Request"},
            {"name": "A", "field": fields, "extensionRange": [{"start": 100, "end": 200}]},
        ],
        "extension": extensions,
        "service": [{"name": "S", "method": [{
            "name": "Do", "inputType": ".p.Request", "outputType": ".p.A",
            "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
        }]}],
    })])
}

fn told(name: &str) -> String {
    format!(
        "{name} is required, and an answer from which it is withheld cannot be read: declare it \
         optional"
    )
}

#[test]
fn required_field_that_may_be_withheld_is_a_problem() {
    let mut inner = field(3, "inner", "REQUIRED", Some("b"));
    inner["type"] = json!("TYPE_MESSAGE");
    inner["typeName"] = json!(".google.protobuf.Timestamp");
    let fields = [
        field(1, "text", "REQUIRED", Some("a")),
        field(2, "other", "OPTIONAL", Some("b")),
        inner,
    ];
    let mut extension = field(100, "more", "REQUIRED", Some("b"));
    extension["extendee"] = json!(".p.A");

    let problems = problems(&compiled(&answering(&fields, &[extension])));

    assert_eq!(problems, ["p.A.inner", "p.A.text", "p.more"].map(told));
}

#[test]
fn contract_with_one_class_in_all_may_have_required_fields() {
    let one = answering(&[field(1, "text", "REQUIRED", Some("a"))], &[]);
    let assumed = answering(&[field(1, "text", "REQUIRED", None)], &[]);
    let assumed = compile(&assuming(&assumed, Some("a")), &assumed).unwrap();

    assert_eq!(problems(&compiled(&one)), Vec::<String>::new());
    assert_eq!(problems(&assumed), Vec::<String>::new());
}

#[test]
fn required_field_without_a_class_is_always_withheld() {
    let fields = [
        field(1, "text", "REQUIRED", Some("a")),
        field(2, "never", "REQUIRED", None),
    ];

    let problems = problems(&compiled(&answering(&fields, &[])));

    assert_eq!(problems, [told("p.A.never")]);
}

#[test]
fn messages_of_protobuf_are_withheld_whole() {
    let mut any = field(1, "any", "OPTIONAL", Some("a"));
    any["type"] = json!("TYPE_MESSAGE");
    any["typeName"] = json!(".google.protobuf.Any");
    let fields = [any, field(2, "other", "OPTIONAL", Some("b"))];

    // An Any may hold google.protobuf.UninterpretedOption, which has required fields.
    let problems = problems(&compiled(&answering(&fields, &[])));

    assert_eq!(problems, Vec::<String>::new());
}
