//! What later logs say of one: that what it lacks was destroyed after it had been kept long enough.
//!
//! A log of a year that is over takes no more records, so the log that is written when something of it
//! is destroyed says so. Such a record is found by the index and believed for its proof: it must be a
//! leaf of the tree that its log has signed.

use varco_proto::audit::v1::RecordKind;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::proof;

use super::leaves::Leaves;
use crate::audit::index::word::Word;
use crate::audit::reading::{Reading, decode};
use crate::audit::store_log::{self, Log};
use crate::audit::{Error, proofs};

/// Takes note of what the later logs of the same instance say of a log.
pub(super) async fn later(
    (db, index): (&Db, &Db),
    log: &Log,
    leaves: &mut Leaves,
) -> Result<(), Error> {
    let logs = store_log::logs_after(&mut db.read().await?, log).await?;
    for log in logs {
        match by(Reading::of(db.clone(), index.clone(), log).await, leaves).await {
            // What is damaged says nothing here; it is told when that log is verified.
            Ok(()) | Err(Error::Damaged { .. } | Error::RolledBack { .. } | Error::Tlog(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn by(reading: Result<Reading, Error>, leaves: &mut Leaves) -> Result<(), Error> {
    let reading = reading?;
    let Some(head) = reading.head().await? else {
        return Ok(());
    };
    let signed = Checkpoint::open(&head.note, &reading.log.vkey.parse()?)?;
    let word = Word::Kind(RecordKind::Retention.into());
    for index in reading.indices(word, (0, signed.size)).await? {
        let Ok(leaf) = reading.leaf(index).await else {
            continue;
        };
        let path = proofs::inclusion(&reading, index, signed.size).await?;
        let hash = Hash::leaf(&leaf);
        proof::verify_inclusion(&hash, index, signed.size, &path, &signed.root)?;
        leaves.note_of_another(&decode(index, &leaf)?);
    }
    Ok(())
}
