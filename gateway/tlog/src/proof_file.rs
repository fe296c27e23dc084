//! Proof files: all that shows an entry to be in a log, in one text (C2SP tlog-proof).
//!
//! This is what is handed to a judge: whoever has the entry, the file and a policy of trusted keys
//! needs neither the log nor a network. What the entry is, and how it hashes into a leaf, is for
//! whoever asks. The extra data is carried along and proves nothing.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::Checkpoint;
use crate::decimal;
use crate::error::Error;
use crate::hash::Hash;
use crate::hash_lines;
use crate::note::Note;
use crate::policy::{Policy, Trusted};
use crate::proof::verify_inclusion;

/// A proof that an entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// Whatever its maker added, at most 64 KiB; nothing authenticates it.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The inclusion proof, leaf end first.
    pub inclusion: Vec<Hash>,
    /// The checkpoint as a note, with the signatures of the log and of witnesses.
    pub checkpoint: String,
}

impl ProofFile {
    /// Checks that a leaf is in a log as the policy demands, and says what was believed.
    ///
    /// # Errors
    ///
    /// As `Policy::check` for the checkpoint, and as `verify_inclusion` for the entry.
    pub fn verify(&self, leaf: &Hash, policy: &Policy) -> Result<Trusted, Error> {
        let trusted = policy.check(&self.checkpoint)?;
        let Checkpoint { size, root, .. } = &trusted.checkpoint;
        verify_inclusion(leaf, self.index, *size, &self.inclusion, root)?;
        Ok(trusted)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{MAGIC}")?;
        if let Some(extra) = &self.extra {
            writeln!(out, "{EXTRA}{}", STANDARD.encode(extra))?;
        }
        writeln!(out, "{INDEX}{}", self.index)?;
        write!(
            out,
            "{}{}",
            hash_lines::join(&self.inclusion),
            self.checkpoint
        )
    }
}

impl FromStr for ProofFile {
    type Err = Error;

    /// Reads a file; its signatures and its proof are not checked yet.
    ///
    /// # Errors
    ///
    /// `MalformedProofFile`, `MalformedNote` or `MalformedCheckpoint` for what is not a proof
    /// file, or has more than 63 hashes.
    fn from_str(text: &str) -> Result<Self, Error> {
        let (magic, rest) = line(text)?;
        if magic != MAGIC {
            return Err(Error::MalformedProofFile);
        }
        let (next, after) = line(rest)?;
        let (extra, index, rest) = match next.strip_prefix(EXTRA) {
            Some(extra) => {
                let (index, rest) = line(after)?;
                (Some(decode(extra)?), index, rest)
            }
            None => (None, next, after),
        };
        let index = index.strip_prefix(INDEX).ok_or(Error::MalformedProofFile)?;
        let (inclusion, checkpoint) = hash_lines::split(rest).ok_or(Error::MalformedProofFile)?;
        Note::parse(checkpoint)?.text().parse::<Checkpoint>()?;
        Ok(Self {
            extra,
            index: decimal::parse(index).ok_or(Error::MalformedProofFile)?,
            inclusion,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

fn line(text: &str) -> Result<(&str, &str), Error> {
    text.split_once('\n').ok_or(Error::MalformedProofFile)
}

fn decode(extra: &str) -> Result<Vec<u8>, Error> {
    if extra.len() > MAX_EXTRA.div_ceil(3) * 4 {
        return Err(Error::MalformedProofFile);
    }
    let bytes = STANDARD.decode(extra);
    bytes
        .ok()
        .filter(|bytes| bytes.len() <= MAX_EXTRA)
        .ok_or(Error::MalformedProofFile)
}

/// The version of the format, on the first line.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";
const EXTRA: &str = "extra ";
const INDEX: &str = "index ";

/// The most extra data that is read, in bytes.
const MAX_EXTRA: usize = 64 * 1024;

#[cfg(test)]
mod tests;
