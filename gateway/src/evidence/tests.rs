//! The vectors of `tests/vectors/modi`, each judged as the gateway judges a call.
//!
//! They are public, so they stand in files that any language reads; here they pin our verdicts.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::registry::entry::State;
use crate::registry::snapshot::LiveKey;
use crate::voucher::AssertionDigest;

const SETTING: &str = include_str!("../../../tests/vectors/modi/setting.json");
const SIGNATURE: &str = include_str!("../../../tests/vectors/modi/signature.json");
const TRACKING: &str = include_str!("../../../tests/vectors/modi/tracking.json");

#[derive(Deserialize)]
struct Setting {
    now: i64,
    client_id: Uuid,
    purpose_id: Uuid,
    audience: String,
    method: String,
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    client_id: Option<Uuid>,
    state: String,
    kid: String,
    public_pem: String,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    rule: Vec<String>,
    client_streaming: bool,
    voucher_digest: Option<AssertionDigest>,
    metadata: Vec<(String, String)>,
    message: String,
    expected: Expected,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "verdict", rename_all = "lowercase", deny_unknown_fields)]
enum Expected {
    Accepted {
        single_use: Vec<String>,
    },
    Refused {
        reason: String,
        evidence: String,
        fault: String,
    },
}

fn registry(setting: &Setting) -> Snapshot {
    let mut snapshot = Snapshot::empty();
    for key in &setting.keys {
        let Some(client) = key.client_id else {
            continue;
        };
        let state = match key.state.as_str() {
            "active" => State::Active,
            _ => State::Archived,
        };
        let live = LiveKey::of_test(&key.kid, client, state, &key.public_pem);
        snapshot.keys.insert(key.kid.clone(), Arc::new(live));
    }
    snapshot
}

fn voucher(setting: &Setting, digest: Option<AssertionDigest>) -> Claims {
    Claims {
        client_id: setting.client_id,
        purpose_id: setting.purpose_id,
        aud: setting.audience.clone(),
        digest,
        ..crate::voucher::tests::claims(setting.now)
    }
}

fn metadata(pairs: &[(String, String)]) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        headers.append(name, value);
    }
    headers
}

/// The verdict on the metadata, and on the message where that holds.
fn verdict(vector: &Vector, setting: &Setting, snapshot: &Snapshot) -> Expected {
    let kinds = vector.rule.iter();
    let rule = Rule {
        evidence: kinds.map(|it| Evidence::named(it).unwrap()).collect(),
        ..Rule::default()
    };
    let claims = voucher(setting, vector.voucher_digest.clone());
    let headers = metadata(&vector.metadata);
    let judged = judge(&Case {
        claims: &claims,
        method: &setting.method,
        client_streaming: vector.client_streaming,
        rule: &rule,
        headers: &headers,
        snapshot,
        now: setting.now,
    });
    let message = STANDARD.decode(&vector.message).unwrap();
    let judged = judged.map_err(Refusal::from).and_then(|shown| {
        let expected = shown.digest.as_ref();
        let same = expected.is_none_or(|it| digest::matches(it, &message));
        same.then_some(shown).ok_or_else(not_the_message)
    });
    match judged {
        Ok(shown) => Expected::Accepted {
            single_use: shown.once.iter().map(|it| name(it.part())).collect(),
        },
        Err(refusal) => Expected::Refused {
            reason: refusal.reason.name().to_owned(),
            evidence: fact(&refusal, "evidence"),
            fault: fact(&refusal, "fault"),
        },
    }
}

fn name(part: Part) -> String {
    format!("{part:?}").to_lowercase()
}

fn fact(refusal: &Refusal, name: &str) -> String {
    let found = refusal.facts.iter().find(|(known, _)| *known == name);
    found.unwrap().1.clone()
}

fn replay(file: &str) -> Vec<Vector> {
    let setting: Setting = serde_json::from_str(SETTING).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(file).unwrap();
    let snapshot = registry(&setting);
    for vector in &vectors {
        let verdict = verdict(vector, &setting, &snapshot);
        assert_eq!(verdict, vector.expected, "{}", vector.name);
    }
    vectors
}

fn invalid(vectors: &[Vector]) -> usize {
    let refused = |it: &&Vector| matches!(it.expected, Expected::Refused { .. });
    vectors.iter().filter(refused).count()
}

#[test]
fn tracking_vectors_have_their_verdicts() {
    assert!(invalid(&replay(TRACKING)) >= 10);
}

#[test]
fn signature_vectors_have_their_verdicts() {
    assert!(invalid(&replay(SIGNATURE)) >= 10);
}

#[test]
fn key_past_its_end_or_suspended_signs_no_evidence() {
    let setting: Setting = serde_json::from_str(SETTING).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(TRACKING).unwrap();
    let good = &vectors[0];
    let key = &setting.keys[0];
    for (state, not_after) in [(State::Suspended, None), (State::Active, Some(setting.now))] {
        let mut snapshot = Snapshot::empty();
        let mut live = LiveKey::of_test(&key.kid, setting.client_id, state, &key.public_pem);
        live.not_after = not_after;
        snapshot.keys.insert(key.kid.clone(), Arc::new(live));

        let told = verdict(good, &setting, &snapshot);

        let Expected::Refused { fault, .. } = told else {
            panic!("{told:?}")
        };
        assert_eq!(fault, "key", "{state}");
    }
}

#[test]
fn what_holds_is_named_by_its_hash_and_level_alone() {
    let setting: Setting = serde_json::from_str(SETTING).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(TRACKING).unwrap();
    let snapshot = registry(&setting);
    let headers = metadata(&vectors[0].metadata);
    let token = headers[tracking::NAME].to_str().unwrap();

    let shown = judge(&Case {
        claims: &voucher(&setting, None),
        method: &setting.method,
        client_streaming: false,
        rule: &Rule::default(),
        headers: &headers,
        snapshot: &snapshot,
        now: setting.now,
    })
    .unwrap();

    assert_eq!(shown.hashes, [hash(token)]);
    assert_eq!((shown.level, shown.digest), (3, None));
    assert!(!format!("{shown:?}").contains("matricola"));
}
