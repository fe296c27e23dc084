//! The kinds of act that the board takes, with their legal minimum of days.
//!
//! Codes and labels are those of the AgID vocabulary of the municipal notice board (three levels,
//! `classifications-for-documents/municipal-notice-board`). Where no law sets the days, they are
//! the fifteen of the deliberations, by the comune's own regulation.
//!
//! Headings of the vocabulary that name no act ("Atto amministrativo", "Avviso") are left out.

use crate::termine::Giorni;

/// A kind of act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipoAtto {
    /// Code in the vocabulary, such as `A.03`.
    pub codice: &'static str,
    /// Name in the vocabulary.
    pub etichetta: &'static str,
    /// Least days on the board.
    pub giorni: Giorni,
    /// What sets the days.
    pub base_giuridica: &'static str,
}

/// Returns the kind of act that has a code, if the board takes it.
#[must_use]
pub fn tipo_atto(codice: &str) -> Option<&'static TipoAtto> {
    TIPI.iter().find(|tipo| tipo.codice == codice)
}

const fn tipo(
    codice: &'static str,
    etichetta: &'static str,
    days: u16,
    base_giuridica: &'static str,
) -> TipoAtto {
    let Ok(giorni) = Giorni::new(days) else {
        // Evaluated by the compiler: a wrong row does not build.
        unreachable!()
    };
    TipoAtto {
        codice,
        etichetta,
        giorni,
        base_giuridica,
    }
}

const TUEL_124: &str = "D.Lgs. 267/2000, art. 124";
const REGOLAMENTO: &str = "L. 69/2009, art. 32; regolamento comunale dell'albo";
const NOTIFICA: &str = "c.p.c. art. 140; D.P.R. 600/1973, art. 60";
const CAMBIO_NOME: &str = "D.P.R. 396/2000, art. 90";
const MATRIMONIO: &str = "D.P.R. 396/2000, art. 55";
const EDILIZIA: &str = "D.P.R. 380/2001, art. 20, c. 6";

const TIPI: &[TipoAtto] = &[
    tipo("A.01", "Decreto", 15, REGOLAMENTO),
    tipo("A.01.01", "Decreto del Dirigente", 15, REGOLAMENTO),
    tipo("A.01.02", "Decreto del Sindaco", 15, REGOLAMENTO),
    tipo("A.02", "Deliberazione", 15, TUEL_124),
    tipo(
        "A.02.01",
        "Deliberazione del Consiglio comunale",
        15,
        TUEL_124,
    ),
    tipo(
        "A.02.02",
        "Deliberazione della Giunta comunale",
        15,
        TUEL_124,
    ),
    tipo(
        "A.02.03",
        "Deliberazione del Commissario ad acta",
        15,
        TUEL_124,
    ),
    tipo(
        "A.02.04",
        "Deliberazione del Consiglio circoscrizionale",
        15,
        TUEL_124,
    ),
    tipo(
        "A.02.05",
        "Deliberazione dell'Esecutivo circoscrizionale",
        15,
        TUEL_124,
    ),
    tipo("A.02.06", "Deliberazione di altri Organi", 15, TUEL_124),
    tipo("A.03", "Determinazione", 15, REGOLAMENTO),
    tipo("A.03.01", "Determinazione del Dirigente", 15, REGOLAMENTO),
    tipo("A.03.02", "Determinazione del Sindaco", 15, REGOLAMENTO),
    tipo("A.04", "Ordinanza", 15, REGOLAMENTO),
    tipo("A.04.01", "Ordinanza del Dirigente", 15, REGOLAMENTO),
    tipo("A.04.02", "Ordinanza del Sindaco", 15, REGOLAMENTO),
    tipo("B.01.01", "Permesso a costruire", 15, EDILIZIA),
    tipo(
        "C.01.01",
        "Provvedimento di cancellazione per irreperibilità",
        15,
        REGOLAMENTO,
    ),
    tipo("C.02.01", "Pubblicazione cambio nome", 30, CAMBIO_NOME),
    tipo("C.03.01", "Pubblicazione di matrimonio", 8, MATRIMONIO),
    tipo(
        "D.01.01",
        "Avviso di deposito in casa comunale",
        8,
        NOTIFICA,
    ),
    tipo("D.01.02", "Avviso/Manifesto", 15, REGOLAMENTO),
    tipo("D.02.01", "Bando di concorso", 15, REGOLAMENTO),
    tipo("D.02.02", "Bando di gara", 15, REGOLAMENTO),
    tipo(
        "D.02.03",
        "Bando di contributi e vantaggi economici",
        15,
        REGOLAMENTO,
    ),
    tipo("E.01.01", "Atto di terzi", 15, REGOLAMENTO),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliberations_stay_fifteen_days_by_law() {
        let giunta = tipo_atto("A.02.02").unwrap();

        assert_eq!(giunta.giorni, Giorni::new(15).unwrap());
        assert_eq!(giunta.base_giuridica, "D.Lgs. 267/2000, art. 124");
    }

    #[test]
    fn codes_stand_once_and_in_order() {
        assert!(TIPI.iter().is_sorted_by(|a, b| a.codice < b.codice));
    }

    #[test]
    fn heading_of_the_vocabulary_is_no_act() {
        assert_eq!(tipo_atto("A"), None);
        assert_eq!(tipo_atto("D.01"), None);
        assert_eq!(tipo_atto(""), None);
    }
}
