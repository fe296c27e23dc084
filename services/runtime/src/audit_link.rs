//! Which call of the gateway's register made which change: written with the change, or not at all.
//!
//! The register says what the gateway let through; the links say what the service did. Both are
//! compared every hour, so that neither a call without its change nor a change without its call
//! goes unnoticed. A call that got the answer of an earlier one changed nothing, and has a link
//! that says so. Reads leave none. How the gateway asks for links is in [`service`].

use jiff::Timestamp;
use uuid::Uuid;

use crate::grant::Grant;
use crate::on;
use crate::store::{Error, Tx};

pub mod service;
#[cfg(test)]
mod tests;

/// That a call made a change, or got the answer of an earlier one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The call's id in the register of accesses.
    pub audit_id: Uuid,
    /// The gateway instance whose register holds it.
    pub instance: String,
    /// `pkg.Service/Method`.
    pub method: String,
    /// When, by the service's clock, in microseconds since the Unix epoch.
    pub at: i64,
    /// Whether an earlier call had made the change.
    pub replayed: bool,
}

/// Where a page of links goes on: after the last one of the page before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    at: i64,
    audit_id: Uuid,
}

/// Links a call to what it has made, in the transaction that makes it.
///
/// # Errors
///
/// When the database fails; the transaction is then of no more use.
pub async fn made(
    tx: &mut Tx,
    grant: &Grant,
    (entity, at): (&str, Timestamp),
) -> Result<(), Error> {
    write(tx, grant, (entity, at), Time::First).await
}

/// Links a call to what an earlier one with the same key had made.
///
/// # Errors
///
/// When the database fails; the transaction is then of no more use.
pub async fn repeated(
    tx: &mut Tx,
    grant: &Grant,
    (entity, at): (&str, Timestamp),
) -> Result<(), Error> {
    write(tx, grant, (entity, at), Time::Again).await
}

/// Whether a call made the change, or found it made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    First,
    Again,
}

async fn write(
    tx: &mut Tx,
    grant: &Grant,
    (entity, at): (&str, Timestamp),
    time: Time,
) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(WRITE)
        .bind(grant.audit_id.to_string())
        .bind(entity)
        .bind(at.as_microsecond())
        .bind(&grant.instance)
        .bind(&grant.method)
        .bind(time == Time::Again)
        .execute(db)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The links of the instants `from..until`, oldest first, after a cursor; at most `limit`.
///
/// # Errors
///
/// When the database fails or a row does not decode.
pub async fn list(
    tx: &mut Tx,
    (from, until): (i64, i64),
    after: Option<Cursor>,
    limit: u32,
) -> Result<Vec<Link>, Error> {
    // No call has the id of zeros, so that the first page begins with everything at `from`.
    let after = after.unwrap_or(Cursor {
        at: from,
        audit_id: Uuid::nil(),
    });
    let rows: Vec<(String, String, String, i64, bool)> = on!(tx, |db| sqlx::query_as(LIST)
        .bind(after.at.max(from))
        .bind(after.audit_id.to_string())
        .bind(until)
        .bind(i64::from(limit))
        .fetch_all(db)
        .await)?;
    rows.into_iter().map(link).collect()
}

fn link(
    (audit_id, instance, method, at, replayed): (String, String, String, i64, bool),
) -> Result<Link, Error> {
    let audit_id = audit_id
        .parse()
        .map_err(|_| sqlx::Error::Decode("audit_link.audit_id".into()))?;
    Ok(Link {
        audit_id,
        instance,
        method,
        at,
        replayed,
    })
}

impl Link {
    /// Where the page after this link begins.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor {
            at: self.at,
            audit_id: self.audit_id,
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at, self.audit_id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (at, audit_id) = text.split_once('.').ok_or(())?;
        Ok(Self {
            at: at.parse().map_err(|_| ())?,
            audit_id: audit_id.parse().map_err(|_| ())?,
        })
    }
}

/// A call that is sent again after all has one link.
const WRITE: &str = "INSERT INTO audit_link (audit_id, entity, at, instance, method, replayed) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const LIST: &str = "SELECT audit_id, instance, method, at, replayed FROM audit_link \
     WHERE (at, audit_id) > ($1, $2) AND at < $3 ORDER BY at, audit_id LIMIT $4";
