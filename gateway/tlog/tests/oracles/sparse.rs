//! Proofs of trees too large to grow: up to 2⁴⁰ leaves, all alike but one.
//!
//! A subtree without the odd leaf is known by its height alone, so any hash of the tree costs a
//! few dozen steps. The odd leaf stands where the proof looks, so that a hash from the wrong place
//! is another hash.

use std::convert::Infallible;
use std::ops::Range;

use proptest::prelude::*;
use tlog_tiles::tlog::{self, HashReader};
use varco_tlog::hash::Hash;
use varco_tlog::proof::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
use varco_tlog::tile::TileId;

/// The largest size that is tried.
const MOST: u64 = 1 << 40;

/// A tree whose leaves are all alike, but for the odd one.
struct Sparse {
    odd: u64,
    /// Roots of perfect subtrees without the odd leaf, by height.
    alike: Vec<Hash>,
}

impl Sparse {
    fn new(odd: u64) -> Self {
        let mut alike = vec![Hash::leaf(b"alike")];
        for height in 0..64 {
            alike.push(Hash::node(&alike[height], &alike[height]));
        }
        Self { odd, alike }
    }

    /// The root of the perfect subtree at a place among those of its height.
    fn perfect(&self, height: u32, place: u64) -> Hash {
        if self.odd >> height != place {
            return self.alike[usize::try_from(height).unwrap()];
        }
        if height == 0 {
            return Hash::leaf(b"odd");
        }
        let [left, right] = [0, 1].map(|side| self.perfect(height - 1, place * 2 + side));
        Hash::node(&left, &right)
    }

    /// The root over a range of leaves by the definition of RFC 6962, section 2.1.
    fn range(&self, leaves: Range<u64>) -> Hash {
        let width = leaves.end - leaves.start;
        if width.is_power_of_two() && leaves.start.is_multiple_of(width) {
            return self.perfect(width.ilog2(), leaves.start / width);
        }
        let middle = leaves.start + (1 << (width - 1).ilog2());
        Hash::node(
            &self.range(leaves.start..middle),
            &self.range(middle..leaves.end),
        )
    }

    fn tile(&self, id: TileId) -> Vec<Hash> {
        let height = u32::from(id.level) * 8;
        let place = |at: u16| self.perfect(height, id.index * 256 + u64::from(at));
        (0..id.width).map(place).collect()
    }

    /// The hashes that `ct-merkle` names by its own numbers of nodes.
    fn nodes(&self, size: u64, indices: &[u64]) -> Vec<Hash> {
        let node = |index: &u64| {
            // Nodes are numbered in order: the trailing ones are the height.
            let height = index.trailing_ones();
            let start = (index >> (height + 1)) << height;
            self.range(start..(start + (1 << height)).min(size))
        };
        indices.iter().map(node).collect()
    }
}

impl HashReader for Sparse {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let hash = |index: &u64| {
            let (level, place) = tlog::split_stored_hash_index(*index);
            tlog::Hash(*self.perfect(u32::from(level), place).as_bytes())
        };
        Ok(indexes.iter().map(hash).collect())
    }
}

fn ours(proof: &[tlog::Hash]) -> Vec<Hash> {
    proof.iter().map(|hash| Hash::from(hash.0)).collect()
}

fn sizes() -> impl Strategy<Value = u64> {
    let near_a_power = (1_u32..40, -2_i64..=2)
        .prop_map(|(bit, off)| (1_u64 << bit).saturating_add_signed(off).max(2));
    let any_width = (2_u32..=40).prop_flat_map(|bits| 2..=(1_u64 << bits));
    prop_oneof![near_a_power, any_width, 2..=MOST]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn inclusion_proofs_of_any_size_agree(
        (size, index, odd) in sizes().prop_flat_map(|size| (Just(size), 0..size, 0..size)),
        near in any::<bool>(),
    ) {
        let odd = if near { index ^ 1 } else { odd };
        let sparse = Sparse::new(odd.min(size - 1));

        let proof = prove_inclusion(index, size, |id| Ok::<_, Infallible>(sparse.tile(id))).unwrap();

        let theirs = tlog::prove_record(size, index, &sparse).unwrap();
        prop_assert_eq!(&proof, &ours(&theirs));
        let others = ct_merkle::indices_for_inclusion_proof(size, index);
        prop_assert_eq!(&proof, &sparse.nodes(size, &others));
        let (leaf, root) = (sparse.perfect(0, index), sparse.range(0..size));
        prop_assert_eq!(verify_inclusion(&leaf, index, size, &proof, &root), Ok(()));
    }

    #[test]
    fn consistency_proofs_of_any_size_agree(
        (new, old, odd) in sizes().prop_flat_map(|new| (Just(new), 1..=new, 0..new)),
        near in any::<bool>(),
    ) {
        let sparse = Sparse::new(if near { old - 1 } else { odd });

        let proof = prove_consistency(old, new, |id| Ok::<_, Infallible>(sparse.tile(id))).unwrap();

        let theirs = tlog::prove_tree(new, old, &sparse).unwrap();
        prop_assert_eq!(&proof, &ours(&theirs));
        let others = ct_merkle::indices_for_consistency_proof(old, new - old);
        prop_assert_eq!(&proof, &sparse.nodes(new, &others));
        let (before, after) = (sparse.range(0..old), sparse.range(0..new));
        prop_assert_eq!(verify_consistency(old, &before, new, &after, &proof), Ok(()));
    }
}
