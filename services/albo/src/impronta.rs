//! The hash by which a document is known: SHA-256 of its bytes.
//!
//! What is published must be what was registered, so the hash travels with the act from the
//! protocol to the board, and the board computes it anew over the bytes that it shows.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256 of a document.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Impronta([u8; 32]);

/// The bytes are not 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 32 bytes")]
pub struct InvalidImpronta;

/// A hash that is being computed, block after block.
pub struct Calcolo(Context);

impl Impronta {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Impronta {
    type Error = InvalidImpronta;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self).map_err(|_| InvalidImpronta)
    }
}

impl fmt::Display for Impronta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Impronta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for Calcolo {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Calcolo {
    /// Takes the next bytes in.
    pub fn update(&mut self, block: &[u8]) {
        self.0.update(block);
    }

    /// The hash of all bytes taken in.
    #[must_use]
    pub fn finish(self) -> Impronta {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Impronta(bytes)
    }
}

impl fmt::Debug for Calcolo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calcolo(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_does_not_depend_on_the_blocks() {
        let mut blocks = Calcolo::default();
        blocks.update(b"a");
        blocks.update(b"bc");

        let impronta = blocks.finish();

        // FIPS 180-4, example of SHA-256 over "abc".
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(impronta.to_string(), known);
        assert_eq!(Impronta::try_from(impronta.as_bytes()), Ok(impronta));
    }

    #[test]
    fn thirty_one_bytes_are_no_hash() {
        assert_eq!(Impronta::try_from([0; 31].as_slice()), Err(InvalidImpronta));
    }
}
