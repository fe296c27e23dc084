//! What arrives, parsed into what cannot be wrong; each refusal names its field, never the value.

use jiff::civil::Date;
use varco_proto::albo::v1::{
    GetPubblicazioneRequest, ListPubblicazioniRequest, PublishAttoRequest, RiferimentoProtocollo,
};

use crate::atto::{Atto, InvalidDocumento, Protocollo};
use crate::error::Error;
use crate::impronta::Impronta;
use crate::pubblicazione::Repertorio;
use crate::termine::Giorni;
use crate::testo::Testo;
use crate::tipo_atto::{TipoAtto, tipo_atto};

/// A page that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The last number of the page before.
    pub after: Option<Repertorio>,
    /// How many at most.
    pub size: u32,
}

/// Reads an act and how many days it is to be on the board.
pub fn atto(message: &PublishAttoRequest, today: Date) -> Result<(Atto, Giorni), Error> {
    let tipo = tipo_atto(message.tipo_atto())
        .ok_or_else(|| field("tipo_atto", "is no kind of act of the AgID vocabulary"))?;
    let giorni = giorni(message.giorni, tipo)?;
    let atto = Atto {
        tipo,
        oggetto: testo(message.oggetto(), "oggetto", 1000)?,
        numero: testo(message.numero_atto(), "numero_atto", 50)?,
        data: data(message.data_atto(), today)?,
        ufficio: testo(message.ufficio(), "ufficio", 200)?,
        protocollo: protocollo(message.protocollo.as_ref(), today)?,
        documento: message
            .documento()
            .parse()
            .map_err(|error: InvalidDocumento| field("documento", error.to_string()))?,
        sha256: Impronta::try_from(message.sha256()).map_err(|_| {
            let found = message.sha256().len();
            field("sha256", format!("must have 32 bytes, not {found}"))
        })?,
    };
    Ok((atto, giorni))
}

/// Reads the number of a publication.
pub fn repertorio(message: &GetPubblicazioneRequest) -> Result<Repertorio, Error> {
    Ok(Repertorio {
        anno: i16::try_from(message.anno())
            .ok()
            .filter(|anno| (1..=9999).contains(anno))
            .ok_or_else(|| field("anno", "must be from 1 to 9999"))?,
        numero: number(message.numero(), "numero")?,
    })
}

/// Reads which page is asked for.
pub fn page(message: &ListPubblicazioniRequest) -> Result<Page, Error> {
    let size = message.page_size.unwrap_or(50);
    if !(1..=100).contains(&size) {
        return Err(field("page_size", "must be from 1 to 100"));
    }
    let after = match message.page_token.as_deref() {
        None => None,
        Some(token) => Some(after(token).ok_or_else(|| {
            field(
                "page_token",
                "is not one that this service gave: start without one",
            )
        })?),
    };
    Ok(Page { after, size })
}

/// Keeps a media type that may stand in a header, and calls everything else bytes.
pub fn media_type(declared: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+-".contains(&byte);
    if (1..=100).contains(&declared.len()) && declared.bytes().all(plain) {
        declared.to_ascii_lowercase()
    } else {
        "application/octet-stream".to_owned()
    }
}

fn giorni(asked: Option<u32>, tipo: &TipoAtto) -> Result<Giorni, Error> {
    let Some(asked) = asked else {
        return Ok(tipo.giorni);
    };
    let giorni = Giorni::parse(asked).map_err(|error| field("giorni", error.to_string()))?;
    if giorni < tipo.giorni {
        let least = i32::from(tipo.giorni);
        return Err(field(
            "giorni",
            format!("must be at least {least} for this kind of act"),
        ));
    }
    Ok(giorni)
}

fn data(text: &str, today: Date) -> Result<Date, Error> {
    let data: Date = text
        .parse()
        .ok()
        .filter(|data: &Date| data.to_string() == text)
        .ok_or_else(|| field("data_atto", "must be a day written YYYY-MM-DD"))?;
    if data > today {
        return Err(field("data_atto", "must not be in the future"));
    }
    Ok(data)
}

fn protocollo(message: Option<&RiferimentoProtocollo>, today: Date) -> Result<Protocollo, Error> {
    let message = message.ok_or_else(|| field("protocollo", "is required"))?;
    // Protocol registers of today began with DPR 428/1998.
    let anno = i16::try_from(message.anno())
        .ok()
        .filter(|anno| (1998..=today.year()).contains(anno))
        .ok_or_else(|| field("protocollo.anno", "must be from 1998 to this year"))?;
    Ok(Protocollo {
        aoo: testo(message.aoo(), "protocollo.aoo", 50)?,
        registro: testo(message.registro(), "protocollo.registro", 50)?,
        anno,
        numero: number(message.numero(), "protocollo.numero")?,
    })
}

fn number(value: u64, name: &'static str) -> Result<i64, Error> {
    i64::try_from(value)
        .ok()
        .filter(|number| (1..=MAX_NUMBER).contains(number))
        .ok_or_else(|| field(name, format!("must be from 1 to {MAX_NUMBER}")))
}

fn after(token: &str) -> Option<Repertorio> {
    if token.len() > 100 {
        return None;
    }
    String::from_utf8(hex::decode(token).ok()?)
        .ok()?
        .parse()
        .ok()
}

fn testo(text: &str, name: &'static str, max: usize) -> Result<Testo, Error> {
    Testo::parse(text, max).map_err(|error| field(name, error.to_string()))
}

fn field(field: &'static str, what: impl Into<String>) -> Error {
    Error::Field {
        field,
        what: what.into(),
    }
}

const MAX_NUMBER: i64 = 999_999_999_999;
