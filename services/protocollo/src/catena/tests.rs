//! The chain of a register, against values computed elsewhere.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::documento::Documento;
use crate::identificatore::{Flusso, Segnatura};
use crate::registrazione::{Contenuto, Istante, Operatore};
use crate::soggetto::Soggetto;

fn registro() -> Registro {
    Registro {
        aoo: "AOO01".parse().unwrap(),
        codice: "PG".parse().unwrap(),
    }
}

fn documento(n: u8) -> Documento {
    Documento {
        nome: "documenti/01980c2e-4b1f-7c3a-9d2e-5f6a7b8c9d0e"
            .parse()
            .unwrap(),
        impronta: Impronta::of(&[n]),
        descrizione: None,
    }
}

fn row(numero: i64, oggetto: &str) -> Registrazione {
    let identificatore: crate::identificatore::Identificatore =
        format!("registrazioni/AOO01/PG/2026/{numero}")
            .parse()
            .unwrap();
    let at = Timestamp::from_microsecond(1_772_445_600_000_000 + numero).unwrap();
    let segnatura = Segnatura::new(&"c_z999".parse().unwrap(), &identificatore, Flusso::Entrata);
    Registrazione {
        identificatore,
        istante: Istante {
            at,
            orologio_arretrato: false,
        },
        data: "2026-03-02".parse().unwrap(),
        segnatura,
        contenuto: Contenuto {
            flusso: Flusso::Entrata,
            mittente: Soggetto::PersonaFisica {
                nome: Some("Anna".parse().unwrap()),
                cognome: Some("Bianchi".parse().unwrap()),
                codice_fiscale: None,
            },
            oggetto: oggetto.parse().unwrap(),
            documento_primario: documento(1),
            allegati: vec![documento(2)],
            classificazione: "XI/2".parse().unwrap(),
            assegnazione: "anagrafe".parse().unwrap(),
            canale: None,
            protocollo_mittente: None,
        },
        operatore: Operatore {
            client_id: "client-1".to_owned(),
            consumer_id: "sportello".to_owned(),
        },
        catena: Impronta::of(b""),
    }
}

fn chained(subjects: &[&str]) -> Vec<Registrazione> {
    let mut previous = genesis(&registro(), 2026);
    (1..)
        .zip(subjects)
        .map(|(numero, oggetto)| {
            let mut row = row(numero, oggetto);
            row.catena = next(&previous, &row);
            previous = row.catena;
            row
        })
        .collect()
}

#[test]
fn untouched_register_holds() {
    let rows = chained(&["uno", "due", "tre"]);

    assert_eq!(verify(&registro(), 2026, &rows), Ok(rows[2].catena));
    assert_eq!(
        verify(&registro(), 2026, &[]),
        Ok(genesis(&registro(), 2026))
    );
}

#[test]
fn canonical_form_of_version_1_never_changes() {
    let rows = chained(&["uno"]);

    assert_eq!(
        hex::encode(genesis(&registro(), 2026).as_bytes()),
        "62f4a862aec79934e7f79c824330675d4994fee039fb0f858a95bec0531938a8"
    );
    assert_eq!(
        hex::encode(rows[0].catena.as_bytes()),
        "82484befc58b3b5201daf1fddcd5bd0faa25a7877992e1ca7f4d0471bf504dd0"
    );
}

#[test]
fn altered_row_breaks_the_chain_where_it_stands() {
    let mut rows = chained(&["uno", "due", "tre"]);
    rows[1].contenuto.oggetto = "DUE".parse().unwrap();

    assert_eq!(
        verify(&registro(), 2026, &rows),
        Err(Broken { position: 2 })
    );
}

#[test]
fn altered_row_with_a_new_hash_breaks_the_next() {
    let mut rows = chained(&["uno", "due", "tre"]);
    rows[1].contenuto.oggetto = "DUE".parse().unwrap();
    rows[1].catena = next(&rows[0].catena, &rows[1]);

    assert_eq!(
        verify(&registro(), 2026, &rows),
        Err(Broken { position: 3 })
    );
}

#[test]
fn removed_or_swapped_row_breaks_the_chain() {
    let mut removed = chained(&["uno", "due", "tre"]);
    removed.remove(1);
    let mut swapped = chained(&["uno", "due", "tre"]);
    swapped.swap(0, 1);

    assert_eq!(
        verify(&registro(), 2026, &removed),
        Err(Broken { position: 2 })
    );
    assert_eq!(
        verify(&registro(), 2026, &swapped),
        Err(Broken { position: 1 })
    );
}

#[test]
fn register_does_not_pass_for_that_of_another_year() {
    let rows = chained(&["uno"]);

    assert_eq!(
        verify(&registro(), 2027, &rows),
        Err(Broken { position: 1 })
    );
}

#[test]
fn classification_may_change_under_the_chain() {
    let mut rows = chained(&["uno"]);
    rows[0].contenuto.classificazione = "I/8".parse().unwrap();
    rows[0].contenuto.assegnazione = "segreteria".parse().unwrap();

    assert!(verify(&registro(), 2026, &rows).is_ok());
}

#[test]
fn absent_value_is_no_empty_value() {
    let (mut absent, mut empty) = (Canonica::default(), Canonica::default());
    absent.optional(None);
    empty.optional(Some(""));

    assert_ne!(absent.0, empty.0);
}

proptest! {
    #[test]
    fn no_two_lists_of_values_have_one_form(
        one: Vec<Option<String>>,
        other: Vec<Option<String>>,
    ) {
        let form = |values: &[Option<String>]| {
            let mut form = Canonica::default();
            for value in values {
                form.optional(value.as_deref());
            }
            form.0
        };

        prop_assert_eq!(one == other, form(&one) == form(&other));
    }
}
