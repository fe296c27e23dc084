//! Batches of spans in the database.

use uuid::Uuid;
use varco_runtime::on;
use varco_runtime::store::{Error, Tx};

use super::seal::Seal;

/// A batch to be stored.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its id; ids sort by time.
    pub id: Uuid,
    /// The gateway instance that keeps it.
    pub instance: String,
    /// When it was made, microseconds since the Unix epoch.
    pub made: i64,
    /// Start of its first span, likewise.
    pub first: i64,
    /// Start of its last span, likewise.
    pub last: i64,
    /// How many spans it holds.
    pub spans: u64,
    /// The spans, as OTLP protobuf.
    pub body: Vec<u8>,
    /// Their traces, each once.
    pub traces: Vec<[u8; 16]>,
}

/// How much a batch takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The batch.
    pub id: Uuid,
    /// When it was made, microseconds since the Unix epoch.
    pub made: i64,
    /// How many spans it holds.
    pub spans: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// Which batches of several are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Those after this one.
    pub after: Option<Uuid>,
    /// So many at most.
    pub batches: u32,
}

/// Stores a batch.
///
/// # Errors
///
/// When the database cannot.
pub async fn keep(tx: &mut Tx, batch: &Batch) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(KEEP)
        .bind(batch.id.as_bytes().as_slice())
        .bind(&batch.instance)
        .bind(batch.made)
        .bind(batch.first)
        .bind(batch.last)
        .bind(signed(batch.spans))
        .bind(signed(length(&batch.body)))
        .bind(&batch.body)
        .execute(db)
        .await
        .map(drop))?;
    on!(tx, |db| sqlx::query(KEEP_TRACES)
        .bind(batch.id.as_bytes().as_slice())
        .bind(batch.traces.as_flattened())
        .execute(db)
        .await
        .map(drop))
    .map_err(Error::from)
}

/// Notes where a batch is sealed: the log and the index in it.
///
/// # Errors
///
/// When the database cannot.
pub async fn sealed(tx: &mut Tx, id: Uuid, origin: &str, index: u64) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(SEALED)
        .bind(id.as_bytes().as_slice())
        .bind(origin)
        .bind(signed(index))
        .execute(db)
        .await
        .map(drop))
    .map_err(Error::from)
}

/// The batches of an instance that are not sealed, oldest first, a hundred at most.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn unsealed(tx: &mut Tx, instance: &str) -> Result<Vec<Seal>, Error> {
    let rows: Vec<(Vec<u8>, i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(UNSEALED)
        .bind(instance)
        .fetch_all(db)
        .await)?;
    let seal =
        |(id, spans, body): (Vec<u8>, i64, Vec<u8>)| Seal::of(uuid(&id), unsigned(spans), &body);
    Ok(rows.into_iter().map(seal).collect())
}

/// The bytes of a batch, and where it is sealed.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn body(tx: &mut Tx, id: Uuid) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> = on!(tx, |db| sqlx::query_as(BODY)
        .bind(id.as_bytes().as_slice())
        .fetch_optional(db)
        .await)?;
    Ok(row.map(|(body,)| body))
}

/// The batches that hold spans of a trace, oldest first. One may be among them by chance, where the ids of
/// two traces meet in its row: its spans tell.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn of_trace(tx: &mut Tx, trace_id: [u8; 16]) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let statement = match tx {
        Tx::Sqlite(_) => OF_TRACE_SQLITE,
        Tx::Postgres(_) => OF_TRACE_POSTGRES,
    };
    let rows: Vec<(Vec<u8>, Vec<u8>)> = on!(tx, |db| sqlx::query_as(statement)
        .bind(trace_id.as_slice())
        .fetch_all(db)
        .await)?;
    Ok(rows
        .into_iter()
        .map(|(id, body)| (uuid(&id), body))
        .collect())
}

/// The batches that hold spans which began in a time window, oldest first.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn between(
    tx: &mut Tx,
    (from, to): (i64, i64),
    page: Page,
) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let after = page.after.unwrap_or_default();
    let rows: Vec<(Vec<u8>, Vec<u8>)> = on!(tx, |db| sqlx::query_as(BETWEEN)
        .bind(from)
        .bind(to)
        .bind(after.as_bytes().as_slice())
        .bind(i64::from(page.batches))
        .fetch_all(db)
        .await)?;
    Ok(rows
        .into_iter()
        .map(|(id, body)| (uuid(&id), body))
        .collect())
}

/// Bytes of all batches.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn held(tx: &mut Tx) -> Result<u64, Error> {
    let (bytes,): (i64,) = on!(tx, |db| sqlx::query_as(HELD).fetch_one(db).await)?;
    Ok(unsigned(bytes))
}

/// The oldest batches, a hundred at most.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn oldest(tx: &mut Tx) -> Result<Vec<Weight>, Error> {
    let rows: Vec<(Vec<u8>, i64, i64, i64)> =
        on!(tx, |db| sqlx::query_as(OLDEST).fetch_all(db).await)?;
    let weight = |(id, made, spans, bytes): (Vec<u8>, i64, i64, i64)| Weight {
        id: uuid(&id),
        made,
        spans: unsigned(spans),
        bytes: unsigned(bytes),
    };
    Ok(rows.into_iter().map(weight).collect())
}

/// Deletes a batch.
///
/// # Errors
///
/// When the database cannot.
pub async fn remove(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    for statement in [REMOVE_TRACES, REMOVE] {
        on!(tx, |db| sqlx::query(statement)
            .bind(id.as_bytes().as_slice())
            .execute(db)
            .await
            .map(drop))?;
    }
    Ok(())
}

fn uuid(bytes: &[u8]) -> Uuid {
    Uuid::from_slice(bytes).unwrap_or_default()
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

const BETWEEN: &str = "SELECT id, body FROM batch \
     WHERE last >= $1 AND first <= $2 AND id > $3 ORDER BY id LIMIT $4";
const BODY: &str = "SELECT body FROM batch WHERE id = $1";
const HELD: &str = "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM batch";
const KEEP: &str = "INSERT INTO batch (id, instance, made, first, last, spans, bytes, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const KEEP_TRACES: &str = "INSERT INTO batch_traces (batch, ids) VALUES ($1, $2)";
const OF_TRACE_POSTGRES: &str = "SELECT batch.id, batch.body FROM batch_traces \
     JOIN batch ON batch.id = batch_traces.batch \
     WHERE position($1 IN batch_traces.ids) > 0 ORDER BY batch.id";
const OF_TRACE_SQLITE: &str = "SELECT batch.id, batch.body FROM batch_traces \
     JOIN batch ON batch.id = batch_traces.batch \
     WHERE instr(batch_traces.ids, $1) > 0 ORDER BY batch.id";
const OLDEST: &str = "SELECT id, made, spans, bytes FROM batch ORDER BY made, id LIMIT 100";
const REMOVE: &str = "DELETE FROM batch WHERE id = $1";
const REMOVE_TRACES: &str = "DELETE FROM batch_traces WHERE batch = $1";
const SEALED: &str = "UPDATE batch SET origin = $2, idx = $3 WHERE id = $1";
const UNSEALED: &str = "SELECT id, spans, body FROM batch \
     WHERE instance = $1 AND idx IS NULL ORDER BY id LIMIT 100";
