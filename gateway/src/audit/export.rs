//! The log as static files that any C2SP tool reads and verifies.

use std::path::{Path, PathBuf};

use varco_runtime::config::Config;
use varco_runtime::secret;
use varco_tlog::tile::{TILE_WIDTH, TileId, encode_entries, tiles_for};

use super::Error;
use super::reading::Reading;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// Where.
    pub folder: PathBuf,
}

/// Writes `checkpoint`, `vkey`, `tile/…` and `tile/entries/…` (C2SP tlog-tiles) into a folder.
///
/// The checkpoint is written last: a reader never sees one whose tiles are not there. Entries that
/// have been kept long enough and were destroyed are left out; their hashes are not.
///
/// # Errors
///
/// When the log cannot be read or the folder cannot be written.
pub async fn tiles(config: &Config, origin: Option<&str>, to: &Path) -> Result<Exported, Error> {
    let reading = Reading::open(config, origin).await?;
    let Some(head) = reading.head().await? else {
        return Err(Error::Damaged {
            index: 0,
            what: "there is no signed head",
        });
    };
    for tile in tiles_for(head.size) {
        let hashes = reading.tile(tile).await?;
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        put(to, &tile.path(), &bytes)?;
        if tile.level == 0 && tile.index >= head.pruned.div_ceil(TILE_WIDTH) {
            let first = tile.index * TILE_WIDTH;
            let leaves = reading.leaves(first, u32::from(tile.width)).await?;
            let bundle = encode_entries(leaves.iter().map(|(_, leaf)| leaf.as_slice()))?;
            put(to, &TileId::entries_path(tile.index, tile.width), &bundle)?;
        }
    }
    put(to, "vkey", format!("{}\n", reading.log.vkey).as_bytes())?;
    put(to, "checkpoint", head.note.as_bytes())?;
    Ok(Exported {
        origin: reading.log.origin,
        size: head.size,
        folder: to.to_owned(),
    })
}

fn put(to: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = to.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::Folder(folder.to_owned(), e))?;
    }
    Ok(secret::write_public(&path, bytes)?)
}
