//! Facts about the growing tree.

use std::convert::Infallible;

use super::*;
use crate::error::Error;
use crate::testing::{Stored, known_leaves, known_roots, leaves, root};

#[test]
fn tree_without_leaves_has_the_empty_root() {
    assert_eq!(Tree::new().root(), Hash::EMPTY);
}

#[test]
fn roots_are_those_of_the_shared_test_vectors() {
    let mut tree = Tree::new();

    for (leaf, root) in known_leaves().into_iter().zip(known_roots()) {
        tree.push(leaf);

        assert_eq!(tree.root(), root, "size {}", tree.size());
    }
}

#[test]
fn root_follows_the_recursive_definition_at_every_size() {
    let leaves = leaves(600);
    let mut tree = Tree::new();

    for (size, leaf) in leaves.iter().enumerate() {
        assert_eq!(tree.root(), root(&leaves[..size]), "size {size}");
        tree.push(*leaf);
    }

    assert_eq!(tree.size(), 600);
}

#[test]
fn tree_loaded_at_any_size_grows_like_the_one_that_never_stopped() {
    let stored = Stored::new(600);

    for size in 0..600 {
        let mut loaded = Tree::load(size, stored.at(size)).unwrap();
        assert_eq!((loaded.size(), loaded.root()), (size, stored.root(size)));

        for leaf in stored.leaves.iter().skip(usize::try_from(size).unwrap()) {
            loaded.push(*leaf);
        }
        assert_eq!(
            (loaded.size(), loaded.root()),
            (600, stored.root(600)),
            "from {size}"
        );
    }
}

#[test]
fn wider_tile_than_asked_for_is_cut() {
    let stored = Stored::new(600);

    let loaded = Tree::load(300, |id| {
        Ok::<_, Infallible>(stored.tiles[&(id.level, id.index)].clone())
    });

    assert_eq!(loaded.unwrap().root(), stored.root(300));
}

#[test]
fn short_tile_is_refused_by_name() {
    let loaded = Tree::load(3, |_| Ok::<_, Infallible>(leaves(2)));

    let short = TileId {
        level: 0,
        index: 0,
        width: 3,
    };
    assert_eq!(
        loaded.unwrap_err(),
        LoadError::Malformed(Error::ShortTile(short))
    );
}

#[test]
fn failure_to_read_reaches_the_caller() {
    let loaded = Tree::load(3, |_| Err("disk"));

    assert_eq!(loaded.unwrap_err(), LoadError::Read("disk"));
}
