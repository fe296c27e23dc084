//! One inhabitant while the town is being made: the person, the kin, and the history so far.
//!
//! The history is kept with the person so that a move or a death touches one value. Kinship is
//! stored as links between people; the relationship to an intestatario is derived from them,
//! because it must be stated anew whenever the intestatario changes.

use jiff::civil::Date;
use varco_anagrafe::codice_fiscale::Sesso;
use varco_anagrafe::famiglia::{Componente, IdFamiglia, Parentela};
use varco_anagrafe::persona::{IdAnpr, Persona};
use varco_anagrafe::residenza::{Indirizzo, Residenza, StatoResidenza};

use super::FINE;

/// Person with kin and history; the last entry of each history is the open one.
pub(super) struct Abitante {
    pub(super) persona: Persona,
    pub(super) legami: Legami,
    pub(super) residenze: Vec<Residenza>,
    pub(super) componenti: Vec<Componente>,
}

/// Kin of a person, registered here or not.
#[derive(Clone, Default)]
pub(super) struct Legami {
    pub(super) compagno: Option<Compagno>,
    pub(super) genitori: Vec<IdAnpr>,
    pub(super) nonni: Vec<IdAnpr>,
    pub(super) suoceri: Vec<IdAnpr>,
}

/// Partner, and the bond with them.
#[derive(Clone, Copy)]
pub(super) struct Compagno {
    pub(super) id: IdAnpr,
    pub(super) unione: Unione,
}

/// Bond between partners.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unione {
    Affettiva,
    Celebrata,
}

/// Declaration with which people take up residence at an address.
#[derive(Clone)]
pub(super) struct Dichiarazione {
    pub(super) indirizzo: Indirizzo,
    pub(super) dal: Date,
    pub(super) procedimento: Option<String>,
}

impl Abitante {
    /// Takes a person who has no history here yet.
    pub(super) fn new(persona: Persona, legami: Legami) -> Self {
        Self {
            persona,
            legami,
            residenze: Vec::new(),
            componenti: Vec::new(),
        }
    }

    /// Completed years on a day.
    pub(super) fn eta(&self, day: Date) -> i16 {
        let born = self.persona.data_nascita;
        let before_birthday = (day.month(), day.day()) < (born.month(), born.day());
        day.year() - born.year() - i16::from(before_birthday)
    }

    /// Moves to an address; one born later than the declaration lives there from birth.
    pub(super) fn reside(&mut self, dichiarazione: &Dichiarazione) {
        let dal = dichiarazione.dal.max(self.persona.data_nascita);
        match self.residenze.last_mut() {
            Some(previous) => previous.al = Some(dal),
            None => self.persona.iscritta_dal = dal,
        }
        let declared = dal == dichiarazione.dal;
        let recent = FINE.duration_since(dal).as_hours() < 24 * GIORNI_DI_ACCERTAMENTO;
        self.residenze.push(Residenza {
            persona: self.persona.id,
            indirizzo: dichiarazione.indirizzo.clone(),
            dal,
            al: None,
            stato: if declared && recent {
                StatoResidenza::ConRiserva
            } else {
                StatoResidenza::Definitiva
            },
            procedimento: dichiarazione.procedimento.clone().filter(|_| declared),
        });
    }

    /// Joins a famiglia, or takes a new relationship in it; a relationship that stays is kept.
    pub(super) fn join(&mut self, famiglia: IdFamiglia, parentela: Parentela, day: Date) {
        let dal = day.max(self.persona.data_nascita);
        if let Some(current) = self.componenti.last_mut() {
            if (current.famiglia, current.parentela) == (famiglia, parentela) {
                return;
            }
            current.al = Some(dal);
        }
        let persona = self.persona.id;
        self.componenti.push(Componente {
            famiglia,
            persona,
            parentela,
            dal,
            al: None,
        });
    }

    /// Closes everything on the day of death.
    pub(super) fn die(&mut self, day: Date) {
        self.persona.decesso = Some(day);
        if let Some(residenza) = self.residenze.last_mut() {
            residenza.al = Some(day);
        }
        if let Some(componente) = self.componenti.last_mut() {
            componente.al = Some(day);
        }
    }

    /// Binds two people as partners.
    pub(super) fn unite(&mut self, other: &mut Self, unione: Unione) {
        self.legami.compagno = Some(Compagno {
            id: other.persona.id,
            unione,
        });
        other.legami.compagno = Some(Compagno {
            id: self.persona.id,
            unione,
        });
        self.legami.suoceri.clone_from(&other.legami.genitori);
        other.legami.suoceri.clone_from(&self.legami.genitori);
    }

    /// Relationship of this person to an intestatario.
    pub(super) fn parentela(&self, intestatario: &Self) -> Parentela {
        let (own, other) = (&self.legami, &intestatario.legami);
        let (id, head) = (&self.persona.id, &intestatario.persona.id);
        match own.compagno {
            _ if id == head => Parentela::Intestatario,
            Some(compagno) if compagno.id == *head => bond(
                compagno.unione,
                self.persona.sesso,
                intestatario.persona.sesso,
            ),
            _ if own.genitori.contains(head) => Parentela::Figlio,
            _ if other.genitori.contains(id) => Parentela::Genitore,
            _ if own.nonni.contains(head) => Parentela::NipoteDiscendente,
            _ if other.nonni.contains(id) => Parentela::Nonno,
            _ if own.share_parents(other) => Parentela::Fratello,
            _ if other.suoceri.contains(id) => Parentela::Suocero,
            _ if own.suoceri.contains(head) => Parentela::Genero,
            _ => Parentela::AltroAffine,
        }
    }
}

impl Legami {
    /// Tells whether two people are siblings, by one parent at least.
    pub(super) fn share_parents(&self, other: &Self) -> bool {
        self.genitori
            .iter()
            .any(|genitore| other.genitori.contains(genitore))
    }
}

fn bond(unione: Unione, own: Sesso, other: Sesso) -> Parentela {
    match unione {
        Unione::Affettiva => Parentela::Convivente,
        Unione::Celebrata if own == other => Parentela::UnitoCivilmente,
        Unione::Celebrata => Parentela::Coniuge,
    }
}

/// Days within which a declaration is checked (DPR 223/1989, art. 18-bis).
const GIORNI_DI_ACCERTAMENTO: i64 = 45;
