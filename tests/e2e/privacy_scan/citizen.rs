//! Somebody whom the sample's register of residents knows, and where they live.

use std::collections::HashMap;

use varco::sample::popolazione::Popolazione;
use varco_proto::anagrafe::v1::Indirizzo;
use varco_proto::protocollo::v1 as protocollo;

/// A citizen of the sample.
#[derive(Clone, Debug)]
pub struct Citizen {
    pub codice_fiscale: String,
    pub nome: String,
    pub cognome: String,
    pub indirizzo: Indirizzo,
}

impl Citizen {
    /// Everybody who has an address.
    pub fn all(people: &Popolazione) -> Vec<Self> {
        let homes = people
            .residenze
            .iter()
            .map(|it| (it.persona, &it.indirizzo));
        let homes: HashMap<_, _> = homes.collect();
        let people = people.persone.iter();
        let citizens = people.filter_map(|it| {
            let home = homes.get(&it.id)?;
            Some(Self {
                codice_fiscale: it.codice_fiscale.as_str().to_owned(),
                nome: it.nome.clone(),
                cognome: it.cognome.clone(),
                indirizzo: Indirizzo {
                    specie: Some(home.specie.clone()),
                    denominazione: Some(home.denominazione.clone()),
                    numero: home.civico,
                    esponente: home.esponente.clone(),
                    interno: home.interno.clone(),
                    ..Indirizzo::default()
                },
            })
        });
        citizens.collect()
    }

    /// The citizen as the sender of a document.
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

    /// Given name and surname.
    pub fn name(&self) -> String {
        format!("{} {}", self.nome, self.cognome)
    }

    /// Name and codice fiscale, as somebody would put them where they do not belong.
    pub fn in_words(&self) -> String {
        format!("{} {}", self.name(), self.codice_fiscale)
    }
}
