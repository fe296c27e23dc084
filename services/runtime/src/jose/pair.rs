//! Key pairs, parsed once, each with its one way to sign.
//!
//! A pair of aws-lc lives in memory that the library wipes when it frees it, so nothing here has
//! to; the text and the bytes that it was read from are wiped by their own types.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use jsonwebtoken::DecodingKey;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use super::Error;

/// A key pair of an accepted kind.
pub(super) enum Pair {
    /// EC P-256, for ES256: a signature is `r` and `s` side by side (RFC 7518 §3.4).
    Ecdsa(EcdsaKeyPair),
    /// Ed25519, for `EdDSA`.
    Ed25519(Ed25519KeyPair),
    /// RSA of at least 2048 bits, for RS256.
    Rsa(rsa::KeyPair),
}

impl Pair {
    /// Parses a PKCS#8 PEM private key.
    pub(super) fn from_pem(pem: &str) -> Result<Self, Error> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| Error::Key)?;
        let der = Zeroizing::new(der);
        let der = der.secret_pkcs8_der();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
            return Ok(Self::Ecdsa(pair));
        }
        // The public half may be missing (RFC 5208, as OpenSSL writes it).
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
            return Ok(Self::Ed25519(pair));
        }
        let pair = rsa::KeyPair::from_pkcs8(der).map_err(|_| Error::Key)?;
        Ok(Self::Rsa(pair))
    }

    /// The public half.
    pub(super) fn public(&self) -> DecodingKey {
        match self {
            Self::Ecdsa(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::Ed25519(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
            Self::Rsa(pair) => DecodingKey::from_rsa_der(pair.public_key().as_ref()),
        }
    }

    /// The signature over a message.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(pair) => {
                let signed = pair.sign(&random, message).map_err(|_| Error::Sign)?;
                Ok(signed.as_ref().to_vec())
            }
            Self::Ed25519(pair) => {
                let signed = pair.try_sign(message).map_err(|_| Error::Sign)?;
                Ok(signed.as_ref().to_vec())
            }
            Self::Rsa(pair) => {
                let mut signed = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signed)
                    .map_err(|_| Error::Sign)?;
                Ok(signed)
            }
        }
    }
}
