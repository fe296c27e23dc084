//! Between the messages of the contract and the nouns of the office.
//!
//! What comes in is parsed here once, field by field; what goes out is written here. No rule of
//! documenti lives here but the order of an upload's messages: the heading first and once.

use std::str::FromStr;

use bytes::Bytes;
use varco_proto::documenti::v1 as proto;

use crate::documento::{Documento, Intestazione, ModalitaFormazione, NomeDocumento};
use crate::error::Error;
use crate::impronta::Impronta;
use crate::testo::Malformed;

/// Takes the heading out of the first message of an upload.
///
/// # Errors
///
/// [`Error::Field`] when the stream is empty or begins with something else.
pub fn heading(
    message: Option<proto::UploadDocumentoRequest>,
) -> Result<proto::Intestazione, Error> {
    match message.and_then(|message| message.parte) {
        Some(proto::upload_documento_request::Parte::Intestazione(heading)) => Ok(heading),
        _ => Err(malformed("intestazione", "must come first")),
    }
}

/// Takes the block out of a later message of an upload.
///
/// # Errors
///
/// [`Error::Field`] when it is another heading or empty.
pub fn blocco(message: proto::UploadDocumentoRequest) -> Result<Bytes, Error> {
    match message.parte {
        Some(proto::upload_documento_request::Parte::Blocco(block)) => Ok(block),
        Some(proto::upload_documento_request::Parte::Intestazione(_)) => {
            Err(malformed("intestazione", "must come only once"))
        }
        None => Err(malformed("parte", "is required")),
    }
}

/// Parses a heading; `max` is the largest size that this comune accepts.
///
/// # Errors
///
/// [`Error::Field`] for the first field that is missing or malformed, [`Error::TooLarge`].
pub fn intestazione(heading: proto::Intestazione, max: u64) -> Result<Intestazione, Error> {
    let modalita = modalita(heading.modalita_formazione())?;
    Ok(Intestazione {
        nome: required("intestazione.nome", heading.nome)?,
        media_type: required("intestazione.media_type", heading.media_type)?,
        impronta: sha256(heading.sha256)?,
        dimensione: dimensione(heading.dimensione, max)?,
        tipologia: required("intestazione.tipologia", heading.tipologia)?,
        modalita_formazione: modalita,
        oggetto: heading
            .oggetto
            .map(|text| parse("intestazione.oggetto", &text))
            .transpose()?,
    })
}

/// Parses the name of a document.
///
/// # Errors
///
/// [`Error::Field`] when it is missing or malformed.
pub fn nome(documento: Option<String>) -> Result<NomeDocumento, Error> {
    required("documento", documento)
}

/// Answers an upload.
#[must_use]
pub fn stored(documento: &Documento) -> proto::UploadDocumentoResponse {
    proto::UploadDocumentoResponse {
        documento: Some(documento.nome.to_string()),
        sha256: Some(bytes(&documento.intestazione.impronta)),
        dimensione: Some(documento.intestazione.dimensione),
    }
}

/// Tells the hash and the size of a document.
#[must_use]
pub fn impronta(documento: &Documento) -> proto::GetImprontaResponse {
    proto::GetImprontaResponse {
        sha256: Some(bytes(&documento.intestazione.impronta)),
        dimensione: Some(documento.intestazione.dimensione),
        media_type: Some(documento.intestazione.media_type.as_str().to_owned()),
    }
}

/// The first message of a download.
#[must_use]
pub fn sent_heading(intestazione: &Intestazione) -> proto::DownloadDocumentoResponse {
    let mut heading = proto::Intestazione {
        nome: Some(intestazione.nome.as_str().to_owned()),
        media_type: Some(intestazione.media_type.as_str().to_owned()),
        sha256: Some(bytes(&intestazione.impronta)),
        dimensione: Some(intestazione.dimensione),
        tipologia: Some(intestazione.tipologia.as_str().to_owned()),
        modalita_formazione: None,
        oggetto: intestazione
            .oggetto
            .as_ref()
            .map(|text| text.as_str().to_owned()),
    };
    heading.set_modalita_formazione(match intestazione.modalita_formazione {
        ModalitaFormazione::Acquisizione => proto::ModalitaFormazione::Acquisizione,
        ModalitaFormazione::Estrazione => proto::ModalitaFormazione::Estrazione,
        ModalitaFormazione::Software => proto::ModalitaFormazione::Software,
        ModalitaFormazione::Transazione => proto::ModalitaFormazione::Transazione,
    });
    let parte = proto::download_documento_response::Parte::Intestazione(heading);
    proto::DownloadDocumentoResponse { parte: Some(parte) }
}

/// A later message of a download.
#[must_use]
pub fn sent_block(block: Bytes) -> proto::DownloadDocumentoResponse {
    let parte = proto::download_documento_response::Parte::Blocco(block);
    proto::DownloadDocumentoResponse { parte: Some(parte) }
}

fn modalita(modalita: proto::ModalitaFormazione) -> Result<ModalitaFormazione, Error> {
    match modalita {
        proto::ModalitaFormazione::Acquisizione => Ok(ModalitaFormazione::Acquisizione),
        proto::ModalitaFormazione::Estrazione => Ok(ModalitaFormazione::Estrazione),
        proto::ModalitaFormazione::Software => Ok(ModalitaFormazione::Software),
        proto::ModalitaFormazione::Transazione => Ok(ModalitaFormazione::Transazione),
        // A missing value and one that this version does not know read the same.
        proto::ModalitaFormazione::Unspecified => Err(malformed(
            "intestazione.modalita_formazione",
            "must be one of the four ways",
        )),
    }
}

fn sha256(value: Option<Bytes>) -> Result<Impronta, Error> {
    let value = value.ok_or_else(|| malformed("intestazione.sha256", "is required"))?;
    Impronta::try_from(&*value).map_err(|error| malformed("intestazione.sha256", &error.0))
}

fn dimensione(value: Option<u64>, max: u64) -> Result<u64, Error> {
    match value {
        None => Err(malformed("intestazione.dimensione", "is required")),
        Some(0) => Err(malformed("intestazione.dimensione", "must be at least 1")),
        Some(size) if size > max => Err(Error::TooLarge(max)),
        Some(size) => Ok(size),
    }
}

fn required<T>(field: &'static str, value: Option<String>) -> Result<T, Error>
where
    T: FromStr<Err = Malformed>,
{
    parse(
        field,
        &value.ok_or_else(|| malformed(field, "is required"))?,
    )
}

fn parse<T>(field: &'static str, value: &str) -> Result<T, Error>
where
    T: FromStr<Err = Malformed>,
{
    value
        .parse()
        .map_err(|Malformed(what)| malformed(field, &what))
}

fn malformed(field: &'static str, what: &str) -> Error {
    Error::Field {
        field,
        what: what.to_owned(),
    }
}

fn bytes(impronta: &Impronta) -> Bytes {
    Bytes::copy_from_slice(impronta.as_bytes())
}
