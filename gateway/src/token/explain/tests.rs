//! Explanations of assertions: every step, every fault, and nothing of the token.

use serde_json::json;

use super::*;
use crate::token::issuance::tests::{Town, claims};

fn explained(town: &Town, token: &str) -> ExplainResponse {
    walk(&town.case(token), &mut Draft::default())
}

fn failed_steps(told: &ExplainResponse) -> Vec<(&str, &str)> {
    let failed = told.steps.iter();
    let failed = failed.filter(|step| step.status() == StepStatus::Failed);
    failed
        .map(|step| (step.name.as_str(), step.reason.as_str()))
        .collect()
}

#[test]
fn good_assertion_fails_nowhere() {
    let town = Town::new();

    let told = explained(&town, &town.sign(&claims()));

    assert_eq!(failed_steps(&told), []);
    assert_eq!(
        (told.client.as_str(), told.purpose.as_str()),
        ("tributi", "tributi/verifica")
    );
    assert!(told.steps.len() > 12, "{told:?}");
}

#[test]
fn every_fault_is_told_with_its_remedy_in_two_languages() {
    let town = Town::new();
    let mut bent = claims();
    bent["aud"] = json!("https://auth.interop.pagopa.it");
    bent["exp"] = json!(bent["iat"].as_i64().unwrap() - 60);
    bent["jti"] = json!("x".repeat(200));
    bent["digest"] = json!({"alg": "SHA256", "value": "base64"});
    bent["RSSMRA80A01H501U"] = json!("Mario Rossi");
    bent["purposeId"] = json!(crate::token::issuance::tests::id(999));

    let told = explained(&town, &town.sign(&bent));

    let expected = [
        ("claims", "ASSERTION_CLAIMS"),
        ("audience", "ASSERTION_AUDIENCE"),
        ("expiry", "ASSERTION_EXPIRED"),
        ("lifetime", "ASSERTION_LIFETIME"),
        ("jti", "JTI_MALFORMED"),
        ("digest", "ASSERTION_DIGEST"),
        ("purpose-state", "PURPOSE_EXPIRED"),
    ];
    assert_eq!(failed_steps(&told), expected);
    for step in told.steps.iter().filter(|step| !step.reason.is_empty()) {
        assert!(
            !step.remedy_en.is_empty() && !step.remedy_it.is_empty(),
            "{step:?}"
        );
    }
    let text = format!("{told:?}");
    for private in ["RSSMRA", "Rossi", "xxxx", "pagopa", "base64\""] {
        assert!(!text.contains(private), "{private} is repeated");
    }
}

#[test]
fn operator_is_told_what_a_stranger_is_not() {
    let town = Town::new();
    let stranger = Town::new();

    let told = explained(&town, &stranger.sign(&claims()));

    assert_eq!(failed_steps(&told), [("key", "KEY_UNKNOWN")]);
    let later = told.steps.iter().skip(2);
    assert!(later.clone().count() > 10);
    for step in later.filter(|step| step.name != "proof") {
        assert_eq!(step.status(), StepStatus::Skipped, "{step:?}");
    }
}

#[test]
fn each_missing_claim_is_named() {
    let town = Town::new();

    let told = explained(&town, &town.sign(&json!({"iss": "x"})));

    let names = ["sub", "aud", "jti", "iat", "exp"];
    for name in names {
        let missing = format!("the claim {name} is missing");
        assert!(
            told.steps.iter().any(|step| step.english == missing),
            "{name}"
        );
    }
}

#[test]
fn token_is_known_as_it_is_pasted() {
    let town = Town::new();
    let token = town.sign(&claims());

    assert_eq!(bare(&format!("  \"{token}\"\n")), token);
    assert_eq!(bare(&format!("Bearer {token}")), token);
    assert_eq!(kind(&token), TokenKind::Assertion);
    assert_eq!(
        kind(&town.key.sign(TYP, &claims()).unwrap()),
        TokenKind::Voucher
    );
    let proof = town.key.sign("dpop+jwt", &claims()).unwrap();
    assert_eq!(kind(&proof), TokenKind::Unspecified);
    assert_eq!(kind("what is this"), TokenKind::Unspecified);
}
