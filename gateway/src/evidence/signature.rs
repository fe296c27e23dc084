//! The signature of a message (`INTEGRITY_REST_02`): `agid-jwt-signature` with `digest`.
//!
//! The token signs metadata, and by the digest among it the message. Whoever reads the token later
//! must not be able to read it in two ways, so each name stands in it once, in lower case, with the
//! value that came.

use http::HeaderMap;
use serde_json::{Map, Value};

use super::jws::{self, Said};
use super::{Case, Fault, digest};

/// The metadata key.
pub const NAME: &str = "agid-jwt-signature";

/// Judges the signature as it came; the message itself is compared where it is known.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn judge(token: &str, case: &Case<'_>) -> Result<Said, Fault> {
    let claims = jws::verified(token, case)?;
    jws::only(&claims, &KNOWN)?;
    let said = jws::judge(&claims, case)?;
    let purpose = jws::text(&claims, "purposeId", 64)?;
    if purpose.is_some_and(|it| it != case.claims.purpose_id.to_string()) {
        return Err(Fault::Purpose);
    }
    let signed = signed_headers(&claims)?;
    for needed in NEEDED {
        let present = needed != "grpc-encoding" || case.headers.contains_key(needed);
        if present && !signed.iter().any(|(name, _)| *name == needed) {
            return Err(Fault::Unsigned);
        }
    }
    for (name, value) in signed {
        let found = match name {
            METHOD => Some(case.method),
            name => only_value(case.headers, name),
        };
        if found != Some(value) {
            return Err(Fault::Mismatch);
        }
    }
    Ok(said)
}

/// What was signed: objects of one member each, every name in lower case and only once.
fn signed_headers(claims: &Map<String, Value>) -> Result<Vec<(&str, &str)>, Fault> {
    let list = claims.get("signed_headers").and_then(Value::as_array);
    let list = list.filter(|list| list.len() <= MOST);
    let mut signed: Vec<(&str, &str)> = Vec::new();
    for item in list.ok_or(Fault::SignedHeaders)? {
        let members = item.as_object().filter(|members| members.len() == 1);
        let member = members.and_then(|members| members.iter().next());
        let member = member.and_then(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let (name, value) = member.ok_or(Fault::SignedHeaders)?;
        let lower = !name.contains(|c: char| c.is_ascii_uppercase());
        if !lower || signed.iter().any(|(known, _)| *known == name) {
            return Err(Fault::SignedHeaders);
        }
        signed.push((name, value));
    }
    Ok(signed)
}

/// The value of a key that came exactly once, as text.
fn only_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    jws::one(headers, name).ok().flatten()
}

/// The call's method, which is no metadata: ModI's REST signs no path, gRPC must.
const METHOD: &str = "grpc-method";
/// What must be signed; the encoding where there is one.
const NEEDED: [&str; 4] = ["content-type", digest::NAME, "grpc-encoding", METHOD];
const KNOWN: [&str; 10] = [
    "aud",
    "client_id",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "purposeId",
    "signed_headers",
    "sub",
];
/// Most headers that are signed.
const MOST: usize = 16;
