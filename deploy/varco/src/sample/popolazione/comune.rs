//! The town as it grows: its famiglie, its free homes, its dead, and its declarations.
//!
//! Deaths, births and departures leave the ten years at a size that chance decides; immigrants
//! then bring the register to the exact count of the sample. They are drawn last and dated
//! across all ten years, so the count costs no realism in the history of anyone else.

use std::collections::BTreeMap;

use jiff::ToSpan;
use jiff::civil::{Date, date};
use rand::Rng;
use rand::seq::SliceRandom;
use varco_anagrafe::residenza::Indirizzo;

use super::abitante::{Abitante, Dichiarazione, Legami};
use super::insediamento::{Forma, Insediamento};
use super::nucleo::Nucleo;
use super::stato_civile::{Generalita, StatoCivile};
use super::{FAMIGLIE, INIZIO, PERSONE, vie};

/// Town in the making.
pub(super) struct Comune {
    pub(super) stato_civile: StatoCivile,
    pub(super) nuclei: Vec<Nucleo>,
    pub(super) defunti: Vec<Abitante>,
    case: std::vec::IntoIter<Indirizzo>,
    pratiche: BTreeMap<(&'static str, i16), u32>,
}

impl Comune {
    /// Settles the famiglie of the first day.
    pub(super) fn founded(seed: u64) -> Option<Self> {
        let mut stato_civile = StatoCivile::new(seed)?;
        let mut case = vie::homes(&mut stato_civile.rng);
        case.shuffle(&mut stato_civile.rng);
        let mut comune = Self {
            stato_civile,
            nuclei: Vec::new(),
            defunti: Vec::new(),
            case: case.into_iter(),
            pratiche: BTreeMap::new(),
        };
        for _ in 0..FAMIGLIE_INIZIALI {
            comune.settle_founders();
        }
        Some(comune)
    }

    /// Brings persons and famiglie to the exact count, by immigration across the ten years.
    pub(super) fn settle_immigrants(&mut self) {
        let residents: usize = self.nuclei.iter().map(|nucleo| nucleo.membri.len()).sum();
        let mut missing = PERSONE.saturating_sub(residents);
        let mut days: Vec<_> = (self.nuclei.len()..FAMIGLIE)
            .map(|_| INIZIO.saturating_add(self.stato_civile.rng.random_range(0..3_653).days()))
            .collect();
        days.sort_unstable();
        for (left, day) in (0..days.len()).rev().zip(days) {
            let size = self.size_of_household(missing, left);
            missing = missing.saturating_sub(size);
            self.settle_household(size, day);
        }
    }

    /// Declares residence in a free home; without one nobody moves.
    pub(super) fn declaration(&mut self, kind: &'static str, dal: Date) -> Option<Dichiarazione> {
        let indirizzo = self.case.next()?;
        let number = self.pratiche.entry((kind, dal.year())).or_default();
        *number += 1;
        let procedimento = Some(format!("{kind}/{}/{number:05}", dal.year()));
        Some(Dichiarazione {
            indirizzo,
            dal,
            procedimento,
        })
    }

    /// Founds a famiglia in a home.
    pub(super) fn nucleo(&mut self, dimora: Dichiarazione, membri: Vec<Abitante>) -> Nucleo {
        Nucleo::founded(self.stato_civile.id_famiglia(), dimora, membri)
    }

    /// Gives up the town for its people: the residents by famiglia, then the dead.
    pub(super) fn into_abitanti(self) -> impl Iterator<Item = Abitante> {
        let residents = self.nuclei.into_iter().flat_map(|nucleo| nucleo.membri);
        residents.chain(self.defunti)
    }

    fn settle_founders(&mut self) {
        let forma = Forma::drawn(&mut self.stato_civile);
        let membri = Insediamento::drawn(&mut self.stato_civile, 120_000).household(forma, INIZIO);
        let Some(indirizzo) = self.case.next() else {
            return;
        };
        let dal = self.day_of_settlement(&membri);
        let dimora = Dichiarazione {
            indirizzo,
            dal,
            procedimento: None,
        };
        let nucleo = self.nucleo(dimora, membri);
        self.nuclei.push(nucleo);
    }

    /// Draws a day before the ten years on which all who are now past twenty were adults.
    fn day_of_settlement(&mut self, membri: &[Abitante]) -> Date {
        let youngest = membri.iter().map(|m| m.persona.data_nascita);
        let youngest = youngest
            .filter(|nascita| nascita.year() <= INIZIO.year() - 20)
            .max();
        let adult = youngest.map_or(INIZIO, |nascita| nascita.saturating_add(19.years()));
        let earliest = adult.clamp(date(1975, 1, 1), INIZIO.saturating_sub(1.day()));
        let range = INIZIO.duration_since(earliest).as_hours() / 24;
        earliest.saturating_add(self.stato_civile.rng.random_range(0..range).days())
    }

    /// Draws a size that leaves at least one person to each household still to come.
    fn size_of_household(&mut self, missing: usize, left: usize) -> usize {
        let most = missing.saturating_sub(left).max(1);
        if left == 0 {
            return most;
        }
        let mean = (missing / (left + 1)).max(1);
        self.stato_civile.rng.random_range(1..=2 * mean).min(most)
    }

    fn settle_household(&mut self, size: usize, day: Date) {
        let Some(dimora) = self.declaration("IMM", day) else {
            return;
        };
        let membri = match self.namesake(size) {
            Some(namesake) => vec![namesake],
            None => self.immigrants(size, day),
        };
        let nucleo = self.nucleo(dimora, membri);
        self.nuclei.push(nucleo);
    }

    fn immigrants(&mut self, size: usize, day: Date) -> Vec<Abitante> {
        let forma = Forma::of_size(size, &mut self.stato_civile);
        Insediamento::drawn(&mut self.stato_civile, 350_000).household(forma, day)
    }

    /// Makes, seldom, someone with all the data of the last to arrive, so that omocodia is met.
    fn namesake(&mut self, size: usize) -> Option<Abitante> {
        if size != 1 || !self.stato_civile.happens(40_000) {
            return None;
        }
        let other = &self.nuclei.last()?.membri.first()?.persona;
        let persona = self.stato_civile.register(Generalita::from(other));
        Some(Abitante::new(persona, Legami::default()))
    }
}

/// Famiglie of the first day: few enough that immigrants are always wanted at the end.
const FAMIGLIE_INIZIALI: u32 = 4_350;
