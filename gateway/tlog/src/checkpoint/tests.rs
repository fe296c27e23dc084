//! Facts about checkpoints.

use proptest::prelude::*;

use super::*;

// The example of the specification.
const BODY: &str = "example.com/behind-the-sofa\n\
                    20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

fn signer(name: &str) -> Signer {
    Signer::from_seed(name, &[5; 32]).unwrap()
}

fn verifier(name: &str) -> Verifier {
    signer(name).vkey().parse().unwrap()
}

fn head(origin: &str) -> Checkpoint {
    Checkpoint {
        origin: origin.into(),
        size: 3,
        root: Hash::leaf(b"root"),
    }
}

#[test]
fn example_of_the_specification_is_read_and_written() {
    let head: Checkpoint = BODY.parse().unwrap();

    assert_eq!(head.origin, "example.com/behind-the-sofa");
    assert_eq!(head.size, 20_852_163);
    assert_eq!(head.to_string(), BODY);
}

#[test]
fn signed_head_opens_as_itself() {
    let origin = "c_a944.audit/gw-1/2026-b";

    let note = head(origin).sign(&signer(origin)).unwrap();

    assert_eq!(Checkpoint::open(&note, &verifier(origin)), Ok(head(origin)));
}

#[test]
fn head_of_another_log_is_neither_signed_nor_opened() {
    let (ours, theirs) = ("ours.example", "theirs.example");
    let forged = signer(ours).sign(&head(theirs).to_string()).unwrap();

    assert_eq!(head(theirs).sign(&signer(ours)), Err(Error::OriginMismatch));
    assert_eq!(
        Checkpoint::open(&forged, &verifier(ours)),
        Err(Error::OriginMismatch)
    );
}

#[test]
fn head_with_a_changed_size_does_not_open() {
    let note = head("log.example").sign(&signer("log.example")).unwrap();
    let changed = note.replace("\n3\n", "\n4\n");

    let refused = Checkpoint::open(&changed, &verifier("log.example"));

    assert_eq!(refused, Err(Error::BadSignature));
}

#[test]
fn signed_text_that_is_no_head_does_not_open() {
    let note = signer("log.example").sign("log.example\nhello\n").unwrap();

    let refused = Checkpoint::open(&note, &verifier("log.example"));

    assert_eq!(refused, Err(Error::MalformedCheckpoint));
}

#[test]
fn extension_lines_are_accepted_and_dropped() {
    let extended = format!("{BODY}extension one\nextension two\n");

    let head: Checkpoint = extended.parse().unwrap();

    assert_eq!(head.to_string(), BODY);
}

#[test]
fn empty_tree_has_size_zero() {
    let body = "log.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";

    let head: Checkpoint = body.parse().unwrap();

    assert_eq!((head.size, head.root), (0, Hash::EMPTY));
}

#[test]
fn size_beyond_signed_numbers_is_neither_read_nor_signed() {
    let mut head = head("log.example");

    head.size = i64::MAX.unsigned_abs();
    assert_eq!(head.to_string().parse(), Ok(head.clone()));
    head.size += 1;
    assert_eq!(
        head.to_string().parse::<Checkpoint>(),
        Err(Error::MalformedCheckpoint)
    );
    assert_eq!(
        head.sign(&signer("log.example")),
        Err(Error::MalformedCheckpoint)
    );
}

#[test]
fn head_with_lines_missing_or_empty_is_refused() {
    let bodies = [
        String::new(),
        "\n".into(),
        "log.example\n".into(),
        "log.example\n1\n".into(),
        format!("log.example\n1\n{ROOT}"),
        format!("log.example\n1\n{ROOT}\n\n"),
        format!("log.example\n1\n{ROOT}\n\nextension\n"),
        format!("log.example\n\n{ROOT}\n"),
        "log.example\n1\n\n".into(),
    ];

    for body in bodies {
        let refused = body.parse::<Checkpoint>();

        assert!(refused.is_err(), "{body:?}");
    }
}

#[test]
fn size_in_any_other_spelling_is_refused() {
    let over = "18446744073709551616";

    for size in [
        "01", "00", "+1", "-1", " 1", "1 ", "1\r", "0x1", "1e3", "1_0", "١", over,
    ] {
        let refused = format!("log.example\n{size}\n{ROOT}\n").parse::<Checkpoint>();

        assert_eq!(refused, Err(Error::MalformedCheckpoint), "{size:?}");
    }
}

#[test]
fn root_in_any_other_spelling_is_refused() {
    let roots = [
        "AAAA".into(),
        format!("{ROOT} "),
        format!("{ROOT}\r"),
        format!("AA{ROOT}"),
        ROOT.replace('=', ""),
        ROOT.replace("2I=", "2J="),
        ROOT.replace('/', "_"),
    ];

    for root in roots {
        let refused = format!("log.example\n1\n{root}\n").parse::<Checkpoint>();

        assert_eq!(refused, Err(Error::MalformedCheckpoint), "{root:?}");
    }
}

#[test]
fn origin_that_is_no_key_name_is_refused() {
    for origin in [
        "",
        "log example",
        "log+example",
        "log\texample",
        "log\u{a0}example",
    ] {
        let body = format!("{origin}\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");

        assert_eq!(
            body.parse::<Checkpoint>(),
            Err(Error::MalformedName),
            "{origin:?}"
        );
    }
}

proptest! {
    #[test]
    fn every_head_survives_the_way_through_text(
        origin in "[a-z0-9_./-]{1,40}",
        size in 0..=decimal::MAX,
        root in any::<[u8; 32]>(),
    ) {
        let head = Checkpoint { origin, size, root: root.into() };

        prop_assert_eq!(head.to_string().parse(), Ok(head));
    }

    #[test]
    fn text_that_is_read_begins_with_the_head_as_written(
        text in "[a-z]{0,3}\n[0-9]{0,3}\n[A-Za-z0-9+/]{42}[A-Z]=\n([a-z]{0,3}\n){0,2}",
    ) {
        if let Ok(head) = text.parse::<Checkpoint>() {
            prop_assert!(text.starts_with(&head.to_string()));
        }
    }
}
