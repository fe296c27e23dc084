//! The classification plan: "Titolario per i comuni", second edition, 2005.
//!
//! Fourteen titles with their classes (group of the municipal archives). A document is classed at
//! the lowest level (DPR 445/2000 art. 56): a title that has classes is no class itself. A later
//! edition gets its own table beside this one; what was classed before keeps its edition.

use std::fmt;
use std::str::FromStr;

use crate::testo::Malformed;

/// A class of the titolario, such as `XI/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classifica {
    titolo: &'static str,
    /// None in the one title that has no classes.
    classe: Option<u8>,
}

impl FromStr for Classifica {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        TITOLI
            .iter()
            .find_map(|&(titolo, classi)| within(titolo, classi, text))
            .ok_or_else(|| Malformed("must be a class of the titolario, such as XI/2".to_owned()))
    }
}

impl fmt::Display for Classifica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.classe {
            Some(classe) => write!(f, "{}/{classe}", self.titolo),
            None => f.write_str(self.titolo),
        }
    }
}

/// The class of one title that a text writes, in its one spelling.
fn within(titolo: &'static str, classi: u8, text: &str) -> Option<Classifica> {
    if classi == 0 {
        return (text == titolo).then_some(Classifica {
            titolo,
            classe: None,
        });
    }
    (1..=classi)
        .map(|classe| Classifica {
            titolo,
            classe: Some(classe),
        })
        .find(|classifica| classifica.to_string() == text)
}

/// The edition, as it is stored beside each classification.
pub const EDIZIONE: &str = "2005";

/// Each title with the number of its classes.
const TITOLI: [(&str, u8); 14] = [
    ("I", 17),   // Amministrazione generale
    ("II", 22),  // Organi di governo, gestione, controllo, consulenza e garanzia
    ("III", 15), // Risorse umane
    ("IV", 14),  // Risorse finanziarie e patrimonio
    ("V", 3),    // Affari legali
    ("VI", 10),  // Pianificazione e gestione del territorio
    ("VII", 15), // Servizi alla persona
    ("VIII", 7), // Attività economiche
    ("IX", 4),   // Polizia locale e sicurezza pubblica
    ("X", 5),    // Tutela della salute
    ("XI", 4),   // Servizi demografici
    ("XII", 5),  // Elezioni ed iniziative popolari
    ("XIII", 4), // Affari militari
    ("XIV", 0),  // Oggetti diversi
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titolario_has_fourteen_titles_and_125_classes() {
        let classes: u32 = TITOLI.iter().map(|&(_, classi)| u32::from(classi)).sum();

        assert_eq!((TITOLI.len(), classes), (14, 125));
    }

    #[test]
    fn every_class_of_the_titolario_is_read_as_it_is_written() {
        for (titolo, classi) in TITOLI {
            for classe in 1..=classi {
                let text = format!("{titolo}/{classe}");
                assert_eq!(text.parse::<Classifica>().unwrap().to_string(), text);
            }
        }
        assert_eq!("XIV".parse::<Classifica>().unwrap().to_string(), "XIV");
    }

    #[test]
    fn what_is_no_class_is_refused() {
        for text in [
            "", "XI", "XI/", "XI/0", "XI/5", "XI/02", "XIV/1", "XV/1", "xi/2", "XI/2/1",
        ] {
            assert!(text.parse::<Classifica>().is_err(), "{text}");
        }
    }
}
