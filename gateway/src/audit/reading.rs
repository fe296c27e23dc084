//! Reading a log record by record, beside the process that writes it.

use prost::Message as _;
use varco_proto::audit::v1::Record;
use varco_runtime::store::Db;

use super::Error;
use super::store_log::{self, Log};

/// A log, open to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Its database.
    pub db: Db,
    /// Its name and key.
    pub log: Log,
}

impl Reading {
    /// Records from an index on, in order, at most `limit`; fewer only at the end of the log.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or a record does not parse.
    pub async fn records(&self, from: u64, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
        let mut tx = self.db.read().await?;
        let leaves = store_log::leaves(&mut tx, &self.log.origin, from, limit).await?;
        let record = |leaf: store_log::Leaf| {
            let record = Record::decode(leaf.body.as_slice()).map_err(|_| Error::Damaged {
                index: leaf.index,
                what: "the record does not parse",
            })?;
            Ok((leaf.index, record))
        };
        leaves.into_iter().map(record).collect()
    }
}
