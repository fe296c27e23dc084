//! Sample residents for the tests of this crate.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use uuid::Uuid;

use crate::codice_fiscale::{CodiceFiscale, Sesso};
use crate::famiglia::{Componente, Parentela};
use crate::persona::{IdAnpr, Persona};
use crate::residenza::{Indirizzo, Residenza, StatoResidenza};

/// A person by number, registered since 2010.
pub fn persona(n: u32) -> Persona {
    let nascita = date(1980, 1, 1);
    let luogo = "H501".parse().unwrap();
    let cognome = cognome(n);
    Persona {
        id: id(n),
        codice_fiscale: CodiceFiscale::compute(&cognome, "Mario", nascita, Sesso::M, &luogo),
        cognome,
        nome: "Mario".into(),
        sesso: Sesso::M,
        data_nascita: nascita,
        luogo_nascita: luogo,
        iscritta_dal: date(2010, 1, 1),
        decesso: None,
    }
}

/// The identifier of the person of that number.
pub fn id(n: u32) -> IdAnpr {
    format!("AA{n:05}AA").parse().unwrap()
}

/// A firm residence of a person in via Roma 1.
pub fn residenza(n: u32, dal: Date, al: Option<Date>) -> Residenza {
    Residenza {
        persona: id(n),
        indirizzo: indirizzo(1),
        dal,
        al,
        stato: StatoResidenza::Definitiva,
        procedimento: None,
    }
}

/// Via Roma, at a house number.
pub fn indirizzo(civico: u32) -> Indirizzo {
    Indirizzo {
        specie: "via".into(),
        denominazione: "Roma".into(),
        codice_toponimo: None,
        civico: Some(civico),
        esponente: None,
        interno: None,
        cap: Some("26900".parse().unwrap()),
    }
}

/// A membership since 2010.
pub fn componente(famiglia: u128, n: u32, parentela: Parentela) -> Componente {
    Componente {
        famiglia: Uuid::from_u128(famiglia).into(),
        persona: id(n),
        parentela,
        dal: date(2010, 1, 1),
        al: None,
    }
}

/// An instant by its RFC 3339 text.
pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Three consonants for every number below 9261, so that codes differ.
fn cognome(n: u32) -> String {
    let letters = b"BCDFGHJKLMNPQRSTVWXYZ";
    let letter = |rest: u32| char::from(letters[(rest % 21) as usize]);
    [letter(n / 441), letter(n / 21), letter(n)]
        .iter()
        .collect()
}
