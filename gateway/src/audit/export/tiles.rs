//! The log as static files that any C2SP tool reads and verifies.

use std::path::Path;

use varco_runtime::config::Config;
use varco_tlog::tile::{TILE_WIDTH, TileId, encode_entries, tiles_for};

use super::{Exported, put};
use crate::audit::Error;
use crate::audit::reading::Reading;

/// Writes `checkpoint`, `vkey`, `tile/…` and `tile/entries/…` (C2SP tlog-tiles) into a folder.
///
/// The checkpoint is written last: a reader never sees one whose tiles are not there. Entries that
/// have been kept long enough and were destroyed are left out; their hashes are not.
///
/// # Errors
///
/// When the log cannot be read or the folder cannot be written.
pub async fn write(config: &Config, origin: Option<&str>, to: &Path) -> Result<Exported, Error> {
    let reading = Reading::open(config, origin).await?;
    let Some(head) = reading.head().await? else {
        return Err(Error::Damaged {
            index: 0,
            what: "there is no signed head",
        });
    };
    // A log that is written meanwhile has grown beyond what was read of its end before.
    let Reading { db, index, log, .. } = reading;
    let reading = Reading::of(db, index, log).await?;
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
