//! Verifying a log from its database, without trusting anything that the gateway computed.
//!
//! Every leaf is hashed again, the tree is built again, and the root must be the one in the signed
//! checkpoint; so must be all that is not evidence but that records are found and proven by. The
//! first index that is wrong is named.

use varco_runtime::config::Config;
use varco_runtime::store::{Db, Tx};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::tile::TileId;

use super::Error;
use super::edge::Edge;
use super::index::segment::Closed;
use super::index::tail::{Tail, Told};
use super::index::{self, SEGMENT};
use super::reading::{self, Reading};
use super::store_log::{self, Head, Log};

mod anchors;
pub mod kept;
mod leaves;
pub mod pack;
mod said;
pub mod tree;

use leaves::Leaves;

/// A log that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub origin: String,
    /// Its key.
    pub vkey: String,
    /// How many records.
    pub size: u64,
    /// Root in hexadecimal.
    pub root: String,
    /// Records below this index were destroyed after they had been kept long enough.
    pub pruned: u64,
    /// Sealed details that are there.
    pub details: u64,
    /// Sealed details that were destroyed after they had been kept long enough.
    pub details_destroyed: u64,
    /// Its checkpoints that stand elsewhere too, as it says itself; each is a head of it.
    pub anchors: u64,
}

/// Verifies the log of that name, or the newest of the configured instance.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong.
pub async fn verify(config: &Config, origin: Option<&str>) -> Result<Report, Error> {
    let db = reading::open_db(config).await?;
    let log = reading::log(&db, config, origin).await?;
    verify_log(&db, &index::open_to_read(config).await?, &log).await
}

/// Verifies every log of the database that has a record, oldest first, those of the configured
/// instance last.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong; [`Error::NoLog`] when there is no log.
pub async fn verify_all(config: &Config) -> Result<Vec<Report>, Error> {
    let db = reading::open_db(config).await?;
    let index = index::open_to_read(config).await?;
    let mut tx = db.read().await?;
    let mut logs = Vec::new();
    for log in store_log::logs(&mut tx).await? {
        if store_log::head(&mut tx, &log).await?.is_some() {
            logs.push(log);
        }
    }
    let own = store_log::logs_of(&mut tx, &config.gateway.instance).await?;
    // Who only reads has one connection.
    drop(tx);
    logs.sort_by_key(|log| own.contains(log));
    let mut reports = Vec::new();
    for log in logs {
        reports.push(verify_log(&db, &index, &log).await?);
    }
    if reports.is_empty() {
        return Err(Error::NoLog(config.gateway.instance.clone()));
    }
    Ok(reports)
}

/// Verifies one log.
///
/// # Errors
///
/// [`Error::Damaged`] with the first index that is wrong.
pub async fn verify_log(db: &Db, index: &Db, log: &Log) -> Result<Report, Error> {
    // One transaction each: beside a running town, all is of one moment, the index not the newer.
    let mut behind = index.read().await?;
    // A transaction begins with its first statement.
    let written = index::segments(&mut behind, log).await?;
    let mut tx = db.read().await?;
    let Some(head) = store_log::head(&mut tx, log).await? else {
        return Err(damaged(0, "there is no signed head"));
    };
    let signed = Checkpoint::open(&head.note, &log.vkey.parse()?)?;
    if signed.size != head.size || signed.root.as_bytes().as_slice() != head.root {
        return Err(damaged(0, "the signed head is not what stands beside it"));
    }
    if head.is_all_gone() {
        drop((behind, tx));
        return all_gone((db, index), log, &head).await;
    }
    let mut tail = begin(&mut tx, log, head.pruned).await?;
    let mut leaves = Leaves::from(log, head.pruned);
    while tail.size() < signed.size {
        let batches = store_log::batches(&mut tx, log, tail.size(), PAGE).await?;
        if batches.is_empty() {
            return Err(damaged(tail.size(), "a record is missing"));
        }
        for batch in &batches {
            let mut tiles = tail.take_tiles();
            let told = leaves.check(batch, &mut tiles, &mut tx).await?;
            tail.extend(tiles, told);
        }
        while let Some(closed) = tail.next_closed() {
            if closed.number < written {
                check_segment(&mut behind, log, (&closed, head.pruned)).await?;
            }
            tail.written(closed.number);
        }
    }
    if tail.size() > signed.size || store_log::has_more(&mut tx, log, signed.size).await? {
        return Err(damaged(signed.size, "a record was added unsigned"));
    }
    if tail.tiles().root() != signed.root {
        return Err(damaged(0, "the root is not the one that was signed"));
    }
    // Who only reads has one connection; and what was said of a destruction was said before it.
    drop((behind, tx));
    let own = leaves.close(head.pruned);
    if own.is_err() {
        said::later((db, index), log, &mut leaves).await?;
    }
    let details = own.or_else(|_| leaves.close(head.pruned))?;
    let reading = Reading::of(db.clone(), index.clone(), log.clone()).await?;
    let anchors = anchors::check(&reading, &signed).await?;
    Ok(Report {
        anchors,
        ..report(log, &head, details)
    })
}

/// A log of which the signed head is left, and records of later logs that say that the rest was destroyed.
async fn all_gone((db, index): (&Db, &Db), log: &Log, head: &Head) -> Result<Report, Error> {
    if store_log::has_more(&mut db.read().await?, log, head.size).await? {
        return Err(damaged(head.size, "a record was added unsigned"));
    }
    let mut leaves = Leaves::from(log, head.pruned);
    said::later((db, index), log, &mut leaves).await?;
    Ok(report(log, head, leaves.close(head.pruned)?))
}

fn report(log: &Log, head: &Head, (details, details_destroyed): (u64, u64)) -> Report {
    Report {
        origin: log.origin.clone(),
        vkey: log.vkey.clone(),
        size: head.size,
        root: hex::encode(&head.root),
        pruned: head.pruned,
        details,
        details_destroyed,
        anchors: 0,
    }
}

/// The tree before the first record that is still there: of those before it, only hashes are left.
async fn begin(tx: &mut Tx, log: &Log, pruned: u64) -> Result<Tail, Error> {
    if pruned == 0 {
        return Ok(Tail::new());
    }
    if !pruned.is_multiple_of(SEGMENT) {
        return Err(damaged(0, "records were destroyed that nobody may destroy"));
    }
    let edge = Edge::read(tx, log).await?;
    Ok(Tail::behind(edge.tree(pruned)?))
}

async fn check_segment(
    behind: &mut Tx,
    log: &Log,
    (computed, pruned): (&Closed, u64),
) -> Result<(), Error> {
    let first = computed.number * SEGMENT;
    for ((level, number), hashes) in &computed.tiles {
        let tile = TileId {
            level: *level,
            index: *number,
            width: u16::try_from(hashes.len()).unwrap_or(u16::MAX),
        };
        let stored = index::tile(behind, log, tile).await?.unwrap_or_default();
        if let Some(place) = differs(&stored, hashes) {
            let leaf = (number * varco_tlog::tile::TILE_WIDTH + place) << (8 * u32::from(*level));
            return Err(damaged(
                leaf,
                "a hash of the tree is not that of its record",
            ));
        }
    }
    if !index::check_segment(behind, log, computed, pruned).await? {
        return Err(damaged(
            first,
            "what the records of a segment are found by is not what they say: delete the index, it \
             is built again",
        ));
    }
    Ok(())
}

/// The first place where stored hashes are not the computed ones; they may be more.
fn differs(stored: &[Hash], computed: &[Hash]) -> Option<u64> {
    let place = computed
        .iter()
        .zip(0..)
        .position(|(hash, place)| stored.get::<usize>(place) != Some(hash))?;
    u64::try_from(place).ok()
}

fn damaged(index: u64, what: &'static str) -> Error {
    Error::Damaged { index, what }
}

/// Batches that are read at once.
const PAGE: u32 = 64;

#[cfg(test)]
mod tests;
