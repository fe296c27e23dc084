//! The people of the sample municipality: twelve thousand persons, none of them real.
//!
//! Every name, date, address and code is drawn from a seed, and one seed always gives the same
//! town; a likeness to a living person is chance. Ten years of births, deaths, weddings and moves
//! are played through, so that reading the register as of an old day gives an old answer.
//!
//! The count is of those alive and registered on the last day; the dead stay in the lists with
//! their closed intervals, since a register forgets nobody. Births happen in Lodi, the nearest
//! hospital of an otherwise imaginary comune.

mod abitante;
mod comune;
mod insediamento;
mod nomi;
mod nucleo;
mod stato_civile;
#[cfg(test)]
mod tests;
mod vicende;
mod vie;

use jiff::civil::{Date, date};
use varco_anagrafe::famiglia::Componente;
use varco_anagrafe::persona::Persona;
use varco_anagrafe::residenza::{Residenza, StatoResidenza};

use comune::Comune;

/// Register of the sample municipality, each list grouped by person and then by day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Popolazione {
    /// Everyone ever registered, the dead included.
    pub persone: Vec<Persona>,
    /// Every period of residence.
    pub residenze: Vec<Residenza>,
    /// Every membership of a famiglia.
    pub componenti: Vec<Componente>,
}

/// Makes the register that a seed stands for, as it is on the last day.
#[must_use]
pub fn popolazione(seed: u64) -> Popolazione {
    let Some(mut comune) = Comune::founded(seed) else {
        return Popolazione::default();
    };
    comune.live();
    comune.settle_immigrants();
    let mut popolazione = Popolazione::default();
    for abitante in comune.into_abitanti() {
        popolazione.persone.push(abitante.persona);
        popolazione.residenze.extend(abitante.residenze);
        popolazione.componenti.extend(abitante.componenti);
    }
    popolazione
}

/// Chooses the citizen of the demonstration: an adult who moved and whose new home is confirmed.
#[must_use]
pub fn applicant(popolazione: &Popolazione) -> Option<(&Persona, &Residenza)> {
    let histories = popolazione
        .residenze
        .chunk_by(|a, b| a.persona == b.persona);
    let latest = histories.filter_map(|history| match history {
        [.., _, current] => Some(current),
        _ => None,
    });
    let mut settled = latest.filter(|residenza| {
        residenza.al.is_none()
            && residenza.dal >= INIZIO
            && residenza.stato == StatoResidenza::Definitiva
    });
    settled.find_map(|residenza| {
        let mut people = popolazione.persone.iter();
        let mover = people.find(|persona| persona.id == residenza.persona)?;
        (residenza.dal.year() - mover.data_nascita.year() > 18).then_some((mover, residenza))
    })
}

/// First day of the ten years that are played through.
const INIZIO: Date = date(2016, 1, 1);
/// Day at which the register stands; no later date occurs.
const FINE: Date = date(2026, 1, 1);
/// Persons alive and registered on the last day.
const PERSONE: usize = 12_000;
/// Famiglie with at least one member on the last day.
const FAMIGLIE: usize = 5_000;
