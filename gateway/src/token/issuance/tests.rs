//! Issuance over a small registry: what is issued, and the reason of each refusal.

use serde_json::{Value, json};
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key, public_key};

use super::*;
use crate::proof::tests::{key, proof};
use crate::registry::agreement::Agreement;
use crate::registry::descriptor::Descriptor;
use crate::registry::entry::State;
use crate::registry::eservice::Eservice;
use crate::registry::purpose::Purpose;
use crate::registry::tenant::Tenant;
use crate::registry::testing::{self, town};

mod exchange;

const NOW: i64 = 1_700_000_000;
const ISSUER: &str = "https://localhost:7444";
const HTU: &str = "https://localhost:7444/token.oauth2";

/// A gateway, its registry, and a client with a key.
pub(crate) struct Town {
    pub(crate) key: PrivateKey,
    pub(crate) grants: PrivateKey,
    pub(crate) registry: testing::Town,
    pub(crate) rules: Rules,
    pub(crate) grant_keys: Vec<PublicKey>,
}

impl Town {
    pub(crate) fn new() -> Self {
        let pem = generate_key(KeyKind::EcP256).unwrap();
        let mut document = town();
        document.clients[0].keys[0].pem = public_key(&pem).unwrap();
        let (key, grants) = (PrivateKey::from_pem(&pem).unwrap(), key(KeyKind::EcP256));
        let rules = Rules {
            issuer: ISSUER.to_owned(),
            audiences: vec!["varco/client-assertion".to_owned(), ISSUER.to_owned()],
            trust_domain: "spiffe://c_z999".to_owned(),
        };
        let grant_keys = vec![grants.public().clone()];
        Self {
            key,
            grants,
            registry: testing::Town::holding(&document),
            rules,
            grant_keys,
        }
    }

    pub(crate) fn case<'a>(&'a self, assertion: &'a str) -> Case<'a> {
        Case {
            assertion,
            client_id: None,
            grant: None,
            proofs: Vec::new(),
            htu: HTU,
            peer: None,
            rules: &self.rules,
            grant_keys: &self.grant_keys,
            snapshot: &self.registry.snapshot,
            now: NOW,
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.key.sign("JWT", claims).unwrap()
    }

    fn issue(&self, claims: &Value) -> Result<Claims, &'static str> {
        issue(&self.case(&self.sign(claims)))
    }
}

pub(crate) fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// The client of every town of these tests.
fn client() -> Uuid {
    testing::Town::holding(&town())
        .entry::<Client>("tributi")
        .id
}

/// Its purpose.
fn purpose() -> Uuid {
    testing::Town::holding(&town())
        .entry::<Purpose>("tributi/verifica")
        .id
}

pub(crate) fn claims() -> Value {
    json!({
        "iss": client(), "sub": client(), "aud": "varco/client-assertion", "jti": "a",
        "iat": NOW, "exp": NOW + 60, "purposeId": purpose(),
    })
}

fn issue(case: &Case<'_>) -> Result<Claims, &'static str> {
    let mut draft = Draft::default();
    recognise(case, &mut draft)
        .and_then(|_| verify(case, &mut draft))
        .and_then(|()| decide(case, &mut draft, id(9)))
        .map_err(|refusal| refusal.precise)
}

#[test]
fn good_assertion_becomes_a_voucher_of_the_registry() {
    let town = Town::new();

    let voucher = town.issue(&claims()).unwrap();

    let expected = Claims {
        iss: ISSUER.to_owned(),
        sub: client().to_string(),
        client_id: client(),
        jti: id(9),
        purpose_id: purpose(),
        producer_id: town.registry.entry::<Tenant>("demo").id,
        consumer_id: town.registry.entry::<Tenant>("tributi").id,
        eservice_id: town.registry.entry::<Eservice>("anagrafe").id,
        descriptor_id: town.registry.entry::<Descriptor>("anagrafe/1").id,
        client_kid: town.key.public().kid().to_owned(),
        ..crate::voucher::tests::claims(NOW)
    };
    assert_eq!(voucher, expected);
}

#[test]
fn each_wrong_claim_has_its_reason() {
    let town = Town::new();
    let bent: [(&str, Value, &str); 24] = [
        ("iss", json!("other"), "ASSERTION_ISSUER"),
        ("sub", json!("other"), "ASSERTION_ISSUER"),
        ("aud", json!("x"), "ASSERTION_AUDIENCE"),
        ("aud", json!([]), "ASSERTION_AUDIENCE"),
        (
            "aud",
            json!([ISSUER, "varco/client-assertion"]),
            "ASSERTION_AUDIENCE",
        ),
        ("aud", json!([1]), "ASSERTION_CLAIMS"),
        ("exp", json!(NOW - 10), "ASSERTION_EXPIRED"),
        ("exp", json!(i64::MAX), "ASSERTION_LIFETIME"),
        ("exp", json!(NOW + 121), "ASSERTION_LIFETIME"),
        ("exp", json!(NOW), "ASSERTION_LIFETIME"),
        ("exp", json!(1e12), "ASSERTION_CLAIMS"),
        ("exp", json!("soon"), "ASSERTION_CLAIMS"),
        ("exp", Value::Null, "ASSERTION_CLAIMS"),
        ("iat", json!(NOW + 11), "ASSERTION_NOT_YET_VALID"),
        ("iat", json!(i64::MIN), "ASSERTION_LIFETIME"),
        ("nbf", json!(NOW + 11), "ASSERTION_NOT_YET_VALID"),
        ("jti", json!(""), "JTI_MALFORMED"),
        ("jti", json!("x".repeat(129)), "JTI_MALFORMED"),
        ("jti", json!(7), "ASSERTION_CLAIMS"),
        ("purposeId", Value::Null, "PURPOSE_MISSING"),
        ("purposeId", json!("residenza"), "ASSERTION_CLAIMS"),
        ("purposeId", json!(id(888)), "PURPOSE_EXPIRED"),
        ("scope", json!("all"), "ASSERTION_CLAIMS"),
        ("digest", json!("ab"), "ASSERTION_DIGEST"),
    ];
    for (claim, value, reason) in bent {
        let mut claims = claims();
        claims[claim] = value;
        assert_eq!(
            town.issue(&claims).unwrap_err(),
            reason,
            "{claim}: {claims}"
        );
    }
}

#[test]
fn clocks_may_differ_by_ten_seconds() {
    let town = Town::new();
    for (claim, value) in [("exp", NOW - 9), ("iat", NOW + 10), ("nbf", NOW + 10)] {
        let mut claims = claims();
        claims["iat"] = json!(NOW - 30);
        claims[claim] = json!(value);
        assert!(town.issue(&claims).is_ok(), "{claim}");
    }
}

#[test]
fn claim_given_twice_is_refused() {
    let town = Town::new();
    let header = json!({"alg": "ES256", "kid": town.key.public().kid()});
    let body = claims()
        .to_string()
        .replacen('{', r#"{"exp":9999999999,"#, 1);
    let encode = |text: String| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    };
    let message = format!("{}.{}", encode(header.to_string()), encode(body));
    let token = format!("{message}.{}", town.key.sign_message(&message).unwrap());

    assert_eq!(issue(&town.case(&token)).unwrap_err(), "ASSERTION_CLAIMS");
}

#[test]
fn nothing_is_known_before_the_signature() {
    let town = Town::new();
    let stranger = key(KeyKind::EcP256);
    let mut forged = town.sign(&claims());
    forged.replace_range(forged.len() - 8..forged.len() - 4, "AAAA");
    let typed = |typ: &str| town.key.sign(typ, &claims()).unwrap();

    for (token, reason) in [
        ("x.y.z".to_owned(), "ASSERTION_MALFORMED"),
        (typed("at+jwt"), "ASSERTION_MALFORMED"),
        (typed("varco-grant+jwt"), "ASSERTION_MALFORMED"),
        (stranger.sign("JWT", &claims()).unwrap(), "KEY_UNKNOWN"),
        (forged, "ASSERTION_SIGNATURE"),
    ] {
        assert_eq!(issue(&town.case(&token)).unwrap_err(), reason);
    }
    let mut draft = Draft::default();
    let token = town.sign(&claims());
    let case = town.case(&token);
    recognise(&case, &mut draft).unwrap();
    assert!(
        decide(&case, &mut draft, id(9)).is_err(),
        "not verified yet"
    );
    assert_eq!(
        (draft.client_id(), draft.spending().is_none()),
        (None, true)
    );
}

#[test]
fn explicit_type_of_an_assertion_is_taken() {
    let town = Town::new();
    let token = town
        .key
        .sign("client-authentication+jwt", &claims())
        .unwrap();

    assert!(issue(&town.case(&token)).is_ok());
}

#[test]
fn request_may_name_the_client_and_no_other() {
    let town = Town::new();
    let (token, own, other) = (
        town.sign(&claims()),
        client().to_string(),
        id(888).to_string(),
    );
    let named = |client_id| Case {
        client_id,
        ..town.case(&token)
    };

    assert!(issue(&named(Some(&own))).is_ok());
    assert_eq!(issue(&named(Some(&other))).unwrap_err(), "ASSERTION_ISSUER");
}

#[test]
fn legacy_client_may_sign_for_thirty_days() {
    let mut town = Town::new();
    let mut month = claims();
    month["exp"] = json!(NOW + 30 * 24 * 3600);

    assert_eq!(town.issue(&month).unwrap_err(), "ASSERTION_LIFETIME");
    town.registry
        .bend::<Client>("tributi", |it| it.body.legacy = true);
    assert!(town.issue(&month).is_ok());
    month["exp"] = json!(NOW + 30 * 24 * 3600 + 1);
    assert_eq!(town.issue(&month).unwrap_err(), "ASSERTION_LIFETIME");
}

#[test]
fn digest_is_sixty_four_hexadecimal_characters_and_travels_on() {
    let town = Town::new();
    let with = |digest: Value| {
        let mut claims = claims();
        claims["digest"] = digest;
        town.issue(&claims).map(|voucher| voucher.digest)
    };

    let good = with(json!({"alg": "SHA256", "value": "aB".repeat(32)}));
    assert_eq!(good.unwrap().unwrap().value, "aB".repeat(32));
    for bad in [
        json!({"alg": "SHA256", "value": "a".repeat(63)}),
        json!({"alg": "SHA256", "value": "a".repeat(65)}),
        json!({"alg": "SHA256", "value": "g".repeat(64)}),
        json!({"alg": "SHA-256", "value": "a".repeat(64)}),
        json!({"alg": "SHA256", "value": "a".repeat(64), "more": 1}),
        json!({"value": "a".repeat(64)}),
        json!([]),
    ] {
        assert_eq!(with(bad.clone()).unwrap_err(), "ASSERTION_DIGEST", "{bad}");
    }
}

#[test]
fn certificate_must_be_the_clients_own_and_binds() {
    let town = Town::new();
    let token = town.sign(&claims());
    let peer = |id: Uuid| Peer {
        thumbprint: [7; 32],
        uris: vec![format!("spiffe://c_z999/client/{id}")],
        hosts: Vec::new(),
        life: std::time::Duration::from_hours(1),
        until: NOW,
    };
    let (own, other) = (peer(client()), peer(id(888)));
    let mut ended = peer(client());
    ended.until = NOW - 1;
    let proof = proof(&key(KeyKind::Ed25519), HTU, None, NOW);
    let presented = |peer, proofs| Case {
        peer: Some(peer),
        proofs,
        ..town.case(&token)
    };

    let bound = issue(&presented(&own, vec![])).unwrap().cnf;
    assert_eq!(bound, Some(Confirmation::to(&[7; 32])));
    let refused = issue(&presented(&other, vec![])).unwrap_err();
    assert_eq!(refused, "CERTIFICATE_OF_ANOTHER_CLIENT");
    let refused = issue(&presented(&ended, vec![])).unwrap_err();
    assert_eq!(refused, "CERTIFICATE_OF_ANOTHER_CLIENT");
    let both = issue(&presented(&own, vec![&proof])).unwrap().cnf.unwrap();
    assert!(both.thumbprint.is_some() && both.jkt.is_some());
}

#[test]
fn proof_binds_the_voucher_and_is_spent_with_the_assertion() {
    let town = Town::new();
    let token = town.sign(&claims());
    let holder = key(KeyKind::EcP256);
    let (good, elsewhere) = (
        proof(&holder, HTU, None, NOW),
        proof(&holder, "https://localhost:7444/", None, NOW),
    );
    let with = |proofs| Case {
        proofs,
        ..town.case(&token)
    };

    let voucher = issue(&with(vec![&good])).unwrap();
    assert_eq!(voucher.jkt(), Some(holder.public().kid()));
    for bad in [vec![elsewhere.as_str()], vec![&good, &good], vec![""]] {
        assert_eq!(issue(&with(bad)).unwrap_err(), "PROOF_INVALID");
    }
    let (case, mut draft) = (with(vec![&good]), Draft::default());
    recognise(&case, &mut draft).unwrap();
    verify(&case, &mut draft).unwrap();
    decide(&case, &mut draft, id(9)).unwrap();
    assert!(draft.spending().unwrap().proof.is_some());
}

#[test]
fn what_is_not_live_is_not_issued() {
    let change: [(fn(&mut testing::Town), &str); 5] = [
        (
            |t| t.bend::<Client>("tributi", |it| it.state = State::Suspended),
            "CLIENT_SUSPENDED",
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.state = State::Suspended),
            "PURPOSE_SUSPENDED",
        ),
        (
            |t| t.bend::<Purpose>("verifica", |it| it.state = State::Archived),
            "PURPOSE_EXPIRED",
        ),
        (
            |t| t.bend::<Agreement>("anagrafe", |it| it.state = State::Archived),
            "AGREEMENT_SUSPENDED",
        ),
        (
            |t| t.bend::<Eservice>("anagrafe", |it| it.state = State::Suspended),
            "ESERVICE_SUSPENDED",
        ),
    ];
    for (change, reason) in change {
        let mut town = Town::new();
        change(&mut town.registry);
        assert_eq!(town.issue(&claims()).unwrap_err(), reason);
    }
}
