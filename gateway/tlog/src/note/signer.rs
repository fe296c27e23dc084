//! The private key that signs notes.
//!
//! The key signs whatever text it is given: that a log never signs two heads that contradict
//! each other is the duty of the one writer that holds the signer.

use super::key::Kind;
use super::secret::Secret;
use super::{MAX_TEXT, is_clean};
use crate::error::Error;

/// Signs notes with a named Ed25519 key.
#[derive(Debug)]
pub struct Signer(Secret);

impl Signer {
    /// Makes a new key from the system's randomness.
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` without randomness.
    pub fn generate(name: &str) -> Result<Self, Error> {
        Secret::generate(name, Kind::Signature).map(Self)
    }

    /// Takes up a stored key: PKCS#8 in DER, version 1 (RFC 5208) or 2 (RFC 5958).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` for anything but an
    /// Ed25519 key.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, Error> {
        Secret::from_pkcs8(name, der, Kind::Signature).map(Self)
    }

    /// Takes up a key from its 32-byte seed (RFC 8032).
    ///
    /// # Errors
    ///
    /// `MalformedName` for a name that no note can carry, `KeyRejected` if the library fails.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, Error> {
        Secret::from_seed(name, seed, Kind::Signature).map(Self)
    }

    /// The key as PKCS#8 version 1 in DER, the form that OpenSSL reads too.
    ///
    /// # Errors
    ///
    /// `KeyRejected` if the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        self.0.to_pkcs8()
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
        let line = self.0.line(text.as_bytes(), &[])?;
        Ok(format!("{text}\n{line}"))
    }

    /// The public key as `name+id+key`, to hand to whoever checks the notes.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.0.key.to_string()
    }

    /// The name of the key: the origin of the log that it signs for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.key.name
    }
}
