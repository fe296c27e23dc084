//! What the database knows of documents: rows that are added and never changed.
//!
//! A document, the link to the gateway's log and the idempotency key commit together, after the
//! bytes are durable: a row never names bytes that are not there.

use varco_runtime::audit_link;
use varco_runtime::clock::Clock;
use varco_runtime::grant::Grant;
use varco_runtime::idempotency::IdempotencyKey;
use varco_runtime::on;
use varco_runtime::store::{self, Db, Tx};

use crate::documento::{Documento, Intestazione, NomeDocumento};
use crate::error::Error;
use crate::impronta::Impronta;
use crate::testo::Testo;

/// The rows of documenti.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
}

impl Store {
    /// Works on a database whose schema is up to date.
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock }
    }

    /// Adds a document, or finds the one that the key made before.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`] when the key stands for another heading.
    pub async fn add(
        &self,
        intestazione: Intestazione,
        key: &IdempotencyKey,
        grant: &Grant,
    ) -> Result<Documento, Error> {
        let documento = Documento {
            nome: NomeDocumento::new(self.clock.uuid()),
            intestazione,
        };
        let now = self.clock.now();
        let at = now.as_microsecond();
        let mut tx = self.db.begin().await?;
        // First, because on PostgreSQL it waits for a rival that claims the same key.
        if !claim(&mut tx, &documento, key, (grant, at)).await? {
            let nome = answered(&mut tx, key, grant)
                .await?
                .ok_or_else(|| store_row("idempotency"))?;
            let known = load(&mut tx, nome).await?;
            audit_link::repeated(&mut tx, grant, (&nome.to_string(), now)).await?;
            tx.commit().await?;
            return Ok(known);
        }
        insert(&mut tx, &documento, (grant, at)).await?;
        audit_link::made(&mut tx, grant, (&documento.nome.to_string(), now)).await?;
        tx.commit().await?;
        Ok(documento)
    }

    /// Refuses a key that already stands for another heading, before any bytes are received.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`].
    pub async fn check_key(&self, key: &IdempotencyKey, grant: &Grant) -> Result<(), Error> {
        answered(&mut self.db.read().await?, key, grant)
            .await
            .map(|_| ())
    }

    /// Finds a document.
    ///
    /// # Errors
    ///
    /// [`Error::Unknown`].
    pub async fn documento(&self, nome: NomeDocumento) -> Result<Documento, Error> {
        load(&mut self.db.read().await?, nome).await
    }
}

async fn claim(
    tx: &mut Tx,
    documento: &Documento,
    key: &IdempotencyKey,
    (grant, at): (&Grant, i64),
) -> Result<bool, store::Error> {
    let rows = on!(tx, |db| {
        sqlx::query(CLAIM)
            .bind(&grant.client_id)
            .bind(key.as_str())
            .bind(key.digest().as_slice())
            .bind(documento.nome.to_string())
            .bind(at)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
    })?;
    Ok(rows == 1)
}

async fn answered(
    tx: &mut Tx,
    key: &IdempotencyKey,
    grant: &Grant,
) -> Result<Option<NomeDocumento>, Error> {
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
        .map_err(|_| store_row("idempotency.answer"))
}

async fn insert(
    tx: &mut Tx,
    Documento { nome, intestazione }: &Documento,
    (grant, at): (&Grant, i64),
) -> Result<(), store::Error> {
    on!(tx, |db| {
        sqlx::query(INSERT)
            .bind(nome.id().to_string())
            .bind(FIRST_VERSION)
            .bind(intestazione.impronta.as_bytes())
            .bind(intestazione.dimensione.cast_signed())
            .bind(intestazione.nome.as_str())
            .bind(intestazione.media_type.as_str())
            .bind(intestazione.tipologia.as_str())
            .bind(intestazione.modalita_formazione.lettera())
            .bind(intestazione.oggetto.as_ref().map(Testo::as_str))
            .bind(&grant.client_id)
            .bind(&grant.consumer_id)
            .bind(at)
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

async fn load(tx: &mut Tx, nome: NomeDocumento) -> Result<Documento, Error> {
    let row: Option<Row> = on!(tx, |db| {
        sqlx::query_as(LOAD)
            .bind(nome.id().to_string())
            .fetch_optional(db)
            .await
    })
    .map_err(store::Error::from)?;
    let row = row.ok_or(Error::Unknown(nome))?;
    let intestazione = decode(row).ok_or_else(|| store_row("documento"))?;
    Ok(Documento { nome, intestazione })
}

/// A row of `documento`: sha256, dimensione, nome, media type, tipologia, modalità, oggetto.
type Row = (Vec<u8>, i64, String, String, String, String, Option<String>);

fn decode(
    (sha256, dimensione, nome, media_type, tipologia, modalita, oggetto): Row,
) -> Option<Intestazione> {
    Some(Intestazione {
        nome: nome.parse().ok()?,
        media_type: media_type.parse().ok()?,
        impronta: Impronta::try_from(sha256.as_slice()).ok()?,
        dimensione: u64::try_from(dimensione).ok()?,
        tipologia: tipologia.parse().ok()?,
        modalita_formazione: modalita.parse().ok()?,
        oggetto: oggetto.map(|text| text.parse()).transpose().ok()?,
    })
}

/// A row that this service cannot have written.
fn store_row(what: &'static str) -> Error {
    Error::Store(store::Error::Statement(sqlx::Error::Decode(what.into())))
}

const FIRST_VERSION: i64 = 1;
const CLAIM: &str = "INSERT INTO idempotency (client_id, key, digest, answer, at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id, key) DO NOTHING";
const ANSWERED: &str = "SELECT digest, answer FROM idempotency WHERE client_id = $1 AND key = $2";
const INSERT: &str = "INSERT INTO documento (id, versione, sha256, dimensione, nome, media_type, \
     tipologia, modalita_formazione, oggetto, client_id, consumer_id, formato_il) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const LOAD: &str = "SELECT sha256, dimensione, nome, media_type, tipologia, modalita_formazione, \
     oggetto FROM documento WHERE id = $1";

#[cfg(test)]
mod tests;
