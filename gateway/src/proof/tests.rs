//! Proofs that hold, and each way of bending one.

use serde_json::json;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key};

use super::*;

const NOW: i64 = 1_700_000_000;
const HTU: &str = "https://localhost:7444/token.oauth2";
const TARGET: Target<'static> = Target {
    htu: HTU,
    voucher: None,
};

pub(crate) fn key(kind: KeyKind) -> PrivateKey {
    PrivateKey::from_pem(&generate_key(kind).unwrap()).unwrap()
}

fn public(key: &PrivateKey) -> Value {
    let jwk = serde_json::to_value(key.public().jwk()).unwrap();
    let kept = |name: &&str| jwk.get(*name).is_some();
    let names = ["crv", "e", "kty", "n", "x", "y"];
    let members = names.iter().copied().filter(|name| kept(name));
    Value::Object(
        members
            .map(|name| (name.to_owned(), jwk[name].clone()))
            .collect(),
    )
}

fn header(key: &PrivateKey) -> Value {
    let alg = match key.public().algorithm() {
        jsonwebtoken::Algorithm::ES256 => "ES256",
        jsonwebtoken::Algorithm::EdDSA => "EdDSA",
        _ => "RS256",
    };
    json!({"typ": "dpop+jwt", "alg": alg, "jwk": public(key)})
}

fn claims() -> Value {
    json!({"htm": "POST", "htu": HTU, "iat": NOW, "jti": "one"})
}

/// A proof with a header and claims of its own, truly signed.
fn signed(key: &PrivateKey, header: &Value, claims: &Value) -> String {
    signed_text(key, &header.to_string(), &claims.to_string())
}

fn signed_text(key: &PrivateKey, header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign_message(&message).unwrap();
    format!("{message}.{signature}")
}

/// A good proof for an address, and for a voucher where there is one.
pub(crate) fn proof(key: &PrivateKey, htu: &str, voucher: Option<&str>, now: i64) -> String {
    let mut claims = json!({"htm": "POST", "htu": htu, "iat": now, "jti": "one"});
    if let Some(voucher) = voucher {
        claims["ath"] = json!(ath(voucher));
    }
    signed(key, &header(key), &claims)
}

fn judged(proof: &str) -> Result<Option<Proof>, Fault> {
    judge(&[proof], TARGET, NOW)
}

#[test]
fn every_accepted_key_proves_itself() {
    for kind in [KeyKind::EcP256, KeyKind::Ed25519, KeyKind::Rsa2048] {
        let key = key(kind);
        let proof = judged(&signed(&key, &header(&key), &claims())).unwrap();
        let expected = Proof {
            jkt: key.public().kid().to_owned(),
            jti: "one".to_owned(),
            iat: NOW,
        };
        assert_eq!(proof, Some(expected));
    }
    assert_eq!(judge(&[], TARGET, NOW), Ok(None));
}

#[test]
fn proof_that_is_not_exact_is_refused() {
    let key = key(KeyKind::EcP256);
    let bent: [(&str, Value, Fault); 12] = [
        ("htm", json!("GET"), Fault::Place),
        ("htu", json!(format!("{HTU}/")), Fault::Place),
        (
            "htu",
            json!("HTTPS://localhost:7444/token.oauth2"),
            Fault::Place,
        ),
        ("iat", json!(NOW + 11), Fault::Time),
        ("iat", json!(NOW - 61), Fault::Time),
        ("iat", json!("now"), Fault::Claims),
        ("iat", Value::Null, Fault::Claims),
        ("jti", json!(""), Fault::Claims),
        ("jti", json!("x".repeat(129)), Fault::Claims),
        ("nonce", json!("x"), Fault::Claims),
        ("ath", json!("x"), Fault::Claims),
        ("exp", json!(NOW), Fault::Claims),
    ];
    for (name, value, fault) in bent {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(
            judged(&signed(&key, &header(&key), &claims)),
            Err(fault),
            "{claims}"
        );
    }
    for edge in [NOW + 10, NOW - 60] {
        let mut claims = claims();
        claims["iat"] = json!(edge);
        assert!(judged(&signed(&key, &header(&key), &claims)).is_ok());
    }
}

#[test]
fn header_holds_the_key_and_nothing_else() {
    let key = key(KeyKind::EcP256);
    let bent: [(&str, Value, Fault); 6] = [
        ("/typ", json!("JWT"), Fault::Header),
        ("/alg", json!("RS256"), Fault::Key),
        ("/alg", json!("none"), Fault::Key),
        ("/kid", json!("x"), Fault::Header),
        ("/jwk/use", json!("sig"), Fault::Key),
        ("/jwk/d", json!("AAAA"), Fault::Key),
    ];
    for (place, value, fault) in bent {
        let mut header = header(&key);
        let (parent, name) = place.rsplit_once('/').unwrap();
        header.pointer_mut(parent).unwrap()[name] = value;
        assert_eq!(
            judged(&signed(&key, &header, &claims())),
            Err(fault),
            "{place}"
        );
    }
    let twice = header(&key)
        .to_string()
        .replacen('{', r#"{"typ":"dpop+jwt","#, 1);
    let claims = claims().to_string();
    assert_eq!(
        judged(&signed_text(&key, &twice, &claims)),
        Err(Fault::Header)
    );
}

#[test]
fn key_of_another_does_not_prove() {
    let (own, other) = (key(KeyKind::EcP256), key(KeyKind::EcP256));

    let proof = signed(&own, &header(&other), &claims());

    assert_eq!(judged(&proof), Err(Fault::Signature));
    assert_eq!(judged("a.b"), Err(Fault::Header));
}

#[test]
fn several_proofs_are_none() {
    let key = key(KeyKind::EcP256);
    let proof = signed(&key, &header(&key), &claims());

    assert_eq!(judge(&[&proof, &proof], TARGET, NOW), Err(Fault::Several));
    assert_eq!(judged(&format!("{proof},{proof}")), Err(Fault::Several));
}

#[test]
fn proof_beside_a_voucher_names_it() {
    let key = key(KeyKind::Ed25519);
    let target = Target {
        htu: HTU,
        voucher: Some("a.b.c"),
    };
    let mut claims = claims();
    let bare = signed(&key, &header(&key), &claims);
    claims["ath"] = json!(ath("a.b.c"));
    let good = signed(&key, &header(&key), &claims);
    claims["ath"] = json!(ath("a.b.d"));
    let other = signed(&key, &header(&key), &claims);

    assert!(judge(&[&good], target, NOW).is_ok());
    assert_eq!(judge(&[&bare], target, NOW), Err(Fault::Claims));
    assert_eq!(judge(&[&other], target, NOW), Err(Fault::Voucher));
}
