//! Evidence of who acts (`AUDIT_REST_01`, `AUDIT_REST_02`): `agid-jwt-trackingevidence`.
//!
//! The claims about the person are looked at for their form only: the caller answers for what they
//! say. They reach the service as they came, and no record and no error holds them.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::jws::{self, Said};
use super::{Case, Fault};
use crate::voucher::AssertionDigest;

/// The metadata key.
pub const NAME: &str = "agid-jwt-trackingevidence";

/// Evidence that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// What it says of itself.
    pub said: Said,
    /// Level of assurance of the person's login (ISO/IEC 29115); 0 when it is not told.
    pub level: u32,
    /// Whether the voucher names it (`AUDIT_REST_02`): it then serves as long as that voucher.
    pub pinned: bool,
}

/// Judges the evidence as it came.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn judge(token: &str, case: &Case<'_>) -> Result<Tracked, Fault> {
    let claims = jws::verified(token, case)?;
    jws::only(&claims, &KNOWN)?;
    let said = jws::judge(&claims, case)?;
    let purpose = jws::text(&claims, "purposeId", 64)?.ok_or(Fault::Claims)?;
    if purpose != case.claims.purpose_id.to_string() {
        return Err(Fault::Purpose);
    }
    for needed in ["userID", "userLocation"] {
        jws::text(&claims, needed, 256)?.ok_or(Fault::Claims)?;
    }
    let level = jws::text(&claims, "LoA", 128)?.map_or(0, level);
    let nonce = nonce(&claims)?;
    let pinned = case.claims.digest.as_ref();
    if pinned.is_some_and(|_| nonce.is_none()) {
        return Err(Fault::Dnonce);
    }
    if pinned.is_some_and(|pinned| !is_of(pinned, token)) {
        return Err(Fault::VoucherDigest);
    }
    Ok(Tracked {
        said,
        level,
        pinned: pinned.is_some(),
    })
}

/// The random number that keeps two evidences from having one digest: exactly 13 digits.
fn nonce(claims: &Map<String, Value>) -> Result<Option<u64>, Fault> {
    let Some(value) = claims.get("dnonce") else {
        return Ok(None);
    };
    let number = value.as_u64().filter(|it| THIRTEEN_DIGITS.contains(it));
    number.map(Some).ok_or(Fault::Dnonce)
}

/// Whether a voucher's digest is that of the complete header value.
fn is_of(pinned: &AssertionDigest, token: &str) -> bool {
    let mut expected = [0; 32];
    let read = hex::decode_to_slice(&pinned.value, &mut expected).is_ok();
    let found = digest(&SHA256, token.as_bytes());
    read && pinned.alg == "SHA256" && found.as_ref() == expected
}

/// The level of ISO/IEC 29115 that a word for it means, of SPID, eIDAS or the standard's own.
fn level(word: &str) -> u32 {
    let last = word.rsplit(['/', ':']).next().unwrap_or_default();
    match last.to_ascii_lowercase().as_str() {
        "loa1" => 1,
        "loa2" | "spidl1" | "low" => 2,
        "loa3" | "spidl2" | "substantial" => 3,
        "loa4" | "spidl3" | "high" => 4,
        _ => 0,
    }
}

const KNOWN: [&str; 13] = [
    "LoA",
    "aud",
    "client_id",
    "dnonce",
    "exp",
    "iat",
    "iss",
    "jti",
    "nbf",
    "purposeId",
    "sub",
    "userID",
    "userLocation",
];
const THIRTEEN_DIGITS: std::ops::RangeInclusive<u64> = 1_000_000_000_000..=9_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_is_read_in_the_words_of_spid_and_eidas() {
        for (word, expected) in [
            ("https://www.spid.gov.it/SpidL2", 3),
            ("http://eidas.europa.eu/LoA/high", 4),
            ("LoA3", 3),
            ("urn:loa:LoA1", 1),
            ("alto", 0),
            ("3", 0),
        ] {
            assert_eq!(level(word), expected, "{word}");
        }
    }
}
