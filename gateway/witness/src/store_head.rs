//! What a witness has cosigned, in its database.
//!
//! A head is replaced only if it is still the one that was decided upon, in one statement: two
//! requests that were decided on the same head can never both be stored.

use aws_lc_rs::digest::{SHA256, digest};
use varco_runtime::on;
use varco_runtime::store::{Error, Tx};
use varco_tlog::hash::Hash;
use varco_tlog::witness::Head;

/// A head to store, with what monitors are shown of it.
#[derive(Debug)]
pub(crate) struct Cosigned<'a> {
    pub(crate) origin: &'a str,
    pub(crate) head: Head,
    pub(crate) note: &'a str,
    /// Seconds since the Unix epoch.
    pub(crate) at: i64,
}

/// The last head that was cosigned of a log.
pub(crate) async fn head(tx: &mut Tx, origin: &str) -> Result<Option<Head>, Error> {
    let row: Option<(i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(
        "SELECT size, root FROM head WHERE origin = $1"
    )
    .bind(origin)
    .fetch_optional(db)
    .await)?;
    row.map(|(size, root)| {
        Ok(Head {
            size: u64::try_from(size).map_err(undecodable)?,
            root: Hash::try_from(root.as_slice()).map_err(undecodable)?,
        })
    })
    .transpose()
}

/// The last checkpoint that was cosigned of the log with this SHA-256 of its origin, as a note.
pub(crate) async fn note(tx: &mut Tx, origin_hash: &[u8]) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = on!(tx, |db| sqlx::query_as(
        "SELECT note FROM head WHERE origin_hash = $1"
    )
    .bind(origin_hash)
    .fetch_optional(db)
    .await)?;
    Ok(row.map(|(note,)| note))
}

/// Stores the first head of a log; says whether there was none.
pub(crate) async fn begin(tx: &mut Tx, new: &Cosigned<'_>) -> Result<bool, Error> {
    let hash = digest(&SHA256, new.origin.as_bytes());
    let done = on!(tx, |db| sqlx::query(
        "INSERT INTO head (origin, origin_hash, size, root, note, cosigned_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
    )
    .bind(new.origin)
    .bind(hash.as_ref())
    .bind(size(new.head)?)
    .bind(new.head.root.as_bytes().as_slice())
    .bind(new.note)
    .bind(new.at)
    .execute(db)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// Replaces the head of a log; says whether it still was `old`.
pub(crate) async fn advance(tx: &mut Tx, old: Head, new: &Cosigned<'_>) -> Result<bool, Error> {
    let done = on!(tx, |db| sqlx::query(
        "UPDATE head SET size = $1, root = $2, note = $3, cosigned_at = $4 \
         WHERE origin = $5 AND size = $6 AND root = $7"
    )
    .bind(size(new.head)?)
    .bind(new.head.root.as_bytes().as_slice())
    .bind(new.note)
    .bind(new.at)
    .bind(new.origin)
    .bind(size(old)?)
    .bind(old.root.as_bytes().as_slice())
    .execute(db)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(done == 1)
}

/// The verifier key that the state belongs to, once it belongs to one.
pub(crate) async fn identity(tx: &mut Tx) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = on!(tx, |db| sqlx::query_as("SELECT vkey FROM identity")
        .fetch_optional(db)
        .await)?;
    Ok(row.map(|(vkey,)| vkey))
}

/// Gives the state to a key, if it belongs to none.
pub(crate) async fn bind(tx: &mut Tx, vkey: &str) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(
        "INSERT INTO identity (one, vkey) VALUES (1, $1) ON CONFLICT (one) DO NOTHING"
    )
    .bind(vkey)
    .execute(db)
    .await
    .map(drop))?;
    Ok(())
}

fn size(head: Head) -> Result<i64, Error> {
    i64::try_from(head.size).map_err(undecodable)
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Statement(sqlx::Error::Decode(Box::new(error)))
}
