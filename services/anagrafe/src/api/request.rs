//! What arrives, parsed into what cannot be wrong; each refusal names its field, never the value.

use jiff::civil::Date;
use varco_proto::anagrafe::v1 as proto;
use varco_proto::anagrafe::v1::{GetFamigliaRequest, ResolveIdentificativiRequest};

use crate::codice_fiscale::CodiceFiscale;
use crate::error::Error;
use crate::persona::{IdAnpr, InvalidIdAnpr};
use crate::residenza::{Cap, CodiceToponimo, Indirizzo, InvalidCap};

/// How much of a famiglia is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Also who they are.
    CfOnly,
    /// How many they are.
    Count,
    /// Also what they are to the intestatario.
    WithKinship,
}

/// What a person is asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identificativo {
    /// A code that the person has or had.
    Codice(CodiceFiscale),
    /// The national identifier.
    Id(IdAnpr),
}

/// Reads the one identifier by which a person is asked for.
pub fn identificativo(message: &ResolveIdentificativiRequest) -> Result<Identificativo, Error> {
    let Some(id) = message.id_anpr.as_deref() else {
        let codice = codice_fiscale(message.codice_fiscale.as_deref())?;
        return Ok(Identificativo::Codice(codice));
    };
    if message.codice_fiscale.is_some() {
        return Err(field("id_anpr", "must be absent beside codice_fiscale"));
    }
    let id: Result<IdAnpr, InvalidIdAnpr> = id.parse();
    id.map(Identificativo::Id)
        .map_err(|error| field("id_anpr", format!("is malformed: {error}")))
}

/// Reads a codice fiscale.
pub fn codice_fiscale(text: Option<&str>) -> Result<CodiceFiscale, Error> {
    let text = text.ok_or_else(|| field("codice_fiscale", "is required"))?;
    CodiceFiscale::parse(text).map_err(|error| field("codice_fiscale", error.to_string()))
}

/// Reads a day; one spelling only, so that a day is never taken for another.
pub fn data(text: &str) -> Result<Date, Error> {
    text.parse()
        .ok()
        .filter(|day: &Date| day.to_string() == text)
        .ok_or_else(|| field("data", "must be a day written YYYY-MM-DD"))
}

/// Reads how much of a famiglia is asked for; the caller must say it.
pub fn view(message: &GetFamigliaRequest) -> Result<View, Error> {
    match message.view() {
        proto::FamigliaView::CfOnly => Ok(View::CfOnly),
        proto::FamigliaView::Count => Ok(View::Count),
        proto::FamigliaView::WithKinship => Ok(View::WithKinship),
        proto::FamigliaView::Unspecified => {
            Err(field("view", "must be COUNT, CF_ONLY or WITH_KINSHIP"))
        }
    }
}

/// Reads a declared address.
pub fn indirizzo(message: Option<&proto::Indirizzo>) -> Result<Indirizzo, Error> {
    let message = message.ok_or_else(|| field("indirizzo", "is required"))?;
    Ok(Indirizzo {
        specie: required(message.specie.as_deref(), "indirizzo.specie", 50)?,
        denominazione: required(
            message.denominazione.as_deref(),
            "indirizzo.denominazione",
            200,
        )?,
        codice_toponimo: message
            .codice_toponimo
            .as_deref()
            .map(toponimo)
            .transpose()?,
        civico: message.numero.map(civico).transpose()?,
        esponente: optional(message.esponente.as_deref(), "indirizzo.esponente", 15)?,
        interno: optional(message.interno.as_deref(), "indirizzo.interno", 15)?,
        cap: message.cap.as_deref().map(cap).transpose()?,
    })
}

/// National number of a street: at most ten digits (ANNCSU `progr_nazionale`).
fn toponimo(text: &str) -> Result<CodiceToponimo, Error> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number
        .map(CodiceToponimo)
        .ok_or_else(|| field("indirizzo.codice_toponimo", "must have 1 to 10 digits"))
}

fn civico(number: u32) -> Result<u32, Error> {
    if (1..=99_999).contains(&number) {
        return Ok(number);
    }
    Err(field("indirizzo.numero", "must be from 1 to 99999"))
}

fn cap(text: &str) -> Result<Cap, Error> {
    text.parse()
        .map_err(|error: InvalidCap| field("indirizzo.cap", error.to_string()))
}

fn required(text: Option<&str>, name: &'static str, max: usize) -> Result<String, Error> {
    optional(text, name, max)?.ok_or_else(|| field(name, "is required"))
}

fn optional(text: Option<&str>, name: &'static str, max: usize) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim) else {
        return Ok(None);
    };
    if text.is_empty() || text.chars().count() > max || text.chars().any(char::is_control) {
        return Err(field(
            name,
            format!("must have 1 to {max} printable characters"),
        ));
    }
    Ok(Some(text.to_owned()))
}

fn field(field: &'static str, what: impl Into<String>) -> Error {
    Error::Field {
        field,
        what: what.into(),
    }
}
