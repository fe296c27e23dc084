//! The chain of a register: each row is hashed together with the hash of the row before it.
//!
//! A row that is altered, removed or slipped in breaks the chain from there on: stronger than the
//! law asks for. Each register begins anew every year, as its numbers do, from a hash of its own
//! name. Pure: where rows and hashes are kept is the store's business.
//!
//! Canonical form, version 1. A value is its length in bytes as 8 bytes, most significant first,
//! and then its bytes; an absent value is the length 2⁶⁴−1 alone; a number is a value of 8 bytes,
//! most significant first; a list is the number of its items, then the fields of each. In order:
//! the text `varco.protocollo.registrazione.v1`; aoo, registro, anno, numero; microseconds since
//! the Unix epoch (two's complement), the day, 1 or 0 for a clock that had gone back; flusso,
//! segnatura, oggetto; kind, nome, cognome, denominazione, codice fiscale, codice IPA and codice
//! UO of the sender; channel, protocol of the sender; the list of the documents, the main one
//! first, each with its name, hash and description; client and office that registered.
//! Classification and assignment are left out: the law lets them change.
//!
//! The hash of a row is SHA-256 of its canonical form followed by the 32 bytes before it.

use crate::codice::Codice;
use crate::documento::Impronta;
use crate::identificatore::Registro;
use crate::registrazione::Registrazione;
use crate::testo::Testo;

/// The chain does not hold at a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("chain does not hold at row {position} of the year")]
pub struct Broken {
    /// Position of the row, from 1, which should be its number.
    pub position: u64,
}

/// The hash that stands before the first row of a year.
#[must_use]
pub fn genesis(registro: &Registro, anno: i16) -> Impronta {
    let mut form = Canonica::default();
    form.text("varco.protocollo.registro.v1");
    form.text(registro.aoo.as_str());
    form.text(registro.codice.as_str());
    form.number(i64::from(anno));
    Impronta::of(&form.0)
}

/// The hash of a row, given the one before it. What the row itself says of its hash is ignored.
#[must_use]
pub fn next(previous: &Impronta, row: &Registrazione) -> Impronta {
    let mut bytes = canonical(row);
    bytes.extend_from_slice(previous.as_bytes());
    Impronta::of(&bytes)
}

/// Checks all rows of a register and year, in order, and tells the last hash.
///
/// # Errors
///
/// [`Broken`] at the first row that is not in its place, goes back in time or has another hash.
pub fn verify(registro: &Registro, anno: i16, rows: &[Registrazione]) -> Result<Impronta, Broken> {
    let mut previous = genesis(registro, anno);
    let mut last = None;
    for (position, row) in (1_u64..).zip(rows) {
        let id = &row.identificatore;
        let placed = (&id.registro, id.anno, id.numero.as_u64()) == (registro, anno, position);
        let forward = last.is_none_or(|last| last <= row.istante.at);
        if !placed || !forward || next(&previous, row) != row.catena {
            return Err(Broken { position });
        }
        (previous, last) = (row.catena, Some(row.istante.at));
    }
    Ok(previous)
}

fn canonical(row: &Registrazione) -> Vec<u8> {
    let mut form = Canonica::default();
    form.text("varco.protocollo.registrazione.v1");
    form.text(row.identificatore.registro.aoo.as_str());
    form.text(row.identificatore.registro.codice.as_str());
    form.number(i64::from(row.identificatore.anno));
    form.number(row.identificatore.numero.as_i64());
    form.number(row.istante.at.as_microsecond());
    form.text(&row.data.to_string());
    form.number(i64::from(row.istante.orologio_arretrato));
    form.text(row.contenuto.flusso.lettera());
    form.text(row.segnatura.as_str());
    form.text(row.contenuto.oggetto.as_str());
    form.mittente(row);
    form.documenti(row);
    form.text(&row.operatore.client_id);
    form.text(&row.operatore.consumer_id);
    form.0
}

#[derive(Default)]
struct Canonica(Vec<u8>);

impl Canonica {
    fn bytes(&mut self, value: &[u8]) {
        self.0
            .extend_from_slice(&(value.len() as u64).to_be_bytes());
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    fn optional(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.0.extend_from_slice(&u64::MAX.to_be_bytes()),
        }
    }

    fn number(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    fn mittente(&mut self, row: &Registrazione) {
        let sender = row.contenuto.mittente.colonne();
        self.text(sender.tipo);
        self.optional(sender.nome);
        self.optional(sender.cognome);
        self.optional(sender.denominazione);
        self.optional(sender.codice_fiscale);
        self.optional(sender.codice_ipa);
        self.optional(sender.codice_uo);
        self.optional(row.contenuto.canale.as_ref().map(Codice::as_str));
        self.optional(
            row.contenuto
                .protocollo_mittente
                .as_ref()
                .map(Testo::as_str),
        );
    }

    fn documenti(&mut self, row: &Registrazione) {
        self.bytes(&(1 + row.contenuto.allegati.len() as u64).to_be_bytes());
        for (_, documento) in row.contenuto.documenti() {
            self.text(&documento.nome.to_string());
            self.bytes(documento.impronta.as_bytes());
            self.optional(documento.descrizione.as_ref().map(Testo::as_str));
        }
    }
}

#[cfg(test)]
mod tests;
