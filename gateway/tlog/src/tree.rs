//! The growing tree, kept as the roots of its perfect subtrees.
//!
//! A tree of any size is a row of perfect subtrees, one for each bit of the size. Their roots
//! are all that is needed to add leaves and to know the root: a few hundred bytes for any log.
//! Leaves are not kept here; `crate::tile` keeps what proofs need.

use crate::error::LoadError;
use crate::hash::Hash;
use crate::tile::{self, TileId};

/// A Merkle tree that can grow and tell its root (RFC 6962, section 2.1).
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the perfect subtrees, widest first.
    peaks: Vec<Hash>,
}

impl Tree {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds a tree of `size` leaves from the last tile of each level.
    ///
    /// `read` is given each tile with its width and returns at least that many hashes.
    ///
    /// # Errors
    ///
    /// `Read` when the reader fails, `Malformed` when a tile is too short.
    pub fn load<E>(
        size: u64,
        mut read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, LoadError<E>> {
        let tiles: Result<Vec<_>, _> = tile::edge(size).map(|id| id.read(&mut read)).collect();
        Ok(Self::join(size, tiles?.iter().rev().map(Vec::as_slice)))
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.grow(leaf, |_, _| {});
    }

    /// Appends a leaf, and tells height and root of each perfect subtree that it completes, itself first.
    pub(crate) fn grow(&mut self, leaf: Hash, mut completes: impl FnMut(u32, Hash)) {
        let mut peak = leaf;
        completes(0, peak);
        // Every trailing one bit of the size is a perfect subtree that the new one completes.
        for height in 1..=self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                peak = Hash::node(&left, &peak);
            }
            completes(height, peak);
        }
        self.peaks.push(peak);
        self.size += 1;
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root hash of all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold(&self.peaks)
    }

    /// Joins the hashes of partial tiles, highest level first, into a tree of `size` leaves.
    pub(crate) fn join<'a>(size: u64, tiles: impl Iterator<Item = &'a [Hash]>) -> Self {
        // A tile's own peaks are the tree's: levels are 8 bits of the size each.
        let peaks = tiles.flat_map(|hashes| hashes.iter().copied().collect::<Self>().peaks);
        Self {
            size,
            peaks: peaks.collect(),
        }
    }
}

impl FromIterator<Hash> for Tree {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}

/// The root over a row of perfect subtrees, widest first.
pub(crate) fn fold(peaks: &[Hash]) -> Hash {
    let root = peaks
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| Hash::node(&left, &right));
    root.unwrap_or(Hash::EMPTY)
}

#[cfg(test)]
mod tests;
