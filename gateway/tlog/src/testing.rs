//! What the tests measure against: the tree exactly as RFC 6962 defines it, by recursion.

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::hash::Hash;
use crate::tile::{TileId, tiles_for};

/// A tree kept as all its leaves, with its tiles computed from the definition.
pub(crate) struct Stored {
    pub(crate) leaves: Vec<Hash>,
    pub(crate) tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Stored {
    /// A tree of `size` different leaves.
    pub(crate) fn new(size: u64) -> Self {
        let leaves = leaves(size);
        let tiles = tiles_for(size).map(|id| ((id.level, id.index), defined(id, &leaves)));
        Self {
            tiles: tiles.collect(),
            leaves,
        }
    }

    /// The root at an earlier size.
    pub(crate) fn root(&self, size: u64) -> Hash {
        root(&self.leaves[..usize::try_from(size).unwrap()])
    }

    /// Reads tiles as they were at an earlier size, and only those that existed then.
    pub(crate) fn at(&self, size: u64) -> impl FnMut(TileId) -> Result<Vec<Hash>, Infallible> {
        move |id| {
            let present = (size >> (8 * u32::from(id.level))) - id.index * 256;
            assert_eq!(u64::from(id.width), present.min(256), "{id:?} at {size}");
            Ok(self.tiles[&(id.level, id.index)][..usize::from(id.width)].to_vec())
        }
    }
}

/// Leaves that are all different.
pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|index| Hash::leaf(&index.to_be_bytes()))
        .collect()
}

/// The Merkle tree hash of RFC 6962, section 2.1.
pub(crate) fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::EMPTY,
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            Hash::node(&root(left), &root(right))
        }
    }
}

/// The hashes of a tile by the definition of tlog-tiles.
pub(crate) fn defined(id: TileId, leaves: &[Hash]) -> Vec<Hash> {
    let span = 256_usize.pow(u32::from(id.level));
    let start = usize::try_from(id.index).unwrap() * 256 * span;
    let spans = leaves[start..]
        .chunks_exact(span)
        .take(usize::from(id.width));
    spans.map(root).collect()
}

/// The eight entries of the test vectors that the Certificate Transparency logs share.
pub(crate) fn known_leaves() -> Vec<Hash> {
    let entries = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    entries
        .iter()
        .map(|entry| Hash::leaf(&unhex(entry)))
        .collect()
}

/// The roots over the first one to eight of those entries.
pub(crate) fn known_roots() -> Vec<Hash> {
    hashes(&[
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ])
}

/// Hashes from their hexadecimal form.
pub(crate) fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts
        .iter()
        .map(|text| Hash::try_from(unhex(text).as_slice()).unwrap())
        .collect()
}

/// Every hash that differs from this one in a single bit.
pub(crate) fn one_bit_off(hash: &Hash) -> impl Iterator<Item = Hash> {
    let bytes = *hash.as_bytes();
    (0..256).map(move |bit| {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        Hash::from(changed)
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = (0..text.len()).step_by(2).map(|at| &text[at..at + 2]);
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}
