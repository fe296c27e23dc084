//! Households that arrive complete: those of the first day, and those of the immigrants.
//!
//! A household is drawn from its shape outwards: ages first, so that parents are always old
//! enough, then names, so that children carry the surname of the father or of the only parent.

use jiff::ToSpan;
use jiff::civil::Date;
use rand::Rng;
use rand::seq::IndexedRandom;
use varco_anagrafe::codice_fiscale::{Belfiore, Sesso};

use super::abitante::{Abitante, Legami, Unione};
use super::nomi::{ESTERE, ITALIA, Origine};
use super::stato_civile::{Generalita, StatoCivile};

/// Shape of a household; the numbers count the children.
#[derive(Clone, Copy)]
pub(super) enum Forma {
    Coppia,
    CoppiaConFigli(i32),
    CoppiaConFigliENonno(i32),
    GenitoreConFigli(i32),
    Sola,
}

impl Forma {
    /// Draws the shape of a household of the first day.
    pub(super) fn drawn(stato_civile: &mut StatoCivile) -> Self {
        let figli = stato_civile
            .rng
            .random_range(1..=3)
            .min(stato_civile.rng.random_range(1..=4));
        match stato_civile.rng.random_range(0..100) {
            0..32 => Self::Sola,
            32..54 => Self::Coppia,
            54..86 => Self::CoppiaConFigli(figli),
            86..96 => Self::GenitoreConFigli(figli.min(2)),
            _ => Self::CoppiaConFigliENonno(figli),
        }
    }

    /// Chooses a shape for so many people.
    pub(super) fn of_size(size: usize, stato_civile: &mut StatoCivile) -> Self {
        match i32::try_from(size).unwrap_or(i32::MAX) {
            ..=1 => Self::Sola,
            2 if stato_civile.happens(250_000) => Self::GenitoreConFigli(1),
            2 => Self::Coppia,
            more => Self::CoppiaConFigli(more - 2),
        }
    }

    fn figli(self) -> i32 {
        match self {
            Self::Coppia | Self::Sola => 0,
            Self::CoppiaConFigli(figli)
            | Self::CoppiaConFigliENonno(figli)
            | Self::GenitoreConFigli(figli) => figli,
        }
    }
}

/// Maker of the people of one household, who share an origin.
pub(super) struct Insediamento<'a> {
    pub(super) stato_civile: &'a mut StatoCivile,
    pub(super) origine: &'static Origine,
}

impl<'a> Insediamento<'a> {
    /// Draws the origin, foreign so many times in a million.
    pub(super) fn drawn(stato_civile: &'a mut StatoCivile, foreign: u32) -> Self {
        let origine = if stato_civile.happens(foreign) {
            ESTERE.choose(&mut stato_civile.rng).unwrap_or(&ITALIA)
        } else {
            &ITALIA
        };
        Self {
            stato_civile,
            origine,
        }
    }

    /// Draws the members as they are on a day, the intestatario first.
    pub(super) fn household(&mut self, forma: Forma, day: Date) -> Vec<Abitante> {
        let figli = forma.figli();
        let eldest = figli + self.stato_civile.rng.random_range(0..=24);
        let eta = match forma {
            Forma::Sola => self.stato_civile.rng.random_range(21..=90),
            Forma::Coppia => self.stato_civile.rng.random_range(24..=84),
            _ => eldest + self.stato_civile.rng.random_range(24..=34),
        };
        let sesso = self.stato_civile.sex();
        let nascita = self.stato_civile.birthday(eta, day);
        let mut first = self.adult(sesso, nascita);
        let nonno = self.grandmother(forma, &mut first);
        let partner = self.partner(forma, &mut first);
        let mut membri: Vec<_> = std::iter::once(first).chain(partner).collect();
        for eta in (0..figli).map(|figlio| eldest - figlio * eldest / figli) {
            let nascita = self.stato_civile.birthday(eta, day);
            membri.push(self.arrived_child(&membri, nascita));
        }
        membri.extend(nonno);
        membri
    }

    /// Makes a child born in the town to the first of these people and to the partner.
    pub(super) fn newborn(&mut self, membri: &[Abitante], day: Date) -> Abitante {
        let ospedale = self.stato_civile.ospedale;
        self.child(membri, day, ospedale)
    }

    /// Makes a child who may be born elsewhere, foreign parents having moved once.
    fn arrived_child(&mut self, membri: &[Abitante], nascita: Date) -> Abitante {
        let in_italy = self.stato_civile.happens(800_000);
        let luogo = self
            .stato_civile
            .birthplace(if in_italy { &ITALIA } else { self.origine });
        self.child(membri, nascita, luogo)
    }

    fn child(&mut self, membri: &[Abitante], nascita: Date, luogo: Belfiore) -> Abitante {
        let genitori = parents(membri);
        let father = genitori
            .iter()
            .find(|genitore| genitore.persona.sesso == Sesso::M);
        let surname = father
            .or(genitori.first())
            .map(|genitore| &genitore.persona.cognome);
        let sesso = self.stato_civile.sex();
        // Siblings never share a name.
        let mut names = self.origine.given_names(sesso).to_vec();
        names.retain(|name| membri.iter().all(|membro| membro.persona.nome != *name));
        let nome = self.stato_civile.name(&names);
        let persona = self.stato_civile.register(Generalita {
            cognome: surname.cloned().unwrap_or_default(),
            nome,
            sesso,
            nascita,
            luogo,
        });
        Abitante::new(persona, kin(&genitori))
    }

    fn grandmother(&mut self, forma: Forma, first: &mut Abitante) -> Option<Abitante> {
        let lives_here = matches!(forma, Forma::CoppiaConFigliENonno(_));
        lives_here.then(|| {
            let nascita = first.persona.data_nascita.saturating_sub(24.years());
            let grandmother = self.adult(Sesso::F, nascita);
            first.legami.genitori.push(grandmother.persona.id);
            grandmother
        })
    }

    fn partner(&mut self, forma: Forma, first: &mut Abitante) -> Option<Abitante> {
        let same_sex = matches!(forma, Forma::Coppia) && self.stato_civile.happens(20_000);
        let sesso = match first.persona.sesso {
            _ if matches!(forma, Forma::Sola | Forma::GenitoreConFigli(_)) => return None,
            sesso if same_sex => sesso,
            Sesso::F => Sesso::M,
            Sesso::M => Sesso::F,
        };
        let younger = self.stato_civile.rng.random_range(0..1_000);
        let mut partner = self.adult(
            sesso,
            first.persona.data_nascita.saturating_add(younger.days()),
        );
        // A grandmother is kin to both only through a marriage.
        let celebrated = matches!(forma, Forma::CoppiaConFigliENonno(_));
        let unione = if celebrated || self.stato_civile.happens(850_000) {
            Unione::Celebrata
        } else {
            Unione::Affettiva
        };
        first.unite(&mut partner, unione);
        Some(partner)
    }

    fn adult(&mut self, sesso: Sesso, nascita: Date) -> Abitante {
        let generalita = Generalita {
            cognome: self.stato_civile.name(&self.origine.cognomi),
            nome: self.stato_civile.name(self.origine.given_names(sesso)),
            sesso,
            nascita,
            luogo: self.stato_civile.birthplace(self.origine),
        };
        Abitante::new(self.stato_civile.register(generalita), Legami::default())
    }
}

/// First of these people, and the partner where one lives with them.
fn parents(membri: &[Abitante]) -> Vec<&Abitante> {
    let Some(head) = membri.first() else {
        return Vec::new();
    };
    let partner = head.legami.compagno.map(|compagno| compagno.id);
    let partner = membri
        .iter()
        .find(|membro| Some(membro.persona.id) == partner);
    std::iter::once(head).chain(partner).collect()
}

/// Kin of a child of these parents.
fn kin(genitori: &[&Abitante]) -> Legami {
    Legami {
        genitori: genitori
            .iter()
            .map(|genitore| genitore.persona.id)
            .collect(),
        nonni: genitori
            .iter()
            .flat_map(|genitore| genitore.legami.genitori.clone())
            .collect(),
        ..Legami::default()
    }
}
