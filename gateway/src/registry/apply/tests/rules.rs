//! Rules of methods: what is kept of them, what cannot stand, what a plan shows.

use super::*;
use crate::registry::rule::{Caps, Evidence, Rule};
use crate::registry::testing::{METHOD, OTHER};

const ALL: &str = "varco.anagrafe.v1.AnagrafeService/*";

fn rule(methods: &[&str], evidence: &[&str]) -> proto::MethodRule {
    let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
    proto::MethodRule {
        methods: owned(methods),
        evidence: owned(evidence),
        ..Default::default()
    }
}

fn ruled(rules: Vec<proto::MethodRule>) -> Document {
    let mut document = town();
    document.eservices[0].descriptors[0].rules = rules;
    document
}

#[test]
fn rules_are_kept_for_each_method_that_they_name() {
    let limits = proto::MethodRule {
        seconds: 10,
        message_bytes: 1000,
        ..rule(&[METHOD], &["signature", "tracking", "tracking"])
    };
    let town = Town::holding(&ruled(vec![limits, rule(&[ALL], &["tracking"])]));

    let rules = town.entry::<Descriptor>("anagrafe/1").body.rules;

    let of = |method| crate::registry::rule::of(&rules, method);
    let expected = Rule {
        seconds: Some(10),
        message_bytes: Some(1000),
        evidence: [Evidence::Tracking, Evidence::Signature].into(),
    };
    assert_eq!(of(METHOD), expected);
    let expected = Rule {
        evidence: [Evidence::Tracking].into(),
        ..Rule::default()
    };
    assert_eq!(of(OTHER), expected);
}

#[test]
fn every_problem_of_a_rule_is_told_with_its_field() {
    let mut town = Town::empty();
    town.caps = Caps {
        unary_seconds: 30,
        stream_seconds: 3600,
        message_bytes: 4096,
    };
    let too_much = proto::MethodRule {
        seconds: 31,
        message_bytes: 4097,
        ..rule(&[METHOD, "no.Such/Method"], &["tracking", "audit"])
    };
    let document = ruled(vec![too_much, rule(&[METHOD], &[]), rule(&[], &[])]);

    let told = town.apply(&document).unwrap_err().to_string();

    for expected in [
        "rule[1].methods names no method of this version: no.Such/Method",
        "rule[1].evidence must be tracking or signature",
        "rule[1].seconds may be at most 30 for",
        "rule[1].message_bytes may be at most 4096",
        "rule[2].methods names no method that a rule before it does not name",
        "rule[3].methods is required",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
}

#[test]
fn stream_of_requests_has_no_signature_unless_a_rule_before_excepts_it() {
    let upload = "varco.documenti.v1.DocumentiService/UploadDocumento";
    let mut document = ruled(vec![rule(
        &["varco.documenti.v1.DocumentiService/*"],
        &["signature"],
    )]);
    document.agreements.clear();
    document.purposes.clear();
    let version = &mut document.eservices[0].descriptors[0];
    version.builtin = "varco.documenti.v1".into();
    version.methods = vec!["varco.documenti.v1.DocumentiService/*".into()];

    let told = problems(&document);
    let expected = format!("rule[1].evidence cannot ask for the signature of {upload}");
    assert!(told.contains(&expected), "{told}");

    let version = &mut document.eservices[0].descriptors[0];
    version.rules.insert(0, rule(&[upload], &["tracking"]));
    assert!(Town::empty().apply(&document).is_ok());
}

#[test]
fn rule_that_asks_for_more_changes_a_published_version_in_place() {
    let mut town = Town::holding(&town());
    let asking = ruled(vec![rule(&[ALL], &["tracking"])]);

    let changes = town.apply(&asking).unwrap();

    let change = changes
        .iter()
        .find(|it| it.name == "anagrafe/1" && it.kind() == proto::Kind::Descriptor)
        .unwrap();
    let shown = change.fields.iter().find(|it| it.field == "rules").unwrap();
    assert_eq!(shown.before, "[]");
    assert!(shown.after.contains("tracking"), "{}", shown.after);
    assert_eq!(change.state, "PUBLISHED");
    let again = town.apply(&asking).unwrap();
    assert!(
        again
            .iter()
            .all(|it| it.action() == proto::Action::Unchanged)
    );
}

#[test]
fn version_that_asks_for_more_breaks_nothing_and_waits_for_nobody() {
    let mut town = Town::holding(&town());
    let mut second = descriptor(2);
    second.rules = vec![rule(&[ALL], &["tracking", "signature"])];
    let mut document = crate::registry::testing::town();
    document.eservices[0].descriptors = vec![second];

    town.apply(&document).unwrap();

    assert_eq!(town.state(Kind::Descriptor, "anagrafe/2"), State::Published);
}

#[test]
fn version_of_an_older_registry_has_no_rules() {
    let town = Town::holding(&town());
    let row = town.snapshot.find(Kind::Descriptor, "anagrafe/1").unwrap();
    let mut fields = row.body.value().clone();
    fields.as_object_mut().unwrap().remove("rules");

    let body: Descriptor = serde_json::from_value(fields).unwrap();

    assert_eq!(body.rules, []);
}
