//! Facts about the writer's side of tiles.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::testing::{Stored, defined, leaves};
use crate::tile::tiles_for;

fn grow(tiles: &mut Tiles, leaves: &[Hash]) {
    for leaf in leaves {
        tiles.push(*leaf);
    }
}

#[test]
fn taken_tiles_are_those_of_the_definition_at_every_size() {
    let leaves = leaves(600);
    let mut tiles = Tiles::new();
    let mut store = BTreeMap::new();

    for size in 1..=600 {
        tiles.push(leaves[size - 1]);
        store.extend(tiles.take_changed());

        for id in tiles_for(size as u64) {
            assert_eq!(
                store.get(&id),
                Some(&defined(id, &leaves[..size])),
                "{id:?} at {size}"
            );
        }
    }
}

#[test]
fn take_without_new_leaves_is_empty() {
    let mut tiles = Tiles::new();
    assert_eq!(tiles.take_changed(), []);

    grow(&mut tiles, &leaves(300));

    assert_eq!(tiles.take_changed().len(), 3);
    assert_eq!(tiles.take_changed(), []);
}

#[test]
fn level_without_new_hashes_is_not_taken_again() {
    let mut tiles = Tiles::new();
    grow(&mut tiles, &leaves(300));
    tiles.take_changed();

    tiles.push(Hash::leaf(b"301"));

    let changed: Vec<_> = tiles
        .take_changed()
        .into_iter()
        .map(|(id, _)| id.path())
        .collect();
    assert_eq!(changed, ["tile/0/001.p/45"]);
}

#[test]
fn tile_just_completed_is_taken_full_and_leaves_no_empty_one() {
    let mut tiles = Tiles::new();

    grow(&mut tiles, &leaves(256));

    let changed: Vec<_> = tiles
        .take_changed()
        .into_iter()
        .map(|(id, _)| id.path())
        .collect();
    assert_eq!(changed, ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn tiles_loaded_at_any_size_continue_like_those_that_never_stopped() {
    let stored = Stored::new(600);

    for size in 0..600_usize {
        let mut straight = Tiles::new();
        grow(&mut straight, &stored.leaves[..size]);
        straight.take_changed();

        let mut loaded = Tiles::load(size as u64, stored.at(size as u64)).unwrap();
        assert_eq!(
            (loaded.size(), loaded.root()),
            (straight.size(), straight.root())
        );
        assert_eq!(loaded.take_changed(), []);

        grow(&mut straight, &stored.leaves[size..]);
        grow(&mut loaded, &stored.leaves[size..]);
        assert_eq!(loaded.root(), straight.root(), "from {size}");
        assert_eq!(
            loaded.take_changed(),
            straight.take_changed(),
            "from {size}"
        );
    }
}

#[test]
fn third_level_begins_at_65536_leaves() {
    let leaves = leaves(70_000);
    let mut tiles = Tiles::new();

    grow(&mut tiles, &leaves);

    let store: BTreeMap<_, _> = tiles.take_changed().into_iter().collect();
    assert!(tiles_for(70_000).eq(store.keys().copied()));
    for (id, hashes) in store {
        assert_eq!(hashes, defined(id, &leaves), "{id:?}");
    }
}

#[test]
fn clone_is_a_way_back() {
    let mut tiles = Tiles::new();
    tiles.push(Hash::leaf(b"kept"));
    let before = tiles.clone();

    tiles.push(Hash::leaf(b"rolled back"));
    tiles = before;

    assert_eq!(tiles.root(), Hash::leaf(b"kept"));
    assert_eq!(tiles.take_changed().len(), 1);
}

#[test]
fn short_tile_is_refused_by_name() {
    let short = TileId {
        level: 0,
        index: 273,
        width: 112,
    };

    let refused = Tiles::load(70_000, |_| Ok::<_, Infallible>(leaves(111)));

    assert_eq!(
        refused.unwrap_err(),
        LoadError::Malformed(Error::ShortTile(short))
    );
}

#[test]
fn wider_tile_than_asked_for_is_cut() {
    let stored = Stored::new(600);
    let wide = |id: TileId| Ok::<_, Infallible>(stored.tiles[&(id.level, id.index)].clone());

    let mut loaded = Tiles::load(300, wide).unwrap();
    loaded.push(stored.leaves[300]);

    assert_eq!(loaded.root(), stored.root(301));
    assert_eq!(loaded.take_changed()[0].1, stored.leaves[256..301]);
}

#[test]
fn failure_to_read_reaches_the_caller() {
    assert_eq!(
        Tiles::load(1, |_| Err("disk")).unwrap_err(),
        LoadError::Read("disk")
    );
}

proptest! {
    #[test]
    fn batches_of_any_length_store_the_same_tiles(
        batches in prop::collection::vec(1_usize..400, 1..6),
    ) {
        let leaves = leaves(batches.iter().sum::<usize>() as u64);
        let mut rest = leaves.as_slice();
        let mut tiles = Tiles::new();
        let mut store = BTreeMap::new();

        for batch in batches {
            let (now, later) = rest.split_at(batch);
            grow(&mut tiles, now);
            store.extend(tiles.take_changed());
            rest = later;

            let size = leaves.len() - rest.len();
            for id in tiles_for(size as u64) {
                prop_assert_eq!(store.get(&id), Some(&defined(id, &leaves[..size])));
            }
        }
    }
}
