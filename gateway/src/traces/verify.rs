//! Whether the stored spans are what was sealed.
//!
//! The seals come from whoever reads the register of accesses, whose own proofs say that they are
//! genuine; here each is compared with the bytes that it stands for.

use uuid::Uuid;
use varco_runtime::store;

use super::seal::Seal;
use super::store_batches;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Batches that are as they were sealed.
    pub whole: u64,
    /// Batches that are no longer kept.
    pub gone: u64,
    /// Batches that were changed since: the index of the seal, and the batch.
    pub changed: Vec<(u64, Uuid)>,
}

impl super::Traces {
    /// Compares seals, each with its index in the log, with the batches that they stand for.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn verify(
        &self,
        seals: impl IntoIterator<Item = (u64, Seal)>,
    ) -> Result<Report, store::Error> {
        let mut report = Report::default();
        let mut tx = self.db().read().await?;
        for (index, seal) in seals {
            match store_batches::body(&mut tx, seal.batch).await? {
                None => report.gone += 1,
                Some(body) if Seal::of(seal.batch, seal.spans, &body) == seal => report.whole += 1,
                Some(_) => report.changed.push((index, seal.batch)),
            }
        }
        Ok(report)
    }
}
