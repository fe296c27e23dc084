//! What a registration is known by, and the segnatura that says it on the document.
//!
//! A number means nothing alone: it counts within one register of one area, and restarts every
//! calendar year (DPR 445/2000 art. 57).

use std::fmt;
use std::str::FromStr;

use crate::codice::Codice;
use crate::testo::Malformed;

/// A register of an area organizzativa omogenea.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registro {
    /// Code of the area.
    pub aoo: Codice<16>,
    /// Code of the register within it.
    pub codice: Codice<16>,
}

/// Number of a registration, from 1 in each register and year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numero(i64);

/// What a registration is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identificatore {
    /// The register.
    pub registro: Registro,
    /// Calendar year in Europe/Rome.
    pub anno: i16,
    /// Number within register and year.
    pub numero: Numero,
}

/// Which way a document flows (AgID guidelines, Allegato 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flusso {
    /// Received.
    Entrata,
    /// Between offices.
    Interno,
    /// Sent.
    Uscita,
}

/// Segnatura di protocollo in one line (DPR 445/2000 art. 55).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segnatura(String);

impl fmt::Display for Registro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "registri/{}/{}", self.aoo, self.codice)
    }
}

impl Numero {
    /// The number as it is stored.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The number as the contract tells it.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0.unsigned_abs()
    }
}

impl TryFrom<i64> for Numero {
    type Error = Malformed;

    fn try_from(number: i64) -> Result<Self, Malformed> {
        if number < 1 {
            return Err(Malformed("must be at least 1".to_owned()));
        }
        Ok(Self(number))
    }
}

impl TryFrom<u64> for Numero {
    type Error = Malformed;

    fn try_from(number: u64) -> Result<Self, Malformed> {
        let number = i64::try_from(number).map_err(|_| Malformed("is too large".to_owned()))?;
        number.try_into()
    }
}

impl fmt::Display for Identificatore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            registro,
            anno,
            numero,
        } = self;
        write!(
            f,
            "registrazioni/{}/{}/{anno}/{}",
            registro.aoo, registro.codice, numero.0
        )
    }
}

impl FromStr for Identificatore {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed =
            || Malformed("must be registrazioni/{aoo}/{registro}/{anno}/{n}".to_owned());
        let mut parts = text
            .strip_prefix("registrazioni/")
            .ok_or_else(malformed)?
            .split('/');
        let mut part = || parts.next().ok_or_else(malformed);
        let registro = Registro {
            aoo: part()?.parse()?,
            codice: part()?.parse()?,
        };
        let anno = part()?.parse().map_err(|_| malformed())?;
        let numero: i64 = part()?.parse().map_err(|_| malformed())?;
        let identificatore = Self {
            registro,
            anno,
            numero: numero.try_into()?,
        };
        if identificatore.to_string() != text {
            return Err(malformed());
        }
        Ok(identificatore)
    }
}

impl Flusso {
    /// The letter that Allegato 5 gives it.
    #[must_use]
    pub fn lettera(self) -> &'static str {
        match self {
            Self::Entrata => "E",
            Self::Interno => "I",
            Self::Uscita => "U",
        }
    }
}

impl FromStr for Flusso {
    type Err = Malformed;

    fn from_str(lettera: &str) -> Result<Self, Malformed> {
        match lettera {
            "E" => Ok(Self::Entrata),
            "I" => Ok(Self::Interno),
            "U" => Ok(Self::Uscita),
            _ => Err(Malformed("must be E, I or U".to_owned())),
        }
    }
}

impl Segnatura {
    /// Writes the segnatura of a registration; the number has at least seven digits (art. 57).
    #[must_use]
    pub fn new(amministrazione: &Codice<64>, id: &Identificatore, flusso: Flusso) -> Self {
        let Identificatore {
            registro,
            anno,
            numero,
        } = id;
        let (aoo, codice, flusso) = (&registro.aoo, &registro.codice, flusso.lettera());
        Self(format!(
            "{amministrazione}-{aoo}-{codice}-{anno}-{:07}-{flusso}",
            numero.0
        ))
    }

    /// Takes back a segnatura that was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identificatore() -> Identificatore {
        "registrazioni/AOO01/PG/2026/123".parse().unwrap()
    }

    #[test]
    fn segnatura_is_one_line_with_seven_digits() {
        let comune = "c_z999".parse().unwrap();

        let segnatura = Segnatura::new(&comune, &identificatore(), Flusso::Entrata);

        assert_eq!(segnatura.as_str(), "c_z999-AOO01-PG-2026-0000123-E");
    }

    #[test]
    fn identifier_has_one_spelling() {
        assert_eq!(
            identificatore().to_string(),
            "registrazioni/AOO01/PG/2026/123"
        );
        for text in [
            "AOO01/PG/2026/123",
            "registrazioni/AOO01/PG/2026",
            "registrazioni/AOO01/PG/2026/0",
            "registrazioni/AOO01/PG/2026/0123",
            "registrazioni/AOO01/PG/2026/123/",
            "registrazioni//PG/2026/123",
        ] {
            assert!(text.parse::<Identificatore>().is_err(), "{text}");
        }
    }

    #[test]
    fn flow_is_written_as_its_letter() {
        for lettera in ["E", "I", "U"] {
            assert_eq!(lettera.parse::<Flusso>().unwrap().lettera(), lettera);
        }
    }
}
