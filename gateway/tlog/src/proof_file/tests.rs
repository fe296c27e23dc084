//! Facts about proof files.

use proptest::prelude::*;

use super::*;
use crate::cosignature::Cosigner;
use crate::note::{Signer, Verifier, with_lines};
use crate::proof::prove_inclusion;
use crate::testing::Stored;

const ORIGIN: &str = "c_z999.audit/gw1/2026";
const SIZE: u64 = 300;

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witness() -> Cosigner {
    Cosigner::from_seed("witness.example", &[2; 32]).unwrap()
}

fn policy() -> Policy {
    let mut policy = Policy::new();
    let verifier: Verifier = signer().vkey().parse().unwrap();
    policy.add_log(verifier, None).unwrap();
    let key = witness().vkey().parse().unwrap();
    policy.add_witness("dpo", key, None).unwrap();
    policy.set_quorum("dpo").unwrap();
    policy
}

/// The proof of a leaf, with the leaf.
fn proof(index: u64) -> (ProofFile, Hash) {
    let stored = Stored::new(SIZE);
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: SIZE,
        root: stored.root(SIZE),
    };
    let note = checkpoint.sign(&signer()).unwrap();
    let line = witness().cosign(&Note::parse(&note).unwrap(), 7).unwrap();
    let file = ProofFile {
        extra: None,
        index,
        inclusion: prove_inclusion(index, SIZE, stored.at(SIZE)).unwrap(),
        checkpoint: with_lines(&note, &line).unwrap(),
    };
    (file, stored.leaves[usize::try_from(index).unwrap()])
}

#[test]
fn file_has_the_lines_of_the_specification() {
    let (mut file, _) = proof(0);
    file.inclusion.truncate(1);
    file.extra = Some(b"age".to_vec());

    let text = file.to_string();

    let first = file.inclusion[0].to_base64();
    let head = format!("c2sp.org/tlog-proof@v1\nextra YWdl\nindex 0\n{first}\n\n{ORIGIN}\n300\n");
    assert!(text.starts_with(&head), "{text}");
    assert!(text.ends_with(&file.checkpoint));
}

#[test]
fn entry_is_proved_without_the_log() {
    for index in [0, 1, 255, 256, 299] {
        let (file, leaf) = proof(index);
        let read: ProofFile = file.to_string().parse().unwrap();

        let trusted = read.verify(&leaf, &policy()).unwrap();

        assert_eq!(trusted.checkpoint.size, SIZE);
        assert_eq!(trusted.cosigned, [("dpo".to_owned(), 7)]);
    }
}

#[test]
fn another_entry_is_not_proved() {
    let (file, _) = proof(5);

    let refused = file.verify(&Hash::leaf(b"another"), &policy());

    assert_eq!(refused, Err(Error::RootMismatch));
}

#[test]
fn file_without_the_witness_is_not_enough() {
    let (mut file, leaf) = proof(5);
    let cosigned = file.checkpoint.clone();
    let line = cosigned.split_inclusive('\n').next_back().unwrap();

    file.checkpoint = cosigned.strip_suffix(line).unwrap().to_owned();

    assert_eq!(file.verify(&leaf, &policy()), Err(Error::QuorumMissing));
}

#[test]
fn file_of_an_untrusted_log_is_refused() {
    let (file, leaf) = proof(5);

    assert_eq!(file.verify(&leaf, &Policy::new()), Err(Error::Unsigned));
}

#[test]
fn single_entry_needs_no_hashes() {
    let leaf = Hash::leaf(b"alone");
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 1,
        root: leaf,
    };
    let file = ProofFile {
        extra: Some(Vec::new()),
        index: 0,
        inclusion: Vec::new(),
        checkpoint: checkpoint.sign(&signer()).unwrap(),
    };
    let mut policy = Policy::new();
    policy
        .add_log(signer().vkey().parse().unwrap(), None)
        .unwrap();

    let read: ProofFile = file.to_string().parse().unwrap();

    assert_eq!(read, file);
    assert!(read.verify(&leaf, &policy).is_ok());
}

#[test]
fn misspelt_file_is_refused() {
    let (file, _) = proof(5);
    let text = file.to_string();
    let hash = file.inclusion[0].to_base64();
    let texts = [
        String::new(),
        text.replace("tlog-proof@v1", "tlog-proof@v2"),
        text.replace("tlog-proof@v1\n", "tlog-proof@v1\r\n"),
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index +5"),
        text.replace("index 5", "index 5 "),
        text.replace("index 5", "index 9223372036854775808"),
        text.replace("index 5", "Index 5"),
        text.replace("index 5\n", ""),
        text.replace("index 5\n", "index 5\nextra YWdl\n"),
        text.replace("index 5\n", "extra YWdl\nextra YWdl\nindex 5\n"),
        text.replace("index 5\n", "extra YWd\nindex 5\n"),
        text.replace("index 5\n", "extra\nindex 5\n"),
        text.replace(&hash, &hash[1..]),
        text.replace(&hash, "YWdl"),
        text.replace("\n\nc_z999", "\nc_z999"),
        text.replace("\n\nc_z999", "\n\n\nc_z999"),
        text.trim_end().to_owned(),
        format!("\n{text}"),
    ];

    for text in texts {
        assert!(text.parse::<ProofFile>().is_err(), "{text:?}");
    }
}

#[test]
fn more_than_63_hashes_are_refused_unread() {
    let (mut file, _) = proof(5);
    file.inclusion = vec![Hash::EMPTY; 63];
    assert!(file.to_string().parse::<ProofFile>().is_ok());

    file.inclusion.push(Hash::EMPTY);

    let read = file.to_string().parse::<ProofFile>();
    assert_eq!(read, Err(Error::MalformedProofFile));
}

#[test]
fn extra_data_is_bounded() {
    let (mut file, _) = proof(5);
    file.extra = Some(vec![7; MAX_EXTRA]);
    assert_eq!(file.to_string().parse::<ProofFile>().as_ref(), Ok(&file));

    for length in [MAX_EXTRA + 1, MAX_EXTRA * 2] {
        file.extra = Some(vec![7; length]);

        let read = file.to_string().parse::<ProofFile>();
        assert_eq!(read, Err(Error::MalformedProofFile));
    }
}

proptest! {
    #[test]
    fn file_gives_back_what_was_written(
        index in 0..=decimal::MAX,
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=63),
    ) {
        let (file, _) = proof(0);
        let inclusion = hashes.into_iter().map(Hash::from).collect();
        let file = ProofFile { extra, index, inclusion, ..file };

        prop_assert_eq!(file.to_string().parse(), Ok(file));
    }

    #[test]
    fn file_with_any_byte_changed_proves_nothing_else(at in 0_usize..2000, by in 1_u8..=255) {
        let (file, leaf) = proof(77);
        let mut bytes = file.to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = bytes[at].wrapping_add(by);

        if let Ok(Ok(read)) = String::from_utf8(bytes).map(|text| text.parse::<ProofFile>()) {
            prop_assert!(read.verify(&leaf, &policy()).is_err());
        }
    }

    #[test]
    fn file_that_parses_has_no_other_spelling(text in "c2sp.org/tlog-proof@v1\n(extra [A-D=]{0,4}\n)?index [0-9]{1,3}\n(\\PC|\n)*") {
        if let Ok(file) = text.parse::<ProofFile>() {
            prop_assert_eq!(file.to_string(), text);
        }
    }
}
