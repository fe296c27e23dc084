//! Parses the requests of the contract into nouns of the office, once and field by field.

use varco_proto::protocollo::v1 as proto;

use super::campo;
use crate::codice::Codice;
use crate::documento::Documento;
use crate::error::Error;
use crate::identificatore::{Flusso, Identificatore, Registro};
use crate::registrazione::{Contenuto, MAX_ALLEGATI};
use crate::soggetto::Soggetto;
use crate::testo::Malformed;

/// Parses what arrived from outside.
///
/// # Errors
///
/// [`Error::Field`] for the first field that is missing or malformed.
pub fn in_entrata(request: proto::RegisterInEntrataRequest) -> Result<Contenuto, Error> {
    Ok(Contenuto {
        flusso: Flusso::Entrata,
        mittente: soggetto("mittente", request.mittente)?,
        oggetto: campo::required("oggetto", request.oggetto)?,
        documento_primario: documento("documento_primario", request.documento_primario)?,
        allegati: allegati(request.allegati)?,
        classificazione: campo::required("classificazione", request.classificazione)?,
        assegnazione: campo::required("assegnazione", request.assegnazione)?,
        canale: campo::optional("canale", request.canale)?,
        protocollo_mittente: campo::optional("protocollo_mittente", request.protocollo_mittente)?,
    })
}

/// Parses what one office addresses to another; both belong to `comune`.
///
/// # Errors
///
/// [`Error::Field`] for the first field that is missing or malformed.
pub fn interno(
    request: proto::RegisterInternoRequest,
    comune: &Codice<64>,
) -> Result<Contenuto, Error> {
    Ok(Contenuto {
        flusso: Flusso::Interno,
        mittente: Soggetto::Amministrazione {
            denominazione: None,
            codice_ipa: Some(comune.clone()),
            codice_uo: Some(campo::required(
                "ufficio_mittente",
                request.ufficio_mittente,
            )?),
        },
        oggetto: campo::required("oggetto", request.oggetto)?,
        documento_primario: documento("documento_primario", request.documento_primario)?,
        allegati: allegati(request.allegati)?,
        classificazione: campo::required("classificazione", request.classificazione)?,
        assegnazione: campo::required("assegnazione", request.assegnazione)?,
        canale: None,
        protocollo_mittente: None,
    })
}

/// Parses what a registration is known by.
///
/// # Errors
///
/// [`Error::Field`] for the first field that is missing or malformed.
pub fn identificatore(id: Option<proto::Identificatore>) -> Result<Identificatore, Error> {
    let id = id.ok_or_else(|| campo::missing("identificatore"))?;
    let anno = id
        .anno
        .ok_or_else(|| campo::missing("identificatore.anno"))?;
    let numero = id
        .numero
        .ok_or_else(|| campo::missing("identificatore.numero"))?;
    Ok(Identificatore {
        registro: Registro {
            aoo: campo::required("identificatore.aoo", id.aoo)?,
            codice: campo::required("identificatore.registro", id.registro)?,
        },
        anno: year(anno).map_err(|error| campo::malformed("identificatore.anno", error))?,
        numero: numero
            .try_into()
            .map_err(|error| campo::malformed("identificatore.numero", error))?,
    })
}

fn year(anno: u32) -> Result<i16, Malformed> {
    i16::try_from(anno)
        .ok()
        .filter(|anno| (1..=9999).contains(anno))
        .ok_or_else(|| Malformed("must be a year of four digits".to_owned()))
}

fn allegati(allegati: Vec<proto::DocumentoRegistrato>) -> Result<Vec<Documento>, Error> {
    if allegati.len() > MAX_ALLEGATI {
        let what = format!("must have at most {MAX_ALLEGATI} items");
        return Err(campo::malformed("allegati", Malformed(what)));
    }
    let numbered = allegati.into_iter().enumerate();
    numbered
        .map(|(i, one)| documento(&format!("allegati[{i}]"), Some(one)))
        .collect()
}

fn documento(
    field: &str,
    documento: Option<proto::DocumentoRegistrato>,
) -> Result<Documento, Error> {
    let documento = documento.ok_or_else(|| campo::missing(field))?;
    Ok(Documento {
        nome: campo::required(&format!("{field}.documento"), documento.documento)?,
        impronta: campo::sha256(&format!("{field}.sha256"), documento.sha256.as_deref())?,
        descrizione: campo::optional(&format!("{field}.descrizione"), documento.descrizione)?,
    })
}

fn soggetto(field: &str, soggetto: Option<proto::Soggetto>) -> Result<Soggetto, Error> {
    match soggetto.and_then(|soggetto| soggetto.tipo) {
        Some(proto::soggetto::Tipo::Amministrazione(body)) => amministrazione(field, body),
        Some(proto::soggetto::Tipo::PersonaFisica(person)) => persona_fisica(field, person),
        Some(proto::soggetto::Tipo::PersonaGiuridica(firm)) => persona_giuridica(field, firm),
        None => Err(campo::missing(field)),
    }
}

fn amministrazione(field: &str, body: proto::Amministrazione) -> Result<Soggetto, Error> {
    let path = |name: &str| format!("{field}.amministrazione.{name}");
    Ok(Soggetto::Amministrazione {
        denominazione: Some(campo::required(&path("denominazione"), body.denominazione)?),
        codice_ipa: campo::optional(&path("codice_ipa"), body.codice_ipa)?,
        codice_uo: campo::optional(&path("codice_uo"), body.codice_uo)?,
    })
}

fn persona_fisica(field: &str, person: proto::PersonaFisica) -> Result<Soggetto, Error> {
    let path = |name: &str| format!("{field}.persona_fisica.{name}");
    // Either may be missing in the national registry, but whoever has neither is not named.
    if person.nome.is_none() && person.cognome.is_none() {
        return Err(campo::missing(&path("cognome")));
    }
    Ok(Soggetto::PersonaFisica {
        nome: campo::optional(&path("nome"), person.nome)?,
        cognome: campo::optional(&path("cognome"), person.cognome)?,
        codice_fiscale: campo::optional(&path("codice_fiscale"), person.codice_fiscale)?,
    })
}

fn persona_giuridica(field: &str, firm: proto::PersonaGiuridica) -> Result<Soggetto, Error> {
    let path = |name: &str| format!("{field}.persona_giuridica.{name}");
    Ok(Soggetto::PersonaGiuridica {
        denominazione: campo::required(&path("denominazione"), firm.denominazione)?,
        codice_fiscale: campo::optional(&path("codice_fiscale"), firm.codice_fiscale)?,
    })
}

#[cfg(test)]
mod tests;
