//! A private key that is wiped from memory when it is dropped.
//!
//! The library keeps the encoded key beside the parsed one and wipes neither by itself; the parsed
//! one is aws-lc's, which cleans what it frees.

use rcgen::{Error, KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey};
use zeroize::Zeroize as _;

/// A key pair that is wiped when it is dropped.
pub(super) struct Wiped(pub(super) KeyPair);

impl Wiped {
    /// Parses a private key in PKCS#8 PEM.
    pub(super) fn from_pem(pem: &str) -> Result<Self, Error> {
        KeyPair::from_pem(pem).map(Self)
    }
}

impl PublicKeyData for Wiped {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

impl SigningKey for Wiped {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.sign(message)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
