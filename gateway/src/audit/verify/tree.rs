//! Verifying an exported tree (C2SP tlog-tiles): no database, no gateway.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::note::Verifier;
use varco_tlog::tile::{TILE_WIDTH, TileId, Tiles, decode_entries, tiles_for};

use super::{Report, damaged};
use crate::audit::Error;

/// Verifies the tree in a folder under the log's key; the file `vkey` names it where nobody did.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong.
pub fn verify(folder: &Path, vkey: Option<&str>) -> Result<Report, Error> {
    let told = match vkey {
        Some(vkey) => vkey.to_owned(),
        None => text(folder, "vkey")?,
    };
    let verifier: Verifier = told.trim().parse()?;
    let signed = Checkpoint::open(&text(folder, "checkpoint")?, &verifier)?;
    let mut tiles = Tiles::new();
    let mut pruned = 0;
    for tile in tiles_for(signed.size).take_while(|tile| tile.level == 0) {
        let hashes = match bundle(folder, tile)? {
            Some(hashes) => hashes,
            // Entries that were destroyed are the first ones; their hashes are left.
            None if pruned == tile.index * TILE_WIDTH && tile.is_full() => {
                pruned += TILE_WIDTH;
                stored(folder, tile)?
            }
            None => return Err(damaged(tile.index * TILE_WIDTH, "entries are missing")),
        };
        for hash in hashes {
            tiles.push(hash);
        }
        for (tile, hashes) in tiles
            .take_changed()
            .into_iter()
            .filter(|(it, _)| it.is_full())
        {
            compare(folder, tile, &hashes)?;
        }
    }
    for (tile, hashes) in tiles.edge() {
        compare(folder, tile, &hashes)?;
    }
    if tiles.root() != signed.root {
        return Err(damaged(0, "the root is not the one that was signed"));
    }
    Ok(Report {
        origin: signed.origin,
        vkey: told.trim().to_owned(),
        size: signed.size,
        root: hex::encode(signed.root.as_bytes()),
        pruned,
        details: 0,
        details_destroyed: 0,
        anchors: 0,
    })
}

/// Hashes of the entries of a tile; none where there are none.
fn bundle(folder: &Path, tile: TileId) -> Result<Option<Vec<Hash>>, Error> {
    let first = tile.index * TILE_WIDTH;
    let path = folder.join(TileId::entries_path(tile.index, tile.width));
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::Folder(path, error)),
    };
    let entries = decode_entries(&bytes).map_err(|_| damaged(first, "entries do not parse"))?;
    if entries.len() != usize::from(tile.width) {
        return Err(damaged(first, "entries are missing"));
    }
    Ok(Some(
        entries.iter().map(|entry| Hash::leaf(entry)).collect(),
    ))
}

/// Hashes of a tile as it is stored.
pub(super) fn stored(folder: &Path, tile: TileId) -> Result<Vec<Hash>, Error> {
    let first = (tile.index * TILE_WIDTH) << (8 * u32::from(tile.level));
    let bytes = fs::read(folder.join(tile.path()))
        .map_err(|_| damaged(first, "a tile of the tree is missing"))?;
    let (hashes, rest) = bytes.as_chunks();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) {
        return Err(damaged(first, "a tile of the tree has another length"));
    }
    Ok(hashes.iter().map(|hash| Hash::from(*hash)).collect())
}

fn compare(folder: &Path, tile: TileId, computed: &[Hash]) -> Result<(), Error> {
    let stored = stored(folder, tile)?;
    let odd = stored.iter().zip(computed).position(|(a, b)| a != b);
    let Some(place) = odd else {
        return Ok(());
    };
    let place = u64::try_from(place).unwrap_or_default();
    let leaf = (tile.index * TILE_WIDTH + place) << (8 * u32::from(tile.level));
    Err(damaged(
        leaf,
        "a hash of the tree is not that of its record",
    ))
}

fn text(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join(name);
    fs::read_to_string(&path).map_err(|error| Error::Folder(path, error))
}
