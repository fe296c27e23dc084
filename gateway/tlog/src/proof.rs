//! Inclusion and consistency proofs, made from tiles and checked against roots.
//!
//! An inclusion proof shows that an entry is in a tree; a consistency proof shows that a tree
//! only grew (RFC 6962, sections 2.1.1 and 2.1.2; checks after RFC 9162, sections 2.1.3.2 and
//! 2.1.4.2). Roots are taken at their word here: whether one was signed is for
//! `crate::checkpoint`.

use std::ops::Range;

use crate::error::{Error, LoadError};
use crate::hash::Hash;
use crate::reader::Reader;
use crate::tile::TileId;

/// Proves that the leaf at `index` is in the tree of `size` leaves.
///
/// `read` is given each tile once, with its width in that tree, and returns at least that many
/// hashes.
///
/// # Errors
///
/// `Read` when the reader fails, `Malformed` when the index is outside the tree or a tile is too
/// short.
pub fn prove_inclusion<E>(
    index: u64,
    size: u64,
    read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, LoadError<E>> {
    inside(index, size).map_err(LoadError::Malformed)?;
    hash_all(inclusion_path(index, size), Reader::new(size, read))
}

/// Proves that the tree of `new` leaves continues the tree of `old` leaves.
///
/// `read` is given each tile once, with its width in the new tree, and returns at least that
/// many hashes. The proof from the empty tree, or from a tree to itself, is empty.
///
/// # Errors
///
/// `Read` when the reader fails, `Malformed` when `old` exceeds `new` or a tile is too short.
pub fn prove_consistency<E>(
    old: u64,
    new: u64,
    read: impl FnMut(TileId) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, LoadError<E>> {
    not_beyond(old, new).map_err(LoadError::Malformed)?;
    hash_all(consistency_path(old, new), Reader::new(new, read))
}

/// Checks that `leaf` is at `index` of the tree of `size` leaves with this `root`.
///
/// # Errors
///
/// `ProofLength`, `OutOfRange` or `RootMismatch` when the proof does not show it.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Error> {
    bounded(proof)?;
    inside(index, size)?;
    let climb = Climb {
        node: index,
        last: size - 1,
    };
    let (_, found) = climb.roots(*leaf, proof)?;
    matches(found, root)
}

/// Checks that the tree of `new` leaves continues the tree of `old` leaves.
///
/// # Errors
///
/// `ProofLength`, `OutOfRange` or `RootMismatch` when the proof does not show it.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    bounded(proof)?;
    not_beyond(old, new)?;
    if old == 0 || old == new {
        return verify_trivial(old, old_root, new, new_root, proof);
    }
    let mut climb = Climb {
        node: old - 1,
        last: new - 1,
    };
    climb.skip(climb.node.trailing_ones());
    // An old tree that is a perfect subtree of the new one is its own first hash.
    let (shared, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(Error::ProofLength)?
    };
    let (before, after) = climb.roots(*shared, rest)?;
    matches(before, old_root)?;
    matches(after, new_root)
}

/// Checks a growth that needs no hashes: from nothing, or by nothing.
fn verify_trivial(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if !proof.is_empty() {
        return Err(Error::ProofLength);
    }
    if old == 0 {
        matches(*old_root, &Hash::EMPTY)?;
    }
    if old == new {
        matches(*old_root, new_root)
    } else {
        Ok(())
    }
}

/// The subtrees beside the way from the root to a leaf, leaf end first.
fn inclusion_path(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut path = Vec::new();
    let mut subtree = 0..size;
    while subtree.end - subtree.start > 1 {
        let (left, right) = halves(subtree);
        let (inner, beside) = if index < left.end {
            (left, right)
        } else {
            (right, left)
        };
        path.push(beside);
        subtree = inner;
    }
    path.reverse();
    path
}

/// The subtrees of the new tree that both trees can be built from, leaf end first.
fn consistency_path(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut path = Vec::new();
    let mut subtree = 0..new;
    while old > 0 && old < subtree.end {
        let (left, right) = halves(subtree);
        let (inner, beside) = if old <= left.end {
            (left, right)
        } else {
            (right, left)
        };
        path.push(beside);
        subtree = inner;
    }
    // The verifier knows the old root, and so the subtree if that is the whole old tree.
    if subtree.start > 0 {
        path.push(subtree);
    }
    path.reverse();
    path
}

/// Splits a subtree of two or more leaves where RFC 6962 does.
fn halves(subtree: Range<u64>) -> (Range<u64>, Range<u64>) {
    let widest = (subtree.end - subtree.start - 1).ilog2();
    let middle = subtree.start + (1 << widest);
    (subtree.start..middle, middle..subtree.end)
}

fn hash_all<E, F: FnMut(TileId) -> Result<Vec<Hash>, E>>(
    path: Vec<Range<u64>>,
    mut reader: Reader<F>,
) -> Result<Vec<Hash>, LoadError<E>> {
    path.into_iter().map(|range| reader.range(range)).collect()
}

/// The way from a node up to the root, level by level.
struct Climb {
    /// Position of the node in its level.
    node: u64,
    /// Position of the last node of that level; zero at the root.
    last: u64,
}

impl Climb {
    /// Rebuilds the roots of the tree that ends with this node and of the whole tree.
    fn roots(mut self, node: Hash, proof: &[Hash]) -> Result<(Hash, Hash), Error> {
        let (mut before, mut after) = (node, node);
        for sibling in proof {
            if self.last == 0 {
                return Err(Error::ProofLength);
            }
            if self.node == self.last || self.node % 2 == 1 {
                // The last node of a level has no sibling until it is a right child.
                self.skip(self.node.trailing_zeros());
                before = Hash::node(sibling, &before);
                after = Hash::node(sibling, &after);
            } else {
                after = Hash::node(&after, sibling);
            }
            self.skip(1);
        }
        if self.last == 0 {
            Ok((before, after))
        } else {
            Err(Error::ProofLength)
        }
    }

    fn skip(&mut self, levels: u32) {
        self.node >>= levels;
        self.last >>= levels;
    }
}

fn bounded(proof: &[Hash]) -> Result<(), Error> {
    if proof.len() <= MAX_HASHES {
        Ok(())
    } else {
        Err(Error::ProofLength)
    }
}

fn inside(index: u64, size: u64) -> Result<(), Error> {
    if index < size {
        Ok(())
    } else {
        Err(Error::OutOfRange {
            position: index,
            size,
        })
    }
}

fn not_beyond(old: u64, new: u64) -> Result<(), Error> {
    if old <= new {
        Ok(())
    } else {
        Err(Error::OutOfRange {
            position: old,
            size: new,
        })
    }
}

fn matches(hash: Hash, root: &Hash) -> Result<(), Error> {
    if hash == *root {
        Ok(())
    } else {
        Err(Error::RootMismatch)
    }
}

/// The most hashes that a proof may have (C2SP tlog-witness): trees stay below 2⁶³ leaves.
pub(crate) const MAX_HASHES: usize = 63;

#[cfg(test)]
mod tests;
