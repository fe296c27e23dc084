//! A registration: what the caller gives, and what the register adds in one indivisible step.
//!
//! Number, date, segnatura and chain come from the register and from nobody else (DPR 445/2000
//! art. 53 and 55). Classification and assignment are the only items that may change later (AgID
//! guidelines §3.1.5); here stand the ones in force.

use std::cmp::max;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::codice::Codice;
use crate::documento::{Documento, Impronta};
use crate::identificatore::{Flusso, Identificatore, Segnatura};
use crate::soggetto::Soggetto;
use crate::testo::Testo;
use crate::titolario::Classifica;

/// What a caller gives to be registered.
#[derive(Clone, PartialEq, Eq)]
pub struct Contenuto {
    /// Which way the document flows.
    pub flusso: Flusso,
    /// Who sent it.
    pub mittente: Soggetto,
    /// What it is about.
    pub oggetto: Testo<2000>,
    /// The main document.
    pub documento_primario: Documento,
    /// Its attachments, in order.
    pub allegati: Vec<Documento>,
    /// Class of the titolario.
    pub classificazione: Classifica,
    /// Office that it is assigned to.
    pub assegnazione: Codice<64>,
    /// How it arrived.
    pub canale: Option<Codice<32>>,
    /// Protocol of the sender.
    pub protocollo_mittente: Option<Testo<128>>,
}

/// Who registers: the client of the gateway and its office.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operatore {
    /// Client that called.
    pub client_id: String,
    /// Office that it belongs to.
    pub consumer_id: String,
}

/// The instant of a registration, to the microsecond; never before the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Istante {
    /// When.
    pub at: Timestamp,
    /// The clock had gone back, so the instant of the registration before it stands here.
    pub orologio_arretrato: bool,
}

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrazione {
    /// What it is known by.
    pub identificatore: Identificatore,
    /// When it was made.
    pub istante: Istante,
    /// Day of the register in Europe/Rome.
    pub data: Date,
    /// Segnatura, as it was written then.
    pub segnatura: Segnatura,
    /// What was registered.
    pub contenuto: Contenuto,
    /// Who registered it.
    pub operatore: Operatore,
    /// Hash of this row and of the one before it.
    pub catena: Impronta,
}

impl Contenuto {
    /// Every document, the main one first, each with its path in a request.
    pub fn documenti(&self) -> impl Iterator<Item = (String, &Documento)> {
        let primary = ("documento_primario".to_owned(), &self.documento_primario);
        let attached = self.allegati.iter().enumerate();
        std::iter::once(primary).chain(attached.map(|(i, one)| (format!("allegati[{i}]"), one)))
    }
}

impl fmt::Debug for Contenuto {
    /// Tells no subject: it may name people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Contenuto({}, {:?})",
            self.flusso.lettera(),
            self.mittente
        )
    }
}

impl Istante {
    /// The instant of a registration that follows one at `last`.
    #[must_use]
    pub fn after(last: Timestamp, now: Timestamp) -> Self {
        // The register stores microseconds: what is answered now is what is read later.
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        Self {
            at: max(last, now),
            orologio_arretrato: now < last,
        }
    }
}

/// Most attachments of a registration.
pub const MAX_ALLEGATI: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_that_goes_back_is_flagged_and_not_followed() {
        let last: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let before: Timestamp = "2026-03-02T09:59:59Z".parse().unwrap();

        assert_eq!(
            Istante::after(last, before),
            Istante {
                at: last,
                orologio_arretrato: true
            }
        );
        assert_eq!(
            Istante::after(before, last),
            Istante {
                at: last,
                orologio_arretrato: false
            }
        );
        assert_eq!(
            Istante::after(last, last),
            Istante {
                at: last,
                orologio_arretrato: false
            }
        );
    }

    #[test]
    fn instant_is_kept_to_the_microsecond() {
        let now: Timestamp = "2026-03-02T10:00:00.123456789Z".parse().unwrap();

        let istante = Istante::after(Timestamp::UNIX_EPOCH, now);

        assert_eq!(istante.at.to_string(), "2026-03-02T10:00:00.123456Z");
    }
}
