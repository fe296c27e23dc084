//! The check of a note against one known key.
//!
//! Signatures of the known key must all be good and one must be there; those of other keys prove
//! nothing and are passed over (C2SP signed-note). Several keys are for `crate::policy`.

use std::fmt;
use std::str::FromStr;

use super::Note;
use super::key::{Key, Kind};
use crate::error::Error;

/// Checks notes against a named Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    pub(super) key: Key,
}

impl Verifier {
    /// A public key (RFC 8032) under a name.
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, Error> {
        Key::new(name, public, Kind::Signature).map(|key| Self { key })
    }

    /// The name of the key: the origin of the log that it speaks for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The key without its name.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.public
    }

    /// The signed text of a note, with its final newline.
    ///
    /// # Errors
    ///
    /// `MalformedNote` for what is not a note, `BadSignature` when the key's signature does not
    /// verify, `Unsigned` when there is none.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, Error> {
        let note = Note::parse(note)?;
        if note.lines_of(self)?.is_empty() {
            return Err(Error::Unsigned);
        }
        Ok(note.text())
    }
}

impl fmt::Display for Verifier {
    /// Writes the key as `Signer::vkey` does.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(out)
    }
}

impl FromStr for Verifier {
    type Err = Error;

    /// Reads a key as `Signer::vkey` writes it.
    fn from_str(text: &str) -> Result<Self, Error> {
        Key::parse(text, Kind::Signature).map(|key| Self { key })
    }
}
