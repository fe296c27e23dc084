//! Well-signed assertions that say what they must not: told precisely, because the client is known.

use serde_json::{Value, json};

mod object;

use super::forge::nobody;
use super::{Case, Cast};

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    let mut cases: Vec<Case> = [times(cast), audiences(cast), parties(cast), ids(cast)]
        .concat()
        .into_iter()
        .chain(digests(cast))
        .chain(purposes(cast))
        .map(|(claims, reason)| {
            let shown = format!("{:.90}", claims.to_string());
            Case::new(shown, &cast.ec.with_claims(&claims), reason)
        })
        .collect();
    cases.extend(object::cases(cast));
    cases.extend(long_lived(cast));
    cases.extend(forms_of_others(cast));
    cases
}

/// Well-signed assertions on the good side of each border.
pub fn good(cast: &Cast) -> Vec<(String, String)> {
    let now = cast.ec.now;
    let claims = [
        json!({"exp": now - 9, "iat": now - 60}),
        json!({"iat": now + 10, "exp": now + 60}),
        json!({"nbf": now + 10}),
        json!({"nbf": 0}),
        json!({"iat": now - 30, "exp": now + 90}),
        json!({"iat": now, "exp": now + 120}),
        json!({"aud": [cast.ec.audience]}),
        json!({"aud": cast.issuer}),
        json!({"aud": cast.token_url}),
        json!({"jti": "x".repeat(128)}),
        json!({"jti": "é".repeat(128)}),
        json!({"jti": "../../etc/passwd'; --"}),
        json!({"digest": {"alg": "SHA256", "value": "AB".repeat(32)}}),
    ];
    let headers = [
        json!({"typ": "JWT"}),
        json!({"typ": "jwt"}),
        json!({"cty": "json"}),
        json!({"x5t": "AAAA"}),
    ];
    let claims = claims.map(|claims| (claims.to_string(), cast.ec.with_claims(&claims)));
    let headers = headers.map(|header| (header.to_string(), cast.ec.with_header(&header)));
    let month = json!({"iat": now, "exp": now + 30 * 24 * 3600});
    let names = [json!({"alg": "EdDSA"}), json!({"alg": "Ed25519"})];
    let names = names.map(|header| (header.to_string(), cast.ed.with_header(&header)));
    claims
        .into_iter()
        .chain(headers)
        .chain(names)
        .chain([(month.to_string(), cast.rsa.with_claims(&month))])
        .map(|(what, token)| (format!("{what:.90}"), token))
        .collect()
}

fn times(cast: &Cast) -> Vec<(Value, &'static str)> {
    let now = cast.ec.now;
    let mut cases = vec![
        (json!({"exp": now - 10, "iat": now - 60}), EXPIRED),
        (json!({"exp": now - 11, "iat": now - 60}), EXPIRED),
        (json!({"exp": 0, "iat": 0}), EXPIRED),
        (json!({"exp": -1}), EXPIRED),
        (json!({"exp": i64::MIN}), EXPIRED),
        (json!({"iat": now + 11, "exp": now + 60}), EARLY),
        (json!({"iat": i64::MAX}), EARLY),
        (json!({"nbf": now + 11}), EARLY),
        (json!({"nbf": i64::MAX}), EARLY),
        (json!({"iat": now, "exp": now + 121}), LIFETIME),
        (json!({"iat": now - 100, "exp": now + 21}), LIFETIME),
        (json!({"iat": now + 5, "exp": now + 5}), LIFETIME),
        (json!({"iat": now + 5, "exp": now + 4}), LIFETIME),
        (json!({"iat": 0}), LIFETIME),
        (json!({"iat": -1}), LIFETIME),
        (json!({"iat": i64::MIN}), LIFETIME),
        (json!({"exp": i64::MAX}), LIFETIME),
        (json!({"iat": i64::MIN, "exp": i64::MAX}), LIFETIME),
    ];
    let values = [
        json!(now.to_string()),
        json!("never"),
        json!(1_764_000_000.5),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([now]),
        json!({"seconds": now}),
    ];
    for claim in ["iat", "exp", "nbf"] {
        cases.extend(values.iter().map(|value| (json!({claim: value}), CLAIMS)));
    }
    cases.extend([
        (json!({"iat": null}), CLAIMS),
        (json!({"exp": null}), CLAIMS),
    ]);
    cases
}

/// One value, exactly (RFC 7523 §3, and what CVE-2025-27370 taught).
fn audiences(cast: &Cast) -> Vec<(Value, &'static str)> {
    let (own, issuer, url) = (&cast.ec.audience, &cast.issuer, &cast.token_url);
    let wrong = [
        json!(""),
        json!("*"),
        json!("https://elsewhere.example"),
        json!(format!("{own}/")),
        json!(format!(" {own}")),
        json!(own.to_uppercase()),
        json!(&own[..own.len() - 1]),
        json!(format!("{own}s")),
        json!(format!("{issuer}/")),
        json!(format!("{url}/")),
        json!(format!("{url}?")),
        json!(format!("{url}#")),
        json!(url.replace("https://", "http://")),
        json!(url.replace("https://", "HTTPS://")),
        json!(url.replace("localhost", "LOCALHOST")),
        json!(url.replace("localhost", "localhost.")),
        json!(url.replace("localhost", "client@localhost")),
        json!(url.replace("localhost", "127.0.0.1")),
        json!(url.replace("token.oauth2", "./token.oauth2")),
        json!(url.replace("token.oauth2", "%74oken.oauth2")),
        json!(format!("{own} {issuer}")),
        json!(format!("{own},{issuer}")),
        json!([]),
        json!([""]),
        json!([own, own]),
        json!([own, issuer]),
        json!([own, "https://elsewhere.example"]),
        json!(["https://elsewhere.example", own]),
    ];
    let no_text = [
        json!(null),
        json!(1),
        json!({"0": own}),
        json!([[own]]),
        json!([own, 1]),
    ];
    let wrong = wrong.map(|aud| (json!({"aud": aud}), "ASSERTION_AUDIENCE"));
    let no_text = no_text.map(|aud| (json!({"aud": aud}), CLAIMS));
    wrong.into_iter().chain(no_text).collect()
}

fn parties(cast: &Cast) -> Vec<(Value, &'static str)> {
    let own = &cast.ec.id;
    let names = [
        String::new(),
        nobody(),
        cast.ed.id.clone(),
        own.to_uppercase(),
        own.replace('-', ""),
        format!("{{{own}}}"),
        format!("urn:uuid:{own}"),
        format!("{own}\u{0}"),
        format!("{own} "),
        "tributi".to_owned(),
        cast.issuer.clone(),
    ];
    let mut cases = Vec::new();
    for name in &names {
        for claims in [
            json!({"iss": name}),
            json!({"sub": name}),
            json!({"iss": name, "sub": name}),
        ] {
            cases.push((claims, ISSUER));
        }
    }
    for claim in ["iss", "sub"] {
        for value in [json!(null), json!(1), json!([own]), json!({"id": own})] {
            cases.push((json!({claim: value}), CLAIMS));
        }
    }
    cases
}

fn ids(_: &Cast) -> Vec<(Value, &'static str)> {
    vec![
        (json!({"jti": ""}), "JTI_MALFORMED"),
        (json!({"jti": "x".repeat(129)}), "JTI_MALFORMED"),
        (json!({"jti": "é".repeat(129)}), "JTI_MALFORMED"),
        (json!({"jti": null}), CLAIMS),
        (json!({"jti": 1}), CLAIMS),
        (json!({"jti": ["x"]}), CLAIMS),
        (json!({"jti": {"x": 1}}), CLAIMS),
    ]
}

fn digests(_: &Cast) -> Vec<(Value, &'static str)> {
    let good = "ab".repeat(32);
    let values = [
        ("SHA256", good[1..].to_owned()),
        ("SHA256", format!("{good}a")),
        ("SHA256", String::new()),
        ("SHA256", format!("{}g", &good[1..])),
        ("SHA256", format!("{} ", &good[1..])),
        ("SHA256", "é".repeat(32)),
        (
            "SHA256",
            "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=".to_owned(),
        ),
        ("SHA-256", good.clone()),
        ("sha256", good.clone()),
        ("SHA512", good.clone()),
        ("MD5", good.clone()),
        ("", good.clone()),
    ];
    let mut cases: Vec<_> = values
        .into_iter()
        .map(|(alg, value)| (json!({"alg": alg, "value": value}), "ASSERTION_DIGEST"))
        .collect();
    let shapes = [
        json!({}),
        json!({"alg": "SHA256"}),
        json!({"value": good}),
        json!({"alg": "SHA256", "value": good, "file": "/etc/passwd"}),
        json!({"alg": ["SHA256"], "value": good}),
        json!({"alg": "SHA256", "value": 1}),
        json!(good),
        json!(1),
        json!([]),
        json!(["SHA256", good]),
    ];
    cases.extend(
        shapes
            .into_iter()
            .map(|digest| (digest, "ASSERTION_DIGEST")),
    );
    let claim = |(digest, reason)| (json!({"digest": digest}), reason);
    cases.into_iter().map(claim).collect()
}

fn purposes(cast: &Cast) -> Vec<(Value, &'static str)> {
    let own = &cast.ec.purpose;
    vec![
        (json!({"purposeId": null}), "PURPOSE_MISSING"),
        (json!({"purposeId": ""}), CLAIMS),
        (json!({"purposeId": "verifica-residenza"}), CLAIMS),
        (json!({"purposeId": "*"}), CLAIMS),
        (json!({"purposeId": format!("{own}x")}), CLAIMS),
        (json!({"purposeId": format!("{own} ")}), CLAIMS),
        (json!({"purposeId": &own[..35]}), CLAIMS),
        (json!({"purposeId": 1}), CLAIMS),
        (json!({"purposeId": [own]}), CLAIMS),
        (json!({"purposeId": nobody()}), "PURPOSE_EXPIRED"),
        (json!({"purposeId": cast.ec.id}), "PURPOSE_EXPIRED"),
        (json!({"purposeId": cast.ed.purpose}), "PURPOSE_SUSPENDED"),
    ]
}

/// What only an old client may do, and what even it may not.
fn long_lived(cast: &Cast) -> Vec<Case> {
    let now = cast.rsa.now;
    let month = json!({"iat": now, "exp": now + 30 * 24 * 3600});
    let longer = json!({"iat": now, "exp": now + 30 * 24 * 3600 + 1});
    vec![
        Case::new("a month", &cast.ec.with_claims(&month), LIFETIME),
        Case::new("a month, EdDSA", &cast.ed.with_claims(&month), LIFETIME),
        Case::new(
            "more than a month",
            &cast.rsa.with_claims(&longer),
            LIFETIME,
        ),
    ]
}

/// A form that says of its assertion what the assertion does not say.
fn forms_of_others(cast: &Cast) -> Vec<Case> {
    [
        nobody(),
        cast.ed.id.clone(),
        cast.ec.id.to_uppercase(),
        "x".to_owned(),
    ]
    .map(|named| Case {
        client: named.clone(),
        ..Case::new(
            format!("client_id={named}"),
            &cast.ec.with_header(&json!({})),
            ISSUER,
        )
    })
    .to_vec()
}

const CLAIMS: &str = "ASSERTION_CLAIMS";
const EARLY: &str = "ASSERTION_NOT_YET_VALID";
const EXPIRED: &str = "ASSERTION_EXPIRED";
const ISSUER: &str = "ASSERTION_ISSUER";
const LIFETIME: &str = "ASSERTION_LIFETIME";
