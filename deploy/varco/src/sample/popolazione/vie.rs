//! Streets and homes of the sample municipality.
//!
//! The streets have the names that every Italian town gives its streets; the codes are made up in
//! the form of the national archive (ANNCSU). Some houses have doors, some a letter.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use varco_anagrafe::residenza::{CodiceToponimo, Indirizzo};

/// Makes every home of the town, more than it ever needs.
pub(super) fn homes(rng: &mut ChaCha8Rng) -> Vec<Indirizzo> {
    let cap = CAP.parse().ok();
    let mut homes = Vec::new();
    for ((specie, denominazione), code) in VIE.iter().zip(PRIMO_CODICE..) {
        let street = Indirizzo {
            specie: (*specie).to_owned(),
            denominazione: (*denominazione).to_owned(),
            codice_toponimo: Some(CodiceToponimo(code)),
            civico: None,
            esponente: None,
            interno: None,
            cap,
        };
        for civico in 1..=60 {
            homes.extend(building(
                rng,
                Indirizzo {
                    civico: Some(civico),
                    ..street.clone()
                },
            ));
        }
    }
    homes
}

/// Makes the homes behind one house number: one, one with a letter beside it, or several doors.
fn building(rng: &mut ChaCha8Rng, house: Indirizzo) -> Vec<Indirizzo> {
    match rng.random_range(0..10) {
        0..6 => vec![house],
        6 => vec![
            Indirizzo {
                esponente: Some("A".to_owned()),
                ..house.clone()
            },
            house,
        ],
        _ => (1..=rng.random_range(4..=8))
            .map(|door: u8| Indirizzo {
                interno: Some(door.to_string()),
                ..house.clone()
            })
            .collect(),
    }
}

const CAP: &str = "26900";
/// Codes of the streets run on from this one.
const PRIMO_CODICE: u64 = 1_900_001;
const VIE: [(&str, &str); 64] = [
    ("via", "Roma"),
    ("via", "Giuseppe Garibaldi"),
    ("via", "Giuseppe Mazzini"),
    ("via", "Guglielmo Marconi"),
    ("via", "Alessandro Manzoni"),
    ("via", "Dante Alighieri"),
    ("via", "Giuseppe Verdi"),
    ("via", "Camillo Benso di Cavour"),
    ("via", "Giacomo Matteotti"),
    ("via", "Antonio Gramsci"),
    ("via", "Alcide De Gasperi"),
    ("via", "Niccolò Machiavelli"),
    ("via", "Alessandro Volta"),
    ("via", "Galileo Galilei"),
    ("via", "Leonardo da Vinci"),
    ("via", "Michelangelo Buonarroti"),
    ("via", "Raffaello Sanzio"),
    ("via", "Giosuè Carducci"),
    ("via", "Giovanni Pascoli"),
    ("via", "Ugo Foscolo"),
    ("via", "Giacomo Leopardi"),
    ("via", "Francesco Petrarca"),
    ("via", "Ludovico Ariosto"),
    ("via", "Torquato Tasso"),
    ("via", "Grazia Deledda"),
    ("via", "Maria Montessori"),
    ("via", "Rita Levi-Montalcini"),
    ("via", "Eleonora Duse"),
    ("via", "Cristoforo Colombo"),
    ("via", "Marco Polo"),
    ("via", "Cesare Battisti"),
    ("via", "Nazario Sauro"),
    ("via", "dei Mille"),
    ("via", "XXV Aprile"),
    ("via", "IV Novembre"),
    ("via", "XX Settembre"),
    ("via", "della Resistenza"),
    ("via", "della Libertà"),
    ("via", "dell'Industria"),
    ("via", "dell'Artigianato"),
    ("via", "delle Rose"),
    ("via", "dei Tigli"),
    ("via", "dei Pioppi"),
    ("via", "degli Olmi"),
    ("via", "del Mulino"),
    ("via", "della Fornace"),
    ("via", "delle Scuole"),
    ("via", "San Rocco"),
    ("via", "San Francesco"),
    ("via", "Sant'Antonio"),
    ("via", "Santa Maria"),
    ("viale", "della Stazione"),
    ("viale", "Europa"),
    ("viale", "Italia"),
    ("viale", "dei Partigiani"),
    ("corso", "Vittorio Emanuele II"),
    ("corso", "della Repubblica"),
    ("piazza", "del Popolo"),
    ("piazza", "della Vittoria"),
    ("piazza", "San Lorenzo"),
    ("vicolo", "del Forno"),
    ("vicolo", "Stretto"),
    ("largo", "Giuseppe Di Vittorio"),
    ("strada", "della Roggia"),
];
