//! Writes the rows of a registration, once and all together.
//!
//! Classification and assignment have rows of their own, the first ones here: a later change adds
//! a row and never touches this one (AgID guidelines §3.1.5).

use varco_runtime::audit_link;
use varco_runtime::grant::Grant;
use varco_runtime::on;
use varco_runtime::store::{Error, Tx};

use crate::codice::Codice;
use crate::documento::Documento;
use crate::identificatore::Identificatore;
use crate::registrazione::Registrazione;
use crate::testo::Testo;
use crate::titolario::EDIZIONE;

/// Writes every row of a registration, and which call of the gateway's log made it.
///
/// # Errors
///
/// When the database fails; the transaction is then of no more use.
pub async fn insert(tx: &mut Tx, row: &Registrazione, grant: &Grant) -> Result<(), Error> {
    registrazione(tx, row).await?;
    mittente(tx, row).await?;
    for (posizione, documento) in (1_i64..).zip(&row.contenuto.allegati) {
        allegato(tx, &row.identificatore, (posizione, documento)).await?;
    }
    classificazione(tx, row).await?;
    assegnazione(tx, row).await?;
    let entity = row.identificatore.to_string();
    audit_link::made(tx, grant, (&entity, row.istante.at)).await
}

async fn registrazione(tx: &mut Tx, row: &Registrazione) -> Result<(), Error> {
    let (id, contenuto) = (&row.identificatore, &row.contenuto);
    let primario = &contenuto.documento_primario;
    on!(tx, |db| {
        sqlx::query(REGISTRAZIONE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(row.istante.at.as_microsecond())
            .bind(row.data.to_string())
            .bind(row.istante.orologio_arretrato)
            .bind(contenuto.flusso.lettera())
            .bind(row.segnatura.as_str())
            .bind(contenuto.oggetto.as_str())
            .bind(primario.nome.to_string())
            .bind(primario.impronta.as_bytes())
            .bind(primario.descrizione.as_ref().map(Testo::as_str))
            .bind(contenuto.canale.as_ref().map(Codice::as_str))
            .bind(contenuto.protocollo_mittente.as_ref().map(Testo::as_str))
            .bind(&row.operatore.client_id)
            .bind(&row.operatore.consumer_id)
            .bind(row.catena.as_bytes())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

async fn mittente(tx: &mut Tx, row: &Registrazione) -> Result<(), Error> {
    let (id, mittente) = (&row.identificatore, row.contenuto.mittente.colonne());
    on!(tx, |db| {
        sqlx::query(MITTENTE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(mittente.tipo)
            .bind(mittente.nome)
            .bind(mittente.cognome)
            .bind(mittente.denominazione)
            .bind(mittente.codice_fiscale)
            .bind(mittente.codice_ipa)
            .bind(mittente.codice_uo)
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

async fn allegato(
    tx: &mut Tx,
    id: &Identificatore,
    (posizione, documento): (i64, &Documento),
) -> Result<(), Error> {
    on!(tx, |db| {
        sqlx::query(ALLEGATO)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(posizione)
            .bind(documento.nome.to_string())
            .bind(documento.impronta.as_bytes())
            .bind(documento.descrizione.as_ref().map(Testo::as_str))
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

async fn classificazione(tx: &mut Tx, row: &Registrazione) -> Result<(), Error> {
    let id = &row.identificatore;
    on!(tx, |db| {
        sqlx::query(CLASSIFICAZIONE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(EDIZIONE)
            .bind(row.contenuto.classificazione.to_string())
            .bind(&row.operatore.client_id)
            .bind(row.istante.at.as_microsecond())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

async fn assegnazione(tx: &mut Tx, row: &Registrazione) -> Result<(), Error> {
    let id = &row.identificatore;
    on!(tx, |db| {
        sqlx::query(ASSEGNAZIONE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(row.contenuto.assegnazione.as_str())
            .bind(&row.operatore.client_id)
            .bind(row.istante.at.as_microsecond())
            .execute(db)
            .await
            .map(|_| ())
    })?;
    Ok(())
}

const REGISTRAZIONE: &str = "INSERT INTO registrazione (aoo, registro, anno, numero, \
     registrata_il, data, orologio_arretrato, flusso, segnatura, oggetto, documento, sha256, \
     descrizione, canale, protocollo_mittente, client_id, consumer_id, catena) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
const MITTENTE: &str = "INSERT INTO soggetto (aoo, registro, anno, numero, ruolo, posizione, \
     tipo, nome, cognome, denominazione, codice_fiscale, codice_ipa, codice_uo) \
     VALUES ($1, $2, $3, $4, 'mittente', 1, $5, $6, $7, $8, $9, $10, $11)";
const ALLEGATO: &str = "INSERT INTO allegato \
     (aoo, registro, anno, numero, posizione, documento, sha256, descrizione) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const CLASSIFICAZIONE: &str = "INSERT INTO classificazione \
     (aoo, registro, anno, numero, progressivo, titolario, classe, client_id, dal) \
     VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $8)";
const ASSEGNAZIONE: &str = "INSERT INTO assegnazione \
     (aoo, registro, anno, numero, progressivo, ufficio, client_id, dal) \
     VALUES ($1, $2, $3, $4, 1, $5, $6, $7)";
