//! The object of the claims: members that are missing, unknown or given twice, and no object.

use serde_json::{Value, json};

use super::CLAIMS;
use crate::jose::forge::{longer, nobody};
use crate::jose::{Case, Cast};

/// Every hostile assertion of this family.
pub fn cases(cast: &Cast) -> Vec<Case> {
    [
        missing(cast),
        unknown(cast),
        given_twice(cast),
        no_object(cast),
    ]
    .concat()
}

fn missing(cast: &Cast) -> Vec<Case> {
    ["iss", "sub", "aud", "jti", "iat", "exp", "purposeId"]
        .map(|claim| {
            let reason = if claim == "purposeId" {
                "PURPOSE_MISSING"
            } else {
                CLAIMS
            };
            Case::new(format!("no {claim}"), &cast.ec.without_claim(claim), reason)
        })
        .to_vec()
}

fn unknown(cast: &Cast) -> Vec<Case> {
    let claims = [
        json!({"scope": "everything"}),
        json!({"client_id": cast.ec.id}),
        json!({"azp": cast.ec.id}),
        json!({"purpose_id": cast.ec.purpose}),
        json!({"PURPOSEID": cast.ec.purpose}),
        json!({"ISS": cast.ec.id}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"act": {"sub": cast.ed.id}}),
        json!({"consumerId": nobody()}),
        json!({"epoch": 0}),
        json!({"__proto__": {"admin": true}}),
        json!({"": ""}),
        json!({"iss ": cast.ec.id}),
    ];
    claims
        .map(|claims| Case::new(claims.to_string(), &cast.ec.with_claims(&claims), CLAIMS))
        .to_vec()
}

/// A reader that keeps the first and one that keeps the last would not see the same claims.
fn given_twice(cast: &Cast) -> Vec<Case> {
    let (id, now) = (&cast.ec.id, cast.ec.now);
    let digest = "ab".repeat(32);
    let claims = [
        format!(r#""iss":"{id}""#),
        format!(r#""sub":"{id}""#),
        format!(r#""sub":"{}""#, nobody()),
        format!(r#""aud":"{}""#, cast.ec.audience),
        r#""jti":"another""#.to_owned(),
        format!(r#""iat":{now}"#),
        format!(r#""exp":{}"#, now + 60),
        format!(r#""nbf":{now},"nbf":{now}"#),
        format!(r#""purposeId":"{}""#, cast.ec.purpose),
        format!(r#""\u0070urposeId":"{}""#, cast.ec.purpose),
        format!(r#""purposeId":"{}""#, cast.ed.purpose),
        format!(r#""digest":{{"alg":"SHA256","alg":"SHA256","value":"{digest}"}}"#),
        format!(r#""digest":{{"alg":"SHA256","value":"00","value":"{digest}"}}"#),
    ];
    claims
        .map(|more| {
            Case::new(
                format!("twice: {more:.60}"),
                &cast.ec.with_more_claims(&more),
                CLAIMS,
            )
        })
        .to_vec()
}

fn no_object(cast: &Cast) -> Vec<Case> {
    let client = &cast.ec;
    let claims = client.claims();
    let text = claims.to_string();
    let list = [
        "iss",
        "sub",
        "aud",
        "jti",
        "iat",
        "exp",
        "nbf",
        "purposeId",
        "digest",
    ];
    let list = Value::from(list.map(|name| claims[name].clone()).to_vec());
    let deep = |of: usize| format!(r#""x":{}1{}"#, "[".repeat(of), "]".repeat(of));
    let bodies: [(&str, Vec<u8>); 12] = [
        ("null", b"null".to_vec()),
        ("a number", b"1".to_vec()),
        ("an empty list", b"[]".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("a list of the claims", list.to_string().into()),
        (
            "claims in quotes",
            Value::from(text.clone()).to_string().into(),
        ),
        ("two objects", text.repeat(2).into()),
        ("no end", text[..text.len() - 1].into()),
        (
            "no UTF-8",
            text.replace(':', ":\u{0}")
                .into_bytes()
                .into_iter()
                .map(spoil)
                .collect(),
        ),
        ("a byte order mark", format!("\u{feff}{text}").into()),
        ("100 deep", longer(&claims, &deep(100)).into()),
        ("2000 deep", longer(&claims, &deep(2000)).into()),
    ];
    bodies
        .into_iter()
        .map(|(what, body)| {
            let token = client.forge.seal(client.header().to_string(), body);
            Case::new(format!("claims: {what}"), &token, CLAIMS)
        })
        .collect()
}

fn spoil(byte: u8) -> u8 {
    if byte == 0 { 0xff } else { byte }
}
