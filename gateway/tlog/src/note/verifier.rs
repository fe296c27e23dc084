//! The check of a note against one known key.
//!
//! Signatures of the known key must all be good and one must be there; those of other keys prove
//! nothing and are passed over (C2SP signed-note). A policy over several keys is the caller's.

use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use super::split;
use crate::error::Error;

/// Checks notes against a named Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    key: Key,
}

impl Verifier {
    /// The name of the key: the origin of the log that it speaks for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    /// The signed text of a note, with its final newline.
    ///
    /// # Errors
    ///
    /// `MalformedNote` for what is not a note, `BadSignature` when the key's signature does not
    /// verify, `Unsigned` when there is none.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, Error> {
        let (text, lines) = split(note)?;
        let mut opened = Err(Error::Unsigned);
        for line in lines {
            let bytes = STANDARD
                .decode(line.signature)
                .map_err(|_| Error::MalformedNote)?;
            let (id, signature) = bytes.split_first_chunk().ok_or(Error::MalformedNote)?;
            if signature.is_empty() {
                return Err(Error::MalformedNote);
            }
            if line.name == self.key.name && *id == self.key.id {
                self.check(text, signature)?;
                opened = Ok(text);
            }
        }
        opened
    }

    fn check(&self, text: &str, signature: &[u8]) -> Result<(), Error> {
        UnparsedPublicKey::new(&ED25519, &self.key.public)
            .verify(text.as_bytes(), signature)
            .map_err(|_| Error::BadSignature)
    }
}

impl FromStr for Verifier {
    type Err = Error;

    /// Reads a key as `Signer::vkey` writes it.
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(|key| Self { key })
    }
}
