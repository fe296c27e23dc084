//! The key of a year under which data subjects are hashed, and the one way to the next.
//!
//! `K(y+1) = HKDF-SHA-256(K(y), "varco/subject/" || y+1)` (RFC 5869, no salt). Whoever holds the key
//! of a year derives that of every later one and of no earlier one: a gateway, which keeps only the
//! current key, cannot link who was asked about years ago; the DPO, who keeps the first, can. When
//! the keys up to a year are destroyed, the records up to then name nobody any more, and the log
//! stays as it is.

use std::fmt;

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use zeroize::Zeroizing;

use crate::audit::subject::{Identifier, Reference};

/// The key of a year. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct YearKey {
    year: i16,
    key: Zeroizing<[u8; LENGTH]>,
}

/// What hashes under the key of a year.
#[derive(Debug)]
pub struct Hashes {
    year: i16,
    subjects: Key,
    actors: Key,
}

impl YearKey {
    /// Makes the first key of a comune.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn generate(year: i16) -> Result<Self, Unspecified> {
        let mut key = Zeroizing::new([0; LENGTH]);
        aws_lc_rs::rand::fill(&mut *key)?;
        Ok(Self { year, key })
    }

    /// Reads what [`Self::text`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, hex) = text.trim().strip_prefix(NAME)?.split_once(' ')?;
        let mut key = Zeroizing::new([0; LENGTH]);
        hex::decode_to_slice(hex, &mut *key).ok()?;
        let year = year.parse().ok()?;
        Some(Self { year, key })
    }

    /// The key as it stands in its file: `varco/subject/<year>`, a space and 64 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let hex = Zeroizing::new(hex::encode(*self.key));
        Zeroizing::new(format!("{NAME}{} {}\n", self.year, hex.as_str()))
    }

    /// Its year.
    #[must_use]
    pub fn year(&self) -> i16 {
        self.year
    }

    /// The key of this year or a later one; none of an earlier one.
    ///
    /// # Errors
    ///
    /// When the library refuses, which it has no reason to.
    pub fn at(&self, year: i16) -> Result<Option<Self>, Unspecified> {
        if year < self.year {
            return Ok(None);
        }
        let mut key = self.clone();
        while key.year < year {
            let next = key.year + 1;
            key = Self {
                year: next,
                key: expand(&key.key, &format!("{NAME}{next}"))?,
            };
        }
        Ok(Some(key))
    }

    /// What hashes under this key.
    ///
    /// # Errors
    ///
    /// When the library refuses, which it has no reason to.
    pub fn hashes(&self) -> Result<Hashes, Unspecified> {
        let actors = expand(&self.key, &format!("varco/actor/{}", self.year))?;
        Ok(Hashes {
            year: self.year,
            subjects: Key::new(HMAC_SHA256, &*self.key),
            actors: Key::new(HMAC_SHA256, &*actors),
        })
    }
}

impl Hashes {
    /// The year, as records have it.
    #[must_use]
    pub fn year(&self) -> u32 {
        u32::try_from(self.year).unwrap_or(0)
    }

    /// The reference of a data subject.
    #[must_use]
    pub fn subject(&self, identifier: &Identifier) -> Reference {
        identifier.reference(&self.subjects)
    }

    /// The reference of a person who acts, as the issuer of the evidence calls them.
    #[must_use]
    pub fn actor(&self, issuer: &str, user: &str) -> Reference {
        let mut context = Context::with_key(&self.actors);
        for part in [issuer, "\0", user] {
            context.update(part.as_bytes());
        }
        Reference::of(context)
    }
}

impl fmt::Debug for YearKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "YearKey({})", self.year)
    }
}

fn expand(key: &[u8; LENGTH], info: &str) -> Result<Zeroizing<[u8; LENGTH]>, Unspecified> {
    let mut out = Zeroizing::new([0; LENGTH]);
    let derived = Salt::none(HKDF_SHA256).extract(key);
    derived
        .expand(&[info.as_bytes()], Length)?
        .fill(&mut *out)?;
    Ok(out)
}

/// The length of what is derived.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        LENGTH
    }
}

const LENGTH: usize = 32;
const NAME: &str = "varco/subject/";

#[cfg(test)]
mod tests {
    use varco_proto::options::v1::SubjectKind::CodiceFiscale;

    use super::*;

    fn first() -> YearKey {
        YearKey::parse(&format!("varco/subject/2026 {}\n", "07".repeat(32))).unwrap()
    }

    #[test]
    fn next_key_is_hkdf_of_the_one_before() {
        let next = first().at(2027).unwrap().unwrap();

        // Python: hmac(hmac(bytes(32), b"\x07"*32), b"varco/subject/2027\x01")
        let expected = "cf690efc5daed4c55b2dc9aea3a3715c50b6794be50480269f993b742bb6dbb4";
        assert_eq!(
            next.text().as_str(),
            format!("varco/subject/2027 {expected}\n")
        );
    }

    #[test]
    fn way_to_a_year_is_one_and_none_leads_back() {
        let at = |key: &YearKey, year| key.at(year).unwrap();
        let later = at(&first(), 2027).unwrap();

        assert_eq!(at(&first(), 2029), at(&later, 2029));
        assert_eq!(at(&first(), 2026), Some(first()));
        assert_eq!(at(&later, 2026), None);
    }

    #[test]
    fn key_is_read_again_and_nothing_else_is_one() {
        let key = YearKey::generate(2026).unwrap();
        let text = key.text();

        assert_eq!(YearKey::parse(&text), Some(key));
        for bad in ["", "2026 07", "varco/subject/2026", "varco/subject/x 07"] {
            assert_eq!(YearKey::parse(bad), None, "{bad}");
        }
        assert_eq!(
            YearKey::parse(text.trim_end().strip_suffix(char::is_alphanumeric).unwrap()),
            None
        );
    }

    #[test]
    fn years_subjects_and_actors_cannot_be_linked() {
        let cf = "RSSMRA80A01H501U";
        let identifier = Identifier::of(CodiceFiscale, "", cf).unwrap();
        let now = first().hashes().unwrap();
        let next = first().at(2027).unwrap().unwrap().hashes().unwrap();

        let all = [
            now.subject(&identifier),
            next.subject(&identifier),
            now.actor("client", cf),
            now.actor("clien", &format!("t{cf}")),
            next.actor("client", cf),
        ];

        let apart: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(apart.len(), all.len());
        assert_eq!(now.actor("client", cf), now.actor("client", cf));
        assert_eq!((now.year(), next.year()), (2026, 2027));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", first()), "YearKey(2026)");
    }
}
