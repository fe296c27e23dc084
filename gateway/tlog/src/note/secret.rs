//! The private half of a note key, of either kind.
//!
//! It makes signature lines and knows nothing of what is signed: which message a kind of key signs
//! is said in `note::signer` and `crate::cosignature`.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::MARK;
use super::key::{Key, Kind};
use crate::error::Error;

/// A named Ed25519 key pair.
pub(crate) struct Secret {
    pub(crate) key: Key,
    pair: Ed25519KeyPair,
}

impl Secret {
    pub(crate) fn generate(name: &str, kind: Kind) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::generate().map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair, kind)
    }

    pub(crate) fn from_pkcs8(name: &str, der: &[u8], kind: Kind) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair, kind)
    }

    pub(crate) fn from_seed(name: &str, seed: &[u8; 32], kind: Kind) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::KeyRejected)?;
        Self::new(name, pair, kind)
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Vec<u8>, Error> {
        let document = self.pair.to_pkcs8v1().map_err(|_| Error::KeyRejected)?;
        Ok(document.as_ref().to_vec())
    }

    /// Signs a message and writes the line of a note, with `stamp` before the signature.
    pub(crate) fn line(&self, message: &[u8], stamp: &[u8]) -> Result<String, Error> {
        let signature = self
            .pair
            .try_sign(message)
            .map_err(|_| Error::KeyRejected)?;
        let bytes = [self.key.id.as_slice(), stamp, signature.as_ref()].concat();
        Ok(format!(
            "{MARK}{} {}\n",
            self.key.name,
            STANDARD.encode(bytes)
        ))
    }

    fn new(name: &str, pair: Ed25519KeyPair, kind: Kind) -> Result<Self, Error> {
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| Error::KeyRejected)?;
        Ok(Self {
            key: Key::new(name, public, kind)?,
            pair,
        })
    }
}

impl fmt::Debug for Secret {
    /// Prints the public key only.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.key)
    }
}
