//! What happens to the town in ten years: births, deaths, moves, departures and weddings.
//!
//! Time passes in turns of four weeks. In the first three a famiglia meets at most one event, in
//! the fourth there are weddings; no one meets two events on one day, and every interval of the
//! register is longer than nothing.

use jiff::ToSpan;
use jiff::civil::Date;
use rand::Rng;
use varco_anagrafe::codice_fiscale::Sesso;
use varco_anagrafe::persona::IdAnpr;

use super::INIZIO;
use super::abitante::{Abitante, Legami, Unione};
use super::comune::Comune;
use super::insediamento::Insediamento;
use super::nomi::ITALIA;
use super::nucleo::Nucleo;

impl Comune {
    /// Lives through the ten years.
    pub(super) fn live(&mut self) {
        for turn in 0..TURNI {
            let start = INIZIO.saturating_add((turn * 28).days());
            let mut nuclei = std::mem::take(&mut self.nuclei);
            for nucleo in &mut nuclei {
                let day = start.saturating_add(self.stato_civile.rng.random_range(0..21).days());
                let founded = self.event(nucleo, day);
                self.nuclei.extend(founded);
            }
            nuclei.append(&mut self.nuclei);
            self.nuclei = nuclei;
            self.celebrate_weddings(start.saturating_add(21.days()));
            self.nuclei.retain(|nucleo| !nucleo.membri.is_empty());
        }
    }

    /// Lets at most one thing happen to a famiglia; a departure founds another one.
    fn event(&mut self, nucleo: &mut Nucleo, day: Date) -> Option<Nucleo> {
        if self.death(nucleo, day) || self.birth(nucleo, day) {
            return None;
        }
        if self.stato_civile.happens(CAMBIO_DI_CASA) {
            nucleo.relocate(self.declaration("CAM", day)?);
            return None;
        }
        if self.stato_civile.happens(NOZZE_DI_CONVIVENTI) {
            if let Some((one, other)) = nucleo.couple() {
                one.unite(other, Unione::Celebrata);
            }
            nucleo.restate(day);
            return None;
        }
        self.departure(nucleo, day)
    }

    fn death(&mut self, nucleo: &mut Nucleo, day: Date) -> bool {
        let mut membri = nucleo.membri.iter();
        let struck = membri.find(|membro| self.stato_civile.happens(mortality(membro.eta(day))));
        let Some(id) = struck.map(|membro| membro.persona.id) else {
            return false;
        };
        let mut survivors = nucleo
            .membri
            .iter()
            .filter(|membro| membro.persona.id != id);
        let orphaned = nucleo.membri.len() > 1 && survivors.all(|membro| membro.eta(day) < 18);
        if orphaned {
            return false;
        }
        if let Some(mut defunto) = nucleo.release(id, day) {
            defunto.die(day);
            self.defunti.push(defunto);
        }
        for membro in &mut nucleo.membri {
            membro.legami.compagno = membro.legami.compagno.filter(|compagno| compagno.id != id);
        }
        true
    }

    fn birth(&mut self, nucleo: &mut Nucleo, day: Date) -> bool {
        let Some((one, other)) = nucleo.couple() else {
            return false;
        };
        let mother = if one.persona.sesso == Sesso::F {
            &*one
        } else {
            &*other
        };
        let fertile = one.persona.sesso != other.persona.sesso
            && (20..=43).contains(&mother.eta(day))
            && nucleo.membri.len() < 5;
        if !fertile || !self.stato_civile.happens(NASCITA) {
            return false;
        }
        let twins = self.stato_civile.happens(15_000);
        for _ in 0..=u8::from(twins) {
            let mut insediamento = Insediamento {
                stato_civile: &mut self.stato_civile,
                origine: &ITALIA,
            };
            nucleo.welcome(insediamento.newborn(&nucleo.membri, day));
        }
        true
    }

    fn departure(&mut self, nucleo: &mut Nucleo, day: Date) -> Option<Nucleo> {
        let mut others = nucleo.membri.iter().skip(1);
        let leaving =
            others.find(|membro| membro.is_free(day) && self.stato_civile.happens(USCITA_DI_CASA));
        let id = leaving?.persona.id;
        let dimora = self.declaration("CAM", day)?;
        let gone = nucleo.release(id, day)?;
        Some(self.nucleo(dimora, vec![gone]))
    }

    /// Pairs the brides and grooms of a turn; siblings are never paired.
    fn celebrate_weddings(&mut self, day: Date) {
        let mut engaged: [Vec<(IdAnpr, Legami)>; 2] = [Vec::new(), Vec::new()];
        for nucleo in &self.nuclei {
            let alone = nucleo.membri.len() == 1;
            for membro in nucleo.membri.iter().skip(usize::from(!alone)) {
                if membro.is_free(day) && self.stato_civile.happens(NOZZE) {
                    let [brides, grooms] = &mut engaged;
                    let side = if membro.persona.sesso == Sesso::F {
                        brides
                    } else {
                        grooms
                    };
                    side.push((membro.persona.id, membro.legami.clone()));
                }
            }
        }
        let [brides, grooms] = engaged;
        for ((bride, her_kin), (groom, his_kin)) in brides.into_iter().zip(grooms) {
            if !her_kin.share_parents(&his_kin) {
                self.wed(bride, groom, day);
            }
        }
    }

    fn wed(&mut self, bride: IdAnpr, groom: IdAnpr, day: Date) -> Option<()> {
        let dimora = self.declaration("CAM", day)?;
        let mut bride = self
            .nuclei
            .iter_mut()
            .find_map(|nucleo| nucleo.release(bride, day))?;
        let mut groom = self
            .nuclei
            .iter_mut()
            .find_map(|nucleo| nucleo.release(groom, day))?;
        bride.unite(&mut groom, Unione::Celebrata);
        let nucleo = self.nucleo(dimora, vec![bride, groom]);
        self.nuclei.push(nucleo);
        Some(())
    }
}

impl Abitante {
    /// Tells whether a person is of age to leave home, and bound to nobody.
    fn is_free(&self, day: Date) -> bool {
        self.legami.compagno.is_none() && (21..=42).contains(&self.eta(day))
    }
}

/// Deaths in a million, by age, in one turn.
fn mortality(eta: i16) -> u32 {
    match eta {
        ..50 => 40,
        50..65 => 300,
        65..75 => 1_100,
        75..85 => 3_400,
        _ => 11_000,
    }
}

/// Turns of 28 days that fit into the ten years.
const TURNI: i32 = 130;
// How many times in a million an event meets a famiglia, or a person free to leave, in one turn.
const CAMBIO_DI_CASA: u32 = 2_800;
const NASCITA: u32 = 6_500;
const NOZZE: u32 = 1_500;
const NOZZE_DI_CONVIVENTI: u32 = 6_000;
const USCITA_DI_CASA: u32 = 3_000;
