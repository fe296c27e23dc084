//! Facts about trust policies.

use proptest::prelude::*;

use super::*;
use crate::cosignature::Cosigner;
use crate::hash::Hash;
use crate::note::{Signer, with_lines};

const ORIGIN: &str = "c_z999.audit/gw1/2026";

fn log(seed: u8) -> Signer {
    Signer::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn witness(seed: u8) -> Cosigner {
    Cosigner::from_seed(&format!("w{seed}.example"), &[seed; 32]).unwrap()
}

/// A line that defines witness `W<seed>`.
fn line(seed: u8) -> String {
    format!("witness W{seed} {}\n", witness(seed).vkey())
}

fn lines(seeds: &[u8]) -> String {
    seeds.iter().map(|seed| line(*seed)).collect()
}

fn read(text: &str) -> Policy {
    text.parse()
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn fault(text: &str) -> (usize, PolicyFault) {
    match text.parse::<Policy>() {
        Err(Error::MalformedPolicy { line, fault }) => (line, fault),
        other => panic!("{other:?}: {text}"),
    }
}

fn note(cosigners: &[u8]) -> String {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 1,
        root: Hash::leaf(b"x"),
    };
    let note = checkpoint.sign(&log(1)).unwrap();
    let parsed = Note::parse(&note).unwrap();
    let lines = cosigners
        .iter()
        .map(|seed| witness(*seed).cosign(&parsed, u64::from(*seed)).unwrap());
    with_lines(&note, &lines.collect::<String>()).unwrap()
}

/// The example of the specification, with witnesses 11 to 13 and 21 to 23.
fn example() -> String {
    let mut text = format!("# two organisations\n\nlog {}\n\n", log(1).vkey());
    for seed in [11, 12, 13] {
        text += &line(seed);
    }
    text += "group X-witnesses 2 W11 W12 W13\n";
    for seed in [21, 22, 23] {
        text += &line(seed);
    }
    text += "group Y-witnesses any W21 W22 W23\n";
    text += "\tgroup\tX-and-Y  all X-witnesses Y-witnesses \nquorum X-and-Y\n";
    text
}

#[test]
fn quorum_of_groups_holds_when_each_has_enough() {
    let policy = read(&example());

    for enough in [[11, 12, 21].as_slice(), &[11, 13, 22, 23], &[12, 13, 21]] {
        let trusted = policy.check(&note(enough)).unwrap();

        let mut names: Vec<String> = enough.iter().map(|seed| format!("W{seed}")).collect();
        names.sort();
        let found: Vec<String> = trusted.cosigned.into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, names);
    }
    for few in [[].as_slice(), &[11, 12], &[11, 21, 22, 23], &[21, 22, 23]] {
        assert_eq!(policy.check(&note(few)), Err(Error::QuorumMissing));
    }
}

#[test]
fn policy_without_witnesses_asks_for_the_log_alone() {
    let policy = read(&format!("log {}\nquorum none\n", log(1).vkey()));

    let trusted = policy.check(&note(&[])).unwrap();

    assert_eq!(trusted.checkpoint.origin, ORIGIN);
    assert_eq!(trusted.cosigned, []);
}

#[test]
fn any_one_listed_log_is_enough() {
    let other = Signer::from_seed("other.example", &[9; 32]).unwrap();
    let both = format!(
        "log {}\nlog {} https://other.example/\nquorum none\n",
        log(1).vkey(),
        other.vkey()
    );

    assert!(read(&both).check(&note(&[])).is_ok());
}

#[test]
fn log_that_is_not_listed_is_refused() {
    let policy = read(&format!("log {}\nquorum none\n", log(2).vkey()));

    assert_eq!(policy.check(&note(&[])), Err(Error::Unsigned));
    assert_eq!(
        read("quorum none\n").check(&note(&[])),
        Err(Error::Unsigned)
    );
}

#[test]
fn log_cannot_speak_for_another_origin() {
    let other = Signer::from_seed("other.example", &[1; 32]).unwrap();
    let policy = read(&format!("log {}\nquorum none\n", other.vkey()));
    let stolen = other.sign(Note::parse(&note(&[])).unwrap().text()).unwrap();

    assert_eq!(policy.check(&stolen), Err(Error::Unsigned));
}

#[test]
fn bad_signature_of_any_known_key_is_refused() {
    let policy = read(&example());
    let good = note(&[11, 12, 21]);
    let other = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 2,
        root: Hash::leaf(b"y"),
    };
    let other = other.sign(&log(1)).unwrap();

    for seed in [11, 22] {
        let stray = witness(seed).cosign(&Note::parse(&other).unwrap(), 5);
        let spoilt = with_lines(&good, &stray.unwrap()).unwrap();
        assert_eq!(policy.check(&spoilt), Err(Error::BadSignature));
    }
    let unknown = witness(77).cosign(&Note::parse(&other).unwrap(), 5);
    let passed_over = with_lines(&good, &unknown.unwrap()).unwrap();
    assert!(policy.check(&passed_over).is_ok());
}

#[test]
fn sixteen_cosignatures_and_more_are_read() {
    let seeds: Vec<u8> = (10..60).collect();
    let names: Vec<String> = seeds.iter().map(|seed| format!("W{seed}")).collect();
    let text = format!(
        "log {}\n{}group all-of-them all {}\nquorum all-of-them\n",
        log(1).vkey(),
        lines(&seeds),
        names.join(" ")
    );

    let trusted = read(&text).check(&note(&seeds)).unwrap();

    assert_eq!(trusted.cosigned.len(), 50);
}

#[test]
fn faults_are_told_with_their_line() {
    let (one, two) = (line(1), line(2));
    let log_line = format!("log {}\n", log(1).vkey());
    let renamed = log(1).vkey().replace("2026", "2027");
    let same_key = Signer::from_seed("other.example", &[1; 32]).unwrap().vkey();
    let cases = [
        (String::new(), 1, PolicyFault::Quorum),
        (log_line.clone(), 2, PolicyFault::Quorum),
        (
            "quorum none\nquorum none\n".to_owned(),
            2,
            PolicyFault::Quorum,
        ),
        ("quorum W1\n".to_owned(), 1, PolicyFault::UnknownName),
        (format!("quorum W1\n{one}"), 1, PolicyFault::UnknownName),
        (format!("{one}{one}"), 2, PolicyFault::DuplicateName),
        (
            format!("{one}{}", one.replace("W1", "W9")),
            2,
            PolicyFault::DuplicateKey,
        ),
        (one.replace("W1", "none"), 1, PolicyFault::DuplicateName),
        (
            format!("{log_line}log {same_key}\n"),
            2,
            PolicyFault::DuplicateKey,
        ),
        (format!("log {renamed}\n"), 1, PolicyFault::Key),
        (format!("log {}\n", witness(1).vkey()), 1, PolicyFault::Key),
        (
            format!("witness W {}\n", log(1).vkey()),
            1,
            PolicyFault::Key,
        ),
        (format!("{one}group G 1 W2\n"), 2, PolicyFault::UnknownName),
        (format!("{one}group G 1 G\n"), 2, PolicyFault::UnknownName),
        (
            format!("{one}group G 1 none\n"),
            2,
            PolicyFault::UnknownName,
        ),
        (format!("{one}group G 1 W1 W1\n"), 2, PolicyFault::Member),
        (
            format!("{one}{two}group G 1 W1\ngroup H 1 W2 W1\n"),
            4,
            PolicyFault::Member,
        ),
        (
            format!("{one}group W1 1 W1\n"),
            2,
            PolicyFault::DuplicateName,
        ),
        (format!("{one}group G 0 W1\n"), 2, PolicyFault::Threshold),
        (format!("{one}group G 2 W1\n"), 2, PolicyFault::Threshold),
        (format!("{one}group G 01 W1\n"), 2, PolicyFault::Threshold),
        (format!("{one}group G some W1\n"), 2, PolicyFault::Threshold),
        ("group G all\n".to_owned(), 1, PolicyFault::Threshold),
        ("group G\n".to_owned(), 1, PolicyFault::Syntax),
        ("quorum\n".to_owned(), 1, PolicyFault::Syntax),
        ("quorum none none\n".to_owned(), 1, PolicyFault::Syntax),
        ("Quorum none\n".to_owned(), 1, PolicyFault::Syntax),
        ("quorum none\r\n".to_owned(), 1, PolicyFault::Syntax),
        (
            "# bell \u{7}\nquorum none\n".to_owned(),
            1,
            PolicyFault::Syntax,
        ),
        ("log\n".to_owned(), 1, PolicyFault::Syntax),
    ];

    for (text, line, expected) in cases {
        assert_eq!(fault(&text), (line, expected), "{text}");
    }
}

#[test]
fn policy_is_bounded() {
    let many: Vec<u8> = (0..=128).collect();

    assert_eq!(fault(&lines(&many)), (129, PolicyFault::TooLarge));
    let long = "#".repeat(300 * 1024);
    assert_eq!(fault(&long), (1, PolicyFault::TooLarge));
    let read = read(&format!("{}quorum none\n", lines(&many[..128])));
    assert_eq!(read.witnesses.len(), 128);
}

#[test]
fn written_policy_reads_as_the_same_policy() {
    let policy = read(&example());

    let text = policy.to_string();

    assert_eq!(read(&text), policy);
    assert!(text.ends_with("group X-and-Y 2 X-witnesses Y-witnesses\nquorum X-and-Y\n"));
}

#[test]
fn words_that_no_text_can_carry_are_refused_in_code_too() {
    let key = || witness(1).vkey().parse().unwrap();
    let mut policy = Policy::new();

    for name in ["", "a b", "a\tb", "a\nb", "a\u{7f}"] {
        assert_eq!(
            policy.add_witness(name, key(), None),
            Err(PolicyFault::Syntax)
        );
        assert_eq!(
            policy.add_witness("W", key(), Some(name)),
            Err(PolicyFault::Syntax)
        );
    }
    assert_eq!(policy, Policy::new());
}

#[test]
fn names_beyond_ascii_are_kept_apart_by_their_bytes() {
    let (kelvin, latin) = (
        line(1).replace("W1", "\u{212a}"),
        line(2).replace("W2", "K"),
    );

    let policy = read(&format!("{kelvin}{latin}quorum \u{212a}\n"));

    assert!(policy.is_quorum(["\u{212a}"]));
    assert!(!policy.is_quorum(["K"]));
}

proptest! {
    #[test]
    fn any_text_is_answered_without_a_panic(text in "((log|witness|group|quorum|any|all|none|[A-C]|[0-3]|#)[ \t\n]){0,30}") {
        if let Ok(policy) = text.parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    #[test]
    fn more_cosignatures_never_break_a_quorum(held in prop::collection::btree_set(0_usize..6, 0..6), more in 0_usize..6) {
        let policy = read(&example());
        let names = ["W11", "W12", "W13", "W21", "W22", "W23"];
        let before = policy.is_quorum(held.iter().map(|at| names[*at]));

        let after = policy.is_quorum(held.iter().chain([&more]).map(|at| names[*at]));

        prop_assert!(!before || after);
    }
}
