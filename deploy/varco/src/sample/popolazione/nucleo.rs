//! A famiglia while the town is being made: its members, the intestatario first, and their home.
//!
//! Whoever changes the members states the relationships anew, so that the rule of one
//! intestatario holds on every day of the history.

use jiff::civil::Date;
use varco_anagrafe::famiglia::IdFamiglia;
use varco_anagrafe::persona::IdAnpr;

use super::abitante::{Abitante, Dichiarazione};

/// Famiglia with at least one member; emptied ones are dropped by their owner.
pub(super) struct Nucleo {
    id: IdFamiglia,
    dimora: Dichiarazione,
    pub(super) membri: Vec<Abitante>,
}

impl Nucleo {
    /// Founds a famiglia at an address; the first member becomes the intestatario.
    pub(super) fn founded(id: IdFamiglia, dimora: Dichiarazione, membri: Vec<Abitante>) -> Self {
        let day = dimora.dal;
        let mut nucleo = Self { id, dimora, membri };
        for membro in &mut nucleo.membri {
            membro.reside(&nucleo.dimora);
        }
        nucleo.restate(day);
        nucleo
    }

    /// Moves everyone to another address.
    pub(super) fn relocate(&mut self, dimora: Dichiarazione) {
        self.dimora = dimora;
        for membro in &mut self.membri {
            membro.reside(&self.dimora);
        }
    }

    /// Receives a newborn, who resides with the parents without a declaration.
    pub(super) fn welcome(&mut self, mut nato: Abitante) {
        let day = nato.persona.data_nascita;
        nato.reside(&self.dimora);
        self.membri.push(nato);
        self.restate(day);
    }

    /// Lets a member go; the partner, or else the eldest, succeeds as intestatario.
    pub(super) fn release(&mut self, id: IdAnpr, day: Date) -> Option<Abitante> {
        let place = self
            .membri
            .iter()
            .position(|membro| membro.persona.id == id)?;
        let gone = self.membri.remove(place);
        let partner = gone.legami.compagno.map(|compagno| compagno.id);
        if place == 0 {
            // `false` sorts first: the partner, then whoever was born earliest.
            self.membri
                .sort_by_key(|m| (Some(m.persona.id) != partner, m.persona.data_nascita));
        }
        self.restate(day);
        Some(gone)
    }

    /// Intestatario and partner, where the partner lives here.
    pub(super) fn couple(&mut self) -> Option<(&mut Abitante, &mut Abitante)> {
        let (head, others) = self.membri.split_first_mut()?;
        let partner = head.legami.compagno?.id;
        let partner = others
            .iter_mut()
            .find(|membro| membro.persona.id == partner)?;
        Some((head, partner))
    }

    /// States everyone's relationship to the present intestatario.
    pub(super) fn restate(&mut self, day: Date) {
        let Some((head, others)) = self.membri.split_first_mut() else {
            return;
        };
        for membro in others {
            let parentela = membro.parentela(head);
            membro.join(self.id, parentela, day);
        }
        let own = head.parentela(head);
        head.join(self.id, own, day);
    }
}
