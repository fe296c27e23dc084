//! Reads a registration back from its rows, with the classification and assignment in force.

use std::str::FromStr;

use varco_runtime::on;
use varco_runtime::store::{self, Tx};

use super::{decode, timestamp};
use crate::codice::Codice;
use crate::documento::{Documento, Impronta};
use crate::error::Error;
use crate::identificatore::{Identificatore, Segnatura};
use crate::registrazione::{Contenuto, Istante, Operatore, Registrazione};
use crate::soggetto::{Colonne, Soggetto};
use crate::testo::Malformed;
use crate::titolario::Classifica;

/// Finds a registration.
///
/// # Errors
///
/// [`Error::RegistrationUnknown`].
pub async fn load(tx: &mut Tx, id: &Identificatore) -> Result<Registrazione, Error> {
    let row: Option<RegistrazioneRow> = on!(tx, |db| {
        sqlx::query_as(REGISTRAZIONE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .fetch_optional(db)
            .await
    })
    .map_err(store::Error::from)?;
    let (registrata_il, data, orologio_arretrato, segnatura, client_id, consumer_id, catena) =
        row.ok_or_else(|| Error::RegistrationUnknown(id.clone()))?;
    let istante = Istante {
        at: timestamp(registrata_il)?,
        orologio_arretrato,
    };
    let operatore = Operatore {
        client_id,
        consumer_id,
    };
    Ok(Registrazione {
        identificatore: id.clone(),
        istante,
        data: data.parse().map_err(|_| decode("registrazione.data"))?,
        segnatura: Segnatura::stored(segnatura),
        contenuto: contenuto(tx, id).await?,
        operatore,
        catena: hash(&catena)?,
    })
}

/// Whether a registration exists and one of its documents has a hash.
///
/// # Errors
///
/// When the database fails.
pub async fn holds(tx: &mut Tx, id: &Identificatore, impronta: &Impronta) -> Result<bool, Error> {
    let (found,): (i64,) = on!(tx, |db| {
        sqlx::query_as(HOLDS)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .bind(impronta.as_bytes())
            .fetch_one(db)
            .await
    })
    .map_err(store::Error::from)?;
    Ok(found > 0)
}

async fn contenuto(tx: &mut Tx, id: &Identificatore) -> Result<Contenuto, Error> {
    let (flusso, oggetto, canale, protocollo): (String, String, Option<String>, Option<String>) =
        on!(tx, |db| {
            sqlx::query_as(CONTENUTO)
                .bind(id.registro.aoo.as_str())
                .bind(id.registro.codice.as_str())
                .bind(i64::from(id.anno))
                .bind(id.numero.as_i64())
                .fetch_one(db)
                .await
        })
        .map_err(store::Error::from)?;
    let (documento_primario, allegati) = documenti(tx, id).await?;
    let (classificazione, assegnazione) = in_force(tx, id).await?;
    Ok(Contenuto {
        flusso: parse(&flusso)?,
        mittente: mittente(tx, id).await?,
        oggetto: parse(&oggetto)?,
        documento_primario,
        allegati,
        classificazione,
        assegnazione,
        canale: canale.as_deref().map(parse).transpose()?,
        protocollo_mittente: protocollo.as_deref().map(parse).transpose()?,
    })
}

async fn mittente(tx: &mut Tx, id: &Identificatore) -> Result<Soggetto, Error> {
    let row: MittenteRow = on!(tx, |db| {
        sqlx::query_as(MITTENTE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .fetch_one(db)
            .await
    })
    .map_err(store::Error::from)?;
    let (tipo, nome, cognome, denominazione, codice_fiscale, codice_ipa, codice_uo) = row;
    let row = Colonne {
        tipo,
        nome,
        cognome,
        denominazione,
        codice_fiscale,
        codice_ipa,
        codice_uo,
    };
    Soggetto::try_from(row).map_err(|_| decode("soggetto"))
}

/// The main document and the attachments, in order.
async fn documenti(tx: &mut Tx, id: &Identificatore) -> Result<(Documento, Vec<Documento>), Error> {
    let rows: Vec<(String, Vec<u8>, Option<String>)> = on!(tx, |db| {
        sqlx::query_as(DOCUMENTI)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .fetch_all(db)
            .await
    })
    .map_err(store::Error::from)?;
    let mut documenti = rows.into_iter().map(documento);
    let primario = documenti
        .next()
        .ok_or_else(|| decode("registrazione.documento"))??;
    Ok((primario, documenti.collect::<Result<_, _>>()?))
}

fn documento(
    (nome, sha256, descrizione): (String, Vec<u8>, Option<String>),
) -> Result<Documento, Error> {
    Ok(Documento {
        nome: parse(&nome)?,
        impronta: hash(&sha256)?,
        descrizione: descrizione.as_deref().map(parse).transpose()?,
    })
}

async fn in_force(tx: &mut Tx, id: &Identificatore) -> Result<(Classifica, Codice<64>), Error> {
    let (classe, ufficio): (String, String) = on!(tx, |db| {
        sqlx::query_as(IN_FORCE)
            .bind(id.registro.aoo.as_str())
            .bind(id.registro.codice.as_str())
            .bind(i64::from(id.anno))
            .bind(id.numero.as_i64())
            .fetch_one(db)
            .await
    })
    .map_err(store::Error::from)?;
    Ok((parse(&classe)?, parse(&ufficio)?))
}

fn hash(bytes: &[u8]) -> Result<Impronta, Error> {
    Impronta::try_from(bytes).map_err(|_| decode("hash"))
}

fn parse<T: FromStr<Err = Malformed>>(text: &str) -> Result<T, Error> {
    text.parse().map_err(|_| decode("registrazione"))
}

/// Instant, day, clock that had gone back, segnatura, client, office, hash.
type RegistrazioneRow = (i64, String, bool, String, String, String, Vec<u8>);

/// Kind, nome, cognome, denominazione, codice fiscale, codice IPA, codice UO.
type MittenteRow = (
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

const REGISTRAZIONE: &str = "SELECT registrata_il, data, orologio_arretrato, segnatura, \
     client_id, consumer_id, catena FROM registrazione \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4";
const CONTENUTO: &str = "SELECT flusso, oggetto, canale, protocollo_mittente FROM registrazione \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4";
const MITTENTE: &str = "SELECT tipo, nome, cognome, denominazione, codice_fiscale, codice_ipa, \
     codice_uo FROM soggetto WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4 \
     AND ruolo = 'mittente' AND posizione = 1";
const DOCUMENTI: &str = "SELECT documento, sha256, descrizione FROM (\
     SELECT 0 AS posizione, documento, sha256, descrizione FROM registrazione \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4 \
     UNION ALL SELECT posizione, documento, sha256, descrizione FROM allegato \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4) AS documenti \
     ORDER BY posizione";
const HOLDS: &str = "SELECT COUNT(*) FROM (\
     SELECT sha256 FROM registrazione \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4 AND sha256 = $5 \
     UNION ALL SELECT sha256 FROM allegato \
     WHERE aoo = $1 AND registro = $2 AND anno = $3 AND numero = $4 AND sha256 = $5) AS found";
const IN_FORCE: &str = "SELECT c.classe, a.ufficio FROM classificazione c JOIN assegnazione a \
     ON a.aoo = c.aoo AND a.registro = c.registro AND a.anno = c.anno AND a.numero = c.numero \
     WHERE c.aoo = $1 AND c.registro = $2 AND c.anno = $3 AND c.numero = $4 \
     ORDER BY c.progressivo DESC, a.progressivo DESC LIMIT 1";
