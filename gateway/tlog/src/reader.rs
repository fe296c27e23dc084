//! Hashes of any part of a stored tree, computed from its tiles.
//!
//! Proofs ask for ranges of leaves; a range is a row of perfect subtrees, and each of those lies
//! within a single tile. A tile is asked for once per reader, in the width that it has in a tree
//! of the given size. Which ranges make a proof is for `crate::proof`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use crate::error::LoadError;
use crate::hash::Hash;
use crate::tile::TileId;
use crate::tree::{self, Tree};

/// A stored tree of a known size.
pub(crate) struct Reader<F> {
    size: u64,
    read: F,
    tiles: BTreeMap<TileId, Vec<Hash>>,
}

impl<E, F: FnMut(TileId) -> Result<Vec<Hash>, E>> Reader<F> {
    /// A reader over a tree of `size` leaves.
    pub(crate) fn new(size: u64, read: F) -> Self {
        Self {
            size,
            read,
            tiles: BTreeMap::new(),
        }
    }

    /// The root over a range of leaves.
    ///
    /// The range must be a subtree of RFC 6962: its start a multiple of the largest power of two
    /// that fits into it.
    pub(crate) fn range(&mut self, leaves: Range<u64>) -> Result<Hash, LoadError<E>> {
        let mut peaks = Vec::new();
        let mut start = leaves.start;
        while let Some(height) = (leaves.end - start).checked_ilog2() {
            peaks.push(self.perfect(start, height)?);
            start += 1 << height;
        }
        Ok(tree::fold(&peaks))
    }

    /// The root of the perfect subtree of a height that begins at a leaf.
    fn perfect(&mut self, start: u64, height: u32) -> Result<Hash, LoadError<E>> {
        let [level, ..] = (height / 8).to_le_bytes();
        let position = start >> (height / 8 * 8);
        // The low byte of a position is the place within its tile, for tiles are 256 wide.
        let [place, ..] = position.to_le_bytes();
        let hashes = self.tile(TileId::holding(level, position, self.size))?;
        let run = hashes
            .iter()
            .skip(usize::from(place))
            .take(1 << (height % 8));
        Ok(run.copied().collect::<Tree>().root())
    }

    fn tile(&mut self, id: TileId) -> Result<&[Hash], LoadError<E>> {
        match self.tiles.entry(id) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(id.read(&mut self.read)?)),
        }
    }
}
