//! Destroying a little at a time, so that commits of records are not held up.

use varco_proto::audit::v1::RetentionClass;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::{Part, state};
use crate::audit::Error;
use crate::audit::edge::Edge;

/// Destroys the details of a class between two indices, which are those of whole commits.
pub(super) async fn destroy_details(
    db: &Db,
    part: Part<'_>,
    (from, to): (u64, u64),
) -> Result<(), Error> {
    let sql = match part.class {
        RetentionClass::A => DETAILS_A,
        RetentionClass::B => DETAILS_B,
        RetentionClass::C => DETAILS_C,
        RetentionClass::P | RetentionClass::Unspecified => return Ok(()),
    };
    let mut next = from;
    while next < to {
        let end = next.saturating_add(SLICE).min(to);
        let mut tx = begin(db).await?;
        on!(&mut tx, |db| sqlx::query(sql)
            .bind(part.log.id)
            .bind(next.cast_signed())
            .bind(end.cast_signed())
            .execute(db)
            .await
            .map(drop))
        .map_err(store::Error::from)?;
        state::note_done(&mut tx, part, end).await?;
        tx.commit().await?;
        next = end;
    }
    Ok(())
}

/// Gives the records below an index up, and keeps the edge of the tree there; tells whether all are.
pub(super) async fn give_up(
    db: &Db,
    part: Part<'_>,
    (before, edge): (u64, &Edge),
) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    edge.keep(&mut tx, part.log).await?;
    on!(&mut tx, |db| sqlx::query(PRUNE)
        .bind(part.log.id)
        .bind(before.cast_signed())
        .execute(db)
        .await
        .map(drop))
    .map_err(store::Error::from)?;
    let (is_all,) = on!(&mut tx, |db| sqlx::query_as(IS_ALL)
        .bind(part.log.id)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    tx.commit().await?;
    Ok(is_all)
}

/// Destroys the records below an index that were given up, but for those of a commit that reaches over it.
pub(super) async fn destroy_records(db: &Db, part: Part<'_>, before: u64) -> Result<(), Error> {
    let mut next = oldest(db, part).await?;
    while let Some(first) = next.filter(|first| *first < before) {
        let end = first.saturating_add(SLICE).min(before);
        let mut tx = begin(db).await?;
        let gone = on!(&mut tx, |db| sqlx::query(RECORDS)
            .bind(part.log.id)
            .bind(end.cast_signed())
            .bind(before.cast_signed())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))
        .map_err(store::Error::from)?;
        tx.commit().await?;
        if gone == 0 {
            break;
        }
        next = oldest(db, part).await?;
    }
    Ok(())
}

/// Where a log has a table of its own, that goes at once.
pub(super) async fn drop_all(db: &Db, part: Part<'_>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx, |db| sqlx::query(DROP)
        .bind(part.log.id)
        .execute(db)
        .await
        .map(drop))
    .map_err(store::Error::from)?;
    Ok(tx.commit().await?)
}

async fn oldest(db: &Db, part: Part<'_>) -> Result<Option<u64>, Error> {
    let mut tx = db.read().await?;
    let (first,): (Option<i64>,) = on!(&mut tx, |db| sqlx::query_as(OLDEST)
        .bind(part.log.id)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(first.map(i64::cast_unsigned))
}

/// Begins a transaction that leaves nothing of what it destroys in the pages of the file.
pub(super) async fn begin(db: &Db) -> Result<Tx, Error> {
    let mut tx = db.begin().await?;
    if let Tx::Sqlite(tx) = &mut tx {
        let overwrite = sqlx::query("PRAGMA secure_delete = ON");
        overwrite
            .execute(&mut **tx)
            .await
            .map_err(store::Error::from)?;
    }
    Ok(tx)
}

const DETAILS_A: &str = "UPDATE batch SET sealed_a = NULL WHERE log = $1 AND first >= $2 \
     AND first < $3 AND sealed_a IS NOT NULL";
const DETAILS_B: &str = "UPDATE batch SET sealed_b = NULL WHERE log = $1 AND first >= $2 \
     AND first < $3 AND sealed_b IS NOT NULL";
const DETAILS_C: &str = "UPDATE batch SET sealed_c = NULL WHERE log = $1 AND first >= $2 \
     AND first < $3 AND sealed_c IS NOT NULL";
const DROP: &str = "SELECT drop_records($1)";
const IS_ALL: &str = "SELECT pruned = size FROM log WHERE id = $1";
const OLDEST: &str = "SELECT MIN(first) FROM batch WHERE log = $1";
const PRUNE: &str = "UPDATE log SET pruned = $2 WHERE id = $1 AND pruned < $2";
const RECORDS: &str = "DELETE FROM batch WHERE log = $1 AND first < $2 AND first + count <= $3";
/// Leaves whose commits one transaction touches: at a kilobyte each they are written in some milliseconds,
/// whether they stand in commits of one or of 256.
const SLICE: u64 = 2048;
