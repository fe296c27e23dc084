//! Signed notes: a text with signatures below it (C2SP signed-note).
//!
//! A note is plain text, so that it can be printed, pasted into a protocol register or read out.
//! Ed25519 signatures (type 0x01) are made and checked here, cosignatures (0x04) in
//! `crate::cosignature`; those of other keys and kinds are let through unread, as the format
//! demands. What a text says is for `crate::checkpoint`.

mod key;
mod secret;
mod signer;
mod verifier;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;

pub(crate) use key::{Key, Kind, check_name};
pub(crate) use secret::Secret;
pub use signer::Signer;
pub use verifier::Verifier;

/// A note, taken apart; nothing of it is checked until it is asked for by a known key.
#[derive(Clone, Debug)]
pub struct Note<'a> {
    text: &'a str,
    signatures: Vec<Signature<'a>>,
}

/// One signature line.
#[derive(Clone, Debug)]
struct Signature<'a> {
    line: &'a str,
    name: &'a str,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    ///
    /// `MalformedNote` for what is not a note, or is larger than this crate reads.
    pub fn parse(note: &'a str) -> Result<Self, Error> {
        if note.len() > MAX_BYTES || !is_clean(note) {
            return Err(Error::MalformedNote);
        }
        // The text may have blank lines of its own; the last one is the separator.
        let blank = note.rfind("\n\n").ok_or(Error::MalformedNote)?;
        let (text, rest) = note.split_at(blank + 1);
        let lines = rest.strip_prefix('\n').ok_or(Error::MalformedNote)?;
        if !lines.ends_with('\n') || lines.split_terminator('\n').count() > MAX_SIGNATURES {
            return Err(Error::MalformedNote);
        }
        let signatures = lines.split_inclusive('\n').map(Signature::parse);
        Ok(Self {
            text,
            signatures: signatures.collect::<Result<_, _>>()?,
        })
    }

    /// The text with its final newline, which proves nothing by itself.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The signature lines of a key, newlines included: all of them verify.
    ///
    /// # Errors
    ///
    /// `BadSignature` when one does not: then the note is to be refused.
    pub fn lines_of(&self, key: &Verifier) -> Result<Vec<&'a str>, Error> {
        let line = |signature: &Signature<'a>| {
            let checked = key.key.check(self.text.as_bytes(), &signature.bytes);
            checked.map(|()| signature.line)
        };
        self.by(&key.key).map(line).collect()
    }

    /// The signature lines of a key, each with what stands in it after the key's id.
    pub(crate) fn signatures_by(&self, key: &Key) -> impl Iterator<Item = (&'a str, &[u8])> {
        self.by(key)
            .map(|signature| (signature.line, signature.bytes.as_slice()))
    }

    fn by(&self, key: &Key) -> impl Iterator<Item = &Signature<'a>> {
        let same =
            |signature: &&Signature<'a>| signature.name == key.name && signature.id == key.id;
        self.signatures.iter().filter(same)
    }
}

impl<'a> Signature<'a> {
    /// Reads `— name signature` and a newline.
    fn parse(line: &'a str) -> Result<Self, Error> {
        let words = line
            .strip_prefix(MARK)
            .and_then(|rest| rest.strip_suffix('\n'));
        let words = words.and_then(|words| words.split_once(' '));
        let (name, encoded) = words.ok_or(Error::MalformedNote)?;
        check_name(name).map_err(|_| Error::MalformedNote)?;
        let bytes = STANDARD.decode(encoded);
        let bytes = bytes.map_err(|_| Error::MalformedNote)?;
        let (id, bytes) = bytes.split_first_chunk().ok_or(Error::MalformedNote)?;
        if bytes.is_empty() {
            return Err(Error::MalformedNote);
        }
        Ok(Self {
            line,
            name,
            id: *id,
            bytes: bytes.to_vec(),
        })
    }
}

/// Puts signature lines, each with its newline, below those that a note has.
///
/// # Errors
///
/// `MalformedNote` when the one is no note or the others are no signature lines.
pub fn with_lines(note: &str, lines: &str) -> Result<String, Error> {
    let longer = format!("{note}{lines}");
    // Lines with a blank one among them would turn signatures into text.
    if Note::parse(&longer)?.text() == Note::parse(note)?.text() {
        Ok(longer)
    } else {
        Err(Error::MalformedNote)
    }
}

/// Whether a text has no control character but newlines.
fn is_clean(text: &str) -> bool {
    text.chars()
        .all(|character| character >= ' ' || character == '\n')
}

/// What every signature line begins with: an em dash and a space.
const MARK: &str = "— ";

/// The largest note that is read: room for `MAX_SIGNATURES` post-quantum ones.
const MAX_BYTES: usize = 512 * 1024;

/// The longest text that is signed, so that witnesses' signatures still fit below it.
const MAX_TEXT: usize = 64 * 1024;

/// The most signatures that are read; the format demands at least 16.
const MAX_SIGNATURES: usize = 64;

#[cfg(test)]
mod tests;
