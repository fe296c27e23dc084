//! The log in its database: leaves, tiles and the signed head of each origin.

use std::collections::HashMap;

use varco_proto::audit::v1::Record;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::tile::TileId;

use super::Error;

/// A log by its name, with the key that verifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
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
}

/// A leaf as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Index in the log.
    pub index: u64,
    /// The record, byte for byte.
    pub body: Vec<u8>,
    /// Hash that was stored beside it.
    pub hash: Vec<u8>,
}

/// What a leaf is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// The call.
    pub audit_id: Vec<u8>,
    /// Kind of record.
    pub kind: i32,
    /// The journey.
    pub trace_id: Vec<u8>,
    /// The client.
    pub client_id: String,
    /// The purpose.
    pub purpose_id: String,
    /// The method.
    pub method: String,
}

impl Keys {
    /// What a record is found by.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            audit_id: record.audit_id.to_vec(),
            kind: record.kind,
            trace_id: record.trace_id.to_vec(),
            client_id: record.client_id.clone(),
            purpose_id: record.purpose_id.clone(),
            method: record.method.clone(),
        }
    }
}

/// The newest log of a gateway instance.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn log_of(tx: &mut Tx, instance: &str) -> Result<Option<Log>, Error> {
    let found: Option<(String, String)> = on!(tx, |db| sqlx::query_as(LOG_OF)
        .bind(instance)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(origin, vkey)| Log { origin, vkey }))
}

/// A log by its name.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn log(tx: &mut Tx, origin: &str) -> Result<Option<Log>, Error> {
    let found: Option<(String, String)> = on!(tx, |db| sqlx::query_as(LOG)
        .bind(origin)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(origin, vkey)| Log { origin, vkey }))
}

/// Begins a log.
///
/// # Errors
///
/// When the database refuses.
pub async fn begin(tx: &mut Tx, log: &Log, instance: &str, created: i64) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(BEGIN)
        .bind(&log.origin)
        .bind(instance)
        .bind(&log.vkey)
        .bind(created)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    Ok(())
}

/// Appends a leaf.
///
/// # Errors
///
/// When the database refuses.
pub async fn append(tx: &mut Tx, origin: &str, leaf: &Leaf, keys: &Keys) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(APPEND)
        .bind(origin)
        .bind(leaf.index.cast_signed())
        .bind(&keys.audit_id)
        .bind(i64::from(keys.kind))
        .bind(&keys.trace_id)
        .bind(&keys.client_id)
        .bind(&keys.purpose_id)
        .bind(&keys.method)
        .bind(&leaf.body)
        .bind(&leaf.hash)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    Ok(())
}

/// Keeps a tile, whole or partial.
///
/// # Errors
///
/// When the database refuses.
pub async fn keep_tile(
    tx: &mut Tx,
    origin: &str,
    tile: TileId,
    hashes: &[Hash],
) -> Result<(), Error> {
    let data: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    on!(tx, |db| sqlx::query(KEEP_TILE)
        .bind(origin)
        .bind(i64::from(tile.level))
        .bind(tile.index.cast_signed())
        .bind(&data)
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    Ok(())
}

/// Keeps the signed head that follows one of size `before`.
///
/// # Errors
///
/// [`Error::Rival`] when another head stands there, or when the database refuses.
pub async fn keep_head(tx: &mut Tx, origin: &str, before: u64, head: &Head) -> Result<(), Error> {
    let kept = on!(tx, |db| sqlx::query(KEEP_HEAD)
        .bind(origin)
        .bind(head.size.cast_signed())
        .bind(&head.root)
        .bind(&head.note)
        .bind(before.cast_signed())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    if kept == 1 {
        Ok(())
    } else {
        Err(Error::Rival(origin.to_owned()))
    }
}

/// The signed head, once something was committed.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn head(tx: &mut Tx, origin: &str) -> Result<Option<Head>, Error> {
    let found: Option<(i64, Vec<u8>, String)> = on!(tx, |db| sqlx::query_as(HEAD)
        .bind(origin)
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(found.map(|(size, root, note)| Head {
        size: size.cast_unsigned(),
        root,
        note,
    }))
}

/// Leaves from an index on, in order.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn leaves(tx: &mut Tx, origin: &str, from: u64, limit: u32) -> Result<Vec<Leaf>, Error> {
    let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = on!(tx, |db| sqlx::query_as(LEAVES)
        .bind(origin)
        .bind(from.cast_signed())
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let leaf = |(index, body, hash): (i64, _, _)| Leaf {
        index: index.cast_unsigned(),
        body,
        hash,
    };
    Ok(rows.into_iter().map(leaf).collect())
}

/// What leaves from an index on are found by, in order: it is not hashed, so whoever verifies
/// compares it with the leaf.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn keys(tx: &mut Tx, origin: &str, from: u64, limit: u32) -> Result<Vec<Keys>, Error> {
    let rows: Vec<(Vec<u8>, i64, Vec<u8>, String, String, String)> =
        on!(tx, |db| sqlx::query_as(KEYS)
            .bind(origin)
            .bind(from.cast_signed())
            .bind(i64::from(limit))
            .fetch_all(db)
            .await)
        .map_err(store::Error::from)?;
    let keys = |(audit_id, kind, trace_id, client_id, purpose_id, method)| Keys {
        audit_id,
        kind: i32::try_from(kind).unwrap_or(-1),
        trace_id,
        client_id,
        purpose_id,
        method,
    };
    Ok(rows
        .into_iter()
        .map(|row: (_, i64, _, _, _, _)| keys(row))
        .collect())
}

/// How many leaves are stored.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn size(tx: &mut Tx, origin: &str) -> Result<u64, Error> {
    let (size,): (i64,) = on!(tx, |db| sqlx::query_as(SIZE)
        .bind(origin)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(size.cast_unsigned())
}

/// Calls whose INTENT has no OUTCOME, as the bodies of their INTENT.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn dangling(tx: &mut Tx, origin: &str) -> Result<Vec<Vec<u8>>, Error> {
    let rows: Vec<(Vec<u8>,)> = on!(tx, |db| sqlx::query_as(DANGLING)
        .bind(origin)
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(rows.into_iter().map(|(body,)| body).collect())
}

/// Runs a computation over tiles, reading each tile that it asks for.
///
/// # Errors
///
/// When a tile is missing or malformed, or the database cannot be read.
pub async fn over_tiles<T>(
    db: &Db,
    origin: &str,
    mut compute: impl FnMut(
        &mut dyn FnMut(TileId) -> Result<Vec<Hash>, TileId>,
    ) -> Result<T, LoadError<TileId>>,
) -> Result<T, Error> {
    let mut held: HashMap<(u8, u64), Vec<Hash>> = HashMap::new();
    let mut tx = db.read().await?;
    loop {
        let mut read = |tile: TileId| held.get(&(tile.level, tile.index)).cloned().ok_or(tile);
        match compute(&mut read) {
            Ok(done) => return Ok(done),
            Err(LoadError::Malformed(error)) => return Err(error.into()),
            Err(LoadError::Read(missing)) => {
                let hashes = tile(&mut tx, origin, missing).await?;
                held.insert((missing.level, missing.index), hashes);
            }
        }
    }
}

/// The hashes of a stored tile.
///
/// # Errors
///
/// When it is missing or too short.
pub async fn tile(tx: &mut Tx, origin: &str, tile: TileId) -> Result<Vec<Hash>, Error> {
    let found: Option<(Vec<u8>,)> = on!(tx, |db| sqlx::query_as(TILE)
        .bind(origin)
        .bind(i64::from(tile.level))
        .bind(tile.index.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    let missing = Error::Damaged {
        index: tile.index << 8,
        what: "a tile of the tree is missing",
    };
    let Some((data,)) = found else {
        return Err(missing);
    };
    let hashes: Result<Vec<Hash>, _> = data.chunks_exact(32).map(Hash::try_from).collect();
    let hashes = hashes?;
    if hashes.len() < usize::from(tile.width) {
        return Err(missing);
    }
    Ok(hashes.into_iter().take(usize::from(tile.width)).collect())
}

const APPEND: &str = "INSERT INTO entry (origin, idx, audit_id, kind, trace_id, client_id, \
     purpose_id, method, body, leaf) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const BEGIN: &str = "INSERT INTO log (origin, instance, vkey, created) VALUES ($1, $2, $3, $4)";
/// What a process left open lies after the last START: each start closes what was open before.
const DANGLING: &str = "SELECT body FROM entry WHERE origin = $1 AND kind = 1 AND idx > \
     (SELECT COALESCE(MAX(idx), -1) FROM entry start WHERE start.origin = $1 AND start.kind = 15) \
     AND NOT EXISTS \
     (SELECT 1 FROM entry done WHERE done.audit_id = entry.audit_id AND done.kind = 2) \
     ORDER BY idx LIMIT 100000";
const HEAD: &str = "SELECT size, root, note FROM head WHERE origin = $1";
const KEEP_HEAD: &str = "INSERT INTO head (origin, size, root, note) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, \
     note = excluded.note WHERE head.size = $5";
const KEEP_TILE: &str = "INSERT INTO tile (origin, level, idx, data) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (origin, level, idx) DO UPDATE SET data = excluded.data";
const KEYS: &str = "SELECT audit_id, kind, trace_id, client_id, purpose_id, method FROM entry \
     WHERE origin = $1 AND idx >= $2 ORDER BY idx LIMIT $3";
const LEAVES: &str = "SELECT idx, body, leaf FROM entry WHERE origin = $1 AND idx >= $2 \
     ORDER BY idx LIMIT $3";
const LOG: &str = "SELECT origin, vkey FROM log WHERE origin = $1";
const LOG_OF: &str =
    "SELECT origin, vkey FROM log WHERE instance = $1 ORDER BY created DESC LIMIT 1";
const SIZE: &str = "SELECT COALESCE(MAX(idx) + 1, 0) FROM entry WHERE origin = $1";
const TILE: &str = "SELECT data FROM tile WHERE origin = $1 AND level = $2 AND idx = $3";
