//! What the gateway's own keys are: the algorithms among which an installation chooses.

use serde::Deserialize;

use crate::pki::KeyKind;

/// Algorithm of the keys that sign vouchers and grants (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA of 2048 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

impl SigningAlgorithm {
    /// Its name in headers of tokens.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// The kind of key that it needs.
    #[must_use]
    pub fn kind(self) -> KeyKind {
        match self {
            Self::Es256 => KeyKind::EcP256,
            Self::EdDsa => KeyKind::Ed25519,
            Self::Rs256 => KeyKind::Rsa2048,
        }
    }
}
