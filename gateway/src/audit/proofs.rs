//! Proofs over the stored tree (RFC 6962 §2.1).

use varco_runtime::store::Db;
use varco_tlog::hash::Hash;
use varco_tlog::proof;

use super::Error;
use super::store_log::{Log, over_tiles};

/// Proves that a record is in the log of that size.
///
/// # Errors
///
/// When the index is not in the log, or a tile is missing.
pub async fn inclusion(db: &Db, log: &Log, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
    check_size(db, log, size).await?;
    if index >= size {
        return Err(Error::OutOfRange);
    }
    over_tiles(db, &log.origin, |read| {
        proof::prove_inclusion(index, size, read)
    })
    .await
}

/// Proves that the log of the new size extends that of the old size.
///
/// # Errors
///
/// When a size is beyond the log, or a tile is missing.
pub async fn consistency(db: &Db, log: &Log, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
    check_size(db, log, new).await?;
    if old > new {
        return Err(Error::OutOfRange);
    }
    over_tiles(db, &log.origin, |read| {
        proof::prove_consistency(old, new, read)
    })
    .await
}

async fn check_size(db: &Db, log: &Log, size: u64) -> Result<(), Error> {
    let mut tx = db.read().await?;
    let head = super::store_log::head(&mut tx, &log.origin).await?;
    match head {
        Some(head) if size <= head.size => Ok(()),
        _ => Err(Error::OutOfRange),
    }
}
