//! Destroying the keys of sealed details that are gone.
//!
//! A gateway uses its keys one after the other. So those that are older than the key of the oldest
//! details of its log have nothing left to open, but for details that are kept as long as their record.

use std::collections::HashSet;

use varco_proto::audit::v1::RetentionClass;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::{Part, slices, state};
use crate::audit::Error;
use crate::audit::batch::Batch;
use crate::audit::seal::KeyId;
use crate::audit::store_log::{self, Log};

/// Destroys the keys that were made before an instant and that no details need: in microseconds since the
/// Unix epoch.
pub(super) async fn destroy(db: &Db, before: i64) -> Result<(), Error> {
    let before = oldest_in_use(db).await?.unwrap_or(before).min(before);
    let before = before.saturating_sub(MARGIN);
    let kept = kept_for_good(db).await?;
    let mut last = (i64::MIN, Vec::new());
    loop {
        let found = page(db, (&last, before)).await?;
        let Some(end) = found.last() else {
            return Ok(());
        };
        last.clone_from(end);
        let ids = found.into_iter().map(|(_, id)| id);
        let spent: Vec<Vec<u8>> = ids.filter(|id| !kept.contains(id)).collect();
        forget(db, &spent).await?;
    }
}

/// When the oldest key was made that details of a class with an end need, in any log.
async fn oldest_in_use(db: &Db) -> Result<Option<i64>, Error> {
    let mut tx = db.read().await?;
    let mut oldest = None;
    for log in store_log::logs(&mut tx).await? {
        for (sql, class) in FIRST {
            let from = state::read(&mut tx, Part { log: &log, class }).await?.done;
            let Some(first) = first_from(&mut tx, (sql, &log), from).await? else {
                continue;
            };
            let batches = store_log::batches(&mut tx, &log, first, 1).await?;
            for key in keys_of(batches.first(), &[class])? {
                let made = made(&mut tx, &key).await?;
                oldest = oldest.into_iter().chain(made).min();
            }
        }
    }
    Ok(oldest)
}

async fn first_from(
    tx: &mut Tx,
    (sql, log): (&'static str, &Log),
    from: u64,
) -> Result<Option<u64>, Error> {
    let found: Option<(i64,)> = on!(tx, |db| sqlx::query_as(sql)
        .bind(log.id)
        .bind(from.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(first,)| first.cast_unsigned()))
}

async fn made(tx: &mut Tx, key: &[u8]) -> Result<Option<i64>, Error> {
    let found: Option<(i64,)> = on!(tx, |db| sqlx::query_as(MADE)
        .bind(key)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(created,)| created))
}

/// Keys of details that are kept as long as their record.
async fn kept_for_good(db: &Db) -> Result<HashSet<Vec<u8>>, Error> {
    let mut tx = db.read().await?;
    let rows: Vec<(i64, i64, Vec<u8>)> =
        on!(&mut tx, |db| sqlx::query_as(FOR_GOOD).fetch_all(db).await)
            .map_err(store::Error::from)?;
    let mut kept = HashSet::new();
    for (first, count, sealed) in rows {
        let batch = Batch {
            first: first.cast_unsigned(),
            count: count.cast_unsigned(),
            sealed: [None, None, None, Some(sealed)],
            ..Batch::default()
        };
        kept.extend(keys_of(Some(&batch), &[RetentionClass::P])?);
    }
    Ok(kept)
}

fn keys_of(batch: Option<&Batch>, classes: &[RetentionClass]) -> Result<Vec<Vec<u8>>, Error> {
    let mut keys = Vec::new();
    for class in classes {
        let details = batch.map(|batch| batch.details(*class)).transpose()?;
        let named = details.into_iter().flatten();
        let named = named.filter_map(|(_, sealed)| KeyId::named_by(sealed));
        keys.extend(named.map(|key| key.as_bytes().to_vec()));
    }
    Ok(keys)
}

async fn page(
    db: &Db,
    ((made, id), before): (&(i64, Vec<u8>), i64),
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let mut tx = db.read().await?;
    let found = on!(&mut tx, |db| sqlx::query_as(PAGE)
        .bind(made)
        .bind(id.as_slice())
        .bind(before)
        .fetch_all(db)
        .await);
    Ok(found.map_err(store::Error::from)?)
}

async fn forget(db: &Db, ids: &[Vec<u8>]) -> Result<(), Error> {
    let mut tx = slices::begin(db).await?;
    for id in ids {
        on!(&mut tx, |db| sqlx::query(FORGET)
            .bind(id.as_slice())
            .execute(db)
            .await
            .map(drop))
        .map_err(store::Error::from)?;
    }
    Ok(tx.commit().await?)
}

/// The first details of each class that ends before its record.
const FIRST: [(&str, RetentionClass); 3] = [
    (FIRST_A, RetentionClass::A),
    (FIRST_B, RetentionClass::B),
    (FIRST_C, RetentionClass::C),
];
const FIRST_A: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 \
     AND sealed_a IS NOT NULL ORDER BY first LIMIT 1";
const FIRST_B: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 \
     AND sealed_b IS NOT NULL ORDER BY first LIMIT 1";
const FIRST_C: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 \
     AND sealed_c IS NOT NULL ORDER BY first LIMIT 1";
const FORGET: &str = "DELETE FROM seal_key WHERE id = $1";
const FOR_GOOD: &str = "SELECT first, count, sealed_p FROM batch WHERE sealed_p IS NOT NULL";
const MADE: &str = "SELECT created FROM seal_key WHERE id = $1";
/// A day, by which no clock is behind another.
const MARGIN: i64 = 86_400_000_000;
const PAGE: &str = "SELECT created, id FROM seal_key WHERE (created, id) > ($1, $2) \
     AND created < $3 ORDER BY created, id LIMIT 500";
