//! Facts about the codice fiscale: published examples, properties, and optional conformance.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::{Belfiore, CodiceFiscale, InvalidCodiceFiscale, Sesso};

#[test]
fn mario_rossi_of_rome_has_the_textbook_code() {
    let code = CodiceFiscale::compute("Rossi", "Mario", date(1980, 1, 1), Sesso::M, &roma());

    assert_eq!(code.as_str(), "RSSMRA80A01H501U");
}

#[test]
fn surname_takes_consonants_then_vowels_then_x() {
    let letters = ["Rossi", "Fo", "Aiello"].map(super::cognome_letters);

    assert_eq!(letters, [*b"RSS", *b"FOX", *b"LLA"]);
}

#[test]
fn name_with_four_consonants_skips_the_second() {
    let letters = ["Mario", "Gianfranco", "Bo", "Anna Maria"].map(super::nome_letters);

    assert_eq!(letters, [*b"MRA", *b"GFR", *b"BOX", *b"NMR"]);
}

#[test]
fn missing_name_becomes_three_x() {
    assert_eq!(super::nome_letters(""), *b"XXX");
}

#[test]
fn females_add_forty_to_the_day() {
    let code = CodiceFiscale::compute("Rossi", "Maria", date(1980, 12, 31), Sesso::F, &roma());

    assert!(code.as_str().starts_with("RSSMRA80T71H501"));
}

#[test]
fn lower_case_and_surrounding_space_are_normalised() {
    let code = CodiceFiscale::parse("  rssmra80a01h501u\n").unwrap();

    assert_eq!(code.as_str(), "RSSMRA80A01H501U");
}

#[test]
fn omocodia_starts_from_the_rightmost_digit() {
    let code = CodiceFiscale::parse("RSSMRA80A01H501U").unwrap();

    let variants: Vec<_> = code.variants().collect();

    let texts: Vec<_> = variants.iter().map(CodiceFiscale::as_str).collect();
    assert_eq!(
        texts[..3],
        ["RSSMRA80A01H501U", "RSSMRA80A01H50MM", "RSSMRA80A01H5L1F"]
    );
    assert_eq!(texts.last(), Some(&"RSSMRAULALMHRLMD"));
}

#[test]
fn every_rule_has_its_own_refusal() {
    use InvalidCodiceFiscale::{
        ImpossibleDay, ImpossibleMonth, WrongCharacter, WrongCheckCharacter, WrongLength,
    };
    let cases = [
        ("", WrongLength { found: 0 }),
        ("RSSMRA80A01H501", WrongLength { found: 15 }),
        ("RSSMRA80A01H501UU", WrongLength { found: 17 }),
        ("RSSMR180A01H501U", WrongCharacter { position: 6 }),
        ("RSSMRA8AA01H501U", WrongCharacter { position: 8 }),
        ("RSSMRA80101H501U", WrongCharacter { position: 9 }),
        ("RSSMRÀ80A01H501U", WrongCharacter { position: 6 }),
        ("RSSMRA80F01H501U", ImpossibleMonth),
        ("RSSMRA80A00H501U", ImpossibleDay),
        ("RSSMRA80A40H501U", ImpossibleDay),
        ("RSSMRA80A72H501U", ImpossibleDay),
        ("RSSMRA80D71H501U", ImpossibleDay),
        ("RSSMRA81B29H501U", ImpossibleDay),
        ("RSSMRA80A01H501V", WrongCheckCharacter),
    ];

    let refusals = cases.map(|(text, _)| CodiceFiscale::parse(text));

    assert_eq!(refusals, cases.map(|(_, refusal)| Err(refusal)));
}

#[test]
fn debug_hides_the_code() {
    let code = CodiceFiscale::parse("RSSMRA80A01H501U").unwrap();

    assert_eq!(format!("{code:?}"), "CodiceFiscale(…)");
}

#[test]
fn belfiore_is_one_capital_and_three_digits() {
    assert_eq!("H501".parse::<Belfiore>().unwrap().as_str(), "H501");
    for wrong in ["", "h501", "H50", "H5010", "5H01", "H50L", "ÀH5"] {
        assert!(wrong.parse::<Belfiore>().is_err(), "{wrong}");
    }
}

#[test]
fn foreign_states_begin_with_z() {
    assert!("Z129".parse::<Belfiore>().unwrap().is_foreign());
    assert!(!roma().is_foreign());
}

proptest! {
    #[test]
    fn computed_code_is_valid_and_is_its_own_base(code in codes()) {
        prop_assert_eq!(CodiceFiscale::parse(code.as_str()), Ok(code));
        prop_assert_eq!(code.base(), code);
    }

    #[test]
    fn the_128_variants_are_valid_distinct_and_share_the_base(code in codes()) {
        let variants: std::collections::BTreeSet<_> = code.variants().collect();

        prop_assert_eq!(variants.len(), 128);
        for variant in variants {
            prop_assert_eq!(CodiceFiscale::parse(variant.as_str()), Ok(variant));
            prop_assert_eq!(variant.base(), code);
        }
    }

    #[test]
    fn one_mistyped_character_never_passes(code in codes(), at in 0_usize..16, to in "[A-Z0-9]") {
        let mut typed = code.as_str().to_owned();
        typed.replace_range(at..=at, &to);
        prop_assume!(typed != code.as_str());

        prop_assert!(CodiceFiscale::parse(&typed).is_err());
    }

    #[test]
    fn any_text_is_refused_without_being_repeated(text in "\\PC{4,24}") {
        if let Err(refusal) = CodiceFiscale::parse(&text) {
            prop_assert!(!refusal.to_string().contains(&text));
        }
    }
}

#[test]
fn published_vectors_agree() {
    let Some(vectors) = conformance_vectors() else {
        return;
    };

    for vector in vectors["vectors"].as_array().unwrap() {
        let text = |key: &str| vector[key].as_str().unwrap();
        let born: Date = text("birth_date").parse().unwrap();
        let sesso = if text("sex") == "F" {
            Sesso::F
        } else {
            Sesso::M
        };
        let luogo = text("birth_code").parse().unwrap();

        let code = CodiceFiscale::compute(text("surname"), text("name"), born, sesso, &luogo);

        assert_eq!(code.as_str(), text("codice_fiscale"));
    }
}

#[test]
fn published_omocodia_agrees_in_order() {
    let Some(vectors) = conformance_vectors() else {
        return;
    };
    let published = vectors["omocodia_example"].as_array().unwrap();
    let base = CodiceFiscale::parse(published[0].as_str().unwrap()).unwrap();

    let variants: Vec<_> = base.variants().collect();

    let texts: Vec<_> = variants.iter().map(CodiceFiscale::as_str).collect();
    assert_eq!(
        texts,
        published
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect::<Vec<_>>()
    );
}

#[expect(
    clippy::disallowed_methods,
    reason = "published data are optional and named from outside"
)]
fn conformance_vectors() -> Option<serde_json::Value> {
    let Some(folder) = std::env::var_os("VARCO_CONFORMANCE_DATA") else {
        println!("skipped: VARCO_CONFORMANCE_DATA does not name a folder of published vectors");
        return None;
    };
    let file = std::path::Path::new(&folder).join("fixtures/codice_fiscale_vectors.json");
    Some(serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap())
}

fn roma() -> Belfiore {
    "H501".parse().unwrap()
}

fn codes() -> impl Strategy<Value = CodiceFiscale> {
    let sesso = prop_oneof![Just(Sesso::F), Just(Sesso::M)];
    let born = (0_i64..60_000)
        .prop_map(|days| date(1880, 1, 1).saturating_add(jiff::Span::new().days(days)));
    ("\\PC{0,12}", "\\PC{0,12}", born, sesso, "[A-MZ][0-9]{3}").prop_map(
        |(cognome, nome, born, sesso, luogo)| {
            CodiceFiscale::compute(&cognome, &nome, born, sesso, &luogo.parse().unwrap())
        },
    )
}
