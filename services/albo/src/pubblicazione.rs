//! A publication: an act with its number in the repertorio, its term and its public copy.
//!
//! Whether it is on the board follows from the day alone, so that no late task shows an act a
//! second too long (L. 69/2009, art. 32; Garante, provv. 243 of 15 May 2014).

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::atto::Atto;
use crate::termine::Termine;

/// An act on the board, or past its term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pubblicazione {
    /// Its place in the repertorio.
    pub repertorio: Repertorio,
    /// The act.
    pub atto: Atto,
    /// From when to when it is public.
    pub termine: Termine,
    /// Rule of law that sets the term.
    pub base_giuridica: String,
    /// What the public reads.
    pub copia: Copia,
    /// When it went on the board.
    pub pubblicata_il: Timestamp,
}

/// Number of a publication: without gaps, from 1 each year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repertorio {
    /// Calendar year in Europe/Rome.
    pub anno: i16,
    /// Number within the year.
    pub numero: i64,
}

/// The text is not a year, a slash and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number of the repertorio is a year, a slash and a number")]
pub struct InvalidRepertorio;

/// The board's own copy of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copia {
    /// What its address is made of; nobody guesses it.
    pub chiave: Chiave,
    /// Media type that documenti declared.
    pub media_type: String,
    /// Size in bytes.
    pub dimensione: i64,
}

/// A secret of 128 bits in the address of a public copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chiave([u8; 16]);

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of a copy is 32 hexadecimal digits")]
pub struct InvalidChiave;

/// Where a publication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stato {
    /// On the board.
    InCorso,
    /// Its term is over.
    Scaduta,
}

impl Pubblicazione {
    /// Where the publication stands on a day.
    #[must_use]
    pub fn stato(&self, day: Date) -> Stato {
        if self.termine.covers(day) {
            Stato::InCorso
        } else {
            Stato::Scaduta
        }
    }
}

impl fmt::Display for Repertorio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.anno, self.numero)
    }
}

impl std::str::FromStr for Repertorio {
    type Err = InvalidRepertorio;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (anno, numero) = text.split_once('/').ok_or(InvalidRepertorio)?;
        let anno = anno.parse().map_err(|_| InvalidRepertorio)?;
        let numero = numero.parse().map_err(|_| InvalidRepertorio)?;
        let repertorio = Self { anno, numero };
        // One spelling only, without signs and leading zeros.
        if repertorio.to_string() == text {
            Ok(repertorio)
        } else {
            Err(InvalidRepertorio)
        }
    }
}

impl Chiave {
    /// Draws a new key from the system's source of randomness.
    ///
    /// # Errors
    ///
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, std::io::Error> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes)
            .map_err(|_| std::io::Error::other("no randomness from the system"))?;
        Ok(Self(bytes))
    }
}

impl std::str::FromStr for Chiave {
    type Err = InvalidChiave;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidChiave)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Chiave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_has_one_spelling() {
        let repertorio = Repertorio {
            anno: 2026,
            numero: 17,
        };

        assert_eq!("2026/17".parse(), Ok(repertorio));
        for wrong in [
            "2026/017",
            "+2026/17",
            "2026",
            "2026/",
            "2026/17/1",
            "99999/1",
        ] {
            assert_eq!(
                wrong.parse::<Repertorio>(),
                Err(InvalidRepertorio),
                "{wrong}"
            );
        }
    }

    #[test]
    fn keys_are_drawn_anew_and_read_back() {
        let (first, second) = (Chiave::random().unwrap(), Chiave::random().unwrap());

        assert_ne!(first, second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!("xy".parse::<Chiave>(), Err(InvalidChiave));
    }
}
