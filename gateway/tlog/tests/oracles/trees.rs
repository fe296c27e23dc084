//! Proofs of real trees: ours, `tlog_tiles`' and `ct-merkle`'s are the same bytes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use tlog_tiles::tlog::{self, HashReader};
use varco_tlog::hash::Hash;
use varco_tlog::proof::{prove_consistency, prove_inclusion, verify_consistency, verify_inclusion};
use varco_tlog::tile::{TileId, Tiles};
use varco_tlog::tree::Tree;

/// The largest tree that is grown.
const MOST: u64 = 1_025;

/// Every tree up to this size is proved whole.
const WHOLE: u64 = 130;

static OURS: LazyLock<Ours> = LazyLock::new(Ours::grow);
static THEIRS: LazyLock<Theirs> = LazyLock::new(Theirs::grow);

/// Our log at its largest size: what a smaller one has is the beginning of it.
struct Ours {
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
    roots: Vec<Hash>,
}

/// The hashes that `tlog_tiles` stores.
struct Theirs(Vec<tlog::Hash>);

impl Ours {
    fn grow() -> Self {
        let (mut tiles, mut roots) = (Tiles::new(), vec![Hash::EMPTY]);
        for index in 0..MOST {
            tiles.push(Hash::leaf(&entry(index)));
            roots.push(tiles.root());
        }
        let stored = tiles.take_changed().into_iter();
        Self {
            tiles: stored
                .map(|(id, hashes)| ((id.level, id.index), hashes))
                .collect(),
            roots,
        }
    }

    fn read(&self, id: TileId) -> Result<Vec<Hash>, TileId> {
        self.tiles.get(&(id.level, id.index)).cloned().ok_or(id)
    }

    fn root(&self, size: u64) -> &Hash {
        &self.roots[usize::try_from(size).unwrap()]
    }
}

impl Theirs {
    fn grow() -> Self {
        let mut theirs = Self(Vec::new());
        for index in 0..MOST {
            let hashes = tlog::stored_hashes(index, &entry(index), &theirs).unwrap();
            theirs.0.extend(hashes);
        }
        theirs
    }
}

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        let hash = |index: &u64| self.0[usize::try_from(*index).unwrap()];
        Ok(indexes.iter().map(hash).collect())
    }
}

fn entry(index: u64) -> Vec<u8> {
    index.to_be_bytes().to_vec()
}

/// The hashes of a proof, one after the other.
fn bytes(proof: &[Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn foreign_bytes(proof: &[tlog::Hash]) -> Vec<u8> {
    proof.iter().flat_map(|hash| hash.0).collect()
}

/// `ct-merkle`'s tree of a size.
fn grown(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|index| tree.push(entry(index)));
    tree
}

fn inclusion_agrees(index: u64, size: u64, other: &MemoryBackedTree<Sha256, Vec<u8>>) {
    let ours = prove_inclusion(index, size, |id| OURS.read(id)).unwrap();
    let theirs = tlog::prove_record(size, index, &*THEIRS).unwrap();
    let others = other.prove_inclusion(usize::try_from(index).unwrap());

    assert_eq!(bytes(&ours), foreign_bytes(&theirs), "{index} of {size}");
    assert_eq!(bytes(&ours), others.as_bytes(), "{index} of {size}");
    let (leaf, root) = (Hash::leaf(&entry(index)), OURS.root(size));
    assert_eq!(verify_inclusion(&leaf, index, size, &ours, root), Ok(()));
    let (leaf, root) = (tlog::Hash(*leaf.as_bytes()), tlog::Hash(*root.as_bytes()));
    tlog::check_record(&theirs, size, root, index, leaf).unwrap();
    let verified = other.root().verify_inclusion(&entry(index), index, &others);
    assert!(verified.is_ok(), "{index} of {size}");
}

fn consistency_agrees(old: u64, new: u64, other: &MemoryBackedTree<Sha256, Vec<u8>>) {
    let ours = prove_consistency(old, new, |id| OURS.read(id)).unwrap();
    let theirs = tlog::prove_tree(new, old, &*THEIRS).unwrap();
    let others = other.prove_consistency(usize::try_from(new - old).unwrap());

    assert_eq!(bytes(&ours), foreign_bytes(&theirs), "{old} to {new}");
    assert_eq!(bytes(&ours), others.as_bytes(), "{old} to {new}");
    let (before, after) = (OURS.root(old), OURS.root(new));
    assert_eq!(verify_consistency(old, before, new, after, &ours), Ok(()));
    let [before, after] = [before, after].map(|hash| tlog::Hash(*hash.as_bytes()));
    tlog::check_tree(&theirs, new, after, old, before).unwrap();
}

fn every_proof_agrees(sizes: impl Iterator<Item = u64>) {
    let mut other = MemoryBackedTree::new();
    for size in sizes {
        (other.len()..size).for_each(|index| other.push(entry(index)));
        for index in 0..size {
            inclusion_agrees(index, size, &other);
        }
        for old in 1..=size {
            consistency_agrees(old, size, &other);
        }
    }
}

#[test]
fn roots_agree_at_every_size() {
    let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut tree = Tree::new();

    for size in 1..=MOST {
        other.push(entry(size - 1));
        tree.push(Hash::leaf(&entry(size - 1)));

        let root = *tree.root().as_bytes();
        assert_eq!(other.root().as_bytes()[..], root, "size {size}");
        assert_eq!(tlog::tree_hash(size, &*THEIRS).unwrap().0, root);
    }
}

#[test]
fn every_proof_of_every_small_tree_agrees() {
    every_proof_agrees(1..=WHOLE);
}

#[test]
#[ignore = "takes minutes: cargo test -p varco-tlog --test oracles -- --ignored"]
fn every_proof_of_every_tree_agrees() {
    every_proof_agrees(WHOLE + 1..=MOST);
}

#[test]
fn no_one_proves_what_is_outside_the_tree() {
    assert!(prove_inclusion(9, 9, |id| OURS.read(id)).is_err());
    assert!(prove_consistency(10, 9, |id| OURS.read(id)).is_err());
}

proptest! {
    #[test]
    fn proofs_of_larger_trees_agree(
        (size, index, old) in (WHOLE + 1..=MOST).prop_flat_map(|size| (Just(size), 0..size, 1..=size)),
    ) {
        let other = grown(size);

        inclusion_agrees(index, size, &other);
        consistency_agrees(old, size, &other);
    }

    #[test]
    fn tampered_proof_convinces_neither(
        (size, index) in (2_u64..=MOST).prop_flat_map(|size| (Just(size), 0..size)),
        at in any::<prop::sample::Index>(),
        bit in 0_usize..256,
    ) {
        let mut proof = prove_inclusion(index, size, |id| OURS.read(id)).unwrap();
        let at = at.index(proof.len());
        let mut changed = *proof[at].as_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        proof[at] = Hash::from(changed);

        let (leaf, root) = (Hash::leaf(&entry(index)), OURS.root(size));
        let theirs = proof.iter().map(|hash| tlog::Hash(*hash.as_bytes())).collect();
        let [hash, top] = [&leaf, root].map(|hash| tlog::Hash(*hash.as_bytes()));

        prop_assert!(verify_inclusion(&leaf, index, size, &proof, root).is_err());
        prop_assert!(tlog::check_record(&theirs, size, top, index, hash).is_err());
    }
}
