//! A registered person: the generalità and the national identifier that everything hangs on.
//!
//! Surname and name keep the letters of the citizen, accents included. `IdAnpr` is the key of all
//! other records, because a person may hold several codici fiscali over a life while the national
//! identifier stays. `Debug` shows the identifier alone, so that no name reaches a log.
//!
//! Where the person lives is in `residenza`, with whom in `famiglia`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use crate::codice_fiscale::{Belfiore, CodiceFiscale, Sesso};

/// Person entered in the register of this comune, living or dead.
#[derive(Clone, PartialEq, Eq)]
pub struct Persona {
    /// Key in the national register.
    pub id: IdAnpr,
    /// Code assigned by the Agenzia delle Entrate.
    pub codice_fiscale: CodiceFiscale,
    /// Surname as the citizen writes it.
    pub cognome: String,
    /// Name as the citizen writes it; a composite name is one text.
    pub nome: String,
    /// Sex as the civil register records it.
    pub sesso: Sesso,
    /// Day of birth.
    pub data_nascita: Date,
    /// Comune, as it was then, or foreign state.
    pub luogo_nascita: Belfiore,
    /// Day of first registration here: the register knows nothing of earlier days.
    pub iscritta_dal: Date,
    /// Day of death, for those who died while registered here.
    pub decesso: Option<Date>,
}

/// National identifier of a registered person: two letters, five digits, two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdAnpr([u8; 9]);

/// The text is not two capitals, five digits and two capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ANPR identifier is two letters, five digits and two letters")]
pub struct InvalidIdAnpr;

impl fmt::Debug for Persona {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Persona({})", self.id)
    }
}

impl IdAnpr {
    /// Returns the nine characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII by construction, so the empty text is never seen.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for IdAnpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IdAnpr {
    type Err = InvalidIdAnpr;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 9] = text.as_bytes().try_into().map_err(|_| InvalidIdAnpr)?;
        let [a, b, digits @ .., c, d] = bytes;
        let letters = [a, b, c, d].iter().all(u8::is_ascii_uppercase);
        if letters && digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(bytes))
        } else {
            Err(InvalidIdAnpr)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_is_two_letters_five_digits_two_letters() {
        assert_eq!("UK79569LF".parse::<IdAnpr>().unwrap().as_str(), "UK79569LF");
        for wrong in [
            "",
            "UK79569L",
            "UK79569LFF",
            "uk79569lf",
            "UKA9569LF",
            "UK79569L1",
        ] {
            assert_eq!(wrong.parse::<IdAnpr>(), Err(InvalidIdAnpr), "{wrong}");
        }
    }

    #[test]
    fn debug_of_a_person_shows_only_the_identifier() {
        let persona = Persona {
            id: "UK79569LF".parse().unwrap(),
            codice_fiscale: "RSSMRA80A01H501U".parse().unwrap(),
            cognome: "Rossi".into(),
            nome: "Mario".into(),
            sesso: Sesso::M,
            data_nascita: jiff::civil::date(1980, 1, 1),
            luogo_nascita: "H501".parse().unwrap(),
            iscritta_dal: jiff::civil::date(2001, 5, 9),
            decesso: None,
        };

        assert_eq!(format!("{persona:?}"), "Persona(UK79569LF)");
    }
}
