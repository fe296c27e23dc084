//! Facts about names of tiles.

use proptest::prelude::*;

use super::*;

#[test]
fn path_has_the_index_in_groups_of_three_digits() {
    let id = TileId {
        level: 0,
        index: 1_234_067,
        width: 256,
    };

    assert_eq!(id.path(), "tile/0/x001/x234/067");
    assert_eq!(
        TileId::entries_path(1_234_067, 256),
        "tile/entries/x001/x234/067"
    );
}

#[test]
fn path_of_a_partial_tile_has_its_width() {
    let id = TileId {
        level: 3,
        index: 0,
        width: 112,
    };

    assert_eq!(id.path(), "tile/3/000.p/112");
    assert_eq!(TileId::entries_path(1000, 1), "tile/entries/x001/000.p/1");
    assert!(!id.is_full());
}

#[test]
fn tree_of_70000_leaves_has_the_tiles_that_the_specification_counts() {
    let tiles: Vec<_> = tiles_for(70_000).collect();
    let partial: Vec<_> = tiles
        .iter()
        .filter(|id| !id.is_full())
        .map(TileId::path)
        .collect();
    let full = |level| {
        tiles
            .iter()
            .filter(|id| id.is_full() && id.level == level)
            .count()
    };

    assert_eq!((full(0), full(1), full(2)), (273, 1, 0));
    assert_eq!(
        partial,
        ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    );
}

#[test]
fn tree_of_256_leaves_is_a_full_tile_below_a_partial_one() {
    let paths: Vec<_> = tiles_for(256).map(|id| id.path()).collect();

    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn empty_tree_has_no_tiles() {
    assert_eq!(tiles_for(0).count(), 0);
}

#[test]
fn largest_size_has_a_partial_tile_at_each_of_eight_levels() {
    let widths: Vec<_> = edge(u64::MAX).map(|id| id.width).collect();

    assert_eq!(widths, [255; 8]);
}

#[test]
fn path_in_any_other_spelling_is_refused() {
    for path in MISSPELT {
        assert_eq!(
            TileId::parse(path),
            Err(Error::MalformedTilePath),
            "{path:?}"
        );
    }
}

#[test]
fn largest_index_has_a_path() {
    let id = TileId {
        level: 63,
        index: u64::MAX,
        width: 255,
    };

    assert_eq!(id.path(), "tile/63/x018/x446/x744/x073/x709/x551/615.p/255");
    assert_eq!(TileId::parse(&id.path()), Ok(id));
}

proptest! {
    #[test]
    fn parsed_path_is_the_tile_it_was_written_for(
        level in 0_u8..64,
        index in prop_oneof![0_u64..3000, any::<u64>()],
        width in 1_u16..=256,
    ) {
        let id = TileId { level, index, width };

        prop_assert_eq!(TileId::parse(&id.path()), Ok(id));
    }

    #[test]
    fn path_that_parses_is_canonical(
        path in "tile/[0-9]{1,2}/(x[0-9]{3}/){0,2}[0-9]{1,4}(\\.p/[0-9]{1,3})?",
    ) {
        if let Ok(id) = TileId::parse(&path) {
            prop_assert_eq!(id.path(), path);
        }
    }

    #[test]
    fn any_text_is_answered_without_a_panic(path in "\\PC*") {
        if let Ok(id) = TileId::parse(&path) {
            prop_assert_eq!(id.path(), path);
        }
    }

    #[test]
    fn holding_tile_is_one_of_the_tree(
        (position, size) in (1_u64..200_000).prop_flat_map(|size| (0..size, Just(size))),
    ) {
        let id = TileId::holding(0, position, size);

        prop_assert!(tiles_for(size).any(|tile| tile == id));
        prop_assert!(position - id.index * TILE_WIDTH < u64::from(id.width));
    }
}

const MISSPELT: &[&str] = &[
    "",
    "tile",
    "tile/0",
    "tile/0/",
    "tile//000",
    "/tile/0/000",
    "tile/0/000/",
    "tile/00/000",
    "tile/+1/000",
    "tile/64/000",
    "tile/256/000",
    "tile/-1/000",
    "tile/0/0",
    "tile/0/00",
    "tile/0/0000",
    "tile/0/1000",
    "tile/0/x000/000",
    "tile/0/x000/001",
    "tile/0/001/000",
    "tile/0/x001",
    "tile/0/x001/x000",
    "tile/0/x01/000",
    "tile/0/x001//000",
    "tile/0/X001/000",
    "tile/0/+01",
    "tile/0/0x1",
    "tile/0/00a",
    "tile/0/٠٠٠",
    "tile/0/000.p",
    "tile/0/000.p/",
    "tile/0/000.p/0",
    "tile/0/000.p/01",
    "tile/0/000.p/+1",
    "tile/0/000.p/256",
    "tile/0/000.p/257",
    "tile/0/000.p/65536",
    "tile/0/000.p/1.p/1",
    "tile/0/000.p/1/",
    "tile/0/../000",
    "tile/0/..",
    "../tile/0/000",
    "tile/0/000\0",
    "tile/0/000 ",
    "tile/entries/000",
    "tile/0/x018/x446/x744/x073/x709/x551/616",
    "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
];
