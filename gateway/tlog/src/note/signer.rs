//! The private half of a note key.
//!
//! The key signs whatever text it is given: that a log never signs two heads that contradict
//! each other is the duty of the one writer that holds the signer.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use super::{MARK, MAX_TEXT, is_clean};
use crate::error::Error;

/// Signs notes with a named Ed25519 key.
pub struct Signer {
    key: Key,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` without randomness.
    pub fn generate(name: &str) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::generate().map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair)
    }

    /// Takes up a stored key: PKCS#8 in DER, version 1 (RFC 5208) or 2 (RFC 5958).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` for anything but an
    /// Ed25519 key.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair)
    }

    /// Takes up a key from its 32-byte seed (RFC 8032).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` if the library fails.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair)
    }

    /// The key as PKCS#8 version 1 in DER, the form that OpenSSL reads too.
    ///
    /// # Errors
    ///
    /// `KeyRejected` if the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        let document = self.pair.to_pkcs8v1().map_err(|_| Error::KeyRejected)?;
        Ok(document.as_ref().to_vec())
    }

    /// Signs a text that ends in a newline and returns the note.
    ///
    /// # Errors
    ///
    /// `MalformedNote` for a text that no note can carry, `KeyRejected` if the library fails.
    pub fn sign(&self, text: &str) -> Result<String, Error> {
        if text.len() > MAX_TEXT || !text.ends_with('\n') || !is_clean(text) {
            return Err(Error::MalformedNote);
        }
        let signature = self
            .pair
            .try_sign(text.as_bytes())
            .map_err(|_| Error::KeyRejected)?;
        let encoded = STANDARD.encode([self.key.id.as_slice(), signature.as_ref()].concat());
        Ok(format!("{text}\n{MARK}{} {encoded}\n", self.key.name))
    }

    /// The public key as `name+id+key`, to hand to whoever checks the notes.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.key.to_string()
    }

    /// The name of the key: the origin of the log that it signs for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.key.name
    }

    fn new(name: &str, pair: Ed25519KeyPair) -> Result<Self, Error> {
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| Error::KeyRejected)?;
        Ok(Self {
            key: Key::new(name, public)?,
            pair,
        })
    }
}

impl fmt::Debug for Signer {
    /// Prints the public key only.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({})", self.key)
    }
}
