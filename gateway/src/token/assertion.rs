//! The claims of a client assertion (RFC 7523 §3, PDND): read one by one, judged one by one.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Refusal;
use crate::json::Object;
use crate::voucher::AssertionDigest;

/// What a verified assertion says; what is missing or malformed is absent.
#[derive(Clone, Debug, Default)]
pub struct Assertion {
    /// The client.
    pub iss: Option<String>,
    /// The client.
    pub sub: Option<String>,
    /// For whom it was made.
    pub aud: Option<Vec<String>>,
    /// Single use.
    pub jti: Option<String>,
    /// Issued at, seconds.
    pub iat: Option<i64>,
    /// Expires at, seconds.
    pub exp: Option<i64>,
    /// Valid from, seconds.
    pub nbf: Option<i64>,
    /// What for.
    pub purpose_id: Option<Uuid>,
    /// Digest of the tracking evidence (PDND, `AUDIT_REST_02`).
    pub digest: Option<Value>,
}

/// Whether a header's `typ` is that of a client assertion: none, `JWT`, or the explicit one that
/// newer libraries write (draft-ietf-oauth-rfc7523bis).
#[must_use]
pub fn is_typ(typ: Option<&str>) -> bool {
    let accepted = ["JWT", "client-authentication+jwt"];
    typ.is_none_or(|typ| accepted.iter().any(|one| typ.eq_ignore_ascii_case(one)))
}

/// Reads the claims, and says which of them cannot be read.
#[must_use]
pub fn read(object: &Object) -> (Assertion, Vec<Refusal>) {
    let mut reader = Reader {
        members: &object.members,
        faults: Vec::new(),
    };
    if object.repeats {
        reader
            .faults
            .push(Refusal::client("ASSERTION_CLAIMS").about(
                "a claim of the assertion is given twice",
                "una claim dell'assertion è data due volte",
            ));
    }
    let known = |name: &String| KNOWN.contains(&name.as_str());
    if !object.members.keys().all(known) {
        let english = format!("the assertion has a claim other than {}", KNOWN.join(" "));
        let italian = format!("l'assertion ha una claim diversa da {}", KNOWN.join(" "));
        let refusal = Refusal::client("ASSERTION_CLAIMS").about(english, italian);
        reader.faults.push(refusal);
    }
    let assertion = Assertion {
        iss: reader.needed("iss", text),
        sub: reader.needed("sub", text),
        aud: reader.needed("aud", audience),
        jti: reader.needed("jti", text),
        iat: reader.needed("iat", Value::as_i64),
        exp: reader.needed("exp", Value::as_i64),
        nbf: reader.optional("nbf", Value::as_i64),
        purpose_id: reader.optional("purposeId", uuid),
        digest: reader.optional("digest", |value| Some(value.clone())),
    };
    (assertion, reader.faults)
}

struct Reader<'a> {
    members: &'a Map<String, Value>,
    faults: Vec<Refusal>,
}

impl Reader<'_> {
    fn needed<T>(&mut self, name: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        if self.members.get(name).is_none_or(Value::is_null) {
            self.faults.push(Refusal::client("ASSERTION_CLAIMS").about(
                format!("the claim {name} is missing"),
                format!("manca la claim {name}"),
            ));
            return None;
        }
        self.optional(name, parse)
    }

    fn optional<T>(&mut self, name: &str, parse: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = self.members.get(name).filter(|value| !value.is_null())?;
        let parsed = parse(value);
        if parsed.is_none() {
            self.faults.push(Refusal::client("ASSERTION_CLAIMS").about(
                format!("the claim {name} is not of its kind"),
                format!("la claim {name} non è del tipo previsto"),
            ));
        }
        parsed
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn audience(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(list) => list.iter().map(text).collect(),
        _ => None,
    }
}

/// As PDND writes identifiers: 36 characters, with hyphens.
fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str().filter(|text| text.len() == 36)?.parse().ok()
}

impl Assertion {
    /// Whether `iss`, `sub` and the request name the client that owns the key.
    ///
    /// # Errors
    ///
    /// `ASSERTION_ISSUER`.
    pub fn check_issuer(&self, client: Uuid, named: Option<&str>) -> Result<(), Refusal> {
        let client = client.to_string();
        let own = |name: &Option<String>| name.as_ref() == Some(&client);
        let named = named.is_none_or(|named| named == client);
        holds(
            own(&self.iss) && own(&self.sub) && named,
            "ASSERTION_ISSUER",
        )
    }

    /// Whether the one audience is ours.
    ///
    /// # Errors
    ///
    /// `ASSERTION_AUDIENCE`.
    pub fn check_audience(&self, accepted: &[String]) -> Result<(), Refusal> {
        let one = match self.aud.as_deref() {
            Some([one]) => accepted.contains(one),
            _ => false,
        };
        holds(one, "ASSERTION_AUDIENCE")
    }

    /// Whether the assertion has not expired.
    ///
    /// # Errors
    ///
    /// `ASSERTION_EXPIRED`.
    pub fn check_expiry(&self, now: i64) -> Result<(), Refusal> {
        let exp = self.exp.unwrap_or(i64::MIN);
        let ago = now.saturating_sub(exp);
        holds(ago < SKEW, "ASSERTION_EXPIRED").map_err(|refusal| {
            refusal.about(
                format!("the assertion expired {ago} seconds ago"),
                format!("l'assertion è scaduta da {ago} secondi"),
            )
        })
    }

    /// Whether the assertion is valid already.
    ///
    /// # Errors
    ///
    /// `ASSERTION_NOT_YET_VALID`.
    pub fn check_start(&self, now: i64) -> Result<(), Refusal> {
        let start = self
            .iat
            .unwrap_or(i64::MAX)
            .max(self.nbf.unwrap_or(i64::MIN));
        let ahead = start.saturating_sub(now);
        holds(ahead <= SKEW, "ASSERTION_NOT_YET_VALID").map_err(|refusal| {
            refusal.about(
                format!("iat or nbf lies {ahead} seconds in the future"),
                format!("iat o nbf sono {ahead} secondi nel futuro"),
            )
        })
    }

    /// Whether the assertion lives no longer than its client may ask for.
    ///
    /// # Errors
    ///
    /// `ASSERTION_LIFETIME`.
    pub fn check_life(&self, legacy: bool) -> Result<(), Refusal> {
        let longest = if legacy { LEGACY_LIFE } else { LIFE };
        let life = self.exp.zip(self.iat);
        let life = life.map_or(0, |(exp, iat)| exp.saturating_sub(iat));
        holds((1..=longest).contains(&life), "ASSERTION_LIFETIME").map_err(|refusal| {
            refusal.about(
                format!("exp lies {life} seconds after iat: it must be 1 to {longest} for this client"),
                format!("exp è {life} secondi dopo iat: per questo client devono essere da 1 a {longest}"),
            )
        })
    }

    /// Whether `jti` has a length that is kept.
    ///
    /// # Errors
    ///
    /// `JTI_MALFORMED`.
    pub fn check_jti(&self) -> Result<(), Refusal> {
        let length = self.jti.as_ref().map_or(0, |jti| jti.chars().count());
        holds((1..=128).contains(&length), "JTI_MALFORMED")
    }

    /// The digest, where there is one: an object of `alg` and `value`, strictly.
    ///
    /// # Errors
    ///
    /// `ASSERTION_DIGEST`.
    pub fn sha256(&self) -> Result<Option<AssertionDigest>, Refusal> {
        let Some(digest) = &self.digest else {
            return Ok(None);
        };
        // A list of the two values would be read as well.
        let digest = digest.as_object().map(|_| digest.clone());
        let digest = digest.and_then(|digest| serde_json::from_value(digest).ok());
        digest
            .filter(is_sha256)
            .map(Some)
            .ok_or_else(|| Refusal::client("ASSERTION_DIGEST"))
    }

    /// The purpose.
    ///
    /// # Errors
    ///
    /// `PURPOSE_MISSING`.
    pub fn purpose(&self) -> Result<Uuid, Refusal> {
        self.purpose_id
            .ok_or_else(|| Refusal::client("PURPOSE_MISSING"))
    }
}

fn holds(good: bool, reason: &'static str) -> Result<(), Refusal> {
    if good {
        Ok(())
    } else {
        Err(Refusal::client(reason))
    }
}

fn is_sha256(digest: &AssertionDigest) -> bool {
    let hexadecimal = |c: char| c.is_ascii_hexdigit();
    digest.alg == "SHA256" && digest.value.len() == 64 && digest.value.chars().all(hexadecimal)
}

/// Claims that an assertion may have; any other is refused.
const KNOWN: [&str; 9] = [
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
const LEGACY_LIFE: i64 = 30 * 24 * 3600;
const LIFE: i64 = 120;
/// Tolerance for clocks, seconds.
pub const SKEW: i64 = 10;
