//! Signed notes: a text with signatures below it (C2SP signed-note).
//!
//! A note is plain text, so that it can be printed, pasted into a protocol register or read out.
//! Only Ed25519 notes (type 0x01) are made and checked; signatures of other keys and kinds are
//! let through unread, as the format demands. What a text says is for `crate::checkpoint`.

mod key;
mod signer;
mod verifier;

use crate::error::Error;

pub(crate) use key::check_name;
pub use signer::Signer;
pub use verifier::Verifier;

/// One signature line, not yet checked.
struct Line<'a> {
    name: &'a str,
    signature: &'a str,
}

impl<'a> Line<'a> {
    /// Reads `— name signature`, without the final newline.
    fn parse(line: &'a str) -> Result<Self, Error> {
        let words = line.strip_prefix(MARK).ok_or(Error::MalformedNote)?;
        let (name, signature) = words.split_once(' ').ok_or(Error::MalformedNote)?;
        check_name(name).map_err(|_| Error::MalformedNote)?;
        Ok(Self { name, signature })
    }
}

/// Splits a note into its text, with the final newline, and its signature lines.
fn split(note: &str) -> Result<(&str, Vec<Line<'_>>), Error> {
    if note.len() > MAX_BYTES || !is_clean(note) {
        return Err(Error::MalformedNote);
    }
    // The text may have blank lines of its own; the last one is the separator.
    let blank = note.rfind("\n\n").ok_or(Error::MalformedNote)?;
    let (text, rest) = note.split_at(blank + 1);
    let lines = rest
        .strip_prefix('\n')
        .and_then(|lines| lines.strip_suffix('\n'));
    let lines = lines.ok_or(Error::MalformedNote)?.split('\n');
    if lines.clone().count() > MAX_SIGNATURES {
        return Err(Error::MalformedNote);
    }
    Ok((text, lines.map(Line::parse).collect::<Result<_, _>>()?))
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
