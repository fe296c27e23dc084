//! Facts about inclusion and consistency proofs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::testing::{Stored, hashes, known_leaves, known_roots, leaves, one_bit_off};
use crate::tile::Tiles;

static STORED: LazyLock<Stored> = LazyLock::new(|| Stored::new(600));

fn leaf(index: u64) -> Hash {
    STORED.leaves[usize::try_from(index).unwrap()]
}

fn inclusion(index: u64, size: u64) -> Vec<Hash> {
    prove_inclusion(index, size, STORED.at(size)).unwrap()
}

fn consistency(old: u64, new: u64) -> Vec<Hash> {
    prove_consistency(old, new, STORED.at(new)).unwrap()
}

/// Every proof that differs from this one in a single bit.
fn altered(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
    (0..proof.len()).flat_map(move |at| {
        one_bit_off(&proof[at]).map(move |hash| {
            let mut changed = proof.to_vec();
            changed[at] = hash;
            changed
        })
    })
}

#[test]
fn inclusion_proofs_are_those_of_the_shared_test_vectors() {
    let read = |_| Ok::<_, Infallible>(known_leaves());

    let first = prove_inclusion(0, 8, read).unwrap();
    let sixth = prove_inclusion(5, 8, read).unwrap();

    let expected = hashes(&[
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]);
    assert_eq!(first, expected);
    let expected = hashes(&[
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(sixth, expected);
}

#[test]
fn consistency_proofs_are_those_of_the_shared_test_vectors() {
    let read = |_| Ok::<_, Infallible>(known_leaves());
    let roots = known_roots();

    let proof = prove_consistency(6, 8, read).unwrap();
    let expected = hashes(&[
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    assert_eq!(proof, expected);
    assert_eq!(
        verify_consistency(6, &roots[5], 8, &roots[7], &proof),
        Ok(())
    );

    let proof = prove_consistency(2, 5, read).unwrap();
    let expected = hashes(&[
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ]);
    assert_eq!(proof, expected);
}

#[test]
fn every_leaf_of_every_small_tree_is_proved() {
    for size in 1..=130 {
        let root = STORED.root(size);
        for index in 0..size {
            let proof = inclusion(index, size);

            let verified = verify_inclusion(&leaf(index), index, size, &proof, &root);
            assert_eq!(verified, Ok(()), "{index} of {size}");
        }
    }
}

#[test]
fn every_leaf_is_proved_where_tiles_begin_and_end() {
    for size in [255, 256, 257, 511, 512, 513, 600] {
        let root = STORED.root(size);
        for index in 0..size {
            let proof = inclusion(index, size);

            let verified = verify_inclusion(&leaf(index), index, size, &proof, &root);
            assert_eq!(verified, Ok(()), "{index} of {size}");
        }
    }
}

#[test]
fn every_small_tree_continues_every_smaller_one() {
    let roots: Vec<_> = (0..=130).map(|size| STORED.root(size)).collect();

    for (new, new_root) in (0..).zip(&roots) {
        for (old, old_root) in (0..=new).zip(&roots) {
            let proof = consistency(old, new);

            let verified = verify_consistency(old, old_root, new, new_root, &proof);
            assert_eq!(verified, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn tree_continues_every_smaller_one_where_tiles_begin_and_end() {
    for new in [255, 256, 257, 511, 512, 513, 600] {
        let new_root = STORED.root(new);
        for old in (0..=new)
            .step_by(3)
            .chain([255, 256, 257, 512].into_iter().filter(|old| *old <= new))
        {
            let proof = consistency(old, new);

            let verified = verify_consistency(old, &STORED.root(old), new, &new_root, &proof);
            assert_eq!(verified, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn proofs_reach_over_three_levels_of_tiles() {
    let leaves = leaves(70_000);
    let mut tiles = Tiles::new();
    let mut roots = vec![tiles.root()];
    for leaf in &leaves {
        tiles.push(*leaf);
        roots.push(tiles.root());
    }
    let store: BTreeMap<_, _> = tiles.take_changed().into_iter().collect();
    let read = |id| store.get(&id).cloned().ok_or(id);

    for index in [0_usize, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999] {
        let proof = prove_inclusion(index as u64, 70_000, read).unwrap();
        let verified =
            verify_inclusion(&leaves[index], index as u64, 70_000, &proof, &roots[70_000]);
        assert_eq!(verified, Ok(()), "leaf {index}");
        let proof = prove_consistency(index as u64, 70_000, read).unwrap();
        let verified =
            verify_consistency(index as u64, &roots[index], 70_000, &roots[70_000], &proof);
        assert_eq!(verified, Ok(()), "size {index}");
    }
}

#[test]
fn tile_is_read_once_for_a_proof() {
    let mut asked = Vec::new();
    let mut read = STORED.at(600);

    prove_inclusion(599, 600, |id| {
        asked.push(id.path());
        read(id)
    })
    .unwrap();

    asked.sort();
    assert_eq!(asked, ["tile/0/002.p/88", "tile/1/000.p/2"]);
}

#[test]
fn leaf_outside_the_tree_is_not_proved() {
    for (index, size) in [(0, 0), (8, 8), (u64::MAX, 8)] {
        let outside = Error::OutOfRange {
            position: index,
            size,
        };

        let refused = prove_inclusion(index, size, |_| Ok::<_, Infallible>(known_leaves()));
        assert_eq!(refused, Err(LoadError::Malformed(outside.clone())));
        let refused = verify_inclusion(&leaf(0), index, size, &[], &leaf(0));
        assert_eq!(refused, Err(outside));
    }
}

#[test]
fn tree_does_not_continue_a_larger_one() {
    let outside = Error::OutOfRange {
        position: 9,
        size: 8,
    };

    let refused = prove_consistency(9, 8, |_| Ok::<_, Infallible>(known_leaves()));
    assert_eq!(refused, Err(LoadError::Malformed(outside.clone())));
    assert_eq!(
        verify_consistency(9, &leaf(0), 8, &leaf(0), &[]),
        Err(outside)
    );
}

#[test]
fn proof_of_64_hashes_is_refused_unread() {
    let long = vec![Hash::EMPTY; 64];

    let refused = verify_inclusion(&leaf(0), 9, 8, &long, &leaf(0));
    assert_eq!(refused, Err(Error::ProofLength));
    let refused = verify_consistency(9, &leaf(0), 8, &leaf(0), &long);
    assert_eq!(refused, Err(Error::ProofLength));
}

#[test]
fn largest_sizes_are_checked_without_overflow() {
    let proof = vec![Hash::EMPTY; 63];
    let (leaf, max) = (leaf(0), u64::MAX);

    assert!(verify_inclusion(&leaf, max - 1, max, &proof, &leaf).is_err());
    assert!(verify_inclusion(&leaf, 0, max, &proof, &leaf).is_err());
    assert!(verify_consistency(max - 1, &leaf, max, &leaf, &proof).is_err());
    assert!(verify_consistency(1 << 63, &leaf, max, &leaf, &proof).is_err());
    assert!(verify_consistency(1, &leaf, max, &leaf, &proof).is_err());
}

#[test]
fn growth_from_nothing_needs_the_empty_root_and_no_hashes() {
    let root = STORED.root(8);

    assert_eq!(verify_consistency(0, &Hash::EMPTY, 8, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &Hash::EMPTY, 0, &Hash::EMPTY, &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(0, &root, 8, &root, &[]),
        Err(Error::RootMismatch)
    );
    assert_eq!(
        verify_consistency(0, &root, 0, &root, &[]),
        Err(Error::RootMismatch)
    );
    assert_eq!(
        verify_consistency(0, &Hash::EMPTY, 8, &root, &[root]),
        Err(Error::ProofLength)
    );
}

#[test]
fn two_roots_at_one_size_are_a_fork() {
    let (root, other) = (STORED.root(8), STORED.root(7));

    assert_eq!(verify_consistency(8, &root, 8, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(8, &root, 8, &other, &[]),
        Err(Error::RootMismatch)
    );
    assert_eq!(
        verify_consistency(8, &root, 8, &root, &[root]),
        Err(Error::ProofLength)
    );
}

#[test]
fn failure_to_read_reaches_the_caller() {
    assert_eq!(
        prove_inclusion(1, 8, |_| Err("disk")),
        Err(LoadError::Read("disk"))
    );
    assert_eq!(
        prove_consistency(3, 8, |_| Err("disk")),
        Err(LoadError::Read("disk"))
    );
}

#[test]
fn short_tile_is_refused_by_name() {
    let short = TileId {
        level: 0,
        index: 0,
        width: 8,
    };

    let refused = prove_inclusion(1, 8, |_| Ok::<_, Infallible>(leaves(7)));

    assert_eq!(refused, Err(LoadError::Malformed(Error::ShortTile(short))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn inclusion_with_any_bit_changed_is_refused(
        (index, size) in (1_u64..600).prop_flat_map(|size| (0..size, Just(size))),
    ) {
        let (leaf, root, proof) = (leaf(index), STORED.root(size), inclusion(index, size));
        let verify = |leaf: &Hash, index, proof: &[Hash], root: &Hash| {
            verify_inclusion(leaf, index, size, proof, root)
        };

        prop_assert_eq!(verify(&leaf, index, &proof, &root), Ok(()));
        prop_assert!(one_bit_off(&leaf).all(|leaf| verify(&leaf, index, &proof, &root).is_err()));
        prop_assert!(one_bit_off(&root).all(|root| verify(&leaf, index, &proof, &root).is_err()));
        prop_assert!(altered(&proof).all(|proof| verify(&leaf, index, &proof, &root).is_err()));
        prop_assert!((0..64).all(|bit| verify(&leaf, index ^ (1 << bit), &proof, &root).is_err()));
    }

    #[test]
    fn inclusion_with_a_hash_more_or_less_is_refused(
        (index, size) in (2_u64..600).prop_flat_map(|size| (0..size, Just(size))),
    ) {
        let (leaf, root, proof) = (leaf(index), STORED.root(size), inclusion(index, size));
        let longer = [proof.as_slice(), &[root]].concat();

        let shorter = verify_inclusion(&leaf, index, size, &proof[1..], &root);
        prop_assert!(shorter.is_err());
        let longer = verify_inclusion(&leaf, index, size, &longer, &root);
        prop_assert_eq!(longer, Err(Error::ProofLength));
    }

    #[test]
    fn consistency_with_any_bit_changed_is_refused(
        (old, new) in (2_u64..600).prop_flat_map(|new| (1..new, Just(new))),
    ) {
        let (before, after) = (STORED.root(old), STORED.root(new));
        let proof = consistency(old, new);
        let verify = |before: &Hash, after: &Hash, proof: &[Hash]| {
            verify_consistency(old, before, new, after, proof)
        };

        prop_assert_eq!(verify(&before, &after, &proof), Ok(()));
        prop_assert!(one_bit_off(&before).all(|before| verify(&before, &after, &proof).is_err()));
        prop_assert!(one_bit_off(&after).all(|after| verify(&before, &after, &proof).is_err()));
        prop_assert!(altered(&proof).all(|proof| verify(&before, &after, &proof).is_err()));
        let longer = [proof.as_slice(), &[after]].concat();
        prop_assert!(verify(&before, &after, &longer).is_err());
        prop_assert!(verify(&before, &after, &proof[1..]).is_err());
    }

    #[test]
    fn hostile_proof_is_answered_without_a_panic(
        old in any::<u64>(),
        new in any::<u64>(),
        length in 0_usize..70,
    ) {
        let proof = vec![Hash::EMPTY; length];

        prop_assert!(verify_inclusion(&leaf(0), old, new, &proof, &leaf(1)).is_err());
        prop_assert!(verify_consistency(old, &leaf(0), new, &leaf(1), &proof).is_err());
    }
}
