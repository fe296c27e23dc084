//! The registry in its database: entries, their history, contracts and the epoch.
//!
//! An entry's fields are one JSON text, because the registry is read whole and compared field by
//! field; what must be unique or found alone has a column of its own.

use jiff::Timestamp;
use uuid::Uuid;
use varco_runtime::on;
use varco_runtime::store::{Db, Tx};

use super::Error;
use super::apply::Plan;
use super::entry::{Kind, State};

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: Kind,
    /// Its full name, unique within the kind.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// Its fields.
    pub body: serde_json::Value,
}

impl Row {
    /// A text field of the body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(serde_json::Value::as_str)
    }
}

/// An entry to be written, with what was done to it.
#[derive(Clone, Debug)]
pub struct Written {
    /// What was done.
    pub action: &'static str,
    /// The entry afterwards.
    pub row: Row,
}

/// All entries and the epoch they belong to.
///
/// # Errors
///
/// When the database cannot be read or an entry does not parse.
pub async fn read(db: &Db) -> Result<(u64, Vec<Row>), Error> {
    let mut tx = db.read().await?;
    let epoch = read_epoch(&mut tx).await?;
    let rows: Vec<(String, String, String, String, String)> =
        on!(&mut tx, |db| sqlx::query_as(ALL).fetch_all(db).await)
            .map_err(varco_runtime::store::Error::from)?;
    let rows: Result<Vec<Row>, Error> = rows.into_iter().map(row).collect();
    Ok((epoch, rows?))
}

/// The epoch alone.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn epoch(db: &Db) -> Result<u64, Error> {
    let mut tx = db.read().await?;
    read_epoch(&mut tx).await
}

/// A stored descriptor set by its hash.
///
/// # Errors
///
/// When the database cannot be read or does not hold it.
pub async fn descriptor_set(db: &Db, hash: &str) -> Result<Vec<u8>, Error> {
    let mut tx = db.read().await?;
    let found: Option<(Vec<u8>,)> = on!(&mut tx, |db| sqlx::query_as(DESCRIPTOR_SET)
        .bind(hash)
        .fetch_optional(db)
        .await)
    .map_err(varco_runtime::store::Error::from)?;
    found
        .map(|(bytes,)| bytes)
        .ok_or_else(|| Error::Inconsistent(format!("set {hash}")))
}

/// Who changes the registry, when, and on which epoch the change was decided.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// Name of the operator.
    pub operator: &'a str,
    /// When.
    pub now: Timestamp,
    /// The epoch that the decision saw; the change is refused on any other.
    pub seen: u64,
}

/// Writes what a plan changes, with its events, as one epoch.
///
/// # Errors
///
/// [`Error::Moved`] when somebody was faster, or when the database refuses; then nothing was
/// changed.
pub async fn write(db: &Db, plan: &Plan, author: Author<'_>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let epoch = next_epoch(&mut tx, author.seen).await?;
    for (hash, bytes) in &plan.sets {
        on!(&mut tx, |db| sqlx::query(KEEP_SET)
            .bind(hash)
            .bind(bytes)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))
        .map_err(varco_runtime::store::Error::from)?;
    }
    for written in plan.written() {
        put(&mut tx, written, epoch, author).await?;
    }
    Ok(tx.commit().await?)
}

/// Writes one entry, with its event, as one epoch.
///
/// # Errors
///
/// As [`write()`].
pub async fn write_one(db: &Db, written: Written, author: Author<'_>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let epoch = next_epoch(&mut tx, author.seen).await?;
    put(&mut tx, &written, epoch, author).await?;
    Ok(tx.commit().await?)
}

async fn put(tx: &mut Tx, written: &Written, epoch: i64, author: Author<'_>) -> Result<(), Error> {
    let (row, id) = (&written.row, written.row.id.to_string());
    let body = row.body.to_string();
    on!(&mut *tx, |db| sqlx::query(PUT)
        .bind(&id)
        .bind(row.kind.name())
        .bind(&row.name)
        .bind(row.state.name())
        .bind(&body)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(varco_runtime::store::Error::from)?;
    on!(&mut *tx, |db| sqlx::query(EVENT)
        .bind(epoch)
        .bind(author.now.as_microsecond())
        .bind(author.operator)
        .bind(written.action)
        .bind(row.kind.name())
        .bind(&id)
        .bind(&body)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(varco_runtime::store::Error::from)?;
    Ok(())
}

async fn read_epoch(tx: &mut Tx) -> Result<u64, Error> {
    let (epoch,): (i64,) = on!(tx, |db| sqlx::query_as(EPOCH).fetch_one(db).await)
        .map_err(varco_runtime::store::Error::from)?;
    Ok(epoch.unsigned_abs())
}

/// Takes the next epoch; only whoever saw the present one may.
async fn next_epoch(tx: &mut Tx, seen: u64) -> Result<i64, Error> {
    let next: Option<(i64,)> = on!(tx, |db| sqlx::query_as(NEXT_EPOCH)
        .bind(seen.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(varco_runtime::store::Error::from)?;
    next.map(|(epoch,)| epoch).ok_or(Error::Moved)
}

fn row(stored: (String, String, String, String, String)) -> Result<Row, Error> {
    let (id, kind, name, state, body) = stored;
    let bad = || Error::Inconsistent(name.clone());
    Ok(Row {
        id: id.parse().map_err(|_| bad())?,
        kind: Kind::parse(&kind).ok_or_else(bad)?,
        state: State::parse(&state).ok_or_else(bad)?,
        body: serde_json::from_str(&body).map_err(|_| bad())?,
        name,
    })
}

const ALL: &str = "SELECT id, kind, name, state, body FROM entry ORDER BY kind, name";
const DESCRIPTOR_SET: &str = "SELECT bytes FROM descriptor_set WHERE hash = $1";
const EPOCH: &str = "SELECT ultimo FROM epoch WHERE id = 1";
const EVENT: &str = "INSERT INTO event (epoch, at, operator, action, kind, entry, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const KEEP_SET: &str =
    "INSERT INTO descriptor_set (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
const NEXT_EPOCH: &str =
    "UPDATE epoch SET ultimo = ultimo + 1 WHERE id = 1 AND ultimo = $1 RETURNING ultimo";
const PUT: &str = "INSERT INTO entry (id, kind, name, state, body) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state, \
     body = excluded.body";
