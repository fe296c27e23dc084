//! A seal: the digest of a batch of spans, as it stands in the register of accesses.
//!
//! The batch is hashed as it is stored, which is OTLP protobuf (`TracesData`); whoever gets the bytes
//! checks them with any SHA-256.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use uuid::Uuid;

/// A seal; its text is what a record of kind `TRACE_SEAL` holds as its detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The batch.
    pub batch: Uuid,
    /// How many spans it holds.
    pub spans: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// The text is no seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the detail is no seal of a batch of spans")]
pub struct NoSeal;

impl Seal {
    /// The seal of a batch.
    #[must_use]
    pub fn of(batch: Uuid, spans: u64, body: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, body);
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest.as_ref());
        Self {
            batch,
            spans,
            sha256,
        }
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            batch,
            spans,
            sha256,
        } = self;
        write!(
            f,
            "batch {batch} spans {spans} sha256 {}",
            hex::encode(sha256)
        )
    }
}

impl FromStr for Seal {
    type Err = NoSeal;

    fn from_str(text: &str) -> Result<Self, NoSeal> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["batch", batch, "spans", spans, "sha256", hash] = words.as_slice() else {
            return Err(NoSeal);
        };
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash, &mut sha256).map_err(|_| NoSeal)?;
        Ok(Self {
            batch: batch.parse().map_err(|_| NoSeal)?,
            spans: spans.parse().map_err(|_| NoSeal)?,
            sha256,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_seal_comes_back() {
        let seal = Seal::of(Uuid::from_u128(7), 3, b"spans");

        assert_eq!(seal.to_string().parse(), Ok(seal));
        assert_eq!("batch 7 spans 3".parse::<Seal>(), Err(NoSeal));
    }
}
