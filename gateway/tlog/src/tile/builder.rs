//! The writer's side of tiles: what must be stored after new leaves.
//!
//! Only the last tile of each level can change, so those are kept in memory and everything
//! before them is handed out once and forgotten. A clone is the way back for a writer whose
//! transaction fails. Storing and signing are the caller's.

use crate::error::LoadError;
use crate::hash::Hash;
use crate::tile::{FULL, LEVELS, TileId, hashes_at};
use crate::tree::Tree;

/// The right edge of a growing log, and the tiles not yet taken to storage.
#[derive(Clone, Debug)]
pub struct Tiles {
    tree: Tree,
    /// The tile being filled at each level, leaves first.
    edge: Vec<Edge>,
    /// Tiles completed since the last take.
    full: Vec<(TileId, Vec<Hash>)>,
}

impl Tiles {
    /// The tiles of an empty log.
    #[must_use]
    pub fn new() -> Self {
        let edge = (0..LEVELS).map(Edge::new).collect();
        Self {
            tree: Tree::new(),
            edge,
            full: Vec::new(),
        }
    }

    /// Takes up a log of `size` leaves from its stored partial tiles.
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
        let edge: Result<Vec<_>, _> = (0..LEVELS)
            .map(|level| Edge::load(level, size, &mut read))
            .collect();
        let edge = edge?;
        let tree = Tree::join(size, edge.iter().rev().map(|edge| edge.hashes.as_slice()));
        Ok(Self {
            tree,
            edge,
            full: Vec::new(),
        })
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let Self { tree, edge, full } = self;
        tree.grow(leaf, |height, root| {
            // A level holds the roots of every 256th part of the one below it.
            let level = usize::try_from(height / HEIGHT).unwrap_or(usize::MAX);
            let edge = edge.get_mut(level).filter(|_| height % HEIGHT == 0);
            full.extend(edge.and_then(|edge| edge.push(root)));
        });
    }

    /// The number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The root hash of all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// The partial tiles, from the leaves up.
    #[must_use]
    pub fn edge(&self) -> Vec<(TileId, Vec<Hash>)> {
        let partial = self.edge.iter().filter(|edge| !edge.hashes.is_empty());
        let tile = |edge: &Edge| {
            let width = u16::try_from(edge.hashes.len()).unwrap_or(FULL);
            let (level, index) = (edge.level, edge.index);
            let id = TileId {
                level,
                index,
                width,
            };
            (id, edge.hashes.clone())
        };
        partial.map(tile).collect()
    }

    /// Takes the tiles that changed since the last take, each in its present width.
    ///
    /// First come the tiles completed meanwhile, in the order of completion, then the partial
    /// ones from the leaves up. Stored together they serve every proof at the present size.
    pub fn take_changed(&mut self) -> Vec<(TileId, Vec<Hash>)> {
        let mut changed = std::mem::take(&mut self.full);
        changed.extend(self.edge.iter_mut().filter_map(Edge::take_changed));
        changed
    }
}

impl Default for Tiles {
    fn default() -> Self {
        Self::new()
    }
}

/// The tile of one level that is being filled; it is never left full.
#[derive(Clone, Debug)]
struct Edge {
    level: u8,
    index: u64,
    hashes: Vec<Hash>,
    changed: bool,
}

impl Edge {
    fn new(level: u8) -> Self {
        Self {
            level,
            index: 0,
            hashes: Vec::new(),
            changed: false,
        }
    }

    fn load<E>(
        level: u8,
        size: u64,
        read: &mut impl FnMut(TileId) -> Result<Vec<Hash>, E>,
    ) -> Result<Self, LoadError<E>> {
        let id = TileId::holding(level, hashes_at(level, size), size);
        let hashes = if id.width > 0 {
            id.read(read)?
        } else {
            Vec::new()
        };
        Ok(Self {
            level,
            index: id.index,
            hashes,
            changed: false,
        })
    }

    /// Adds a hash and gives the tile away when that completes it.
    fn push(&mut self, hash: Hash) -> Option<(TileId, Vec<Hash>)> {
        self.hashes.push(hash);
        self.changed = self.hashes.len() < usize::from(FULL);
        if self.changed {
            return None;
        }
        let id = TileId {
            level: self.level,
            index: self.index,
            width: FULL,
        };
        self.index += 1;
        Some((id, std::mem::take(&mut self.hashes)))
    }

    fn take_changed(&mut self) -> Option<(TileId, Vec<Hash>)> {
        let width = u16::try_from(self.hashes.len()).ok()?;
        let id = TileId {
            level: self.level,
            index: self.index,
            width,
        };
        std::mem::take(&mut self.changed).then(|| (id, self.hashes.clone()))
    }
}

/// Levels of the tree that a tile spans.
const HEIGHT: u32 = 8;

#[cfg(test)]
mod tests;
