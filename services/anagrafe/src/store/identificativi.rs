//! Under which identifiers the register knows a person: the national one, and every code.
//!
//! A code that was taken back counts as long as it has been nobody else's, because the person was
//! looked for under it in the meantime. One that is, or was, another's too is only counted: what was
//! asked under it may be about the other.

use jiff::Timestamp;
use varco_runtime::on;
use varco_runtime::store::Tx;

use crate::codice_fiscale::CodiceFiscale;
use crate::error::Error;
use crate::persona::IdAnpr;
use crate::store::parse;

/// All identifiers of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identificativi {
    /// The national one.
    pub id: IdAnpr,
    /// The codes, the present one first; at most [`MOST`].
    pub codici: Vec<Attribuito>,
    /// How many codes are not told.
    pub omessi: usize,
}

/// A code that a person has or had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribuito {
    /// The code.
    pub codice: CodiceFiscale,
    /// Whether it is the present one.
    pub attuale: bool,
}

/// The person whom a code names, or named and nobody else since, as believed at an instant.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn named_by(
    tx: &mut Tx,
    codice: &CodiceFiscale,
    believed_at: Timestamp,
) -> Result<Option<IdAnpr>, Error> {
    let row: Option<(String,)> = on!(tx, |db| sqlx::query_as(NAMED_BY)
        .bind(codice.as_str())
        .bind(believed_at.as_microsecond())
        .fetch_optional(db)
        .await)?;
    row.map(|(id,)| parse(&id, "persona")).transpose()
}

/// All identifiers of a person, as known at an instant; none when nobody has this one.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn of(
    tx: &mut Tx,
    id: IdAnpr,
    believed_at: Timestamp,
) -> Result<Option<Identificativi>, Error> {
    let rows: Vec<(String, i64, i64, i64)> = on!(tx, |db| sqlx::query_as(CODICI)
        .bind(id.as_str())
        .bind(believed_at.as_microsecond())
        .fetch_all(db)
        .await)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let all = rows.len();
    let mut codici = Vec::new();
    for (codice, attuale, believed, others) in rows {
        if believed == 1 || others == 0 {
            codici.push(Attribuito {
                codice: parse(&codice, "codice")?,
                attuale: attuale == 1,
            });
        }
    }
    codici.truncate(MOST);
    let omessi = all - codici.len();
    Ok(Some(Identificativi { id, codici, omessi }))
}

/// How many codes are told at most.
pub const MOST: usize = 32;

const NAMED_BY: &str = "SELECT c.persona FROM codice_fiscale c \
    WHERE c.codice = $1 AND c.recorded_at <= $2 \
        AND (c.superseded_at IS NULL OR c.superseded_at > $2 OR NOT EXISTS ( \
            SELECT 1 FROM codice_fiscale o \
            WHERE o.codice = c.codice AND o.persona <> c.persona AND o.recorded_at <= $2)) \
    LIMIT 1";
const CODICI: &str = "SELECT c.codice, \
    CAST(MAX(CASE WHEN c.al IS NULL AND (c.superseded_at IS NULL OR c.superseded_at > $2) \
        THEN 1 ELSE 0 END) AS BIGINT) AS attuale, \
    CAST(MAX(CASE WHEN c.superseded_at IS NULL OR c.superseded_at > $2 \
        THEN 1 ELSE 0 END) AS BIGINT), \
    (SELECT COUNT(*) FROM codice_fiscale o \
        WHERE o.codice = c.codice AND o.persona <> $1 AND o.recorded_at <= $2) \
    FROM codice_fiscale c WHERE c.persona = $1 AND c.recorded_at <= $2 \
    GROUP BY c.codice ORDER BY attuale DESC, c.codice LIMIT 1000";
