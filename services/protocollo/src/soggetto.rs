//! Who sent a document, or whom it is addressed to (AgID guidelines, Allegato 5, "Soggetti").
//!
//! Personal data: [`std::fmt::Debug`] tells the kind and nothing else, so that no log can show
//! more. Missing given or family names are real in the national registry, both missing are not.

use std::fmt;
use std::str::FromStr;

use crate::codice::Codice;
use crate::testo::{Malformed, Testo};

/// A party of a registration.
#[derive(Clone, PartialEq, Eq)]
pub enum Soggetto {
    /// A public body, or an office of one.
    Amministrazione {
        /// Name; an office of this comune needs none.
        denominazione: Option<Testo<300>>,
        /// Code in the IPA.
        codice_ipa: Option<Codice<64>>,
        /// Code of the office.
        codice_uo: Option<Codice<64>>,
    },
    /// A natural person.
    PersonaFisica {
        /// Given name.
        nome: Option<Testo<100>>,
        /// Family name.
        cognome: Option<Testo<100>>,
        /// Codice fiscale, where known.
        codice_fiscale: Option<CodiceFiscale>,
    },
    /// A legal person.
    PersonaGiuridica {
        /// Name.
        denominazione: Testo<300>,
        /// Codice fiscale or partita IVA, where known.
        codice_fiscale: Option<PartitaIva>,
    },
}

/// The columns of a party: kind, and what each kind may say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Colonne<T> {
    /// `PF`, `PG` or `PA`.
    pub tipo: T,
    /// Given name.
    pub nome: Option<T>,
    /// Family name.
    pub cognome: Option<T>,
    /// Name of a legal person or of a body.
    pub denominazione: Option<T>,
    /// Codice fiscale or partita IVA.
    pub codice_fiscale: Option<T>,
    /// Code in the IPA.
    pub codice_ipa: Option<T>,
    /// Code of the office.
    pub codice_uo: Option<T>,
}

/// Codice fiscale of a natural person, by its form (DM 23/12/1976); provisional ones have digits.
#[derive(Clone, PartialEq, Eq)]
pub struct CodiceFiscale(String);

/// Codice fiscale of a legal person or partita IVA: eleven digits.
#[derive(Clone, PartialEq, Eq)]
pub struct PartitaIva(String);

impl Soggetto {
    /// What the party says, column by column.
    #[must_use]
    pub fn colonne(&self) -> Colonne<&str> {
        let mut row = Colonne::empty(self.tipo());
        match self {
            Self::Amministrazione {
                denominazione: name,
                codice_ipa,
                codice_uo,
            } => {
                row.denominazione = name.as_ref().map(Testo::as_str);
                row.codice_ipa = codice_ipa.as_ref().map(Codice::as_str);
                row.codice_uo = codice_uo.as_ref().map(Codice::as_str);
            }
            Self::PersonaFisica {
                nome,
                cognome,
                codice_fiscale: code,
            } => {
                row.nome = nome.as_ref().map(Testo::as_str);
                row.cognome = cognome.as_ref().map(Testo::as_str);
                row.codice_fiscale = code.as_ref().map(CodiceFiscale::as_str);
            }
            Self::PersonaGiuridica {
                denominazione,
                codice_fiscale: code,
            } => {
                row.denominazione = Some(denominazione.as_str());
                row.codice_fiscale = code.as_ref().map(PartitaIva::as_str);
            }
        }
        row
    }

    fn tipo(&self) -> &'static str {
        match self {
            Self::Amministrazione { .. } => "PA",
            Self::PersonaFisica { .. } => "PF",
            Self::PersonaGiuridica { .. } => "PG",
        }
    }
}

impl TryFrom<Colonne<String>> for Soggetto {
    type Error = Malformed;

    fn try_from(row: Colonne<String>) -> Result<Self, Malformed> {
        match row.tipo.as_str() {
            "PA" => Ok(Self::Amministrazione {
                denominazione: optional(row.denominazione)?,
                codice_ipa: optional(row.codice_ipa)?,
                codice_uo: optional(row.codice_uo)?,
            }),
            "PF" => Ok(Self::PersonaFisica {
                nome: optional(row.nome)?,
                cognome: optional(row.cognome)?,
                codice_fiscale: optional(row.codice_fiscale)?,
            }),
            "PG" => Ok(Self::PersonaGiuridica {
                denominazione: row.denominazione.unwrap_or_default().parse()?,
                codice_fiscale: optional(row.codice_fiscale)?,
            }),
            _ => Err(Malformed("must be PA, PF or PG".to_owned())),
        }
    }
}

fn optional<T: FromStr<Err = Malformed>>(text: Option<String>) -> Result<Option<T>, Malformed> {
    text.map(|text| text.parse()).transpose()
}

impl<T> Colonne<T> {
    fn empty(tipo: T) -> Self {
        Self {
            tipo,
            nome: None,
            cognome: None,
            denominazione: None,
            codice_fiscale: None,
            codice_ipa: None,
            codice_uo: None,
        }
    }
}

impl fmt::Debug for Soggetto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Soggetto({})", self.tipo())
    }
}

impl CodiceFiscale {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CodiceFiscale {
    type Err = Malformed;

    /// Checks the form only: whose code it is, and whether it exists, anagrafe knows.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let definitive = text.len() == 16 && text.chars().all(upper);
        if !definitive && text.parse::<PartitaIva>().is_err() {
            let what = "must have 16 capital letters and digits, or 11 digits";
            return Err(Malformed(what.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl PartitaIva {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PartitaIva {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() != 11 || !text.chars().all(|c| c.is_ascii_digit()) {
            return Err(Malformed("must have 11 digits".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(row: Colonne<&str>) -> Colonne<String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Colonne {
            tipo: row.tipo.to_owned(),
            nome: owned(row.nome),
            cognome: owned(row.cognome),
            denominazione: owned(row.denominazione),
            codice_fiscale: owned(row.codice_fiscale),
            codice_ipa: owned(row.codice_ipa),
            codice_uo: owned(row.codice_uo),
        }
    }

    #[test]
    fn party_survives_its_columns() {
        let people = [
            Soggetto::PersonaFisica {
                nome: None,
                cognome: Some("D'Amico".parse().unwrap()),
                codice_fiscale: Some("RSSMRA80A01H501U".parse().unwrap()),
            },
            Soggetto::PersonaGiuridica {
                denominazione: "Forno Rossi s.r.l.".parse().unwrap(),
                codice_fiscale: None,
            },
            Soggetto::Amministrazione {
                denominazione: None,
                codice_ipa: Some("c_z999".parse().unwrap()),
                codice_uo: Some("tributi".parse().unwrap()),
            },
        ];
        for person in people {
            assert!(Soggetto::try_from(stored(person.colonne())).unwrap() == person);
        }
    }

    #[test]
    fn codes_are_checked_by_their_form() {
        assert!("RSSMRA80A01H501U".parse::<CodiceFiscale>().is_ok());
        assert!("12345678901".parse::<CodiceFiscale>().is_ok());
        assert!("rssmra80a01h501u".parse::<CodiceFiscale>().is_err());
        assert!("1234567890".parse::<PartitaIva>().is_err());
    }

    #[test]
    fn log_never_shows_who_it_is() {
        let person = Soggetto::PersonaGiuridica {
            denominazione: "Forno Rossi s.r.l.".parse().unwrap(),
            codice_fiscale: None,
        };

        assert_eq!(format!("{person:?}"), "Soggetto(PG)");
    }
}
