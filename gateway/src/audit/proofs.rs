//! Proofs over the stored tree (RFC 6962 §2.1).

use varco_tlog::hash::Hash;
use varco_tlog::proof;

use super::Error;
use super::reading::Reading;

/// Proves that a record is in the log of that size.
///
/// # Errors
///
/// When the index is not in the log, or a tile is missing.
pub async fn inclusion(reading: &Reading, index: u64, size: u64) -> Result<Vec<Hash>, Error> {
    check_size(reading, size).await?;
    if index >= size {
        return Err(Error::OutOfRange);
    }
    reading
        .over_tiles(|read| proof::prove_inclusion(index, size, read))
        .await
}

/// Proves that the log of the new size extends that of the old size.
///
/// # Errors
///
/// When a size is beyond the log, or a tile is missing.
pub async fn consistency(reading: &Reading, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
    check_size(reading, new).await?;
    if old > new {
        return Err(Error::OutOfRange);
    }
    reading
        .over_tiles(|read| proof::prove_consistency(old, new, read))
        .await
}

async fn check_size(reading: &Reading, size: u64) -> Result<(), Error> {
    match reading.head().await? {
        Some(head) if size <= head.size => Ok(()),
        _ => Err(Error::OutOfRange),
    }
}
