//! The hash of a document: SHA-256, the one that AgID's guidelines default to (Allegato 6, tab. 1).
//!
//! It identifies the bytes, so that equal bytes are stored once and changed bytes are noticed.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use crate::testo::Malformed;

/// SHA-256 of the bytes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impronta([u8; 32]);

impl Impronta {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Impronta {
    type Error = Malformed;

    fn try_from(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes
            .try_into()
            .map_err(|_| Malformed("must be 32 bytes".to_owned()))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Impronta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A hash that is still being computed, block by block.
#[derive(Clone)]
pub struct Calcolo(Context);

impl Calcolo {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all bytes so far.
    #[must_use]
    pub fn finish(self) -> Impronta {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Impronta(bytes)
    }
}

impl Default for Calcolo {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl fmt::Debug for Calcolo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calcolo")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hash_of_nothing_is_the_known_one() {
        let empty = Calcolo::default().finish().to_string();

        assert!(empty.starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }

    proptest! {
        #[test]
        fn hash_does_not_depend_on_where_blocks_end(bytes: Vec<u8>, cut: usize) {
            let (head, tail) = bytes.split_at(cut % (bytes.len() + 1));
            let (mut whole, mut parts) = (Calcolo::default(), Calcolo::default());
            whole.update(&bytes);
            parts.update(head);
            parts.update(tail);

            prop_assert_eq!(whole.finish(), parts.finish());
        }
    }
}
