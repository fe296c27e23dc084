//! A document as a registration names it: where it is kept, and the hash that fixes it.
//!
//! The bytes are the business of documenti. The hash is part of the registration and cannot be
//! modified (DPR 445/2000 art. 53).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use crate::testo::{Malformed, Testo};

/// Resource name of a document in documenti, `documenti/{uuid}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NomeDocumento(Uuid);

/// A SHA-256: of a document, or of a row of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impronta([u8; 32]);

/// A document as a registration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Documento {
    /// Its name in documenti.
    pub nome: NomeDocumento,
    /// Its hash.
    pub impronta: Impronta,
    /// What it is.
    pub descrizione: Option<Testo<500>>,
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

impl Impronta {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut impronta = [0; 32];
        impronta.copy_from_slice(digest(&SHA256, bytes).as_ref());
        Self(impronta)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Impronta {
    type Error = Malformed;

    fn try_from(bytes: &[u8]) -> Result<Self, Malformed> {
        let bytes = bytes
            .try_into()
            .map_err(|_| Malformed("must be 32 bytes".to_owned()))?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_one_spelling_of_its_name() {
        let name = "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e";

        assert_eq!(name.parse::<NomeDocumento>().unwrap().to_string(), name);
        assert!(name.to_uppercase().parse::<NomeDocumento>().is_err());
        assert!("documenti/1".parse::<NomeDocumento>().is_err());
    }

    #[test]
    fn hash_has_32_bytes() {
        assert!(Impronta::try_from([0; 31].as_slice()).is_err());
        assert!(Impronta::try_from([0; 32].as_slice()).is_ok());
    }
}
