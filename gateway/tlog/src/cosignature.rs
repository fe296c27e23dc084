//! Cosignatures: a witness's word that a checkpoint is the newest that it has seen of a log
//! (C2SP tlog-cosignature, Ed25519, type 0x04).
//!
//! What is signed is the time and the whole text of the checkpoint, under a heading of its own, so
//! that a cosignature can never pass for the log's signature. The signature does not cover the
//! cosigner's name: a key belongs to one cosigner alone. Whether a checkpoint may be cosigned is
//! for `crate::witness`.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::Checkpoint;
use crate::decimal;
use crate::error::Error;
use crate::note::{Key, Kind, Note, Secret};

/// Cosigns checkpoints with a named Ed25519 key.
#[derive(Debug)]
pub struct Cosigner(Secret);

/// A cosignature that verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature<'a> {
    /// The signature line, newline included.
    pub line: &'a str,
    /// When it was given, in seconds since the Unix epoch.
    pub time: u64,
}

/// The public key of a cosigner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignerKey(Key);

impl Cosigner {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` without randomness.
    pub fn generate(name: &str) -> Result<Self, Error> {
        Secret::generate(name, Kind::Cosignature).map(Self)
    }

    /// Takes up a stored key: PKCS#8 in DER, version 1 (RFC 5208) or 2 (RFC 5958).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` for anything but an
    /// Ed25519 key.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, Error> {
        Secret::from_pkcs8(name, der, Kind::Cosignature).map(Self)
    }

    /// Takes up a key from its 32-byte seed (RFC 8032).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` if the library fails.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        Secret::from_seed(name, seed, Kind::Cosignature).map(Self)
    }

    /// The key as PKCS#8 version 1 in DER, the form that OpenSSL reads too.
    ///
    /// # Errors
    ///
    /// `KeyRejected` if the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        self.0.to_pkcs8()
    }

    /// Signs the checkpoint in a note at a time, in seconds since the Unix epoch.
    ///
    /// Returns the signature line with its newline; the caller has checked the note.
    ///
    /// # Errors
    ///
    /// `MalformedCheckpoint` or `MalformedName` when the text is no checkpoint, `TimeOutOfRange`
    /// for a time of 2⁶³ or more, `KeyRejected` if the library fails.
    pub fn cosign(&self, note: &Note<'_>, time: u64) -> Result<String, Error> {
        note.text().parse::<Checkpoint>()?;
        if time > decimal::MAX {
            return Err(Error::TimeOutOfRange);
        }
        let message = message(note.text(), time);
        self.0.line(message.as_bytes(), &time.to_be_bytes())
    }

    /// The public key as `name+id+key`.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.0.key.to_string()
    }

    /// The name of the cosigner.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.key.name
    }
}

impl CosignerKey {
    /// The name of the cosigner.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The key without its name.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.public
    }

    /// What this cosigner says of the checkpoint in a note: its newest word, if it has any.
    ///
    /// # Errors
    ///
    /// `BadSignature` when one of its cosignatures does not verify: then the note is to be refused.
    pub fn newest_on<'a>(&self, note: &Note<'a>) -> Result<Option<Cosignature<'a>>, Error> {
        let mut newest: Option<Cosignature<'a>> = None;
        for (line, bytes) in note.signatures_by(&self.0) {
            let time = self.check(note.text(), bytes)?;
            if newest.is_none_or(|known| known.time < time) {
                newest = Some(Cosignature { line, time });
            }
        }
        Ok(newest)
    }

    fn check(&self, text: &str, bytes: &[u8]) -> Result<u64, Error> {
        let (time, signature) = bytes.split_first_chunk().ok_or(Error::BadSignature)?;
        let time = u64::from_be_bytes(*time);
        if time > decimal::MAX {
            return Err(Error::BadSignature);
        }
        self.0.check(message(text, time).as_bytes(), signature)?;
        Ok(time)
    }
}

impl fmt::Display for CosignerKey {
    /// Writes the key as `Cosigner::vkey` does.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for CosignerKey {
    type Err = Error;

    /// Reads a key as `Cosigner::vkey` writes it.
    fn from_str(text: &str) -> Result<Self, Error> {
        Key::parse(text, Kind::Cosignature).map(Self)
    }
}

fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests;
