//! Names of tiles: the pieces of 256 hashes in which a log is stored and served.
//!
//! A full tile never changes, so it can be cached and copied for ever; only the last one of each
//! level is partial (C2SP tlog-tiles). A path has exactly one spelling, so that two names never
//! mean one tile and no path leads outside the log's folder.
//! Nothing is stored here: `Tiles` builds them, and callers keep them.

mod builder;
mod entries;

use crate::error::{Error, LoadError};
use crate::hash::Hash;

pub use builder::Tiles;
pub use entries::{decode_entries, encode_entries};

/// The number of hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Names a tile: where it is and how many hashes it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TileId {
    /// Height in tiles: level 0 holds leaves, each level above roots of full tiles below.
    pub level: u8,
    /// Position within the level.
    pub index: u64,
    /// Number of hashes, 1 to 256.
    pub width: u16,
}

impl TileId {
    /// Reads a path written by `path`.
    ///
    /// # Errors
    ///
    /// `MalformedTilePath` for anything but the canonical spelling of a possible tile.
    pub fn parse(path: &str) -> Result<Self, Error> {
        Self::read_path(path)
            .filter(|id| id.path() == path)
            .ok_or(Error::MalformedTilePath)
    }

    /// The path of the tile below the log's prefix, as in `tile/0/x001/067.p/8`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, number(self.index, self.width))
    }

    /// The path of the bundle that holds the entries of a level 0 tile.
    #[must_use]
    pub fn entries_path(index: u64, width: u16) -> String {
        format!("tile/entries/{}", number(index, width))
    }

    /// Whether the tile is complete and so will never change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == FULL
    }

    /// Calls the reader for this tile and keeps exactly its width.
    pub(crate) fn read<E>(
        self,
        read: &mut impl FnMut(Self) -> Result<Vec<Hash>, E>,
    ) -> Result<Vec<Hash>, LoadError<E>> {
        let mut hashes = read(self).map_err(LoadError::Read)?;
        if hashes.len() < usize::from(self.width) {
            return Err(LoadError::Malformed(Error::ShortTile(self)));
        }
        hashes.truncate(usize::from(self.width));
        Ok(hashes)
    }

    /// The tile that holds the hash at `position` of `level` in a tree of `size`.
    pub(crate) fn holding(level: u8, position: u64, size: u64) -> Self {
        let index = position / TILE_WIDTH;
        let present = hashes_at(level, size).saturating_sub(index * TILE_WIDTH);
        let width = u16::try_from(present).unwrap_or(FULL).min(FULL);
        Self {
            level,
            index,
            width,
        }
    }

    /// Reads the parts of a path, leaving their exact spelling to the caller.
    fn read_path(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, width.parse().ok()?),
            None => (rest, FULL),
        };
        let level = level.parse().ok().filter(|level| *level <= MAX_LEVEL)?;
        let index = index.replace(['x', '/'], "").parse().ok()?;
        (1..=FULL).contains(&width).then_some(Self {
            level,
            index,
            width,
        })
    }
}

/// Every tile of a tree of `size` leaves, level by level from the leaves.
pub fn tiles_for(size: u64) -> impl Iterator<Item = TileId> {
    (0..LEVELS).flat_map(move |level| {
        let tiles = hashes_at(level, size).div_ceil(TILE_WIDTH);
        (0..tiles).map(move |index| TileId::holding(level, index * TILE_WIDTH, size))
    })
}

/// The partial tiles of a tree of `size` leaves, from the leaves up.
pub(crate) fn edge(size: u64) -> impl Iterator<Item = TileId> {
    let next = move |level| TileId::holding(level, hashes_at(level, size), size);
    (0..LEVELS).map(next).filter(|id| id.width > 0)
}

/// The number of hashes that a tree of `size` leaves has at a tile level.
fn hashes_at(level: u8, size: u64) -> u64 {
    size.checked_shr(u32::from(level) * 8).unwrap_or(0)
}

/// Writes an index in groups of three digits, and the width if it is partial.
fn number(index: u64, width: u16) -> String {
    let partial = if width == FULL {
        String::new()
    } else {
        format!(".p/{width}")
    };
    let mut path = format!("{:03}{partial}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

/// `TILE_WIDTH` as a width.
const FULL: u16 = 256;

/// Levels of the largest tree: 256⁸ leaves are one more than a 64-bit size can say.
const LEVELS: u8 = 8;

/// The highest level that a path may name (C2SP tlog-tiles).
const MAX_LEVEL: u8 = 63;

#[cfg(test)]
mod tests;
