//! Facts about what a witness answers.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::note::Signer;
use crate::proof::prove_consistency;
use crate::testing::Stored;

const ORIGIN: &str = "c_z999.audit/gw1/2026";

static STORED: LazyLock<Stored> = LazyLock::new(|| Stored::new(300));

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn keys() -> Vec<Verifier> {
    vec![signer().vkey().parse().unwrap()]
}

fn head(size: u64) -> Head {
    Head {
        size,
        root: STORED.root(size),
    }
}

fn note(head: Head) -> String {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: head.size,
        root: head.root,
    };
    checkpoint.sign(&signer()).unwrap()
}

/// What an honest log sends.
fn request(old: u64, new: u64) -> Request {
    let proof = prove_consistency(old, new, STORED.at(new)).unwrap();
    Request::new(old, &proof, &note(head(new))).unwrap()
}

#[test]
fn body_has_the_lines_of_the_specification() {
    let request = request(6, 8);

    let body = request.encode();

    let hashes: Vec<String> = request.proof.iter().map(|hash| hash.to_base64()).collect();
    let expected = format!("old 6\n{}\n\n{}", hashes.join("\n"), note(head(8)));
    assert_eq!(body, expected);
    assert_eq!(Request::parse(&body), Ok(request));
}

#[test]
fn body_of_the_specification_is_read() {
    let request = Request::parse(PUBLISHED).unwrap();

    assert_eq!(request.old, 20_852_014);
    assert_eq!(request.proof.len(), 4);
    assert_eq!(request.origin(), "example.com/behind-the-sofa");
    assert_eq!(request.head().size, 20_852_163);
    assert_eq!(request.encode(), PUBLISHED);
}

#[test]
fn honest_log_is_cosigned_at_every_step() {
    let mut latest = None;

    for (old, new) in [(0, 0), (0, 1), (1, 2), (2, 2), (2, 7), (7, 256), (256, 300)] {
        let decided = decide(&request(old, new), &keys(), latest);

        assert_eq!(decided, Ok(head(new)), "{old} to {new}");
        latest = decided.ok();
    }
}

#[test]
fn stale_old_size_is_answered_with_the_size_that_counts() {
    for old in [0, 6, 8] {
        let refused = decide(&request(old, 9), &keys(), Some(head(7)));

        assert_eq!(refused, Err(Refusal::Stale(7)), "{old}");
    }
    let never_seen = decide(&request(5, 9), &keys(), None);
    assert_eq!(never_seen, Err(Refusal::Stale(0)));
}

#[test]
fn log_that_shrinks_is_refused() {
    let back = Request::new(9, &[], &note(head(7))).unwrap();

    assert_eq!(
        decide(&back, &keys(), Some(head(9))),
        Err(Refusal::Shrinking)
    );
    assert_eq!(
        decide(&back, &keys(), Some(head(5))),
        Err(Refusal::Shrinking)
    );
}

#[test]
fn rewritten_log_is_refused() {
    let mut rewritten = head(9);
    rewritten.root = Hash::leaf(b"another history");
    let note = note(rewritten);
    let proof = prove_consistency(7, 9, STORED.at(9)).unwrap();

    let grown = Request::new(7, &proof, &note).unwrap();
    let same = Request::new(9, &[], &note).unwrap();

    assert_eq!(
        decide(&grown, &keys(), Some(head(7))),
        Err(Refusal::Inconsistent)
    );
    assert_eq!(
        decide(&same, &keys(), Some(head(9))),
        Err(Refusal::Inconsistent)
    );
}

#[test]
fn wrong_proof_is_refused() {
    let good = prove_consistency(7, 9, STORED.at(9)).unwrap();
    let mut longer = good.clone();
    longer.push(Hash::EMPTY);
    let mut swapped = good.clone();
    swapped.reverse();
    let cases = [Vec::new(), good[1..].to_vec(), longer, swapped];

    for proof in cases {
        let request = Request::new(7, &proof, &note(head(9))).unwrap();
        assert_eq!(
            decide(&request, &keys(), Some(head(7))),
            Err(Refusal::Inconsistent)
        );
    }
}

#[test]
fn proof_from_nothing_or_to_itself_must_be_empty() {
    let first = Request::new(0, &[Hash::EMPTY], &note(head(9))).unwrap();
    let again = Request::new(9, &[Hash::EMPTY], &note(head(9))).unwrap();

    assert_eq!(decide(&first, &keys(), None), Err(Refusal::Inconsistent));
    assert_eq!(
        decide(&again, &keys(), Some(head(9))),
        Err(Refusal::Inconsistent)
    );
}

#[test]
fn empty_log_has_the_empty_root() {
    let forged = Head {
        size: 0,
        root: Hash::leaf(b"x"),
    };

    let refused = decide(&Request::new(0, &[], &note(forged)).unwrap(), &keys(), None);

    assert_eq!(refused, Err(Refusal::Inconsistent));
}

#[test]
fn unknown_log_is_told_before_anything_else() {
    let wrong = Request::new(9, &[Hash::EMPTY], &note(head(7))).unwrap();

    assert_eq!(decide(&wrong, &[], None), Err(Refusal::UnknownLog));
}

#[test]
fn checkpoint_without_a_good_signature_is_refused_before_its_proof() {
    let strange = Signer::from_seed(ORIGIN, &[3; 32]).unwrap();
    let text = Note::parse(&note(head(9))).unwrap().text().to_owned();
    let unsigned = Request::new(5, &[], &strange.sign(&text).unwrap()).unwrap();
    let altered = note(head(9)).replace("\n9\n", "\n8\n");
    let altered = Request::new(5, &[], &altered).unwrap();

    for request in [unsigned, altered] {
        assert_eq!(
            decide(&request, &keys(), Some(head(7))),
            Err(Refusal::Untrusted)
        );
    }
}

#[test]
fn one_of_several_keys_is_enough_while_a_log_changes_its_key() {
    let next = Signer::from_seed(ORIGIN, &[3; 32]).unwrap();
    let both = [keys(), vec![next.vkey().parse().unwrap()]].concat();

    assert_eq!(decide(&request(0, 9), &both, None), Ok(head(9)));
}

#[test]
fn statuses_are_those_of_the_specification() {
    let statuses = [
        (Refusal::Malformed, 400),
        (Refusal::Shrinking, 400),
        (Refusal::Untrusted, 403),
        (Refusal::UnknownLog, 404),
        (Refusal::Stale(7), 409),
        (Refusal::Inconsistent, 422),
    ];

    for (refusal, status) in statuses {
        assert_eq!(refusal.status(), status);
    }
}

#[test]
fn misspelt_body_is_refused() {
    let body = request(6, 8).encode();
    let hash = request(6, 8).proof[0].to_base64();
    let bodies = [
        String::new(),
        "old 0".to_owned(),
        "old 0\n".to_owned(),
        "old 0\n\n".to_owned(),
        body.replace("old 6", "old 06"),
        body.replace("old 6", "old +6"),
        body.replace("old 6", "old  6"),
        body.replace("old 6", "old -6"),
        body.replace("old 6", "old 9223372036854775808"),
        body.replace("old 6", "Old 6"),
        body.replace("old 6\n", "old 6\r\n"),
        body.replace(&hash, &hash[..40]),
        body.replace(&hash, "*"),
        body.replace("\n\nc_z999", "\nc_z999"),
        body.replace("\n8\n", "\n08\n"),
        body.trim_end().to_owned(),
    ];

    for body in bodies {
        assert!(Request::parse(&body).is_err(), "{body:?}");
    }
}

#[test]
fn more_than_63_hashes_are_refused_unread() {
    let most = vec![Hash::EMPTY; 63];
    let body = Request::new(6, &most, &note(head(8))).unwrap().encode();
    assert!(Request::parse(&body).is_ok());

    let over = body.replace("old 6\n", &format!("old 6\n{}\n", Hash::EMPTY.to_base64()));

    assert_eq!(Request::parse(&over), Err(Error::MalformedRequest));
    let refused = Request::new(6, &[Hash::EMPTY; 64], &note(head(8)));
    assert_eq!(refused, Err(Error::ProofLength));
}

proptest! {
    #[test]
    fn witness_only_goes_forward(steps in prop::collection::vec((0_u64..=300, 0_u64..=300), 1..40)) {
        let mut latest: Option<Head> = None;

        for (old, new) in steps {
            let proof = prove_consistency(old.min(new), new, STORED.at(new)).unwrap();
            let request = Request::new(old, &proof, &note(head(new))).unwrap();
            let known = latest.map_or(0, |head| head.size);
            match decide(&request, &keys(), latest) {
                Ok(decided) => {
                    prop_assert!(old == known && decided == head(new) && new >= known);
                    latest = Some(decided);
                }
                Err(Refusal::Shrinking) => prop_assert!(old > new),
                Err(refusal) => prop_assert_eq!(refusal, Refusal::Stale(known)),
            }
        }
    }

    #[test]
    fn body_that_parses_has_no_other_spelling(body in "old [0-9]{1,3}\n([A-Za-z0-9+/]{43}=\n){0,2}(\\PC|\n){0,40}") {
        if let Ok(request) = Request::parse(&body) {
            prop_assert_eq!(request.encode(), body);
        }
    }

    #[test]
    fn forged_proof_convinces_nobody(hashes in prop::collection::vec(any::<[u8; 32]>(), 0..=63), new in 8_u64..=300) {
        let proof: Vec<Hash> = hashes.into_iter().map(Hash::from).collect();
        let request = Request::new(7, &proof, &note(head(new))).unwrap();

        prop_assert_eq!(decide(&request, &keys(), Some(head(7))), Err(Refusal::Inconsistent));
    }
}

/// The request that the specification prints.
const PUBLISHED: &str = "\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";
