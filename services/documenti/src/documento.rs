//! What a document is: its name, and what is said of it (AgID guidelines, Allegato 5).
//!
//! Every value here was parsed and cannot be malformed. The bytes are not here: they stand in
//! [`crate::oggetti`], under their hash.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::impronta::Impronta;
use crate::testo::{Malformed, Testo};

/// Resource name of a document, `documenti/{uuid}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NomeDocumento(Uuid);

/// File name of a document, without folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NomeFile(Testo<255>);

/// Media type as its author declares it, without parameters (RFC 6838 §4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

/// How a document came to be (AgID guidelines §2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModalitaFormazione {
    /// b) Acquired electronically, or scanned.
    Acquisizione,
    /// d) Extracted from data in a static form.
    Estrazione,
    /// a) Written with software.
    Software,
    /// c) The stored outcome of a form or a transaction.
    Transazione,
}

/// What is said of a document when it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intestazione {
    /// File name.
    pub nome: NomeFile,
    /// Declared media type.
    pub media_type: MediaType,
    /// Hash of the bytes.
    pub impronta: Impronta,
    /// Size in bytes, at least 1.
    pub dimensione: u64,
    /// Kind of document, such as "istanza".
    pub tipologia: Testo<64>,
    /// How it came to be.
    pub modalita_formazione: ModalitaFormazione,
    /// What it is about.
    pub oggetto: Option<Testo<2000>>,
}

/// A stored document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documento {
    /// Its name, for ever.
    pub nome: NomeDocumento,
    /// What is said of it.
    pub intestazione: Intestazione,
}

impl NomeDocumento {
    /// Names a document by its identifier.
    #[must_use]
    pub fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The identifier.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.0
    }
}

impl FromStr for NomeDocumento {
    type Err = Malformed;

    /// Takes the one spelling that [`fmt::Display`] writes: a thing has one name.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        text.strip_prefix("documenti/")
            .and_then(|id| Uuid::try_parse(id).ok())
            .map(Self)
            .filter(|name| name.to_string() == text)
            .ok_or_else(|| Malformed("must be documenti/{uuid}".to_owned()))
    }
}

impl fmt::Display for NomeDocumento {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "documenti/{}", self.0)
    }
}

impl NomeFile {
    /// The file name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for NomeFile {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let name: Testo<255> = text.parse()?;
        if text.contains(['/', '\\']) || text == "." || text == ".." {
            return Err(Malformed("must be a file name without folders".to_owned()));
        }
        Ok(Self(name))
    }
}

impl MediaType {
    /// The media type as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MediaType {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let valid = text
            .split_once('/')
            .is_some_and(|(a, b)| restricted(a) && restricted(b));
        if !valid {
            return Err(Malformed(
                "must be a media type such as application/pdf".to_owned(),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a text is a `restricted-name` of RFC 6838 §4.2.
fn restricted(name: &str) -> bool {
    (1..=127).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c))
}

impl ModalitaFormazione {
    /// The letter that the guidelines give it.
    #[must_use]
    pub fn lettera(self) -> &'static str {
        match self {
            Self::Software => "a",
            Self::Acquisizione => "b",
            Self::Transazione => "c",
            Self::Estrazione => "d",
        }
    }
}

impl FromStr for ModalitaFormazione {
    type Err = Malformed;

    fn from_str(lettera: &str) -> Result<Self, Malformed> {
        match lettera {
            "a" => Ok(Self::Software),
            "b" => Ok(Self::Acquisizione),
            "c" => Ok(Self::Transazione),
            "d" => Ok(Self::Estrazione),
            _ => Err(Malformed("must be a, b, c or d".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_one_spelling_of_its_name() {
        let name = "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e";

        assert_eq!(name.parse::<NomeDocumento>().unwrap().to_string(), name);
        for other in [
            "01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e",
            "documenti/01980C2E-4B1F-7C3A-9D2E-5F6A7B8C9D0E",
            "documenti/01980c2e4b1f7c3a9d2e5f6a7b8c9d0e",
            "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e/",
            "documenti/",
            "",
        ] {
            assert!(other.parse::<NomeDocumento>().is_err(), "{other}");
        }
    }

    #[test]
    fn file_name_holds_no_folder() {
        assert!("istanza di accesso.pdf".parse::<NomeFile>().is_ok());
        for name in ["../passwd", "a/b", "a\\b", ".", "..", ""] {
            assert!(name.parse::<NomeFile>().is_err(), "{name}");
        }
    }

    #[test]
    fn media_type_follows_rfc_6838() {
        assert!(
            "application/vnd.oasis.opendocument.text"
                .parse::<MediaType>()
                .is_ok()
        );
        for text in [
            "pdf",
            "/pdf",
            "text/",
            "text/plain; charset=utf-8",
            "a/b/c",
            "té/xt",
        ] {
            assert!(text.parse::<MediaType>().is_err(), "{text}");
        }
    }

    #[test]
    fn formation_is_written_as_its_letter() {
        for lettera in ["a", "b", "c", "d"] {
            assert_eq!(
                lettera.parse::<ModalitaFormazione>().unwrap().lettera(),
                lettera
            );
        }
    }
}
