//! The keys by which callers ask twice for one registration.
//!
//! A key is claimed in the transaction of the registration that it stands for. It keeps the name
//! of the registration and a digest of the request, and no personal data.

use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::on;
use varco_runtime::store::{self, Tx};

use super::decode;
use crate::error::Error;
use crate::identificatore::Identificatore;
use crate::registrazione::Registrazione;

/// Claims a key for a registration; false when the client used it before.
///
/// On PostgreSQL it waits for a rival that is claiming the same key.
///
/// # Errors
///
/// When the database fails.
pub async fn claim(
    tx: &mut Tx,
    row: &Registrazione,
    key: &IdempotencyKey,
    grant: &Grant,
) -> Result<bool, Error> {
    let rows = on!(tx, |db| {
        sqlx::query(CLAIM)
            .bind(&grant.client_id)
            .bind(key.as_str())
            .bind(key.digest().as_slice())
            .bind(row.identificatore.to_string())
            .bind(row.istante.at.as_microsecond())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })
    .map_err(store::Error::from)?;
    Ok(rows == 1)
}

/// The registration that a key stands for.
///
/// # Errors
///
/// [`Error::KeyReused`] when it stands for another request.
pub async fn answered(
    tx: &mut Tx,
    key: &IdempotencyKey,
    grant: &Grant,
) -> Result<Option<Identificatore>, Error> {
    let row: Option<(Vec<u8>, String)> = on!(tx, |db| {
        sqlx::query_as(ANSWERED)
            .bind(&grant.client_id)
            .bind(key.as_str())
            .fetch_optional(db)
            .await
    })
    .map_err(store::Error::from)?;
    let Some((digest, answer)) = row else {
        return Ok(None);
    };
    key.check(&digest).map_err(|_| Error::KeyReused)?;
    answer
        .parse()
        .map(Some)
        .map_err(|_| decode("idempotency.answer"))
}

const CLAIM: &str = "INSERT INTO idempotency (client_id, key, digest, answer, at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id, key) DO NOTHING";
const ANSWERED: &str = "SELECT digest, answer FROM idempotency WHERE client_id = $1 AND key = $2";
