//! Contracts whose withheld values would read as facts: refused when they come, not when they stand.

use prost_types::method_options::IdempotencyLevel::NoSideEffects;
use serde_json::json;

use super::*;
use crate::registry::contract::testing;

/// A version whose answer has two values with a class and without presence.
fn absent(n: u32) -> proto::Descriptor {
    let field = |number: i32, name: &str| {
        json!({
            "number": number, "name": name, "type": "TYPE_STRING", "label": "LABEL_OPTIONAL",
            "options": {"[varco.options.v1.data_class]": "riservato"},
        })
    };
    let echo = json!({
        "name": "Echo", "inputType": ".eco.v1.Text", "outputType": ".eco.v1.Text",
        "options": {"idempotencyLevel": "NO_SIDE_EFFECTS"},
    });
    let file = json!({
        "name": "eco.proto", "package": "eco.v1", "syntax": "proto3",
        "dependency": testing::IMPORTS,
        "messageType": [{"name": "Text", "field": [field(1, "text"), field(2, "more")]}],
        "service": [{"name": "EcoService", "method": [echo]}],
    });
    proto::Descriptor {
        builtin: String::new(),
        descriptor_set: testing::set(&[file]).into(),
        methods: vec!["eco.v1.EcoService/*".into()],
        ..descriptor(n)
    }
}

/// The same contract with presence.
fn fine() -> proto::Descriptor {
    let set = foreign(
        &[("Echo", Some(NoSideEffects))],
        &[("text", 1, Type::String)],
    );
    proto::Descriptor {
        descriptor_set: set.into(),
        ..absent(1)
    }
}

#[test]
fn every_value_without_presence_is_told_when_a_contract_comes() {
    let told = problems(&offering(vec![absent(1)]));

    for field in ["eco.v1.Text.text", "eco.v1.Text.more"] {
        let rule = format!("{field} has a data class but no presence: declare it optional");
        assert!(told.contains(&rule), "{told}");
    }
}

#[test]
fn class_by_default_asks_for_no_presence() {
    let mut version = absent(1);
    version.descriptor_set = foreign(
        &[("Echo", Some(NoSideEffects))],
        &[("text", 1, Type::String)],
    )
    .into();
    version.defaults = Some(proto::DescriptorDefaults {
        effect: String::new(),
        data_class: "riservato".into(),
    });

    assert!(Town::empty().apply(&offering(vec![version])).is_ok());
}

#[test]
fn contract_that_stands_already_is_left_in_peace() {
    let mut town = older(fine(), &absent(1));
    let mut document = offering(vec![absent(1)]);
    document.eservices[0].descriptors[0].voucher_lifespan = 600;

    town.apply(&document).unwrap();

    let entry = town.entry::<Descriptor>("anagrafe/1");
    assert_eq!(entry.body.voucher_lifespan, 600);
}

#[test]
fn new_version_may_not_repeat_it() {
    let mut town = older(fine(), &absent(1));

    let told = town
        .apply(&offering(vec![absent(1), absent(2)]))
        .unwrap_err();

    let told = told.to_string();
    assert!(
        told.contains("anagrafe/2") && !told.contains("anagrafe/1"),
        "{told}"
    );
}
