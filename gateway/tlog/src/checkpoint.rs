//! Checkpoints: the signed head of a log (C2SP tlog-checkpoint).
//!
//! Three lines say which log, how many entries and under which root; who holds two checkpoints
//! of one log can demand the proof that the later continues the earlier. Extension lines of
//! other logs are let through but not kept, for nobody can audit them.

use std::fmt;
use std::str::FromStr;

use crate::decimal;
use crate::error::Error;
use crate::hash::Hash;
use crate::note::{self, Signer, Verifier};

/// The head of a log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log, and of the key that signs for it.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root hash over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Signs the head as a note.
    ///
    /// # Errors
    ///
    /// `OriginMismatch` for a key of another name, `MalformedCheckpoint` for a size of 2⁶³ or
    /// more, `KeyRejected` if the library fails.
    pub fn sign(&self, signer: &Signer) -> Result<String, Error> {
        if self.origin != signer.name() {
            return Err(Error::OriginMismatch);
        }
        if self.size > decimal::MAX {
            return Err(Error::MalformedCheckpoint);
        }
        signer.sign(&self.to_string())
    }

    /// Checks a note and reads the head in it.
    ///
    /// # Errors
    ///
    /// As `Verifier::open`; `MalformedCheckpoint` or `MalformedName` when the text is not a
    /// head, `OriginMismatch` when it is another log's.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, Error> {
        let head: Self = verifier.open(note)?.parse()?;
        if head.origin == verifier.name() {
            Ok(head)
        } else {
            Err(Error::OriginMismatch)
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let root = self.root.to_base64();
        write!(out, "{}\n{}\n{root}\n", self.origin, self.size)
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    /// Reads the text of a checkpoint without its signatures.
    fn from_str(text: &str) -> Result<Self, Error> {
        let body = text.strip_suffix('\n').ok_or(Error::MalformedCheckpoint)?;
        let mut lines = body.split('\n');
        let mut line = || lines.next().ok_or(Error::MalformedCheckpoint);
        let (origin, size, root) = (line()?, line()?, line()?);
        note::check_name(origin)?;
        if lines.any(str::is_empty) {
            return Err(Error::MalformedCheckpoint);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal::parse(size).ok_or(Error::MalformedCheckpoint)?,
            root: Hash::from_base64(root).map_err(|_| Error::MalformedCheckpoint)?,
        })
    }
}

#[cfg(test)]
mod tests;
