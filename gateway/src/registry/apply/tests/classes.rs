//! The classes that a contract names itself, and the one that is assumed of it.

use serde_json::{Value, json};

use super::*;
use crate::registry::contract::testing;

/// A version whose answer has fields of these classes, or of the one that is assumed.
fn version(n: u32, classes: &[&str], assumed: &str) -> proto::Descriptor {
    let field = |(place, class): (usize, &&str)| {
        let mut field = json!({
            "number": place + 1, "name": format!("f{place}"), "type": "TYPE_STRING",
            "label": "LABEL_OPTIONAL",
        });
        if !class.is_empty() {
            field["options"] = json!({"[varco.options.v1.data_class]": class});
        }
        field
    };
    let fields: Vec<Value> = classes.iter().enumerate().map(field).collect();
    let echo = json!({
        "name": "Echo", "inputType": ".eco.v1.Text", "outputType": ".eco.v1.Text",
        "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
    });
    let file = json!({
        "name": "eco.proto", "package": "eco.v1", "syntax": "proto2",
        "dependency": testing::IMPORTS,
        "messageType": [{"name": "Text", "field": fields}],
        "service": [{"name": "EcoService", "method": [echo]}],
    });
    proto::Descriptor {
        builtin: String::new(),
        descriptor_set: testing::set(&[file]).into(),
        methods: vec!["eco.v1.EcoService/*".into()],
        defaults: Some(proto::DescriptorDefaults {
            effect: String::new(),
            data_class: assumed.into(),
        }),
        ..descriptor(n)
    }
}

#[test]
fn class_is_assumed_only_where_a_contract_names_none() {
    let told = problems(&offering(vec![version(1, &["riservato", ""], "pubblico")]));

    assert_eq!(
        told,
        "descriptor anagrafe/1: defaults.data_class is for contracts without our options: this \
         one names the classes of its fields"
    );
    let assumed = offering(vec![version(1, &["", ""], "pubblico")]);
    assert!(Town::empty().apply(&assumed).is_ok());
}

#[test]
fn class_of_a_contract_is_a_short_name() {
    for bad in ["a\nb", "residenza,esito", "Residenza", &"x".repeat(100_000)] {
        let told = problems(&offering(vec![version(1, &["esito", bad], "")]));

        let rule = "which is no name of at most 64 of a-z 0-9 . _ -";
        assert!(
            told.contains("descriptor_set names the data class") && told.contains(rule),
            "{told}"
        );
        assert!(told.len() < 300 && !told.contains('\n'), "{told}");
    }
    assert!(
        Town::empty()
            .apply(&offering(vec![version(1, &["e-s_i.to2"], "")]))
            .is_ok()
    );
}

#[test]
fn classes_of_a_contract_that_stands_are_left_in_peace() {
    for stands in [
        version(1, &["residenza,esito"], ""),
        version(1, &["a", ""], "b"),
    ] {
        let mut town = older(version(1, &["a"], ""), &stands);
        let changed = proto::Descriptor {
            voucher_lifespan: 600,
            ..stands
        };

        town.apply(&offering(vec![changed])).unwrap();

        let entry = town.entry::<Descriptor>("anagrafe/1");
        assert_eq!(entry.body.voucher_lifespan, 600);
    }
}
