//! An act as an office hands it in for publication.
//!
//! The board adds nothing to it but the number and the term: what an act says, its own number and
//! its protocol registration are the office's (AgID guidelines on documents, §3.5).

use jiff::civil::Date;
use uuid::Uuid;

use crate::impronta::Impronta;
use crate::testo::Testo;
use crate::tipo_atto::TipoAtto;

/// An act for the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atto {
    /// What kind of act it is.
    pub tipo: &'static TipoAtto,
    /// What it is about.
    pub oggetto: Testo,
    /// Its own number.
    pub numero: Testo,
    /// Its own day.
    pub data: Date,
    /// Office that asks for the publication.
    pub ufficio: Testo,
    /// Its protocol registration.
    pub protocollo: Protocollo,
    /// Where documenti keeps it.
    pub documento: Documento,
    /// SHA-256 of the document.
    pub sha256: Impronta,
}

/// A protocol registration (DPR 445/2000, art. 53).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocollo {
    /// Code of the area organizzativa omogenea.
    pub aoo: Testo,
    /// Code of the register.
    pub registro: Testo,
    /// Calendar year.
    pub anno: i16,
    /// Number.
    pub numero: i64,
}

/// Name of a document in documenti.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Documento(Uuid);

/// The text is not `documenti/` and a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be documenti/ and a UUID")]
pub struct InvalidDocumento;

impl std::str::FromStr for Documento {
    type Err = InvalidDocumento;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let id = name.strip_prefix("documenti/").ok_or(InvalidDocumento)?;
        // One spelling only: a name is compared as text elsewhere.
        let uuid = Uuid::try_parse(id).map_err(|_| InvalidDocumento)?;
        if uuid.hyphenated().to_string() == id {
            Ok(Self(uuid))
        } else {
            Err(InvalidDocumento)
        }
    }
}

impl std::fmt::Display for Documento {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "documenti/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_one_spelling() {
        let name = "documenti/0197a3a0-7c00-7000-8000-000000000001";

        assert_eq!(name.parse::<Documento>().unwrap().to_string(), name);
        for wrong in [
            "0197a3a0-7c00-7000-8000-000000000001",
            "documenti/0197A3A0-7C00-7000-8000-000000000001",
            "documenti/0197a3a07c0070008000000000000001",
            "documenti/../etc",
            "documenti/",
        ] {
            assert_eq!(wrong.parse::<Documento>(), Err(InvalidDocumento), "{wrong}");
        }
    }
}
