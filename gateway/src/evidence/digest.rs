//! The digest of a message (RFC 3230, as `INTEGRITY_REST_02` has it): `digest: SHA-256=<base64>`.
//!
//! It is of the message's own bytes as they came, uncompressed and without the five bytes that gRPC
//! puts before them. Protobuf has many encodings of one message, so nothing is ever encoded again.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The metadata key.
pub const NAME: &str = "digest";

/// The SHA-256 that a message must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Reads `SHA-256=` and 44 characters of base64, the one form that is taken.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix("SHA-256=")?;
        let bytes = STANDARD.decode(encoded).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// Whether a message, as it came, is the one that was signed.
#[must_use]
pub fn matches(expected: &Digest, message: &[u8]) -> bool {
    digest(&SHA256, message).as_ref() == expected.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn one_form_is_taken() {
        let expected = Digest::parse(&format!("SHA-256={EMPTY}")).unwrap();

        assert!(matches(&expected, b""));
        assert!(!matches(&expected, b"x"));
        for text in [
            format!("sha-256={EMPTY}"),
            format!("SHA-512={EMPTY}"),
            format!("SHA-256={}", EMPTY.trim_end_matches('=')),
            format!("SHA-256={}", EMPTY.replace('+', "-").replace('/', "_")),
            format!("SHA-256={EMPTY},SHA-256={EMPTY}"),
            format!("SHA-256= {EMPTY}"),
            format!("SHA-256={}", "00".repeat(32)),
            "SHA-256=AAAA".to_owned(),
            String::new(),
        ] {
            assert_eq!(Digest::parse(&text), None, "{text}");
        }
    }
}
