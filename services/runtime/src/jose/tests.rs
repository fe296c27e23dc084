//! Keys of every kind, and tokens that are not what they say.

use super::*;
use crate::pki::{KeyKind, generate_key};

#[derive(serde::Serialize, serde::Deserialize, Clone, PartialEq, Debug)]
struct Claims {
    sub: String,
}

#[test]
fn every_kind_of_key_signs_and_verifies() {
    for kind in [KeyKind::EcP256, KeyKind::Ed25519, KeyKind::Rsa2048] {
        let key = PrivateKey::from_pem(&generate_key(kind).unwrap()).unwrap();
        let claims = Claims {
            sub: "x".to_owned(),
        };

        let token = key.sign("JWT", &claims).unwrap();

        assert_eq!(key.public().verify::<Claims>(&token).unwrap(), claims);
        assert_eq!(
            header(&token).unwrap().kid.as_deref(),
            Some(key.public().kid())
        );
    }
}

#[test]
fn token_of_another_key_does_not_verify() {
    let one = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let two = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let token = one
        .sign(
            "JWT",
            &Claims {
                sub: "x".to_owned(),
            },
        )
        .unwrap();

    let refused = two.public().verify::<Claims>(&token).unwrap_err();

    assert!(matches!(refused, Error::Signature));
}

#[test]
fn newer_name_of_eddsa_is_taken() {
    let key = PrivateKey::from_pem(&generate_key(KeyKind::Ed25519).unwrap()).unwrap();
    let kid = key.public().kid();
    let header = format!(r#"{{"alg":"Ed25519","typ":"JWT","kid":"{kid}"}}"#);

    let token = signed(&key, &header, r#"{"sub":"x"}"#);

    assert_eq!(key.public().verify::<Claims>(&token).unwrap().sub, "x");
}

#[test]
fn header_cannot_choose_another_algorithm() {
    let key = PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap();
    let claims = Claims {
        sub: "x".to_owned(),
    };
    let token = key.sign("JWT", &claims).unwrap();
    let rest = token.split_once('.').unwrap().1;
    for alg in ["none", "HS256", "RS256", "EdDSA", "ES384"] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}"}}"#));
        let bent = format!("{header}.{rest}");
        assert!(key.public().verify::<Claims>(&bent).is_err(), "{alg}");
    }
}

#[test]
fn what_is_no_public_key_is_refused_for_what_it_is() {
    let private = generate_key(KeyKind::EcP256).unwrap();
    let public = crate::pki::public_key(&private).unwrap();
    let certificate = private.replace("PRIVATE KEY", "CERTIFICATE");
    let pkcs1 = public.replace(" PUBLIC KEY", " RSA PUBLIC KEY");
    let two = format!("{public}{public}");
    for (pem, why) in [
        (private.as_str(), "is a private key"),
        (&certificate, "is a certificate"),
        (&two, "more than one PEM block"),
        (&pkcs1, "must be a PUBLIC KEY"),
        ("", "is no PEM"),
        (RSA_1024, "fewer than 2048"),
        (P384, "must be EC P-256"),
    ] {
        let told = PublicKey::from_pem(pem).unwrap_err().to_string();
        assert!(told.contains(why), "{why}: {told}");
    }
}

const RSA_1024: &str = "\
-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+CB0G7kgwaefl2+s7xxoS0+hn
AEtGT8Hr6SMgga8YyaluKky3plZGagw5ARerkqEXLiT5rZ9WRHjr7oEI3q9z7zl/
5gnpwBk7hfR5997ApSe7Sh8rQx8ZoFJLA2c+iJfKPsuFzBi2WS6bzE1lIyPnTfZi
K9fqxZuWSSCfkMTfnwIDAQAB
-----END PUBLIC KEY-----
";

const P384: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEtm2AJsNP+MTF33kAv5vDiTWUAraJ3zu9
smPhuZ9s8bvbgD4IMAuE4zWLudOHn8D4sFILAq1948M9UMeCVe/YePkxDq1zAiag
Wd9WgudnWH1uI8keacsj60nejrFb/5J5
-----END PUBLIC KEY-----
";

/// A token of any header and claims, signed as it stands.
fn signed(key: &PrivateKey, header: &str, claims: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = key.pair.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn key() -> PrivateKey {
    PrivateKey::from_pem(&generate_key(KeyKind::EcP256).unwrap()).unwrap()
}

#[test]
fn member_that_is_given_twice_is_refused_at_every_depth() {
    let key = key();
    let good = r#"{"alg":"ES256"}"#;
    let claims = r#"{"sub":"x"}"#;
    assert!(
        key.public()
            .verify::<Value>(&signed(&key, good, claims))
            .is_ok()
    );

    for (header, claims) in [
        (r#"{"alg":"ES256","alg":"ES256"}"#, claims),
        (r#"{"alg":"none","\u0061lg":"ES256"}"#, claims),
        (good, r#"{"sub":"x","sub":"y"}"#),
        (good, r#"{"sub":"x","\u0073ub":"x"}"#),
        (good, r#"{"sub":"x","cnf":{"jkt":"1","jkt":"2"}}"#),
        (good, r#"{"sub":"x","act":[{"a":1,"a":1}]}"#),
    ] {
        let refused = key.public().verify::<Value>(&signed(&key, header, claims));
        assert!(
            matches!(refused, Err(Error::Malformed)),
            "{header} {claims}"
        );
    }
}

#[test]
fn header_that_brings_keys_or_asks_for_extensions_is_refused() {
    let key = key();
    for name in ["jku", "jwk", "x5u", "x5c", "crit", "b64"] {
        for value in ["null", "[]", "\"x\"", "true"] {
            let header = format!(r#"{{"alg":"ES256","{name}":{value}}}"#);
            let token = signed(&key, &header, r#"{"sub":"x"}"#);
            let refused = key.public().verify::<Value>(&token);
            assert!(matches!(refused, Err(Error::Malformed)), "{header}");
        }
    }
}

#[test]
fn text_that_is_no_compact_token_is_refused() {
    let key = key();
    let good = signed(&key, r#"{"alg":"ES256"}"#, r#"{"sub":"x"}"#);
    let large = format!(r#"{{"sub":"{}"}}"#, "x".repeat(8 * 1024));
    let (message, signature) = good.rsplit_once('.').unwrap();

    for bad in [
        String::new(),
        "..".to_owned(),
        format!("{good}."),
        format!("={good}"),
        good.replacen('.', "=.", 1),
        good.replacen('.', "\n.", 1),
        message.to_owned(),
        signed(&key, r#"{"alg":"ES256"}"#, &large),
        signed(&key, r#"["ES256"]"#, r#"{"sub":"x"}"#),
        signed(&key, r#"{"alg":["ES256"]}"#, r#"{"sub":"x"}"#),
        signed(&key, r#"{"typ":"JWT"}"#, r#"{"sub":"x"}"#),
        signed(&key, r#"{"alg":"ES256","kid":7}"#, r#"{"sub":"x"}"#),
        signed(&key, r#"{"alg":"ES256"}"#, r#"["x"]"#),
        signed(&key, r#"{"alg":"ES256"} {}"#, r#"{"sub":"x"}"#),
    ] {
        let refused = key.public().verify::<Value>(&bad);
        assert!(matches!(refused, Err(Error::Malformed)), "{bad}");
    }
    for bad in [
        format!("{message}."),
        format!("{good}="),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{message}.{}B", &signature[..signature.len() - 1]),
    ] {
        let refused = key.public().verify::<Value>(&bad);
        assert!(matches!(refused, Err(Error::Signature)), "{bad}");
    }
}

#[test]
fn published_key_verifies_what_its_private_half_signed() {
    for kind in [KeyKind::EcP256, KeyKind::Ed25519, KeyKind::Rsa2048] {
        let key = PrivateKey::from_pem(&generate_key(kind).unwrap()).unwrap();
        let token = key.sign("JWT", &serde_json::json!({"sub": "x"})).unwrap();
        let published = serde_json::to_string(key.public().jwk()).unwrap();

        let read = PublicKey::from_jwk(&serde_json::from_str(&published).unwrap()).unwrap();

        assert_eq!(read.kid(), key.public().kid());
        assert!(read.verify::<Value>(&token).is_ok());
    }
}

#[test]
fn weak_rsa_keys_are_refused_however_they_are_written() {
    let key = PrivateKey::from_pem(&generate_key(KeyKind::Rsa2048).unwrap()).unwrap();
    let good = serde_json::to_value(key.public().jwk()).unwrap();
    let modulus = strict::decode(good["n"].as_str().unwrap()).unwrap();
    let read = |n: &[u8], e: &[u8]| {
        let mut jwk = good.clone();
        jwk["n"] = URL_SAFE_NO_PAD.encode(n).into();
        jwk["e"] = URL_SAFE_NO_PAD.encode(e).into();
        PublicKey::from_jwk(&serde_json::from_value(jwk).unwrap())
    };
    let f4 = [1, 0, 1];
    let half = [vec![0; 128], modulus[..128].to_vec()].concat();
    let mut short = modulus.clone();
    short[0] = 1;
    let padded = [vec![0], modulus.clone()].concat();

    assert_eq!(read(&modulus, &f4).unwrap().kid(), key.public().kid());
    for (n, e) in [
        (half.as_slice(), f4.as_slice()),
        (&modulus[..128], &f4),
        (&short, &f4),
        (&padded, &f4),
        (&modulus, &[1]),
        (&modulus, &[3]),
        (&modulus, &[1, 0, 2]),
        (&modulus, &[0, 1, 0, 1]),
        (&modulus, &[]),
        (&[], &f4),
    ] {
        let read = read(n, e);
        assert!(
            matches!(read, Err(Error::Key | Error::KeyWeak)),
            "{n:?} {e:?}"
        );
    }
}

#[test]
fn points_that_lie_on_no_curve_are_refused() {
    let good = serde_json::to_value(key().public().jwk()).unwrap();
    for (x, y) in [
        ([0; 32], [0; 32]),
        ([1; 32], [1; 32]),
        ([0xff; 32], [0xff; 32]),
    ] {
        let mut jwk = good.clone();
        jwk["x"] = URL_SAFE_NO_PAD.encode(x).into();
        jwk["y"] = URL_SAFE_NO_PAD.encode(y).into();
        let read = PublicKey::from_jwk(&serde_json::from_value(jwk).unwrap());
        assert!(matches!(read, Err(Error::Key)), "{x:?}");
    }
}
