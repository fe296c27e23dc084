//! The key by which a caller asks for the same write twice and gets it once.
//!
//! The key belongs to the client that sent it, and stands for one content: the service keeps it
//! with a digest of the request in the transaction of the change itself.

use aws_lc_rs::digest::{SHA256, digest};
use tonic::metadata::MetadataMap;

use crate::problem::Problem;

/// An `idempotency-key` with the digest of the request that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    digest: [u8; 32],
}

impl IdempotencyKey {
    /// Takes the key out of the metadata of a write; a write without one is refused.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` when the key is missing, empty, longer than 128 bytes or not ASCII.
    pub fn parse(metadata: &MetadataMap, content: &[u8]) -> Result<Self, Problem> {
        let value = metadata
            .get("idempotency-key")
            .ok_or_else(|| Problem::invalid("idempotency-key", "is required on a write"))?;
        let key = value
            .to_str()
            .map_err(|_| Problem::invalid("idempotency-key", "must be printable ASCII"))?;
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Problem::invalid(
                "idempotency-key",
                "must have 1 to 128 characters",
            ));
        }
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, content).as_ref());
        Ok(Self {
            key: key.to_owned(),
            digest: bytes,
        })
    }

    /// The key as the caller sent it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// SHA-256 of the request that the key stands for.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Checks a digest that was stored under this key against the present request.
    ///
    /// # Errors
    ///
    /// `ALREADY_EXISTS`, reason `IDEMPOTENCY_KEY_REUSED`, when the content was another.
    pub fn check(&self, stored: &[u8]) -> Result<(), Problem> {
        if stored == self.digest {
            return Ok(());
        }
        Err(Problem::new(
            tonic::Code::AlreadyExists,
            "IDEMPOTENCY_KEY_REUSED",
            "idempotency-key was used before with other content: make a new key",
            "la chiave di idempotenza è già stata usata con un altro contenuto",
        ))
    }
}

const MAX_KEY: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_without_a_key_is_refused() {
        let refused = IdempotencyKey::parse(&MetadataMap::new(), b"x").unwrap_err();

        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }

    #[test]
    fn key_stands_for_one_content() {
        let mut metadata = MetadataMap::new();
        metadata.insert("idempotency-key", "k1".parse().unwrap());
        let first = IdempotencyKey::parse(&metadata, b"one").unwrap();
        let second = IdempotencyKey::parse(&metadata, b"two").unwrap();

        assert!(first.check(first.digest()).is_ok());
        assert_eq!(
            second.check(first.digest()).unwrap_err().reason(),
            "IDEMPOTENCY_KEY_REUSED"
        );
    }
}
