//! The office that makes persons: names, days and places of birth, identifiers and codes.
//!
//! It owns the only source of chance, so that the order of draws, and with it the town, depends
//! on the seed alone. Codes are never given twice: the second person whose data give a code gets
//! the next form of omocodia, as the Agenzia delle Entrate does.

use std::collections::HashSet;

use jiff::ToSpan;
use jiff::civil::Date;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use varco_anagrafe::codice_fiscale::{Belfiore, CodiceFiscale, Sesso};
use varco_anagrafe::famiglia::IdFamiglia;
use varco_anagrafe::luogo::{Luogo, luoghi};
use varco_anagrafe::persona::{IdAnpr, Persona};

use super::nomi::Origine;

/// Source of persons and of chance.
pub(super) struct StatoCivile {
    pub(super) rng: ChaCha8Rng,
    codici: HashSet<CodiceFiscale>,
    identificativi: HashSet<IdAnpr>,
    pub(super) ospedale: Belfiore,
}

/// Data of a person before identifiers are assigned.
#[derive(Clone)]
pub(super) struct Generalita {
    pub(super) cognome: String,
    pub(super) nome: String,
    pub(super) sesso: Sesso,
    pub(super) nascita: Date,
    pub(super) luogo: Belfiore,
}

impl From<&Persona> for Generalita {
    fn from(persona: &Persona) -> Self {
        Self {
            cognome: persona.cognome.clone(),
            nome: persona.nome.clone(),
            sesso: persona.sesso,
            nascita: persona.data_nascita,
            luogo: persona.luogo_nascita,
        }
    }
}

impl StatoCivile {
    /// Opens the office; it needs the place where the town's children are born.
    pub(super) fn new(seed: u64) -> Option<Self> {
        let ospedale = luoghi().iter().find(|luogo| luogo.nome == "LODI")?.belfiore;
        Some(Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            codici: HashSet::new(),
            identificativi: HashSet::new(),
            ospedale,
        })
    }

    /// Assigns identifier and code; the day of registration is that of the first residence.
    pub(super) fn register(&mut self, generalita: Generalita) -> Persona {
        let Generalita {
            cognome,
            nome,
            sesso,
            nascita,
            luogo,
        } = generalita;
        let base = CodiceFiscale::compute(&cognome, &nome, nascita, sesso, &luogo);
        let mut variants = base.variants();
        let codice_fiscale = variants
            .find(|code| !self.codici.contains(code))
            .unwrap_or(base);
        self.codici.insert(codice_fiscale);
        Persona {
            id: self.id_anpr(),
            codice_fiscale,
            cognome,
            nome,
            sesso,
            data_nascita: nascita,
            luogo_nascita: luogo,
            iscritta_dal: nascita,
            decesso: None,
        }
    }

    /// Draws an identifier that nobody has.
    pub(super) fn id_anpr(&mut self) -> IdAnpr {
        loop {
            let [a, b, c, d] = std::array::from_fn(|_| self.rng.random_range('A'..='Z'));
            let number = self.rng.random_range(0..100_000_u32);
            let drawn = format!("{a}{b}{number:05}{c}{d}").parse();
            if let Ok(id) = drawn
                && self.identificativi.insert(id)
            {
                return id;
            }
        }
    }

    /// Draws the identifier of a new famiglia.
    pub(super) fn id_famiglia(&mut self) -> IdFamiglia {
        uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .into()
    }

    /// Draws the place of birth of someone with this origin.
    pub(super) fn birthplace(&mut self, origine: &Origine) -> Belfiore {
        if let Some(stato) = origine.stato {
            return stato;
        }
        let drawn = match self.rng.random_range(0..100) {
            0..62 => None,
            62..74 => self.place(|luogo| luogo.nome == "MILANO"),
            74..98 => self.place(|luogo| !luogo.belfiore.is_foreign()),
            _ => self.place(|luogo| luogo.belfiore.is_foreign()),
        };
        drawn.unwrap_or(self.ospedale)
    }

    fn place(&mut self, wanted: impl Fn(&Luogo) -> bool) -> Option<Belfiore> {
        let wanted = luoghi().iter().filter(|luogo| wanted(luogo));
        wanted.choose(&mut self.rng).map(|luogo| luogo.belfiore)
    }

    /// Draws a birthday that gives this age on a day.
    pub(super) fn birthday(&mut self, eta: i32, day: Date) -> Date {
        let days = eta * 1_461 / 4 + self.rng.random_range(1..=364);
        day.saturating_sub(days.days())
    }

    /// Draws one of the names.
    pub(super) fn name(&mut self, names: &[&str]) -> String {
        names
            .choose(&mut self.rng)
            .copied()
            .unwrap_or_default()
            .to_owned()
    }

    /// Draws a sex.
    pub(super) fn sex(&mut self) -> Sesso {
        if self.rng.random() {
            Sesso::F
        } else {
            Sesso::M
        }
    }

    /// Tells whether something happens that happens so many times in a million.
    pub(super) fn happens(&mut self, per_million: u32) -> bool {
        self.rng.random_ratio(per_million.min(1_000_000), 1_000_000)
    }
}
