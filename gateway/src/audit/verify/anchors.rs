//! What a log says of its own checkpoints that stand elsewhere: each must be a head of this very log.
//!
//! A checkpoint is signed by the log's key. One that the log does not go on from means that two histories were
//! signed, and that what stands in protocollo or at the albo is not the one that is shown here.

use aws_lc_rs::digest::{SHA256, digest};
use varco_proto::audit::v1::RecordKind;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::proof;

use super::damaged;
use crate::audit::Error;
use crate::audit::index::word::Word;
use crate::audit::reading::{Reading, decode};

/// Checks every anchored checkpoint of a log that verified otherwise; gives how many there are.
pub(super) async fn check(reading: &Reading, signed: &Checkpoint) -> Result<u64, Error> {
    let word = Word::Kind(RecordKind::Anchor.into());
    let key = reading.log.vkey.parse()?;
    let mut count = 0;
    for (index, leaf) in reading
        .leaves_at(&reading.indices(word, (0, signed.size)).await?)
        .await?
    {
        let record = decode(index, &leaf)?;
        let Some(anchor) = record.anchor else {
            continue;
        };
        if digest(&SHA256, anchor.checkpoint.as_bytes()).as_ref() != anchor.checkpoint_sha256 {
            return Err(damaged(
                index,
                "an anchor does not hold the checkpoint that it names",
            ));
        }
        // That of the last day of a year is anchored in the log of the next.
        if anchor.checkpoint.lines().next() != Some(&reading.log.origin) {
            continue;
        }
        let is_head = match Checkpoint::open(&anchor.checkpoint, &key) {
            Ok(head) => is_head(reading, &head, signed).await?,
            Err(_) => false,
        };
        if !is_head {
            return Err(damaged(
                index,
                "a checkpoint that was anchored is no head of this log: compare it with what stands in protocollo",
            ));
        }
        count += 1;
    }
    Ok(count)
}

async fn is_head(reading: &Reading, head: &Checkpoint, signed: &Checkpoint) -> Result<bool, Error> {
    if head.size > signed.size {
        return Ok(false);
    }
    let proven = reading.over_tiles(|read| proof::prove_consistency(head.size, signed.size, read));
    let proven = proof::verify_consistency(
        head.size,
        &head.root,
        signed.size,
        &signed.root,
        &proven.await?,
    );
    Ok(proven.is_ok())
}
