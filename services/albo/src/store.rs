//! The repertorio in the database: what is published, read and taken off, in one transaction each.
//!
//! A publication takes its number, its key of idempotency and its link to the register of
//! accesses together or not at all. The number comes first: it makes rivals wait, so that they
//! see what the first one wrote.

mod riga;

use jiff::Timestamp;
use jiff::civil::Date;
use varco_runtime::audit_link;
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::on;
use varco_runtime::store::{Migrations, Tx};

use crate::atto::Atto;
use crate::error::Error;
use crate::impronta::Impronta;
use crate::pubblicazione::{Chiave, Copia, Pubblicazione, Repertorio};
use crate::termine::Termine;

use riga::Riga;

/// The board's schema.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../migrations/sqlite/0001_init.sql"),
        include_str!("../migrations/sqlite/0002_audit_link.sql"),
    ],
    postgres: &[
        include_str!("../migrations/postgres/0001_init.sql"),
        include_str!("../migrations/postgres/0002_audit_link.sql"),
    ],
};

/// A publication that has no number yet.
#[derive(Clone, Debug)]
pub struct Nuova {
    /// The act.
    pub atto: Atto,
    /// Its term; the number is of the year of its first day.
    pub termine: Termine,
    /// What the public reads.
    pub copia: Copia,
    /// When it goes on the board.
    pub at: Timestamp,
}

/// Who asks for a write, as the register of accesses knows the call.
#[derive(Clone, Debug)]
pub struct Mandato {
    /// The call, and the client that makes it.
    pub grant: Grant,
    /// The key under which the client may ask again.
    pub key: IdempotencyKey,
}

/// An answer that was given under a key.
#[derive(Clone, Debug)]
pub struct Given {
    /// SHA-256 of the request of then.
    pub digest: Vec<u8>,
    /// What it published.
    pub pubblicazione: Pubblicazione,
}

/// Gives an act its number and puts it on the board.
///
/// `None` when the same key won meanwhile: the transaction must then be dropped.
///
/// # Errors
///
/// When storage fails.
pub async fn publish(
    tx: &mut Tx,
    nuova: Nuova,
    mandato: &Mandato,
) -> Result<Option<Pubblicazione>, Error> {
    let repertorio = next(tx, nuova.termine.dal.year()).await?;
    if !claim(tx, mandato, repertorio, nuova.at).await? {
        return Ok(None);
    }
    let base_giuridica = nuova.atto.tipo.base_giuridica.to_owned();
    let Nuova {
        atto,
        termine,
        copia,
        at: pubblicata_il,
    } = nuova;
    let pubblicazione = Pubblicazione {
        repertorio,
        atto,
        termine,
        base_giuridica,
        copia,
        pubblicata_il,
    };
    insert(tx, &pubblicazione).await?;
    let at = pubblicazione.pubblicata_il;
    audit_link::made(tx, &mandato.grant, (&entity(repertorio), at)).await?;
    Ok(Some(pubblicazione))
}

/// Links a call to what an earlier one with the same key has published.
///
/// # Errors
///
/// When storage fails.
pub async fn repeat(
    tx: &mut Tx,
    mandato: &Mandato,
    (repertorio, at): (Repertorio, Timestamp),
) -> Result<(), Error> {
    audit_link::repeated(tx, &mandato.grant, (&entity(repertorio), at)).await?;
    Ok(())
}

/// What a publication is called.
fn entity(repertorio: Repertorio) -> String {
    format!("pubblicazioni/{repertorio}")
}

/// What a client's key stands for, if it was used.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn given(tx: &mut Tx, client_id: &str, key: &str) -> Result<Option<Given>, Error> {
    let row: Option<(Vec<u8>, i64, i64)> = on!(tx, |db| sqlx::query_as(
        "SELECT digest, anno, numero FROM idempotency WHERE client_id = $1 AND key = $2"
    )
    .bind(client_id)
    .bind(key)
    .fetch_optional(db)
    .await)?;
    let Some((digest, anno, numero)) = row else {
        return Ok(None);
    };
    let anno = i16::try_from(anno).map_err(|_| Error::Row("anno"))?;
    let found = pubblicazione(tx, Repertorio { anno, numero }).await?;
    Ok(found.map(|pubblicazione| Given {
        digest,
        pubblicazione,
    }))
}

/// A publication by its number, whether on the board or past its term.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn pubblicazione(
    tx: &mut Tx,
    repertorio: Repertorio,
) -> Result<Option<Pubblicazione>, Error> {
    let row: Option<Riga> = on!(tx, |db| sqlx::query_as(
        "SELECT * FROM pubblicazione WHERE anno = $1 AND numero = $2"
    )
    .bind(i64::from(repertorio.anno))
    .bind(repertorio.numero)
    .fetch_optional(db)
    .await)?;
    row.map(Pubblicazione::try_from).transpose()
}

/// A publication by the key of its copy, whether on the board or past its term.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn by_chiave(tx: &mut Tx, chiave: Chiave) -> Result<Option<Pubblicazione>, Error> {
    let row: Option<Riga> = on!(tx, |db| sqlx::query_as(
        "SELECT * FROM pubblicazione WHERE chiave = $1"
    )
    .bind(chiave.to_string())
    .fetch_optional(db)
    .await)?;
    row.map(Pubblicazione::try_from).transpose()
}

/// What is on the board on a day, oldest number first, after a number.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn in_corso_after(
    tx: &mut Tx,
    day: Date,
    after: Option<Repertorio>,
    limit: u32,
) -> Result<Vec<Pubblicazione>, Error> {
    let after = after.unwrap_or(Repertorio { anno: 0, numero: 0 });
    let rows: Vec<Riga> = on!(tx, |db| sqlx::query_as(
        "SELECT * FROM pubblicazione WHERE dal <= $1 AND al >= $1 AND (anno, numero) > ($2, $3)
         ORDER BY anno, numero LIMIT $4"
    )
    .bind(day.to_string())
    .bind(i64::from(after.anno))
    .bind(after.numero)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await)?;
    rows.into_iter().map(Pubblicazione::try_from).collect()
}

/// What is on the board on a day, newest number first, before a number.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn in_corso_before(
    tx: &mut Tx,
    day: Date,
    before: Option<Repertorio>,
    limit: u32,
) -> Result<Vec<Pubblicazione>, Error> {
    let before = before.unwrap_or(Repertorio {
        anno: i16::MAX,
        numero: i64::MAX,
    });
    let rows: Vec<Riga> = on!(tx, |db| sqlx::query_as(
        "SELECT * FROM pubblicazione WHERE dal <= $1 AND al >= $1 AND (anno, numero) < ($2, $3)
         ORDER BY anno DESC, numero DESC LIMIT $4"
    )
    .bind(day.to_string())
    .bind(i64::from(before.anno))
    .bind(before.numero)
    .bind(i64::from(limit))
    .fetch_all(db)
    .await)?;
    rows.into_iter().map(Pubblicazione::try_from).collect()
}

/// The copies of everything on the board on a day.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn copie(tx: &mut Tx, day: Date) -> Result<Vec<(Chiave, Impronta)>, Error> {
    let rows: Vec<(String, Vec<u8>)> = on!(tx, |db| sqlx::query_as(
        "SELECT chiave, sha256 FROM pubblicazione WHERE dal <= $1 AND al >= $1"
    )
    .bind(day.to_string())
    .fetch_all(db)
    .await)?;
    let copia = |(chiave, sha256): (String, Vec<u8>)| {
        let chiave = chiave.parse().map_err(|_| Error::Row("chiave"))?;
        let impronta = sha256
            .as_slice()
            .try_into()
            .map_err(|_| Error::Row("sha256"))?;
        Ok((chiave, impronta))
    };
    rows.into_iter().map(copia).collect()
}

/// Publications whose term is over on a day and whose end is not recorded yet, at most `limit`.
///
/// # Errors
///
/// When storage fails or a row does not decode.
pub async fn scadute(tx: &mut Tx, day: Date, limit: u32) -> Result<Vec<Pubblicazione>, Error> {
    let rows: Vec<Riga> = on!(tx, |db| sqlx::query_as(
        "SELECT p.* FROM pubblicazione p
         LEFT JOIN evento e
            ON e.anno = p.anno AND e.numero = p.numero AND e.tipo = 'SCADENZA'
         WHERE p.al < $1 AND e.anno IS NULL
         ORDER BY p.anno, p.numero LIMIT $2"
    )
    .bind(day.to_string())
    .bind(i64::from(limit))
    .fetch_all(db)
    .await)?;
    rows.into_iter().map(Pubblicazione::try_from).collect()
}

/// Records that the term of a publication is over and its copy gone; twice is once.
///
/// # Errors
///
/// When storage fails.
pub async fn record_scadenza(
    tx: &mut Tx,
    repertorio: Repertorio,
    at: Timestamp,
) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(
        "INSERT INTO evento (anno, numero, tipo, at) VALUES ($1, $2, 'SCADENZA', $3)
         ON CONFLICT DO NOTHING"
    )
    .bind(i64::from(repertorio.anno))
    .bind(repertorio.numero)
    .bind(at.as_microsecond())
    .execute(db)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Takes the next number of a year.
async fn next(tx: &mut Tx, anno: i16) -> Result<Repertorio, Error> {
    let (numero,): (i64,) = on!(tx, |db| sqlx::query_as(
        "INSERT INTO repertorio (anno, ultimo) VALUES ($1, 1)
         ON CONFLICT (anno) DO UPDATE SET ultimo = repertorio.ultimo + 1
         RETURNING ultimo"
    )
    .bind(i64::from(anno))
    .fetch_one(db)
    .await)?;
    Ok(Repertorio { anno, numero })
}

/// Takes the client's key for a number; `false` when the key is taken.
async fn claim(
    tx: &mut Tx,
    mandato: &Mandato,
    repertorio: Repertorio,
    at: Timestamp,
) -> Result<bool, Error> {
    let rows = on!(tx, |db| sqlx::query(
        "INSERT INTO idempotency (client_id, key, digest, anno, numero, at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"
    )
    .bind(&mandato.grant.client_id)
    .bind(mandato.key.as_str())
    .bind(mandato.key.digest().as_slice())
    .bind(i64::from(repertorio.anno))
    .bind(repertorio.numero)
    .bind(at.as_microsecond())
    .execute(db)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

async fn insert(tx: &mut Tx, nuova: &Pubblicazione) -> Result<(), Error> {
    let (atto, termine, copia) = (&nuova.atto, &nuova.termine, &nuova.copia);
    on!(tx, |db| sqlx::query(INSERT)
        .bind(i64::from(nuova.repertorio.anno))
        .bind(nuova.repertorio.numero)
        .bind(atto.tipo.codice)
        .bind(atto.oggetto.as_str())
        .bind(atto.numero.as_str())
        .bind(atto.data.to_string())
        .bind(atto.ufficio.as_str())
        .bind(atto.protocollo.aoo.as_str())
        .bind(atto.protocollo.registro.as_str())
        .bind(i64::from(atto.protocollo.anno))
        .bind(atto.protocollo.numero)
        .bind(atto.documento.to_string())
        .bind(atto.sha256.as_bytes())
        .bind(termine.dal.to_string())
        .bind(termine.al.to_string())
        .bind(termine.giorno_iniziale_incluso.to_string())
        .bind(termine.giorni_interi.to_string())
        .bind(&nuova.base_giuridica)
        .bind(copia.chiave.to_string())
        .bind(&copia.media_type)
        .bind(copia.dimensione)
        .bind(nuova.pubblicata_il.as_microsecond())
        .execute(db)
        .await
        .map(|_| ()))?;
    Ok(())
}

const INSERT: &str = "INSERT INTO pubblicazione (anno, numero, tipo_atto, oggetto, numero_atto, \
    data_atto, ufficio, protocollo_aoo, protocollo_registro, protocollo_anno, protocollo_numero, \
    documento, sha256, dal, al, giorno_iniziale_incluso, giorni_interi, base_giuridica, chiave, \
    media_type, dimensione, pubblicata_il) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
    $20, $21, $22)";

#[cfg(test)]
mod tests;
