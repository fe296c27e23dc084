//! Proofs of possession (RFC 9449): who uses a voucher holds the key that it is bound to.
//!
//! One pure function judges the proofs of the token endpoint and of the data plane. It is strict,
//! as PDND is: exact members, exact address, a short life. Whether a proof was seen before is asked
//! elsewhere (`single_use`), because that needs a memory.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::{Map, Value};
use varco_runtime::jose::{self, PublicKey};

use crate::json::Object;

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The address that is asked, exactly.
    pub htu: &'a str,
    /// The voucher that goes with it; none where one is asked for.
    pub voucher: Option<&'a str>,
}

/// A proof that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// RFC 7638 thumbprint of its key.
    pub jkt: String,
    /// Its own identifier.
    pub jti: String,
    /// When it was made, seconds.
    pub iat: i64,
}

/// Ways that a proof is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has an unknown, missing or malformed claim.
    Claims,
    /// It is no compact JWS of its type, or its header has something else in it.
    Header,
    /// Its key is of no accepted kind, or has other members than those that it needs.
    Key,
    /// It was made for another method or address.
    Place,
    /// There are several.
    Several,
    /// Its key did not sign it.
    Signature,
    /// It was made too long ago, or is still to come.
    Time,
    /// It was made for another voucher.
    Voucher,
}

impl Fault {
    /// What is wrong, in English and in Italian.
    #[must_use]
    pub fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Claims => (
                "the proof must have the claims htm, htu, iat and jti, with a voucher also ath, and no other",
                "la prova deve avere le claim htm, htu, iat e jti, con un voucher anche ath, e nessun'altra",
            ),
            Self::Header => (
                "the header of the proof must be typ dpop+jwt, alg and jwk, and nothing else",
                "l'intestazione della prova deve contenere typ dpop+jwt, alg e jwk, e nient'altro",
            ),
            Self::Key => (
                "the jwk of the proof must be public, for ES256, EdDSA or RS256, with only the members of its kind",
                "la jwk della prova deve essere pubblica, per ES256, EdDSA o RS256, con i soli membri del suo tipo",
            ),
            Self::Place => (
                "htm must be POST and htu the address that is asked, character by character",
                "htm deve essere POST e htu l'indirizzo chiamato, carattere per carattere",
            ),
            Self::Several => (
                "there must be one proof: the request carries several",
                "la prova deve essere una sola: la richiesta ne porta più d'una",
            ),
            Self::Signature => (
                "the proof is not signed by the key in its own header",
                "la prova non è firmata dalla chiave della propria intestazione",
            ),
            Self::Time => (
                "the proof must have been made within the last 60 seconds: compare the clocks",
                "la prova deve essere degli ultimi 60 secondi: verificare gli orologi",
            ),
            Self::Voucher => (
                "ath must be the base64url SHA-256 of the voucher that is sent",
                "ath deve essere lo SHA-256 in base64url del voucher inviato",
            ),
        }
    }
}

/// The proofs that a request carries; more than one is a fault, whoever judges them.
#[must_use]
pub fn of(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all("dpop").iter();
    values.map(|value| value.to_str().unwrap_or("")).collect()
}

/// Judges the proofs of a request; none when it carries none.
///
/// # Errors
///
/// What is wrong.
pub fn judge(proofs: &[&str], target: Target<'_>, now: i64) -> Result<Option<Proof>, Fault> {
    match proofs {
        [] => Ok(None),
        [one] if !one.contains(',') => verify(one, target, now).map(Some),
        _ => Err(Fault::Several),
    }
}

fn verify(token: &str, target: Target<'_>, now: i64) -> Result<Proof, Fault> {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts.as_slice() else {
        return Err(Fault::Header);
    };
    if token.len() > LARGEST {
        return Err(Fault::Header);
    }
    let key = key(&object(head).ok_or(Fault::Header)?)?;
    let message = token.rsplit_once('.').map_or("", |(message, _)| message);
    key.check(message, signature)
        .map_err(|_| Fault::Signature)?;
    let claims = object(body).ok_or(Fault::Claims)?;
    let (jti, iat) = check(&claims, target, now)?;
    Ok(Proof {
        jkt: key.kid().to_owned(),
        jti,
        iat,
    })
}

/// The key of a proof's header (RFC 9449 §4.2).
fn key(head: &Map<String, Value>) -> Result<PublicKey, Fault> {
    if !has_only(head, &["alg", "jwk", "typ"]) {
        return Err(Fault::Header);
    }
    let typ = head.get("typ").and_then(Value::as_str);
    let alg = head.get("alg").and_then(Value::as_str);
    let (Some("dpop+jwt"), Some(alg)) = (typ, alg) else {
        return Err(Fault::Header);
    };
    let jwk = head.get("jwk").ok_or(Fault::Key)?;
    let members = jwk.as_object().ok_or(Fault::Key)?;
    let needed: &[&str] = match members.get("kty").and_then(Value::as_str) {
        Some("EC") => &["crv", "kty", "x", "y"],
        Some("OKP") => &["crv", "kty", "x"],
        Some("RSA") => &["e", "kty", "n"],
        _ => return Err(Fault::Key),
    };
    if !has_only(members, needed) {
        return Err(Fault::Key);
    }
    let jwk = serde_json::from_value(jwk.clone()).map_err(|_| Fault::Key)?;
    let key = PublicKey::from_jwk(&jwk).map_err(|_| Fault::Key)?;
    if key.takes(&jose::Header::naming(alg)) {
        Ok(key)
    } else {
        Err(Fault::Key)
    }
}

fn check(
    claims: &Map<String, Value>,
    target: Target<'_>,
    now: i64,
) -> Result<(String, i64), Fault> {
    let names: &[&str] = match target.voucher {
        Some(_) => &["ath", "htm", "htu", "iat", "jti"],
        None => &["htm", "htu", "iat", "jti"],
    };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let iat = claims.get("iat").and_then(Value::as_i64);
    let (Some(jti), Some(iat), true) = (text("jti"), iat, has_only(claims, names)) else {
        return Err(Fault::Claims);
    };
    if !(1..=128).contains(&jti.chars().count()) {
        return Err(Fault::Claims);
    }
    if text("htm") != Some("POST") || text("htu") != Some(target.htu) {
        return Err(Fault::Place);
    }
    if iat > now + SKEW || iat < now - LIFE {
        return Err(Fault::Time);
    }
    let hash = target.voucher.map(ath);
    if text("ath") == hash.as_deref() {
        Ok((jti.to_owned(), iat))
    } else {
        Err(Fault::Voucher)
    }
}

/// The hash of a voucher, as a proof names it (RFC 9449 §4.2).
fn ath(voucher: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, voucher.as_bytes()))
}

fn has_only(members: &Map<String, Value>, names: &[&str]) -> bool {
    members.len() == names.len() && names.iter().all(|name| members.contains_key(*name))
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let object: Object = serde_json::from_slice(&bytes).ok()?;
    (!object.repeats).then_some(object.members)
}

/// How long a proof is good, seconds (PDND).
pub const LIFE: i64 = 60;
/// Tolerance for clocks that are ahead, seconds.
pub const SKEW: i64 = 10;
const LARGEST: usize = 8 * 1024;

#[cfg(test)]
pub(crate) mod tests;
