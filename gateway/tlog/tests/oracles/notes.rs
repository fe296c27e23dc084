//! Notes, checkpoints and names of tiles: what we write, others read, and the other way round.

use proptest::prelude::*;
use signed_note::{
    Note, NoteError, Signature, StandardVerifier, VerificationError, Verifier as _, VerifierList,
    Verifiers,
};
use tlog_tiles::{Checkpoint as TheirCheckpoint, Tile};
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::cosignature::Cosigner;
use varco_tlog::error::Error;
use varco_tlog::hash::Hash;
use varco_tlog::note::{self, Signer, Verifier, with_lines};
use varco_tlog::tile::{TileId, tiles_for};

const ORIGIN: &str = "c_z999.audit/gw1/2026";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn theirs(vkey: &str) -> VerifierList {
    VerifierList::new(vec![Box::new(StandardVerifier::new(vkey).unwrap())])
}

fn verified(note: &str, known: &impl Verifiers) -> Result<Vec<Signature>, NoteError> {
    Note::from_bytes(note.as_bytes())?
        .verify(known)
        .map(|(verified, _)| verified)
}

#[test]
fn verifier_key_is_read_alike() {
    let read = StandardVerifier::new(&signer().vkey()).unwrap();

    assert_eq!(read.name(), ORIGIN);
    let id = format!("{:08x}", read.key_id());
    assert_eq!(signer().vkey().split('+').nth(1), Some(id.as_str()));
}

#[test]
fn checkpoint_with_cosignatures_is_verified_by_others() {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 20_852_163,
        root: Hash::leaf(b"x"),
    };
    let note = checkpoint.sign(&signer()).unwrap();
    let mut longer = note.clone();
    for seed in 2..20 {
        let cosigner = Cosigner::from_seed(&format!("w{seed}.example"), &[seed; 32]).unwrap();
        let line = cosigner.cosign(&note::Note::parse(&note).unwrap(), 7);
        longer = with_lines(&longer, &line.unwrap()).unwrap();
    }

    let found = verified(&longer, &theirs(&signer().vkey())).unwrap();

    assert_eq!(found.len(), 1);
    let text = Note::from_bytes(longer.as_bytes()).unwrap();
    let read = TheirCheckpoint::from_bytes(text.text()).unwrap();
    assert_eq!(
        (read.origin(), read.size(), read.hash().0),
        (ORIGIN, 20_852_163, *checkpoint.root.as_bytes())
    );
    assert_eq!(read.to_bytes(), text.text());
}

#[test]
fn bad_signature_is_refused_alike() {
    let verifier: Verifier = signer().vkey().parse().unwrap();
    let altered = signer().sign("first\n").unwrap().replace("first", "other");

    let refused = verified(&altered, &theirs(&signer().vkey()));

    assert!(matches!(refused, Err(NoteError::InvalidSignature { .. })));
    assert_eq!(verifier.open(&altered), Err(Error::BadSignature));
}

#[test]
fn signature_of_a_stranger_is_no_signature_for_either() {
    let stranger = Signer::from_seed(ORIGIN, &[9; 32]).unwrap();
    let verifier: Verifier = signer().vkey().parse().unwrap();
    let note = stranger.sign("text\n").unwrap();

    let known = theirs(&signer().vkey());

    assert!(matches!(
        known.verifier("nobody", 1),
        Err(VerificationError::UnknownKey { .. })
    ));
    assert!(matches!(
        verified(&note, &known),
        Err(NoteError::UnverifiedNote)
    ));
    assert_eq!(verifier.open(&note), Err(Error::Unsigned));
}

#[test]
fn tiles_of_a_tree_have_the_same_names() {
    for size in [1, 255, 256, 257, 70_000, 1 << 20] {
        let mut named: Vec<String> = tiles_for(size).map(|id| id.path()).collect();
        let new = Tile::new_tiles(8, 0, size).into_iter();
        let mut theirs: Vec<String> = new
            .map(|tile| tile.path().replace("tile/8/", "tile/"))
            .collect();

        named.sort();
        theirs.sort();
        assert_eq!(named, theirs, "{size}");
    }
}

proptest! {
    #[test]
    fn every_text_is_signed_and_read_alike(text in "(\\PC|\n){0,80}") {
        let text = format!("{text}\n");

        let note = signer().sign(&text).unwrap();

        prop_assert!(verified(&note, &theirs(&signer().vkey())).is_ok());
        let read = Note::from_bytes(note.as_bytes()).unwrap();
        prop_assert_eq!(read.text(), text.as_bytes());
    }

    #[test]
    fn checkpoint_is_read_alike(
        origin in "[a-z0-9._/-]{1,40}",
        size in 0..=i64::MAX.unsigned_abs(),
        root in any::<[u8; 32]>(),
    ) {
        let text = Checkpoint { origin, size, root: Hash::from(root) }.to_string();

        let read = TheirCheckpoint::from_bytes(text.as_bytes()).unwrap();

        prop_assert_eq!(read.size(), size);
        prop_assert_eq!(read.hash().0, root);
        prop_assert_eq!(read.to_bytes(), text.into_bytes());
    }

    #[test]
    fn what_others_refuse_as_a_note_is_refused(note in "(\\PC|\n|\n\n|— a AAAAAAA=\n){0,12}") {
        let verifier: Verifier = signer().vkey().parse().unwrap();

        if Note::from_bytes(note.as_bytes()).is_err() {
            prop_assert!(note::Note::parse(&note).is_err(), "{:?}", note);
        }
        prop_assert!(verifier.open(&note).is_err());
    }

    #[test]
    fn name_of_a_tile_is_read_alike(level in 0_u8..63, index in 0_u64..1 << 40, width in 1_u16..=256) {
        let id = TileId { level, index, width };

        let tile = Tile::from_path(&id.path().replacen("tile/", "tile/8/", 1)).unwrap();

        prop_assert_eq!((tile.level(), tile.level_index()), (level, index));
        prop_assert_eq!(tile.width(), u32::from(width));
    }
}
