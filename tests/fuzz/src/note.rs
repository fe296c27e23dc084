//! What must hold of any bytes that come as a signed note.

use varco_tlog::cosignature::CosignerKey;
use varco_tlog::note::{Note, Verifier, with_lines};

/// Reads a note: its parts are the note, a known key's verdict does not depend on what is added
/// below it, and nobody's cosignature is found without a line of theirs.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let log: Verifier = LOG.parse().unwrap();
    let witness: CosignerKey = WITNESS.parse().unwrap();
    let Ok(note) = Note::parse(text) else {
        assert!(log.open(text).is_err());
        return;
    };
    assert!(text.starts_with(note.text()));
    assert!(note.text().ends_with('\n'));
    if let Ok(Some(cosignature)) = witness.newest_on(&note) {
        assert!(text.ends_with('\n') && text.contains(cosignature.line));
    }
    let before = log.open(text);
    if let Ok(longer) = with_lines(text, STRANGER) {
        assert_eq!(log.open(&longer), before);
    }
}

/// The well-known key of Go's sumdb/note.
const LOG: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
/// The cosigner with the seed of 32 times the byte 2.
const WITNESS: &str =
    "witness.example.com/w1+745fb5e8+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
const STRANGER: &str = "— stranger.example AAAAAAA=\n";
