//! SHA-256 hashes of the Merkle tree, as RFC 6962 (section 2.1) defines them.
//!
//! Leaves and inner nodes are hashed under different prefixes, so nobody can present an inner
//! node as an entry. All formats write a hash in base64; `Debug` is for people.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

/// The hash of a leaf, of an inner node or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The root of the tree without leaves: SHA-256 of nothing.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Hashes an entry into a leaf.
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        Self::digest(&[&[LEAF], data])
    }

    /// Hashes two children into their parent.
    #[must_use]
    pub fn node(left: &Self, right: &Self) -> Self {
        let mut both = [NODE; 65];
        let (_, hashes) = both.split_at_mut(1);
        let (one, other) = hashes.split_at_mut(32);
        one.copy_from_slice(&left.0);
        other.copy_from_slice(&right.0);
        Self::sha256(&both)
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the base64 of RFC 4648, section 4.
    pub(crate) fn from_base64(text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text).map_err(|_| Error::MalformedHash)?;
        Self::try_from(bytes.as_slice())
    }

    /// Writes the base64 of RFC 4648, section 4.
    pub(crate) fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// Hashes the parts one after the other, without a prefix.
    pub(crate) fn digest(parts: &[&[u8]]) -> Self {
        // Copying them together costs less than a context of the library.
        Self::sha256(&parts.concat())
    }

    fn sha256(data: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, data).as_ref());
        Self(bytes)
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl TryFrom<&[u8]> for Hash {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self).map_err(|_| Error::MalformedHash)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

const LEAF: u8 = 0x00;
const NODE: u8 = 0x01;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_root_is_the_digest_of_nothing() {
        assert_eq!(Hash::EMPTY, Hash::digest(&[]));
    }

    #[test]
    fn empty_leaf_is_the_hash_published_for_rfc_6962() {
        let printed = format!("{:?}", Hash::leaf(b""));

        assert_eq!(
            printed,
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }

    #[test]
    fn inner_node_is_not_the_leaf_of_its_children() {
        let (left, right) = (Hash::leaf(b"a"), Hash::leaf(b"b"));
        let forged = [left.as_bytes().as_slice(), right.as_bytes()].concat();

        assert_ne!(Hash::node(&left, &right), Hash::leaf(&forged));
    }

    #[test]
    fn bytes_of_another_length_are_not_a_hash() {
        for length in [0, 31, 33, 64] {
            let bytes = vec![0; length];

            assert_eq!(Hash::try_from(bytes.as_slice()), Err(Error::MalformedHash));
        }
    }

    #[test]
    fn hash_survives_the_way_through_bytes() {
        let hash = Hash::leaf(b"entry");

        assert_eq!(Hash::try_from(hash.as_bytes().as_slice()), Ok(hash));
        assert_eq!(Hash::from(*hash.as_bytes()), hash);
    }
}
