//! Facts about signed notes and their keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;

// The key and note that the tests of Go's sumdb/note made well known.
const NAME: &str = "PeterNeumann";
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2p\
                    ZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer() -> Signer {
    let bytes = STANDARD
        .decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
        .unwrap();
    Signer::from_seed(NAME, bytes[1..].try_into().unwrap()).unwrap()
}

fn verifier() -> Verifier {
    VKEY.parse().unwrap()
}

fn note() -> String {
    format!("{TEXT}\n{LINE}")
}

/// A signature line that says to be of this key and cannot be checked.
fn line(name: &str, id: [u8; 4]) -> String {
    let signature = STANDARD.encode([id.as_slice(), &[7; 64]].concat());
    format!("— {name} {signature}\n")
}

#[test]
fn well_known_note_is_signed_byte_for_byte() {
    assert_eq!(signer().sign(TEXT), Ok(note()));
}

#[test]
fn well_known_key_has_its_published_text() {
    assert_eq!(signer().vkey(), VKEY);
    assert_eq!(signer().name(), NAME);
}

#[test]
fn well_known_note_opens() {
    assert_eq!(verifier().open(&note()), Ok(TEXT));
    assert_eq!(verifier().name(), NAME);
}

#[test]
fn generated_key_signs_what_its_vkey_opens() {
    let signer = Signer::generate("c_a944.audit/gw-1/2026").unwrap();
    let verifier: Verifier = signer.vkey().parse().unwrap();

    let note = signer.sign("first\n\n\nlast\n").unwrap();

    assert_eq!(verifier.open(&note), Ok("first\n\n\nlast\n"));
}

#[test]
fn text_that_looks_like_a_note_is_signed_as_text() {
    let inner = note();

    let outer = signer().sign(&inner).unwrap();

    assert_eq!(verifier().open(&outer), Ok(inner.as_str()));
}

#[test]
fn stored_key_is_the_same_key() {
    let signer = Signer::generate("log.example").unwrap();

    let restored = Signer::from_pkcs8("log.example", &signer.to_pkcs8().unwrap()).unwrap();

    assert_eq!(restored.vkey(), signer.vkey());
    assert_eq!(restored.sign("text\n"), signer.sign("text\n"));
}

#[test]
fn both_versions_of_pkcs8_sign_alike() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    let (first, second) = (pair.to_pkcs8v1().unwrap(), pair.to_pkcs8().unwrap());
    assert_ne!(first.as_ref(), second.as_ref());

    let expected = Signer::from_seed("log.example", &[9; 32])
        .unwrap()
        .sign("text\n");

    for der in [first, second] {
        let signer = Signer::from_pkcs8("log.example", der.as_ref()).unwrap();
        assert_eq!(signer.sign("text\n"), expected);
    }
}

#[test]
fn keys_generated_in_both_versions_of_pkcs8_are_read() {
    let random = SystemRandom::new();
    let documents = [
        Ed25519KeyPair::generate_pkcs8v1(&random).unwrap(),
        Ed25519KeyPair::generate_pkcs8(&random).unwrap(),
    ];

    for der in documents {
        let signer = Signer::from_pkcs8("log.example", der.as_ref()).unwrap();
        let verifier: Verifier = signer.vkey().parse().unwrap();
        assert_eq!(verifier.open(&signer.sign("text\n").unwrap()), Ok("text\n"));
    }
}

#[test]
fn keys_printed_in_rfc_8410_are_read() {
    let first = STANDARD.decode("MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC");
    let second = STANDARD.decode(
        "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\
         oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\
         Z9w7lshQhqowtrbLDFw4rXAxZuE=",
    );
    let (first, second) = (first.unwrap(), second.unwrap());

    let plain = Signer::from_pkcs8("log.example", &first).unwrap();
    let attributed = Signer::from_pkcs8("log.example", &second).unwrap();

    assert_eq!(plain.vkey(), attributed.vkey());
    assert_eq!(attributed.to_pkcs8(), Ok(first));
}

#[test]
fn what_is_not_an_ed25519_key_is_refused() {
    let whole = signer().to_pkcs8().unwrap();

    for der in [
        &[],
        [0; 48].as_slice(),
        &whole[..whole.len() - 1],
        &whole[1..],
    ] {
        assert_eq!(
            Signer::from_pkcs8(NAME, der).unwrap_err(),
            Error::KeyRejected
        );
    }
}

#[test]
fn debug_of_a_signer_shows_the_public_key_only() {
    assert_eq!(format!("{:?}", signer()), format!("Signer({VKEY})"));
}

#[test]
fn name_that_no_note_can_carry_is_refused() {
    for name in [
        "",
        "a b",
        "a+b",
        "a\nb",
        "a\tb",
        " a",
        "a\u{a0}b",
        "a\u{2003}",
        "a\0",
        "a\u{7f}",
    ] {
        assert_eq!(
            Signer::from_seed(name, &[1; 32]).unwrap_err(),
            Error::MalformedName,
            "{name:?}"
        );
    }
}

#[test]
fn text_that_no_note_can_carry_is_not_signed() {
    let long = format!("{}\n", "a".repeat(MAX_TEXT));

    for text in [
        "",
        "no newline",
        "bell\u{7}\n",
        "tab\t\n",
        "return\r\n",
        "nul\0\n",
        &long,
    ] {
        assert_eq!(signer().sign(text), Err(Error::MalformedNote));
    }
}

#[test]
fn signatures_of_unknown_keys_are_passed_over() {
    let unknown: String = (0..16)
        .map(|at| line(&format!("witness-{at}.example"), [at; 4]))
        .collect();

    let before = format!("{TEXT}\n{unknown}{LINE}");
    let after = format!("{TEXT}\n{LINE}{unknown}");

    assert_eq!(verifier().open(&before), Ok(TEXT));
    assert_eq!(verifier().open(&after), Ok(TEXT));
}

#[test]
fn key_of_the_same_name_or_the_same_id_is_another_key() {
    let same_name = line(NAME, [1, 2, 3, 4]);
    let same_id = line("other.example", [0xc7, 0x4f, 0x20, 0xa3]);

    let signed = format!("{TEXT}\n{same_name}{same_id}{LINE}");
    let unsigned = format!("{TEXT}\n{same_name}{same_id}");

    assert_eq!(verifier().open(&signed), Ok(TEXT));
    assert_eq!(verifier().open(&unsigned), Err(Error::Unsigned));
}

#[test]
fn bad_signature_of_the_known_key_spoils_the_note() {
    let bad = line(NAME, [0xc7, 0x4f, 0x20, 0xa3]);

    for lines in [bad.clone(), format!("{bad}{LINE}"), format!("{LINE}{bad}")] {
        assert_eq!(
            verifier().open(&format!("{TEXT}\n{lines}")),
            Err(Error::BadSignature)
        );
    }
}

#[test]
fn signature_of_another_text_is_bad() {
    let moved = format!("Another text.\n\n{LINE}");

    assert_eq!(verifier().open(&moved), Err(Error::BadSignature));
}

#[test]
fn note_without_its_parts_is_refused() {
    let notes = [
        String::new(),
        "\n".into(),
        "\n\n".into(),
        TEXT.into(),
        format!("{TEXT}\n"),
        format!("{TEXT}{LINE}"),
        format!("{TEXT}\n{}", LINE.trim_end()),
        format!("{TEXT}\n{LINE}\n"),
        format!("{TEXT}\n{LINE}trailing\n"),
        format!("{TEXT}\n{LINE}trailing"),
        format!("\n{LINE}"),
    ];

    for note in notes {
        assert_eq!(
            verifier().open(&note),
            Err(Error::MalformedNote),
            "{note:?}"
        );
    }
}

#[test]
fn note_with_a_control_character_is_refused() {
    for character in ["\0", "\t", "\r", "\u{1b}", "\u{1f}"] {
        let in_text = format!("{character}{}", note());
        let in_name = note().replace("PeterNeumann", &format!("Peter{character}Neumann"));

        assert_eq!(
            verifier().open(&in_text),
            Err(Error::MalformedNote),
            "{in_text:?}"
        );
        assert_eq!(
            verifier().open(&in_name),
            Err(Error::MalformedNote),
            "{in_name:?}"
        );
    }
}

#[test]
fn note_with_a_misspelt_signature_line_is_refused() {
    let lines = [
        LINE.replace("— ", "- "),
        LINE.replace("— ", "—"),
        LINE.replace("— ", " — "),
        LINE.replace("PeterNeumann ", ""),
        LINE.replace("PeterNeumann ", " "),
        LINE.replace("PeterNeumann", "Peter Neumann"),
        LINE.replace("PeterNeumann", "Peter+Neumann"),
        LINE.replace("PeterNeumann", "Peter\u{2003}Neumann"),
        LINE.replace("AM=", "AM"),
        LINE.replace("AM=", "AN="),
        LINE.replace("AM=", "AM= "),
        LINE.replace("x08", "x*8"),
        format!("— other.example \n{LINE}"),
        format!("— other.example AAAA\n{LINE}"),
        format!("— other.example AAAAAA==\n{LINE}"),
    ];

    for line in lines {
        let refused = format!("{TEXT}\n{line}");

        assert_eq!(
            verifier().open(&refused),
            Err(Error::MalformedNote),
            "{line:?}"
        );
    }
}

#[test]
fn note_beyond_the_limits_is_refused() {
    let most = format!("{TEXT}\n{}", LINE.repeat(MAX_SIGNATURES));
    let many = format!("{most}{LINE}");
    let long = format!("{}\n\n{LINE}", "a".repeat(MAX_BYTES));

    assert_eq!(verifier().open(&most), Ok(TEXT));
    assert_eq!(verifier().open(&many), Err(Error::MalformedNote));
    assert_eq!(verifier().open(&long), Err(Error::MalformedNote));
}

#[test]
fn vkey_with_any_byte_changed_is_refused() {
    for at in 0..VKEY.len() {
        let mut bytes = VKEY.as_bytes().to_vec();
        bytes[at] += 1;
        let changed = String::from_utf8(bytes).unwrap();

        assert!(changed.parse::<Verifier>().is_err(), "{changed}");
    }
}

#[test]
fn part_of_a_vkey_is_refused() {
    for start in 0..VKEY.len() {
        for end in start..VKEY.len() {
            assert!(
                VKEY[start..end].parse::<Verifier>().is_err(),
                "{start}..{end}"
            );
        }
    }
}

#[test]
fn vkey_of_another_length_type_or_spelling_is_refused() {
    let keys = [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
        "PeterNeumann+c74f20a3+",
        "++",
        "",
    ];

    for key in keys {
        assert!(key.parse::<Verifier>().is_err(), "{key}");
    }
}

proptest! {
    #[test]
    fn note_with_any_bit_of_its_text_changed_does_not_open(
        at in 0..TEXT.len(),
        bit in 0_u32..7,
    ) {
        let mut bytes = note().into_bytes();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();

        prop_assert!(verifier().open(&changed).is_err());
    }

    #[test]
    fn note_with_any_bit_of_its_signature_changed_does_not_open(bit in 0_usize..512) {
        let encoded = LINE.trim_end().rsplit(' ').next().unwrap();
        let mut bytes = STANDARD.decode(encoded).unwrap();
        bytes[4 + bit / 8] ^= 1 << (bit % 8);
        let changed = note().replace(encoded, &STANDARD.encode(bytes));

        prop_assert_eq!(verifier().open(&changed), Err(Error::BadSignature));
    }

    #[test]
    fn any_text_is_answered_without_a_panic(note in "(\\PC|\n|— |\n\n)*") {
        prop_assert!(verifier().open(&note).is_err());
    }

    #[test]
    fn every_clean_text_is_signed_and_opened(text in "(\\PC|\n){0,80}") {
        let text = format!("{text}\n");
        let note = signer().sign(&text).unwrap();

        prop_assert_eq!(verifier().open(&note), Ok(text.as_str()));
    }
}
