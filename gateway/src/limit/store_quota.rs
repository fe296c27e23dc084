//! The day's calls in the database that the gateways share.
//!
//! `quota.ultimo` is what was given of a subject's day and has not come back. Whoever changes it, or
//! ends a lease, locks that row first: rivals wait, and a transaction whose answer was lost has ended
//! one way or the other before the next one looks.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::grant::{Asked, Granted, Stands, decide, is_nearly_used};
use super::ledger::{Heard, Report, Return};
use super::subject::Key;
use super::watch::Beat;

/// Leases calls of a subject's day, as [`decide`] decides. True with the answer when it is this
/// gateway that must tell that most of them are used.
///
/// # Errors
///
/// When the database refuses or does not answer; then it may have leased them.
pub async fn lease(
    db: &Db,
    holder: &str,
    key: &Key,
    asked: Asked,
) -> Result<(Granted, bool), store::Error> {
    let (subject, day) = names(key);
    let mut tx = db.begin().await?;
    let total = hold(&mut tx, &subject, &day).await?;
    let held: Option<(i64, i64)> = on!(&mut tx, |db| sqlx::query_as(OWN)
        .bind(&subject)
        .bind(&day)
        .bind(holder)
        .fetch_optional(db)
        .await)?;
    let stands = Stands {
        total,
        lease: held.map(|(life, granted)| (life.unsigned_abs(), granted.unsigned_abs())),
    };
    let granted = decide(asked, stands);
    if granted.granted > 0 || held.is_some() {
        count(&mut tx, &subject, &day, granted.total).await?;
        put(&mut tx, (&subject, &day, holder), granted).await?;
    }
    let told = is_nearly_used(asked.limit, granted.total) && warn(&mut tx, &subject, &day).await?;
    tx.commit().await?;
    Ok((granted, told))
}

/// Notes that a gateway lives and until where it uses its leases, and tells what stands of each.
///
/// # Errors
///
/// When the database refuses or does not answer; then it may have noted it.
pub async fn report(
    db: &Db,
    holder: &str,
    reports: &[Report],
) -> Result<HashMap<Key, Heard>, store::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx, |db| sqlx::query(BEAT)
        .bind(holder)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    let changed: Vec<_> = reports.iter().filter(|it| it.changed).collect();
    let noted = match changed.as_slice() {
        [] => Vec::new(),
        changed => note(&mut tx, holder, changed).await?,
    };
    let totals = totals(&mut tx, reports).await?;
    tx.commit().await?;
    let noted: HashSet<_> = noted.into_iter().collect();
    let totals: HashMap<_, _> = totals
        .into_iter()
        .map(|(subject, day, total)| ((subject, day), total.unsigned_abs()))
        .collect();
    let heard = reports.iter().filter_map(|it| {
        let names = names(&it.key);
        let (noted, total) = (noted.contains(&names), *totals.get(&names)?);
        Some((it.key, Heard { noted, total }))
    });
    Ok(heard.collect())
}

/// Takes leases back, with what was not used of them.
///
/// # Errors
///
/// When the database refuses or does not answer; then it may have taken them.
pub async fn give_back(db: &Db, holder: &str, returns: &[Return]) -> Result<(), store::Error> {
    let mut returns: Vec<_> = returns.iter().map(|it| (names(&it.key), it)).collect();
    // In one order everywhere, so that gateways wait for each other but never in a circle.
    returns.sort_by(|one, other| one.0.cmp(&other.0));
    let mut tx = db.begin().await?;
    for ((subject, day), it) in returns {
        let total = hold(&mut tx, &subject, &day).await?;
        let ended: Option<(i64, i64)> = on!(&mut tx, |db| sqlx::query_as(END)
            .bind(&subject)
            .bind(&day)
            .bind(holder)
            .fetch_optional(db)
            .await)?;
        if let Some((life, granted)) = ended {
            let known = life.unsigned_abs() == it.life;
            let used = if known { it.used } else { 0 };
            let back = granted.unsigned_abs().saturating_sub(used);
            count(&mut tx, &subject, &day, total.saturating_sub(back)).await?;
        }
    }
    tx.commit().await
}

/// The beats of all other runs of gateways.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn beats(db: &Db, holder: &str) -> Result<Vec<Beat>, store::Error> {
    let mut tx = db.read().await?;
    let found: Vec<(String, i64)> = on!(&mut tx, |db| sqlx::query_as(BEATS)
        .bind(holder)
        .fetch_all(db)
        .await)?;
    let beats = found.into_iter();
    Ok(beats.map(|(holder, beat)| Beat { holder, beat }).collect())
}

/// Strikes a run off that has not beaten since, once; its leases are then nobody's.
///
/// # Errors
///
/// When the database refuses.
pub async fn bury(db: &Db, dead: &Beat) -> Result<bool, store::Error> {
    let mut tx = db.begin().await?;
    let struck = on!(&mut tx, |db| sqlx::query(BURY)
        .bind(&dead.holder)
        .bind(dead.beat)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    tx.commit().await?;
    Ok(struck > 0)
}

/// Takes some leases back that are nobody's: all but what may have been used of them. True when
/// there may be more.
///
/// # Errors
///
/// When the database refuses; those before it were taken.
pub async fn reclaim(db: &Db) -> Result<bool, store::Error> {
    let mut tx = db.read().await?;
    let found: Vec<(String, String, String)> = on!(&mut tx, |db| sqlx::query_as(ORPHANS)
        .bind(SOME)
        .fetch_all(db)
        .await)?;
    drop(tx);
    let more = i64::try_from(found.len()).is_ok_and(|found| found >= SOME);
    for (subject, day, holder) in found {
        let mut tx = db.begin().await?;
        let total = hold(&mut tx, &subject, &day).await?;
        let ended: Option<(i64, i64)> = on!(&mut tx, |db| sqlx::query_as(END_ORPHAN)
            .bind(&subject)
            .bind(&day)
            .bind(&holder)
            .fetch_optional(db)
            .await)?;
        if let Some((granted, may_use)) = ended {
            let back = granted.abs_diff(may_use);
            count(&mut tx, &subject, &day, total.saturating_sub(back)).await?;
        }
        tx.commit().await?;
    }
    Ok(more)
}

/// Strikes this run off: it holds nothing any more.
///
/// # Errors
///
/// When the database refuses.
pub async fn leave(db: &Db, holder: &str) -> Result<(), store::Error> {
    let mut tx = db.begin().await?;
    on!(&mut tx, |db| sqlx::query(LEAVE)
        .bind(holder)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    tx.commit().await
}

/// Deletes what was counted before a day.
///
/// # Errors
///
/// When the database refuses; then nothing is deleted.
pub async fn sweep(db: &Db, before: Date) -> Result<(), store::Error> {
    let before = before.to_string();
    let mut tx = db.begin().await?;
    for sql in [SWEEP, SWEEP_LEASES, SWEEP_WARNINGS] {
        on!(&mut tx, |db| sqlx::query(sql)
            .bind(&before)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
    }
    tx.commit().await
}

/// A key as it stands in the database.
#[must_use]
pub fn names(key: &Key) -> (String, String) {
    (key.subject.to_string(), key.day.to_string())
}

/// Locks the row of a subject's day, and gives what was given of it.
async fn hold(tx: &mut Tx, subject: &str, day: &str) -> Result<u64, store::Error> {
    let (total,): (i64,) = on!(tx, |db| sqlx::query_as(HOLD)
        .bind(subject)
        .bind(day)
        .fetch_one(db)
        .await)?;
    Ok(total.unsigned_abs())
}

async fn count(tx: &mut Tx, subject: &str, day: &str, total: u64) -> Result<(), store::Error> {
    on!(tx, |db| sqlx::query(COUNT)
        .bind(subject)
        .bind(day)
        .bind(total.cast_signed())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(())
}

async fn put(
    tx: &mut Tx,
    (subject, day, holder): (&str, &str, &str),
    granted: Granted,
) -> Result<(), store::Error> {
    on!(&mut *tx, |db| sqlx::query(PUT)
        .bind(subject)
        .bind(day)
        .bind(holder)
        .bind(granted.life.cast_signed())
        .bind(granted.granted.cast_signed())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    on!(&mut *tx, |db| sqlx::query(ALIVE)
        .bind(holder)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(())
}

/// Whether nobody has told before.
async fn warn(tx: &mut Tx, subject: &str, day: &str) -> Result<bool, store::Error> {
    let new = on!(tx, |db| sqlx::query(WARN)
        .bind(subject)
        .bind(day)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(new > 0)
}

/// Notes reports in one statement; gives those whose leases still stand.
async fn note(
    tx: &mut Tx,
    holder: &str,
    reports: &[&Report],
) -> Result<Vec<(String, String)>, store::Error> {
    let named = reports.iter().map(|it| (names(&it.key), it));
    Ok(match tx {
        Tx::Sqlite(tx) => {
            let rows: Vec<_> = named
                .map(|((subject, day), it)| (subject, day, it.life, it.may))
                .collect();
            sqlx::query_as(NOTE_SQLITE)
                .bind(serde_json::to_string(&rows).unwrap_or_default())
                .bind(holder)
                .fetch_all(&mut **tx)
                .await?
        }
        Tx::Postgres(tx) => {
            let (subjects, days): (Vec<String>, Vec<String>) = named.map(|it| it.0).unzip();
            let lives: Vec<i64> = reports.iter().map(|it| it.life.cast_signed()).collect();
            let may: Vec<i64> = reports.iter().map(|it| it.may.cast_signed()).collect();
            sqlx::query_as(NOTE_POSTGRES)
                .bind(subjects)
                .bind(days)
                .bind(lives)
                .bind(may)
                .bind(holder)
                .fetch_all(&mut **tx)
                .await?
        }
    })
}

async fn totals(
    tx: &mut Tx,
    reports: &[Report],
) -> Result<Vec<(String, String, i64)>, store::Error> {
    let named = reports.iter().map(|it| names(&it.key));
    Ok(match tx {
        Tx::Sqlite(tx) => {
            let rows: Vec<_> = named.collect();
            sqlx::query_as(TOTALS_SQLITE)
                .bind(serde_json::to_string(&rows).unwrap_or_default())
                .fetch_all(&mut **tx)
                .await?
        }
        Tx::Postgres(tx) => {
            let (subjects, days): (Vec<String>, Vec<String>) = named.unzip();
            sqlx::query_as(TOTALS_POSTGRES)
                .bind(subjects)
                .bind(days)
                .fetch_all(&mut **tx)
                .await?
        }
    })
}

const ALIVE: &str =
    "INSERT INTO quota_holder (holder, beat) VALUES ($1, 0) ON CONFLICT (holder) DO NOTHING";
const BEAT: &str = "INSERT INTO quota_holder (holder, beat) VALUES ($1, 0) \
     ON CONFLICT (holder) DO UPDATE SET beat = quota_holder.beat + 1";
const BEATS: &str = "SELECT holder, beat FROM quota_holder WHERE holder <> $1";
const BURY: &str = "DELETE FROM quota_holder WHERE holder = $1 AND beat = $2";
const COUNT: &str = "UPDATE quota SET ultimo = $3 WHERE subject = $1 AND day = $2";
const END: &str = "DELETE FROM quota_lease WHERE subject = $1 AND day = $2 AND holder = $3 \
     RETURNING life, granted";
const END_ORPHAN: &str = "DELETE FROM quota_lease \
     WHERE subject = $1 AND day = $2 AND holder = $3 AND NOT EXISTS \
     (SELECT 1 FROM quota_holder h WHERE h.holder = quota_lease.holder) RETURNING granted, may_use";
const HOLD: &str = "INSERT INTO quota (subject, day, ultimo) VALUES ($1, $2, 0) \
     ON CONFLICT (subject, day) DO UPDATE SET ultimo = quota.ultimo RETURNING ultimo";
const LEAVE: &str = "DELETE FROM quota_holder WHERE holder = $1";
const NOTE_POSTGRES: &str = "UPDATE quota_lease SET may_use = said.may_use \
     FROM UNNEST($1::text[], $2::text[], $3::bigint[], $4::bigint[]) \
     AS said(subject, day, life, may_use) \
     WHERE quota_lease.subject = said.subject AND quota_lease.day = said.day \
     AND quota_lease.life = said.life AND quota_lease.holder = $5 \
     RETURNING quota_lease.subject, quota_lease.day";
const NOTE_SQLITE: &str = "UPDATE quota_lease SET may_use = said.value ->> 3 \
     FROM json_each($1) AS said \
     WHERE subject = said.value ->> 0 AND day = said.value ->> 1 \
     AND life = said.value ->> 2 AND holder = $2 RETURNING subject, day";
const ORPHANS: &str = "SELECT subject, day, holder FROM quota_lease WHERE NOT EXISTS \
     (SELECT 1 FROM quota_holder h WHERE h.holder = quota_lease.holder) \
     ORDER BY subject, day, holder LIMIT $1";
const OWN: &str =
    "SELECT life, granted FROM quota_lease WHERE subject = $1 AND day = $2 AND holder = $3";
const PUT: &str = "INSERT INTO quota_lease (subject, day, holder, life, granted, may_use) \
     VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (subject, day, holder) DO UPDATE \
     SET life = excluded.life, granted = excluded.granted, may_use = excluded.may_use";
/// Leases that are taken back before the next are looked for.
const SOME: i64 = 200;
const SWEEP: &str = "DELETE FROM quota WHERE day < $1";
const SWEEP_LEASES: &str = "DELETE FROM quota_lease WHERE day < $1";
const SWEEP_WARNINGS: &str = "DELETE FROM quota_warning WHERE day < $1";
const TOTALS_POSTGRES: &str = "SELECT quota.subject, quota.day, quota.ultimo FROM quota \
     JOIN UNNEST($1::text[], $2::text[]) AS said(subject, day) \
     ON quota.subject = said.subject AND quota.day = said.day";
const TOTALS_SQLITE: &str = "SELECT subject, day, ultimo FROM quota JOIN json_each($1) AS said \
     ON subject = said.value ->> 0 AND day = said.value ->> 1";
const WARN: &str = "INSERT INTO quota_warning (subject, day) VALUES ($1, $2) \
     ON CONFLICT (subject, day) DO NOTHING";

#[cfg(test)]
mod tests;
