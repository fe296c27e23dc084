//! The registry in its database: entries, their history, contracts and the epoch.
//!
//! An entry's fields are one JSON text, because the registry is compared field by field; what must
//! be unique or found alone has a column of its own. The events are its history, for good.

use jiff::Timestamp;
use uuid::Uuid;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use super::draft::{Finished, Written};
use super::entry::{Kind, Row, State};
use super::error::Error;
use super::fields::Fields;

/// Where an event stands in the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Epoch of the change.
    pub epoch: u64,
    /// Place within the change.
    pub seq: u64,
}

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where it stands.
    pub cursor: Cursor,
    /// When, in microseconds since the Unix epoch.
    pub at: i64,
    /// Who did it.
    pub operator: String,
    /// What was done.
    pub action: String,
    /// The entry as it stood afterwards.
    pub row: Row,
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, seq) = text.split_once('.').ok_or(())?;
        Ok(Self {
            epoch: epoch.parse().map_err(|_| ())?,
            seq: seq.parse().map_err(|_| ())?,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.epoch, self.seq)
    }
}

/// The entries that have changed after an epoch, and the epoch that they belong to.
///
/// # Errors
///
/// When the database cannot be read or an entry does not parse.
pub async fn read(db: &Db, after: u64) -> Result<(u64, Vec<Row>), Error> {
    let mut tx = db.read().await?;
    let epoch = read_epoch(&mut tx).await?;
    // The driver takes its time for every row: a few large texts cost a fraction of many rows.
    let texts: Vec<(String,)> = on!(&mut tx, |db| sqlx::query_as(CHANGED)
        .bind(after.cast_signed())
        .bind(UNIT.to_string())
        .bind(RECORD.to_string())
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let rows = texts.iter().flat_map(|(text,)| text.split(RECORD));
    let rows: Result<Vec<Row>, Error> = rows.map(unpacked).collect();
    Ok((epoch, rows?))
}

/// An entry from the text of its columns. What stands between them occurs in none: names have no
/// such characters, and JSON writes them otherwise.
fn unpacked(text: &str) -> Result<Row, Error> {
    let bad = || Error::Inconsistent(text.chars().take(36).collect());
    let mut columns = text.splitn(6, UNIT);
    let mut next = || columns.next().ok_or_else(bad);
    let (id, kind, name, state) = (next()?, next()?, next()?, next()?);
    let (version, body) = (next()?, next()?);
    let version = version.parse().map_err(|_| bad())?;
    row((id, kind, name, state, version), body.to_owned())
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

/// Events after a cursor and up to an epoch, oldest first.
///
/// # Errors
///
/// When the database cannot be read or an event does not parse.
pub async fn events(
    db: &Db,
    (after, until): (Cursor, u64),
    most: u32,
) -> Result<Vec<Event>, Error> {
    let mut tx = db.read().await?;
    let found: Vec<_> = on!(&mut tx, |db| sqlx::query_as(EVENTS)
        .bind(after.epoch.cast_signed())
        .bind(after.seq.cast_signed())
        .bind(until.cast_signed())
        .bind(i64::from(most))
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    found.into_iter().map(event).collect()
}

/// Whether an operator has ever changed anything.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn has_acted(db: &Db, operator: &str) -> Result<bool, Error> {
    let mut tx = db.read().await?;
    let found: Option<(i64,)> = on!(&mut tx, |db| sqlx::query_as(HAS_ACTED)
        .bind(operator)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.is_some())
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
    .map_err(store::Error::from)?;
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

/// Writes a change with its events, as one epoch.
///
/// # Errors
///
/// [`Error::Moved`] when somebody was faster, or when the database refuses; then nothing was
/// changed.
pub async fn write(db: &Db, change: &Finished, author: Author<'_>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let epoch = next_epoch(&mut tx, author.seen).await?;
    for (hash, bytes) in &change.sets {
        on!(&mut tx, |db| sqlx::query(KEEP_SET)
            .bind(hash)
            .bind(bytes)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))
        .map_err(store::Error::from)?;
    }
    for (written, seq) in change.written.iter().zip(0_i64..) {
        put(&mut tx, written, (epoch, seq), author).await?;
    }
    Ok(tx.commit().await?)
}

async fn put(
    tx: &mut Tx,
    written: &Written,
    (epoch, seq): (i64, i64),
    author: Author<'_>,
) -> Result<(), Error> {
    let (row, id) = (&written.row, written.row.id.to_string());
    on!(&mut *tx, |db| sqlx::query(PUT)
        .bind(&id)
        .bind(row.kind.name())
        .bind(&row.name)
        .bind(row.state.name())
        .bind(row.body.text())
        .bind(epoch)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    on!(&mut *tx, |db| sqlx::query(EVENT)
        .bind(epoch)
        .bind(seq)
        .bind(author.now.as_microsecond())
        .bind(author.operator)
        .bind(written.action)
        .bind(row.kind.name())
        .bind(&id)
        .bind(&row.name)
        .bind(row.state.name())
        .bind(row.body.text())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    Ok(())
}

async fn read_epoch(tx: &mut Tx) -> Result<u64, Error> {
    let (epoch,): (i64,) =
        on!(tx, |db| sqlx::query_as(EPOCH).fetch_one(db).await).map_err(store::Error::from)?;
    Ok(epoch.unsigned_abs())
}

/// Takes the next epoch; only whoever saw the present one may.
async fn next_epoch(tx: &mut Tx, seen: u64) -> Result<i64, Error> {
    let next: Option<(i64,)> = on!(tx, |db| sqlx::query_as(NEXT_EPOCH)
        .bind(seen.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    next.map(|(epoch,)| epoch).ok_or(Error::Moved)
}

fn row(
    (id, kind, name, state, version): (&str, &str, &str, &str, i64),
    body: String,
) -> Result<Row, Error> {
    let bad = || Error::Inconsistent(name.to_owned());
    Ok(Row {
        id: id.parse::<Uuid>().map_err(|_| bad())?,
        kind: Kind::parse(kind).ok_or_else(bad)?,
        state: State::parse(state).ok_or_else(bad)?,
        body: Fields::stored(body),
        version: version.unsigned_abs(),
        name: name.to_owned(),
    })
}

fn event(
    stored: (
        i64,
        i64,
        i64,
        String,
        String,
        String,
        String,
        String,
        String,
        String,
    ),
) -> Result<Event, Error> {
    let (epoch, seq, at, operator, action, kind, entry, name, state, body) = stored;
    let cursor = Cursor {
        epoch: epoch.unsigned_abs(),
        seq: seq.unsigned_abs(),
    };
    Ok(Event {
        cursor,
        at,
        operator,
        action,
        row: row((&entry, &kind, &name, &state, epoch), body)?,
    })
}

const CHANGED: &str = "SELECT string_agg(id || $2 || kind || $2 || name || $2 || state || $2 || \
     version || $2 || body, $3) FROM entry WHERE version > $1 GROUP BY substr(id, 36)";
/// Stands between the columns of an entry (ASCII 31).
const UNIT: char = '\u{1f}';
/// Stands between entries (ASCII 30).
const RECORD: char = '\u{1e}';
const DESCRIPTOR_SET: &str = "SELECT bytes FROM descriptor_set WHERE hash = $1";
const EPOCH: &str = "SELECT ultimo FROM epoch WHERE id = 1";
const EVENT: &str = "INSERT INTO event \
     (epoch, seq, at, operator, action, kind, entry, name, state, body) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const EVENTS: &str = "SELECT epoch, seq, at, operator, action, kind, entry, name, state, body \
     FROM event WHERE (epoch > $1 OR (epoch = $1 AND seq > $2)) AND epoch <= $3 \
     ORDER BY epoch, seq LIMIT $4";
const HAS_ACTED: &str = "SELECT epoch FROM event WHERE operator = $1 LIMIT 1";
const KEEP_SET: &str =
    "INSERT INTO descriptor_set (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING";
const NEXT_EPOCH: &str =
    "UPDATE epoch SET ultimo = ultimo + 1 WHERE id = 1 AND ultimo = $1 RETURNING ultimo";
const PUT: &str = "INSERT INTO entry (id, kind, name, state, body, version) \
     VALUES ($1, $2, $3, $4, $5, $6) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state, \
     body = excluded.body, version = excluded.version";
