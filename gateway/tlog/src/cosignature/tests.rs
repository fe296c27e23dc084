//! Facts about cosignatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::note::{Signer, Verifier, with_lines};

const TIME: u64 = 1_679_315_147;

/// The checkpoint that the specification prints.
const TEXT: &str = "example.com/behind-the-sofa\n\
                    20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

fn log() -> Signer {
    Signer::from_seed("example.com/behind-the-sofa", &[1; 32]).unwrap()
}

fn cosigner(seed: u8) -> Cosigner {
    Cosigner::from_seed("witness.example.com/w1", &[seed; 32]).unwrap()
}

fn key(cosigner: &Cosigner) -> CosignerKey {
    cosigner.vkey().parse().unwrap()
}

fn note() -> String {
    log().sign(TEXT).unwrap()
}

/// The note with the cosigner's line below it.
fn cosigned(cosigner: &Cosigner, time: u64) -> String {
    let note = note();
    let line = cosigner.cosign(&Note::parse(&note).unwrap(), time).unwrap();
    with_lines(&note, &line).unwrap()
}

fn time_on(key: &CosignerKey, note: &str) -> Result<Option<u64>, Error> {
    let newest = key.newest_on(&Note::parse(note).unwrap())?;
    Ok(newest.map(|cosignature| cosignature.time))
}

#[test]
fn cosignature_is_found_with_its_time() {
    let cosigner = cosigner(2);

    let note = cosigned(&cosigner, TIME);

    assert_eq!(time_on(&key(&cosigner), &note), Ok(Some(TIME)));
    let verifier: Verifier = log().vkey().parse().unwrap();
    assert_eq!(verifier.open(&note), Ok(TEXT));
}

#[test]
fn signed_message_is_the_one_that_the_specification_prints() {
    assert_eq!(
        message(TEXT, TIME),
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
         CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    );
}

#[test]
fn line_holds_the_key_id_the_time_and_the_signature() {
    let cosigner = cosigner(2);
    let note = note();

    let line = cosigner.cosign(&Note::parse(&note).unwrap(), TIME).unwrap();

    let encoded = line.strip_prefix("— witness.example.com/w1 ").unwrap();
    let bytes = STANDARD.decode(encoded.trim_end()).unwrap();
    assert_eq!(bytes.len(), 4 + 8 + 64);
    let id = cosigner.vkey().split('+').nth(1).unwrap().to_owned();
    let found = u32::from_be_bytes(bytes[..4].try_into().unwrap());
    assert_eq!(format!("{found:08x}"), id);
    assert_eq!(bytes[4..12], TIME.to_be_bytes());
}

#[test]
fn key_of_a_cosigner_is_not_the_key_of_a_log() {
    let (log, cosigner) = (log(), cosigner(2));

    assert_eq!(
        cosigner.vkey().parse::<Verifier>(),
        Err(Error::MalformedKey)
    );
    assert_eq!(log.vkey().parse::<CosignerKey>(), Err(Error::MalformedKey));
}

#[test]
fn note_without_the_cosigner_says_nothing_of_it() {
    let note = cosigned(&cosigner(2), TIME);

    let other = key(&cosigner(3));

    assert_eq!(time_on(&other, &note), Ok(None));
}

#[test]
fn newest_of_several_cosignatures_counts() {
    let cosigner = cosigner(2);
    let note = cosigned(&cosigner, TIME);
    let parsed = Note::parse(&note).unwrap();

    let twice = with_lines(&note, &cosigner.cosign(&parsed, TIME - 5).unwrap()).unwrap();

    assert_eq!(time_on(&key(&cosigner), &twice), Ok(Some(TIME)));
}

#[test]
fn bad_cosignature_spoils_the_note_beside_a_good_one() {
    let cosigner = cosigner(2);
    let good = cosigned(&cosigner, TIME);
    let other = good.replace("20852163", "20852164");

    let line = cosigner
        .cosign(&Note::parse(&other).unwrap(), TIME)
        .unwrap();
    let spoilt = with_lines(&good, &line).unwrap();

    assert_eq!(time_on(&key(&cosigner), &spoilt), Err(Error::BadSignature));
    assert_eq!(time_on(&key(&cosigner), &other), Err(Error::BadSignature));
}

#[test]
fn cosignature_of_any_other_length_is_bad() {
    let cosigner = cosigner(2);
    let id = hex_id(&cosigner.vkey());

    for length in [1, 7, 8, 71, 73, 200] {
        let bytes = [id.as_slice(), &vec![0; length]].concat();
        let line = format!("— {} {}\n", cosigner.name(), STANDARD.encode(bytes));
        let note = with_lines(&note(), &line).unwrap();

        assert_eq!(time_on(&key(&cosigner), &note), Err(Error::BadSignature));
    }
}

#[test]
fn time_is_bounded_both_ways() {
    let cosigner = cosigner(2);
    let note = note();
    let parsed = Note::parse(&note).unwrap();

    let refused = cosigner.cosign(&parsed, decimal::MAX + 1);
    let beyond = message(TEXT, u64::MAX);
    let line = cosigner
        .0
        .line(beyond.as_bytes(), &u64::MAX.to_be_bytes())
        .unwrap();

    assert_eq!(refused, Err(Error::TimeOutOfRange));
    let note = with_lines(&note, &line).unwrap();
    assert_eq!(time_on(&key(&cosigner), &note), Err(Error::BadSignature));
    let last = cosigned(&cosigner, decimal::MAX);
    assert_eq!(time_on(&key(&cosigner), &last), Ok(Some(decimal::MAX)));
}

#[test]
fn what_is_no_checkpoint_is_not_cosigned() {
    let note = log().sign("Buongiorno.\n").unwrap();

    let refused = cosigner(2).cosign(&Note::parse(&note).unwrap(), TIME);

    assert_eq!(refused, Err(Error::MalformedCheckpoint));
}

#[test]
fn extension_lines_are_cosigned_too() {
    let cosigner = cosigner(2);
    let note = log().sign(&format!("{TEXT}extension\n")).unwrap();
    let line = cosigner.cosign(&Note::parse(&note).unwrap(), TIME).unwrap();
    let note = with_lines(&note, &line).unwrap();

    let changed = note.replace("extension", "estensione");

    assert_eq!(time_on(&key(&cosigner), &note), Ok(Some(TIME)));
    assert_eq!(time_on(&key(&cosigner), &changed), Err(Error::BadSignature));
}

#[test]
fn stored_key_is_the_same_key() {
    let cosigner = Cosigner::generate("witness.example.com/w1").unwrap();

    let der = cosigner.to_pkcs8().unwrap();
    let restored = Cosigner::from_pkcs8("witness.example.com/w1", &der).unwrap();

    assert_eq!(restored.vkey(), cosigner.vkey());
    assert_eq!(
        format!("{restored:?}"),
        format!("Cosigner({})", cosigner.vkey())
    );
}

#[test]
fn lines_with_a_blank_one_among_them_are_not_added() {
    let cosigner = cosigner(2);
    let note = note();
    let line = cosigner.cosign(&Note::parse(&note).unwrap(), TIME).unwrap();

    for lines in [
        format!("\n{line}"),
        format!("{line}\n{line}"),
        line.trim_end().to_owned(),
        "no line\n".to_owned(),
    ] {
        assert_eq!(
            with_lines(&note, &lines),
            Err(Error::MalformedNote),
            "{lines}"
        );
    }
}

fn hex_id(vkey: &str) -> [u8; 4] {
    let id = vkey.split('+').nth(1).unwrap();
    u32::from_str_radix(id, 16).unwrap().to_be_bytes()
}

proptest! {
    #[test]
    fn cosignature_with_any_bit_changed_is_bad(bit in 0_usize..(8 + 64) * 8) {
        let cosigner = cosigner(2);
        let note = cosigned(&cosigner, TIME);
        let encoded = note.trim_end().rsplit(' ').next().unwrap();
        let mut bytes = STANDARD.decode(encoded).unwrap();
        bytes[4 + bit / 8] ^= 1 << (bit % 8);

        let changed = note.replace(encoded, &STANDARD.encode(bytes));

        prop_assert_eq!(time_on(&key(&cosigner), &changed), Err(Error::BadSignature));
    }
}
