//! The counter of a register and year: the one place where numbers come from.
//!
//! A sequence of the database would leave a gap on every rollback; here the number, the last
//! instant and the last hash stand in one row, which the transaction that uses them changes.

use jiff::Timestamp;
use jiff::civil::date;
use varco_runtime::clock::midnight;
use varco_runtime::on;
use varco_runtime::store::{self, Tx};

use super::{decode, timestamp};
use crate::catena;
use crate::documento::Impronta;
use crate::error::Error;
use crate::identificatore::{Numero, Registro};
use crate::registrazione::Registrazione;

/// A number that a transaction holds, and what stood before it.
#[derive(Clone, Copy, Debug)]
pub struct Turno {
    /// Year of the counter.
    pub anno: i16,
    /// The number.
    pub numero: Numero,
    /// Instant of the registration before it.
    pub ultima: Timestamp,
    /// Hash of the row before it.
    pub catena: Impronta,
}

/// Takes the next number of the newest year, which is `anno` or, for a clock that went back, a
/// later one; none when that year is not open yet.
///
/// Waits for the transaction that holds the number before it.
///
/// # Errors
///
/// When the database fails.
pub async fn take(tx: &mut Tx, registro: &Registro, anno: i16) -> Result<Option<Turno>, Error> {
    let row: Option<(i64, i64, i64, Vec<u8>)> = on!(tx, |db| {
        sqlx::query_as(TAKE)
            .bind(registro.aoo.as_str())
            .bind(registro.codice.as_str())
            .bind(i64::from(anno))
            .fetch_optional(db)
            .await
    })
    .map_err(store::Error::from)?;
    let Some((anno, numero, ultima, catena)) = row else {
        return Ok(None);
    };
    let malformed = |_| decode("contatore");
    Ok(Some(Turno {
        anno: anno.try_into().map_err(|_| decode("contatore.anno"))?,
        numero: numero.try_into().map_err(malformed)?,
        ultima: timestamp(ultima)?,
        catena: catena.as_slice().try_into().map_err(malformed)?,
    }))
}

/// Opens a year of a register, unless it is open.
///
/// Its registrations cannot be earlier than its first instant in Europe/Rome.
///
/// # Errors
///
/// When the database fails.
pub async fn open(tx: &mut Tx, registro: &Registro, anno: i16) -> Result<(), Error> {
    on!(tx, |db| {
        sqlx::query(OPEN)
            .bind(registro.aoo.as_str())
            .bind(registro.codice.as_str())
            .bind(i64::from(anno))
            .bind(midnight(date(anno, 1, 1)).as_microsecond())
            .bind(catena::genesis(registro, anno).as_bytes())
            .execute(db)
            .await
            .map(|_| ())
    })
    .map_err(store::Error::from)?;
    Ok(())
}

/// Leaves the instant and the hash of a registration for the one after it.
///
/// # Errors
///
/// When the database fails.
pub async fn advance(tx: &mut Tx, row: &Registrazione) -> Result<(), Error> {
    let id = &row.identificatore;
    on!(tx, |db| {
        sqlx::query(ADVANCE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(row.istante.at.as_microsecond())
            .bind(row.catena.as_bytes())
            .execute(db)
            .await
            .map(|_| ())
    })
    .map_err(store::Error::from)?;
    Ok(())
}

/// The last number of a register and year, 0 before the first.
///
/// # Errors
///
/// When the database fails.
pub async fn last(tx: &mut Tx, registro: &Registro, anno: i16) -> Result<i64, Error> {
    let row: Option<(i64,)> = on!(tx, |db| {
        sqlx::query_as(LAST)
            .bind(registro.aoo.as_str())
            .bind(registro.codice.as_str())
            .bind(i64::from(anno))
            .fetch_optional(db)
            .await
    })
    .map_err(store::Error::from)?;
    Ok(row.map_or(0, |(ultimo,)| ultimo))
}

const TAKE: &str = "UPDATE contatore SET ultimo = ultimo + 1 \
     WHERE aoo = $1 AND registro = $2 AND anno >= $3 \
     AND anno = (SELECT MAX(anno) FROM contatore WHERE aoo = $1 AND registro = $2) \
     RETURNING anno, ultimo, ultima_registrazione, catena";
const OPEN: &str = "INSERT INTO contatore \
     (aoo, registro, anno, ultimo, ultima_registrazione, catena) \
     VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (aoo, registro, anno) DO NOTHING";
const ADVANCE: &str = "UPDATE contatore SET ultima_registrazione = $4, catena = $5 \
     WHERE aoo = $1 AND registro = $2 AND anno = $3";
const LAST: &str = "SELECT ultimo FROM contatore WHERE aoo = $1 AND registro = $2 AND anno = $3";
