//! The citizen of the journey: an invented person, out of the sample's register of residents.
//!
//! The data travels in messages, as it does from an office; it is never printed.

use varco_proto::anagrafe::v1 as anagrafe;
use varco_proto::protocollo::v1 as protocollo;

use crate::failure::Failure;
use crate::sample::{self, popolazione};

/// The citizen and where the register has them living.
pub struct Applicant {
    /// Codice fiscale.
    pub codice_fiscale: String,
    /// Given name.
    pub nome: String,
    /// Family name.
    pub cognome: String,
    /// The registered address.
    pub indirizzo: anagrafe::Indirizzo,
}

impl Applicant {
    /// Chooses the citizen as the sample made them.
    ///
    /// # Errors
    ///
    /// When the sample has nobody fit.
    pub fn of_the_sample() -> Result<Self, Failure> {
        let people = popolazione::popolazione(sample::SEED);
        let (persona, residenza) = popolazione::applicant(&people).ok_or_else(|| {
            let why = "nobody in it moved and was confirmed";
            Failure::new(
                "the sample has no applicant",
                why,
                "report it: the seed should give one",
            )
        })?;
        let indirizzo = &residenza.indirizzo;
        Ok(Self {
            codice_fiscale: persona.codice_fiscale.as_str().to_owned(),
            nome: persona.nome.clone(),
            cognome: persona.cognome.clone(),
            indirizzo: anagrafe::Indirizzo {
                specie: Some(indirizzo.specie.clone()),
                denominazione: Some(indirizzo.denominazione.clone()),
                numero: indirizzo.civico,
                esponente: indirizzo.esponente.clone(),
                interno: indirizzo.interno.clone(),
                cap: indirizzo.cap.as_ref().map(|cap| cap.as_str().to_owned()),
                codice_toponimo: None,
            },
        })
    }

    /// The house next door, where the applicant does not live.
    #[must_use]
    pub fn next_door(&self) -> anagrafe::Indirizzo {
        anagrafe::Indirizzo {
            numero: Some(self.indirizzo.numero.unwrap_or_default() + 1),
            ..self.indirizzo.clone()
        }
    }

    /// The applicant as the sender of a document.
    #[must_use]
    pub fn mittente(&self) -> protocollo::Soggetto {
        let persona = protocollo::PersonaFisica {
            nome: Some(self.nome.clone()),
            cognome: Some(self.cognome.clone()),
            codice_fiscale: Some(self.codice_fiscale.clone()),
        };
        protocollo::Soggetto {
            tipo: Some(protocollo::soggetto::Tipo::PersonaFisica(persona)),
        }
    }

    /// The address in one line.
    #[must_use]
    pub fn address_line(&self) -> String {
        let it = &self.indirizzo;
        let street = format!("{} {}", it.specie(), it.denominazione());
        let number = it
            .numero
            .map(|numero| format!(" {numero}"))
            .unwrap_or_default();
        format!("{street}{number}{}, {}", it.esponente(), it.cap())
    }
}
