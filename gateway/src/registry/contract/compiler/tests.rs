//! What a contract may not become.

use serde_json::{Value, json};

use crate::registry::contract::testing::{IMPORTS, compiled, set, told};

/// A set whose answer has these fields and extensions.
fn answering(fields: &[Value], extensions: &[Value]) -> Value {
    json!({
        "name": "p.proto", "package": "p", "dependency": IMPORTS,
        "messageType": [
            {"name": "A", "field": fields, "extensionRange": [{"start": 1000, "end": 2000}]},
        ],
        "extension": extensions,
        "service": [{"name": "S", "method": [{
            "name": "Do", "inputType": ".p.A", "outputType": ".p.A",
            "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
        }]}],
    })
}

#[test]
fn contract_that_becomes_too_large_is_refused() {
    let any = |class: usize| {
        json!({
            "number": class, "name": format!("f{class}"), "label": "LABEL_OPTIONAL",
            "type": "TYPE_MESSAGE", "typeName": ".google.protobuf.Any",
            "options": {"[varco.options.v1.data_class]": format!("c{class}")},
        })
    };
    let held = |place: usize| {
        let text = json!({
            "number": 1, "name": "text", "type": "TYPE_STRING", "label": "LABEL_OPTIONAL",
        });
        json!({"name": format!("M{place}"), "field": [text]})
    };
    let of_protobuf = json!({
        "name": "more.proto", "package": "google.protobuf",
        "messageType": (0..3000).map(held).collect::<Vec<_>>(),
    });
    let holding = |classes: usize| {
        let fields: Vec<Value> = (1..=classes).map(any).collect();
        set(&[answering(&fields, &[]), of_protobuf.clone()])
    };

    let told = told(&holding(60));

    assert_eq!(
        told,
        ["becomes more than 100000 messages and fields: let an Any have fewer classes"]
    );
    assert_eq!(compiled(&holding(2)).classes, ["c1", "c2"]);
}

#[test]
fn two_extensions_with_one_number_are_refused() {
    let extension = |name: &str, class: &str| {
        json!({
            "number": 1000, "name": name, "extendee": ".p.A", "type": "TYPE_STRING",
            "label": "LABEL_OPTIONAL", "options": {"[varco.options.v1.data_class]": class},
        })
    };
    let both = [extension("a", "codice_fiscale"), extension("b", "pubblico")];

    let told = told(&set(&[answering(&[], &both)]));

    assert_eq!(told, ["p.A has more than one field with the number 1000"]);
}
