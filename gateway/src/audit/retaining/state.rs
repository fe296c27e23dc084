//! How far the destruction of each part of a log has come.
//!
//! None of it is evidence: it only saves looking for where to go on.

use varco_proto::audit::v1::RetentionClass;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::Part;
use crate::audit::Error;
use crate::audit::committer::Receipt;
use crate::audit::store_log::{self, Log};

/// How far a part has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// All below it was said to be destroyed.
    pub(super) recorded: u64,
    /// All below it is.
    pub(super) done: u64,
}

impl State {
    pub(super) async fn of(db: &Db, part: Part<'_>) -> Result<Self, Error> {
        read(&mut db.read().await?, part).await
    }

    /// Notes that a record says that all below a bound goes, and where it stands.
    pub(super) async fn told(
        db: &Db,
        part: Part<'_>,
        (before, receipt): (u64, &Receipt),
    ) -> Result<Self, Error> {
        let mut tx = db.begin().await?;
        let holder = receipt.checkpoint.lines().next().unwrap_or_default();
        let holder = store_log::log(&mut tx, holder).await?;
        on!(&mut tx, |db| sqlx::query(TOLD)
            .bind(part.log.id)
            .bind(i64::from(i32::from(part.class)))
            .bind(before.cast_signed())
            .bind(holder.map(|log| log.id).unwrap_or_default())
            .bind(receipt.index.cast_signed())
            .execute(db)
            .await
            .map(drop))
        .map_err(store::Error::from)?;
        let state = read(&mut tx, part).await?;
        tx.commit().await?;
        Ok(state)
    }

    /// Whether a destruction up to a bound would find anything; what has nothing is no destruction.
    pub(super) async fn has_any(&self, db: &Db, part: Part<'_>, bound: u64) -> Result<bool, Error> {
        let sql = match part.class {
            RetentionClass::A => ANY_A,
            RetentionClass::B => ANY_B,
            RetentionClass::C => ANY_C,
            RetentionClass::P => return Ok(false),
            RetentionClass::Unspecified => return Ok(true),
        };
        let mut tx = db.read().await?;
        let found: Option<(i64,)> = on!(&mut tx, |db| sqlx::query_as(sql)
            .bind(part.log.id)
            .bind(self.done.cast_signed())
            .bind(bound.cast_signed())
            .fetch_optional(db)
            .await)
        .map_err(store::Error::from)?;
        Ok(found.is_some())
    }
}

/// Notes that all below a bound is destroyed, or that there was nothing.
pub(super) async fn done(db: &Db, part: Part<'_>, bound: u64) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    note_done(&mut tx, part, bound).await?;
    Ok(tx.commit().await?)
}

/// Notes it together with the destruction itself.
pub(super) async fn note_done(tx: &mut Tx, part: Part<'_>, bound: u64) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(DONE)
        .bind(part.log.id)
        .bind(i64::from(i32::from(part.class)))
        .bind(bound.cast_signed())
        .execute(db)
        .await
        .map(drop))
    .map_err(store::Error::from)?;
    Ok(())
}

/// The destructions whose record stands in a log below an index.
pub(super) async fn told_in(
    db: &Db,
    holder: &Log,
    below: u64,
) -> Result<Vec<(Log, RetentionClass, u64)>, Error> {
    let mut tx = db.read().await?;
    let rows: Vec<(i64, String, String, i64, i64)> = on!(&mut tx, |db| sqlx::query_as(TOLD_IN)
        .bind(holder.id)
        .bind(below.cast_signed())
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let told = |(id, origin, vkey, class, recorded): (i64, String, String, i64, i64)| {
        let class = i32::try_from(class).ok()?;
        let class = RetentionClass::try_from(class).ok()?;
        Some((Log { id, origin, vkey }, class, recorded.cast_unsigned()))
    };
    Ok(rows.into_iter().filter_map(told).collect())
}

pub(super) async fn read(tx: &mut Tx, part: Part<'_>) -> Result<State, Error> {
    let found: Option<(i64, i64)> = on!(tx, |db| sqlx::query_as(STATE)
        .bind(part.log.id)
        .bind(i64::from(i32::from(part.class)))
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map_or_else(State::default, |(recorded, done)| State {
        recorded: recorded.cast_unsigned(),
        done: done.cast_unsigned(),
    }))
}

const ANY_A: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 AND first < $3 \
     AND sealed_a IS NOT NULL LIMIT 1";
const ANY_B: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 AND first < $3 \
     AND sealed_b IS NOT NULL LIMIT 1";
const ANY_C: &str = "SELECT first FROM batch WHERE log = $1 AND first >= $2 AND first < $3 \
     AND sealed_c IS NOT NULL LIMIT 1";
const DONE: &str = "INSERT INTO destroyed (log, class, done) VALUES ($1, $2, $3) \
     ON CONFLICT (log, class) DO UPDATE SET done = excluded.done WHERE destroyed.done < excluded.done";
const STATE: &str = "SELECT recorded, done FROM destroyed WHERE log = $1 AND class = $2";
const TOLD: &str = "INSERT INTO destroyed (log, class, recorded, told_log, told_index) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (log, class) DO UPDATE SET \
     recorded = excluded.recorded, told_log = excluded.told_log, told_index = excluded.told_index";
const TOLD_IN: &str = "SELECT l.id, l.origin, l.vkey, d.class, d.recorded FROM destroyed d \
     JOIN log l ON l.id = d.log WHERE d.told_log = $1 AND d.told_index < $2 ORDER BY l.created, d.class";
