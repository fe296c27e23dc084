//! The client assertion (RFC 7523 §3) and the form that carries it.

use serde::Deserialize;
use uuid::Uuid;
use varco_runtime::jose::{self, PublicKey};

use super::answer::Refusal;
use crate::voucher::AssertionDigest;

/// The form of a request (RFC 6749 §4.4, RFC 7523 §2.2).
#[derive(Clone, Debug, Default)]
pub struct Form {
    client_id: Option<String>,
    assertion: String,
}

/// Claims that an assertion may have; any other is refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The client.
    pub iss: String,
    /// The client.
    pub sub: String,
    /// One audience.
    pub aud: Audience,
    /// Single use.
    pub jti: String,
    /// Issued at, seconds.
    pub iat: i64,
    /// Expires at, seconds.
    pub exp: i64,
    /// Valid from, seconds.
    pub nbf: Option<i64>,
    /// What for.
    #[serde(rename = "purposeId")]
    pub purpose_id: Option<Uuid>,
    /// Digest of the tracking evidence (PDND, `AUDIT_REST_02`).
    pub digest: Option<AssertionDigest>,
}

/// An audience; several are never accepted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// The text form.
    One(String),
    /// The list form, which must hold one.
    List(Vec<String>),
}

impl Form {
    /// Parses the form; a field that is given twice is refused.
    ///
    /// # Errors
    ///
    /// Says which field is missing or wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut fields = std::collections::HashMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if fields.insert(name.to_string(), value.to_string()).is_some() {
                return Err(Refusal::request("a field is given twice"));
            }
        }
        let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_empty());
        match take("grant_type") {
            None => return Err(Refusal::request("grant_type is missing")),
            Some(grant) if grant != "client_credentials" => return Err(Refusal::grant_type()),
            Some(_) => {}
        }
        match take("client_assertion_type") {
            None => return Err(Refusal::request("client_assertion_type is missing")),
            Some(kind) if kind != ASSERTION_TYPE => {
                return Err(Refusal::request(
                    "client_assertion_type must be that of RFC 7523",
                ));
            }
            Some(_) => {}
        }
        let assertion = take("client_assertion")
            .ok_or_else(|| Refusal::request("client_assertion is missing"))?;
        Ok(Self {
            client_id: take("client_id"),
            assertion,
        })
    }

    /// The key that the assertion's header names.
    #[must_use]
    pub fn kid(&self) -> Option<String> {
        let header = jose::header(&self.assertion).ok()?;
        let kind = header.typ.as_deref().unwrap_or("JWT");
        // A voucher or a grant is no assertion.
        kind.eq_ignore_ascii_case("JWT")
            .then_some(header.kid)
            .flatten()
    }
}

/// Verifies the signature and gives the claims, not parsed yet.
///
/// # Errors
///
/// Opaque: who signed is not known.
pub fn verify(form: &Form, key: &PublicKey) -> Result<serde_json::Value, Refusal> {
    key.verify(&form.assertion).map_err(|error| match error {
        jose::Error::Malformed => Refusal::unauthenticated("ASSERTION_MALFORMED"),
        _ => Refusal::unauthenticated("ASSERTION_SIGNATURE"),
    })
}

/// Parses the claims of a verified assertion.
///
/// # Errors
///
/// When one is unknown, missing or malformed.
pub fn parse(claims: serde_json::Value) -> Result<Assertion, Refusal> {
    serde_json::from_value(claims).map_err(|_| Refusal::client("ASSERTION_CLAIMS"))
}

/// Checks the claims of a verified assertion and gives the purpose.
///
/// # Errors
///
/// The precise reason.
pub fn check(
    claims: &Assertion,
    client_id: Uuid,
    form: &Form,
    audiences: &[String],
    legacy: bool,
    now: i64,
) -> Result<Uuid, Refusal> {
    let client = client_id.to_string();
    let named = form.client_id.as_ref().is_none_or(|named| *named == client);
    if claims.iss != client || claims.sub != client || !named {
        return Err(Refusal::client("ASSERTION_ISSUER"));
    }
    if !claims.aud.is_one_of(audiences) {
        return Err(Refusal::client("ASSERTION_AUDIENCE"));
    }
    check_times(claims, legacy, now)?;
    if !(1..=128).contains(&claims.jti.chars().count()) {
        return Err(Refusal::client("JTI_MALFORMED"));
    }
    if claims
        .digest
        .as_ref()
        .is_some_and(|digest| !is_sha256(digest))
    {
        return Err(Refusal::client("ASSERTION_DIGEST"));
    }
    claims
        .purpose_id
        .ok_or_else(|| Refusal::client("PURPOSE_MISSING"))
}

fn check_times(claims: &Assertion, legacy: bool, now: i64) -> Result<(), Refusal> {
    let longest = if legacy { LEGACY_LIFE } else { LIFE };
    if claims.exp.saturating_add(SKEW) <= now {
        return Err(Refusal::client("ASSERTION_EXPIRED"));
    }
    if claims.iat > now + SKEW || claims.nbf.is_some_and(|nbf| nbf > now + SKEW) {
        return Err(Refusal::client("ASSERTION_NOT_YET_VALID"));
    }
    let life = claims.exp.saturating_sub(claims.iat);
    if life <= 0 || life > longest {
        return Err(Refusal::client("ASSERTION_LIFETIME"));
    }
    Ok(())
}

impl Audience {
    fn is_one_of(&self, accepted: &[String]) -> bool {
        match self {
            Self::One(audience) => accepted.contains(audience),
            Self::List(list) => matches!(list.as_slice(), [one] if accepted.contains(one)),
        }
    }
}

fn is_sha256(digest: &AssertionDigest) -> bool {
    let hexadecimal = |c: char| c.is_ascii_hexdigit();
    digest.alg == "SHA256" && digest.value.len() == 64 && digest.value.chars().all(hexadecimal)
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const LEGACY_LIFE: i64 = 30 * 24 * 3600;
const LIFE: i64 = 120;
const SKEW: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn client() -> Uuid {
        Uuid::from_u128(1)
    }

    fn good() -> Assertion {
        Assertion {
            iss: client().to_string(),
            sub: client().to_string(),
            aud: Audience::One("varco/client-assertion".to_owned()),
            jti: "a".to_owned(),
            iat: NOW,
            exp: NOW + 60,
            nbf: None,
            purpose_id: Some(Uuid::from_u128(2)),
            digest: None,
        }
    }

    fn judged(claims: &Assertion, legacy: bool) -> Result<Uuid, &'static str> {
        let audiences = [
            "varco/client-assertion".to_owned(),
            "https://localhost:7444".to_owned(),
        ];
        check(claims, client(), &Form::default(), &audiences, legacy, NOW)
            .map_err(|refusal| refusal.precise)
    }

    #[test]
    fn good_assertion_names_its_purpose() {
        assert_eq!(judged(&good(), false), Ok(Uuid::from_u128(2)));
    }

    #[test]
    fn each_wrong_claim_has_its_reason() {
        let bent: [(fn(&mut Assertion), &str); 10] = [
            (|c| "other".clone_into(&mut c.iss), "ASSERTION_ISSUER"),
            (|c| "other".clone_into(&mut c.sub), "ASSERTION_ISSUER"),
            (
                |c| c.aud = Audience::One("x".to_owned()),
                "ASSERTION_AUDIENCE",
            ),
            (|c| c.exp = NOW - 11, "ASSERTION_EXPIRED"),
            (|c| c.iat = NOW + 11, "ASSERTION_NOT_YET_VALID"),
            (|c| c.nbf = Some(NOW + 11), "ASSERTION_NOT_YET_VALID"),
            (|c| c.exp = NOW + 121, "ASSERTION_LIFETIME"),
            (|c| c.exp = i64::MAX, "ASSERTION_LIFETIME"),
            (|c| c.jti.clear(), "JTI_MALFORMED"),
            (|c| c.purpose_id = None, "PURPOSE_MISSING"),
        ];
        for (bend, reason) in bent {
            let mut claims = good();
            bend(&mut claims);
            assert_eq!(judged(&claims, false), Err(reason));
        }
    }

    #[test]
    fn several_audiences_are_never_accepted() {
        let list = |list: &[&str]| {
            Audience::List(list.iter().map(|audience| (*audience).to_owned()).collect())
        };
        let (one, two) = (
            list(&["https://localhost:7444"]),
            list(&["https://localhost:7444", "varco/client-assertion"]),
        );

        assert!(judged(&Assertion { aud: one, ..good() }, false).is_ok());
        assert_eq!(
            judged(&Assertion { aud: two, ..good() }, false),
            Err("ASSERTION_AUDIENCE")
        );
    }

    #[test]
    fn legacy_client_may_sign_for_thirty_days() {
        let month = Assertion {
            exp: NOW + LEGACY_LIFE,
            ..good()
        };

        assert_eq!(judged(&month, false), Err("ASSERTION_LIFETIME"));
        assert!(judged(&month, true).is_ok());
    }

    #[test]
    fn malformed_forms_say_what_is_wrong() {
        let parse = |form: &str| Form::parse(form.as_bytes()).map_err(|refusal| refusal.error);

        assert_eq!(parse("").unwrap_err(), "invalid_request");
        assert_eq!(
            parse("grant_type=password").unwrap_err(),
            "unsupported_grant_type"
        );
        assert_eq!(
            parse("grant_type=a&grant_type=b").unwrap_err(),
            "invalid_request"
        );
    }
}
