//! The logs in their database: which there are, their signed heads, their batches.
//!
//! Only what is evidence stands here; what it is found by stands in `index`. The one who writes is
//! `hold`.

use aws_lc_rs::digest::{SHA256, digest};
use varco_runtime::on;
use varco_runtime::store::{self, Tx};

use super::Error;
use super::batch::Batch;
use super::seal::KeyId;

/// A log by its name, with the key that verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The name as a number: an index that was made for another log is never taken for its own.
    pub id: i64,
    /// Its name.
    pub origin: String,
    /// Its key, in the form of C2SP signed-note.
    pub vkey: String,
}

/// The signed head of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
    /// Root over them.
    pub root: Vec<u8>,
    /// Signed checkpoint.
    pub note: String,
    /// Leaves below it may be gone.
    pub pruned: u64,
}

impl Head {
    /// Whether every record was destroyed after it had been kept long enough.
    #[must_use]
    pub fn is_all_gone(&self) -> bool {
        self.pruned == self.size
    }
}

/// The newest log of a gateway instance.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn log_of(tx: &mut Tx, instance: &str) -> Result<Option<Log>, Error> {
    let found: Option<(i64, String, String)> = on!(tx, |db| sqlx::query_as(LOG_OF)
        .bind(instance)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(log_from))
}

/// The logs of a gateway instance, oldest first.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn logs_of(tx: &mut Tx, instance: &str) -> Result<Vec<Log>, Error> {
    let found: Vec<(i64, String, String)> = on!(tx, |db| sqlx::query_as(LOGS_OF)
        .bind(instance)
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.into_iter().map(log_from).collect())
}

/// The logs of the same gateway instance that were begun after a log.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn logs_after(tx: &mut Tx, log: &Log) -> Result<Vec<Log>, Error> {
    let found: Vec<(i64, String, String)> = on!(tx, |db| sqlx::query_as(LOGS_AFTER)
        .bind(log.id)
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.into_iter().map(log_from).collect())
}

/// The logs of the same gateway instance that were begun before a log, newest first.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn logs_before(tx: &mut Tx, log: &Log) -> Result<Vec<Log>, Error> {
    let found: Vec<(i64, String, String)> = on!(tx, |db| sqlx::query_as(LOGS_BEFORE)
        .bind(log.id)
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.into_iter().map(log_from).collect())
}

/// A log by its name.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn log(tx: &mut Tx, origin: &str) -> Result<Option<Log>, Error> {
    let found: Option<(i64, String, String)> = on!(tx, |db| sqlx::query_as(LOG)
        .bind(origin)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(log_from))
}

/// Every log of the database, oldest first.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn logs(tx: &mut Tx) -> Result<Vec<Log>, Error> {
    let found: Vec<(i64, String, String)> =
        on!(tx, |db| sqlx::query_as(LOGS).fetch_all(db).await).map_err(store::Error::from)?;
    Ok(found.into_iter().map(log_from).collect())
}

/// Begins a log and gives it with its number.
///
/// # Errors
///
/// When one of that name stands there, or the database refuses.
pub async fn begin(
    tx: &mut Tx,
    (origin, vkey): (&str, &str),
    instance: &str,
    created: i64,
) -> Result<Log, Error> {
    let begun: (i64, String, String) = on!(tx, |db| sqlx::query_as(BEGIN)
        .bind(id_of(origin))
        .bind(origin)
        .bind(instance)
        .bind(vkey)
        .bind(created)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(log_from(begun))
}

/// The signed head of a log; none before its first record.
///
/// # Errors
///
/// When the database cannot be read, or the head is only half there.
pub async fn head(tx: &mut Tx, log: &Log) -> Result<Option<Head>, Error> {
    let found: Option<(i64, Option<Vec<u8>>, Option<String>, i64)> =
        on!(tx, |db| sqlx::query_as(HEAD)
            .bind(log.id)
            .fetch_optional(db)
            .await)
        .map_err(store::Error::from)?;
    match found {
        Some((size, Some(root), Some(note), pruned)) => Ok(Some(Head {
            size: size.cast_unsigned(),
            root,
            note,
            pruned: pruned.cast_unsigned(),
        })),
        None | Some((0, ..)) => Ok(None),
        Some(_) => Err(Error::Damaged {
            index: 0,
            what: "the signed head is incomplete",
        }),
    }
}

/// Batches from the one that holds an index on, in order, at most `limit`.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn batches(tx: &mut Tx, log: &Log, from: u64, limit: u32) -> Result<Vec<Batch>, Error> {
    let rows: Vec<(
        i64,
        i64,
        i64,
        Vec<u8>,
        Vec<u8>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
    )> = on!(tx, |db| sqlx::query_as(BATCHES)
        .bind(log.id)
        .bind(from.cast_signed())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let batch = |row: (i64, i64, _, _, _, _, _, _, _)| Batch {
        first: row.0.cast_unsigned(),
        count: row.1.cast_unsigned(),
        newest: row.2,
        checks: row.3,
        body: row.4,
        sealed: [row.5, row.6, row.7, row.8],
    };
    Ok(rows.into_iter().map(batch).collect())
}

/// Batches as `batches` gives them, without their sealed details.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn bodies(tx: &mut Tx, log: &Log, from: u64, limit: u32) -> Result<Vec<Batch>, Error> {
    let rows: Vec<(i64, i64, i64, Vec<u8>, Vec<u8>)> = on!(tx, |db| sqlx::query_as(BODIES)
        .bind(log.id)
        .bind(from.cast_signed())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let batch = |(first, count, newest, checks, body): (i64, i64, _, _, _)| Batch {
        first: first.cast_unsigned(),
        count: count.cast_unsigned(),
        newest,
        checks,
        body,
        sealed: Default::default(),
    };
    Ok(rows.into_iter().map(batch).collect())
}

/// Whether a log has batches behind its signed head.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn has_more(tx: &mut Tx, log: &Log, size: u64) -> Result<bool, Error> {
    let (last,): (i64,) = on!(tx, |db| sqlx::query_as(LAST)
        .bind(log.id)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(last >= size.cast_signed())
}

/// The key of sealed details, as it was sealed to the DPO.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn seal_key(tx: &mut Tx, id: KeyId) -> Result<Option<Vec<u8>>, Error> {
    let found: Option<(Vec<u8>,)> = on!(tx, |db| sqlx::query_as(SEAL_KEY)
        .bind(id.as_bytes())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(sealed,)| sealed))
}

/// The first 63 bits of the SHA-256 of a name.
fn id_of(origin: &str) -> i64 {
    let hash = digest(&SHA256, origin.as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    (u64::from_be_bytes(first) >> 1).cast_signed()
}

fn log_from((id, origin, vkey): (i64, String, String)) -> Log {
    Log { id, origin, vkey }
}

/// The batch that holds an index is the last one that begins at or before it.
const BATCHES: &str = "SELECT first, count, newest, checks, body, sealed_a, sealed_b, sealed_c, sealed_p \
     FROM batch WHERE log = $1 AND first >= COALESCE((SELECT MAX(b.first) FROM batch b \
     WHERE b.log = $1 AND b.first <= $2), $2) ORDER BY first LIMIT $3";
const BEGIN: &str = "INSERT INTO log (id, origin, instance, vkey, created) \
     VALUES ($1, $2, $3, $4, $5) RETURNING id, origin, vkey";
const BODIES: &str = "SELECT first, count, newest, checks, body FROM batch WHERE log = $1 \
     AND first >= COALESCE((SELECT MAX(b.first) FROM batch b \
     WHERE b.log = $1 AND b.first <= $2), $2) ORDER BY first LIMIT $3";
const HEAD: &str = "SELECT size, root, note, pruned FROM log WHERE id = $1";
const LAST: &str = "SELECT COALESCE(MAX(first), -1) FROM batch WHERE log = $1";
const LOG: &str = "SELECT id, origin, vkey FROM log WHERE origin = $1";
const LOGS: &str = "SELECT id, origin, vkey FROM log ORDER BY created, origin";
const LOGS_OF: &str =
    "SELECT id, origin, vkey FROM log WHERE instance = $1 ORDER BY created, origin";
const LOGS_AFTER: &str = "SELECT a.id, a.origin, a.vkey FROM log a JOIN log b \
     ON a.instance = b.instance AND a.created >= b.created AND a.id <> b.id \
     WHERE b.id = $1 ORDER BY a.created, a.origin";
const LOGS_BEFORE: &str = "SELECT a.id, a.origin, a.vkey FROM log a JOIN log b ON a.instance = b.instance \
     AND (a.created < b.created OR a.created = b.created AND a.origin < b.origin) \
     WHERE b.id = $1 ORDER BY a.created DESC, a.origin DESC";
const LOG_OF: &str = "SELECT id, origin, vkey FROM log WHERE instance = $1 ORDER BY created DESC, origin DESC LIMIT 1";
const SEAL_KEY: &str = "SELECT sealed FROM seal_key WHERE id = $1";
