//! The compact JWS in which ModI's evidence comes: one header, one key, one shape of claims.
//!
//! Nothing of a token chooses how it is judged. Its header is exactly `alg`, `kid` and `typ`, its
//! key is one that the registry holds for the client of the voucher, and a claim that nobody judges
//! is refused: what reaches a service as evidence has been read whole.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use varco_runtime::jose;

use super::{Case, Fault};
use crate::json::Object;

/// What both kinds of evidence say of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Single use.
    pub jti: String,
    /// From when on nobody takes it any more, Unix seconds.
    pub ends: i64,
}

/// The one value of a metadata key; none when the call does not carry it.
///
/// # Errors
///
/// [`Fault::Several`], or [`Fault::Form`] when it is no visible ASCII.
pub fn one<'a>(headers: &'a http::HeaderMap, name: &str) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Fault::Several);
    }
    value.to_str().map(Some).map_err(|_| Fault::Form)
}

/// The claims of a token that a live key of the client has signed; none of them is judged yet.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn verified(token: &str, case: &Case<'_>) -> Result<Map<String, Value>, Fault> {
    if token.contains(',') {
        return Err(Fault::Several);
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, signature] = parts.as_slice() else {
        return Err(Fault::Form);
    };
    if token.len() > LARGEST {
        return Err(Fault::Form);
    }
    let head = object(head).ok_or(Fault::Header)?;
    let text = |name: &str| head.get(name).and_then(Value::as_str);
    let (Some(alg), Some(kid), Some("JWT"), 3) =
        (text("alg"), text("kid"), text("typ"), head.len())
    else {
        return Err(Fault::Header);
    };
    let live = case.snapshot.keys.get(kid);
    let live = live.filter(|it| it.client == case.claims.client_id && it.signs_at(case.now));
    let key = live.and_then(|it| it.public()).ok_or(Fault::Key)?;
    if !key.takes(&jose::Header::naming(alg)) {
        return Err(Fault::Algorithm);
    }
    let message = token.rsplit_once('.').map_or("", |(message, _)| message);
    key.check(message, signature)
        .map_err(|_| Fault::Signature)?;
    object(body).ok_or(Fault::Claims)
}

/// Judges the claims that both kinds of evidence have.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn judge(claims: &Map<String, Value>, case: &Case<'_>) -> Result<Said, Fault> {
    let client = case.claims.client_id.to_string();
    let jti = text(claims, "jti", 128)?.ok_or(Fault::Claims)?;
    let (iat, exp) = (seconds(claims, "iat")?, seconds(claims, "exp")?);
    let (Some(iat), Some(exp)) = (iat, exp) else {
        return Err(Fault::Claims);
    };
    let own = |name: &str| Ok(text(claims, name, 64)?.is_none_or(|it| it == client));
    if text(claims, "iss", 64)?.is_none() {
        return Err(Fault::Claims);
    }
    if !(own("iss")? && own("sub")? && own("client_id")?) {
        return Err(Fault::Issuer);
    }
    if text(claims, "aud", 256)?.ok_or(Fault::Claims)? != case.claims.aud {
        return Err(Fault::Audience);
    }
    let start = seconds(claims, "nbf")?.map_or(iat, |nbf| nbf.max(iat));
    if start > case.now.saturating_add(SKEW) || iat < case.now.saturating_sub(AGE) {
        return Err(Fault::Time);
    }
    if exp <= case.now {
        return Err(Fault::Expired);
    }
    Ok(Said {
        jti: jti.to_owned(),
        ends: exp.min(iat.saturating_add(AGE)),
    })
}

/// A claim that is a text of 1 to `most` characters without control characters; none when absent.
///
/// # Errors
///
/// [`Fault::Claims`] when it is something else.
pub fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &str,
    most: usize,
) -> Result<Option<&'a str>, Fault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let text = value.as_str().ok_or(Fault::Claims)?;
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then_some(Some(text)).ok_or(Fault::Claims)
}

/// Whether all claims are known.
///
/// # Errors
///
/// [`Fault::Claims`] when one is not.
pub fn only(claims: &Map<String, Value>, known: &[&str]) -> Result<(), Fault> {
    let all = claims.keys().all(|name| known.contains(&name.as_str()));
    all.then_some(()).ok_or(Fault::Claims)
}

/// A claim that is a whole number; none when absent.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, Fault> {
    let value = claims.get(name);
    value
        .map(|value| value.as_i64().ok_or(Fault::Claims))
        .transpose()
}

/// An object in base64url, of which no name is given twice at any depth.
fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    let object: Object = serde_json::from_slice(&bytes).ok()?;
    (!object.repeats).then_some(object.members)
}

/// How old evidence may be, seconds from `iat` (the default of GovWay).
const AGE: i64 = 300;
/// Largest token, bytes: three of them and a proof fit into the 16 KiB of metadata.
const LARGEST: usize = 4 * 1024;
/// Tolerance for clocks that are ahead, seconds (the default of GovWay); for `exp` there is none.
const SKEW: i64 = 5;
