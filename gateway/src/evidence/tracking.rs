//! Evidence of who acts (`AUDIT_REST_01`, `AUDIT_REST_02`): `agid-jwt-trackingevidence`.
//!
//! The claims about the person are looked at for their form only: the caller answers for what they
//! say. They reach the service as they came; records hold them hashed and sealed, and no error does.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::jws::{self, Said};
use super::{Case, Fault};
use crate::audit::record::names_a_person;
use crate::voucher::AssertionDigest;

/// The metadata key.
pub const NAME: &str = "agid-jwt-trackingevidence";

/// Who acts, and from where, as the caller says. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person, as the caller calls them (`userID`).
    pub user: String,
    /// The place or the machine (`userLocation`).
    pub location: String,
}

/// Evidence that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// What it says of itself.
    pub said: Said,
    /// Who acts.
    pub actor: Actor,
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
    let needed = |name| jws::text(&claims, name, 256)?.ok_or(Fault::Claims);
    let (user, location) = (needed("userID")?, needed("userLocation")?);
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
        actor: Actor {
            user: user.to_owned(),
            location: location.to_owned(),
        },
        level,
        pinned: pinned.is_some(),
    })
}

impl Actor {
    /// The location as the name of a workstation: of a form that holds no sentence, and no codice
    /// fiscale. None where it might name a person; it is then only sealed.
    #[must_use]
    pub fn workstation(&self) -> Option<&str> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
        let place = Some(self.location.as_str()).filter(|place| place.len() <= LONGEST_PLACE);
        place.filter(|place| place.chars().all(plain) && !names_a_person(place))
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actor")
    }
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
/// Longest name of a workstation, bytes.
const LONGEST_PLACE: usize = 64;
const THIRTEEN_DIGITS: std::ops::RangeInclusive<u64> = 1_000_000_000_000..=9_999_999_999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workstation_is_a_name_of_a_machine_or_nothing() {
        let of = |location: &str| Actor {
            user: "RSSMRA80A01H501U".to_owned(),
            location: location.to_owned(),
        };
        let named = ["PC-014", "10.1.2.3", "sede:2_piano", &"x".repeat(64)];
        let hidden = [
            "stanza di Rossi",
            "pc/RSSMRA80A01H501U",
            "RSSMRA80A01H501U-pc",
            "caffè",
            &"x".repeat(65),
        ];

        for location in named {
            assert_eq!(of(location).workstation(), Some(location));
        }
        for location in hidden {
            assert_eq!(of(location).workstation(), None, "{location}");
        }
        assert_eq!(format!("{:?}", of("PC-014")), "Actor");
    }

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
