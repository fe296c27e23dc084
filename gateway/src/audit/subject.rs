//! Data subjects as records name them: by keyed hashes of their identifiers.
//!
//! A codice fiscale follows from name, birthday and birthplace (DM 23/12/1976), so that a hash
//! without a key would be no secret. With the year's key (`keys::ratchet`) the same identifier has
//! the same reference all year, and nobody without that key can tell whose it is. What is hashed is
//! `cf:<codice fiscale>`, `anpr:<id>` or `num:<field>:<number>`.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{Context, Key};
use unicode_normalization::UnicodeNormalization as _;
use varco_proto::audit::v1::Subject;
use varco_proto::options::v1::SubjectKind;

/// What identifies a data subject, in the one form in which it is hashed.
///
/// Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identifier {
    kind: SubjectKind,
    /// 1 to 64 bytes.
    text: String,
    /// Full name of the field, for numbers of records.
    scope: String,
}

/// A keyed hash of an identifier, or of a person who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(pub [u8; 16]);

impl Identifier {
    /// An identifier as it was sent, with the field that holds it; none where it is blank.
    ///
    /// It is trimmed and brought into NFC, and into capitals unless it is a number of a record. It
    /// need not be valid: who was looked for in vain was looked for. What is longer than 64 bytes
    /// goes by its SHA-256 in hexadecimal.
    #[must_use]
    pub fn of(kind: SubjectKind, scope: &str, sent: &str) -> Option<Self> {
        let sent = sent.trim();
        let is_number = matches!(kind, SubjectKind::RecordNumber | SubjectKind::Unspecified);
        let text: String = match (is_number, sent.is_ascii()) {
            // ASCII is in NFC as it stands.
            (true, true) => sent.to_owned(),
            (false, true) => sent.to_ascii_uppercase(),
            (true, false) => sent.nfc().collect(),
            (false, false) => sent.nfc().flat_map(char::to_uppercase).collect(),
        };
        let scope = if is_number { scope } else { "" };
        (!text.is_empty()).then(|| Self {
            kind,
            text: bounded(text),
            scope: scope.to_owned(),
        })
    }

    /// The text in the form in which it is hashed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The reference under a year's key.
    #[must_use]
    pub fn reference(&self, key: &Key) -> Reference {
        let mut context = Context::with_key(key);
        match self.kind {
            SubjectKind::CodiceFiscale => context.update(b"cf:"),
            SubjectKind::IdAnpr => context.update(b"anpr:"),
            SubjectKind::RecordNumber | SubjectKind::Unspecified => {
                context.update(b"num:");
                context.update(self.scope.as_bytes());
                context.update(b":");
            }
        }
        context.update(self.text.as_bytes());
        Reference::of(context)
    }
}

impl Reference {
    /// The first half of a finished hash.
    #[must_use]
    pub fn of(context: Context) -> Self {
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Self(half)
    }
}

impl From<Identifier> for Subject {
    fn from(identifier: Identifier) -> Self {
        Self {
            kind: identifier.kind.into(),
            identifier: identifier.text,
            scope: identifier.scope,
        }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identifier({:?})", self.kind)
    }
}

fn bounded(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    hex::encode(digest(&SHA256, text.as_bytes()))
}

/// Longest identifier in bytes; a SHA-256 in hexadecimal has as many.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac::HMAC_SHA256;
    use varco_proto::options::v1::SubjectKind::{CodiceFiscale, IdAnpr, RecordNumber};

    use super::*;

    fn reference(kind: SubjectKind, scope: &str, sent: &str) -> Option<Reference> {
        let key = Key::new(HMAC_SHA256, &[7; 32]);
        Identifier::of(kind, scope, sent).map(|it| it.reference(&key))
    }

    /// What anybody who has the key computes with any tool.
    fn plain(text: &str) -> Option<Reference> {
        let tag = aws_lc_rs::hmac::sign(&Key::new(HMAC_SHA256, &[7; 32]), text.as_bytes());
        tag.as_ref()[..16].try_into().ok().map(Reference)
    }

    #[test]
    fn reference_is_half_the_keyed_hash_of_one_form() {
        let cf = "RSSMRA80A01H501U";

        assert_eq!(
            reference(CodiceFiscale, "a.M.cf", cf),
            plain("cf:RSSMRA80A01H501U")
        );
        assert_eq!(reference(IdAnpr, "a.M.id", "ab123"), plain("anpr:AB123"));
        assert_eq!(
            reference(RecordNumber, "a.M.n", "x/7"),
            plain("num:a.M.n:x/7")
        );
    }

    #[test]
    fn ways_to_write_an_identifier_are_one() {
        let cf = |sent| reference(CodiceFiscale, "", sent);

        assert_eq!(cf(" rssmra80a01h501u\n"), cf("RSSMRA80A01H501U"));
        assert_eq!(cf("cafe\u{301}"), cf("CAFÉ"));
        assert_ne!(cf("RSSMRA80A01H501U"), cf("RSSMRA80A01H501X"));
        assert_eq!(cf(" \t"), None);
    }

    #[test]
    fn field_and_kind_keep_equal_texts_apart() {
        let all = [
            reference(CodiceFiscale, "a.M.f", "7"),
            reference(IdAnpr, "a.M.f", "7"),
            reference(RecordNumber, "a.M.f", "7"),
            reference(RecordNumber, "a.M.g", "7"),
        ];

        let apart: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(apart.len(), all.len());
    }

    #[test]
    fn long_identifier_is_bounded_and_stays_its_own() {
        let [one, other] = ["a", "b"].map(|end| format!("{}{end}", "x".repeat(5000)));
        let text = |sent: &str| Identifier::of(RecordNumber, "a.M.f", sent).unwrap();

        assert_eq!(text(&one).text().len(), 64);
        assert_ne!(text(&one), text(&other));
        assert_eq!(text(&"x".repeat(64)).text(), "x".repeat(64));
    }

    #[test]
    fn debug_shows_nobody() {
        let identifier = Identifier::of(CodiceFiscale, "a.M.f", "RSSMRA80A01H501U").unwrap();

        assert!(!format!("{identifier:?}").contains("RSS"));
    }
}
