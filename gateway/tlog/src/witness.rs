//! What a witness answers to a log (C2SP tlog-witness), as pure functions of what it has seen.
//!
//! A witness cosigns a checkpoint only when that continues the last one it cosigned of the same
//! log: so nobody who asks for its word can be shown another history. The state must be compared
//! and replaced in one step before the answer leaves; storing and speaking HTTP are the caller's.

use crate::checkpoint::Checkpoint;
use crate::decimal;
use crate::error::Error;
use crate::hash::Hash;
use crate::hash_lines;
use crate::note::{Note, Verifier};
use crate::proof::verify_consistency;

/// The body of an `add-checkpoint` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    old: u64,
    proof: Vec<Hash>,
    note: String,
    /// What the note says, whoever may have signed it.
    claimed: Checkpoint,
}

/// The size and root of a log when a witness last cosigned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of entries.
    pub size: u64,
    /// The root hash over them.
    pub root: Hash,
}

/// Why a witness does not cosign, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 422: the checkpoint is not shown to continue what was cosigned before.
    #[error(
        "checkpoint is not shown to continue the last one cosigned: send the consistency proof between the two, and if there is none the log has been rewritten"
    )]
    Inconsistent,
    /// 400: the body is no request.
    #[error(
        "request is malformed: send an old size, at most 63 hashes, a blank line and a checkpoint"
    )]
    Malformed,
    /// 400: the proof would lead backwards.
    #[error("old size is larger than the checkpoint: a log only grows")]
    Shrinking,
    /// 409: the log believes that something else was cosigned last; this is the size that was.
    #[error("old size is not that of the last checkpoint cosigned, which is {0}: prove from there")]
    Stale(u64),
    /// 404: no key is known for the origin.
    #[error("log is unknown: ask whoever keeps this witness to add its key")]
    UnknownLog,
    /// 403: no known key has signed, or one has not signed this.
    #[error(
        "checkpoint carries no good signature of a known key: sign it with the key that this witness was given"
    )]
    Untrusted,
}

impl Request {
    /// Asks to cosign the checkpoint in a note that continues the log at size `old`.
    ///
    /// # Errors
    ///
    /// `ProofLength` over 63 hashes, `MalformedRequest` for an old size of 2⁶³ or more,
    /// `MalformedNote`, `MalformedCheckpoint` or `MalformedName` for what is no checkpoint.
    pub fn new(old: u64, proof: &[Hash], note: &str) -> Result<Self, Error> {
        if old > decimal::MAX {
            return Err(Error::MalformedRequest);
        }
        if proof.len() > crate::proof::MAX_HASHES {
            return Err(Error::ProofLength);
        }
        Ok(Self {
            old,
            proof: proof.to_vec(),
            note: note.to_owned(),
            claimed: Note::parse(note)?.text().parse()?,
        })
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    ///
    /// As `Request::new`, and `MalformedRequest` for what is no request at all.
    pub fn parse(body: &str) -> Result<Self, Error> {
        let (old, rest) = body.split_once('\n').ok_or(Error::MalformedRequest)?;
        let old = old.strip_prefix("old ").ok_or(Error::MalformedRequest)?;
        let old = decimal::parse(old).ok_or(Error::MalformedRequest)?;
        let (proof, note) = hash_lines::split(rest).ok_or(Error::MalformedRequest)?;
        Self::new(old, &proof, note)
    }

    /// Writes the body of the request.
    #[must_use]
    pub fn encode(&self) -> String {
        format!(
            "old {}\n{}{}",
            self.old,
            hash_lines::join(&self.proof),
            self.note
        )
    }

    /// The log that the checkpoint says to be of.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.claimed.origin
    }

    /// The note with the checkpoint, as it came.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The head that the checkpoint claims.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            size: self.claimed.size,
            root: self.claimed.root,
        }
    }
}

impl Refusal {
    /// The HTTP status that says it.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::Shrinking => 400,
            Self::Untrusted => 403,
            Self::UnknownLog => 404,
            Self::Stale(_) => 409,
            Self::Inconsistent => 422,
        }
    }
}

/// Decides whether a witness that knows these keys of the log, and last cosigned it at `latest`,
/// may cosign.
///
/// Returns the head that it must have stored before it answers.
///
/// # Errors
///
/// The first refusal in the order of the specification.
pub fn decide(request: &Request, keys: &[Verifier], latest: Option<Head>) -> Result<Head, Refusal> {
    authenticate(request, keys)?;
    let (old, new) = (request.old, request.head());
    if old > new.size {
        return Err(Refusal::Shrinking);
    }
    let latest = latest.unwrap_or(Head {
        size: 0,
        root: Hash::EMPTY,
    });
    if old != latest.size {
        return Err(Refusal::Stale(latest.size));
    }
    if new.size == 0 && new.root != Hash::EMPTY {
        return Err(Refusal::Inconsistent);
    }
    verify_consistency(old, &latest.root, new.size, &new.root, &request.proof)
        .map_err(|_| Refusal::Inconsistent)?;
    Ok(new)
}

/// Checks that a known key has signed, and none of them badly.
fn authenticate(request: &Request, keys: &[Verifier]) -> Result<(), Refusal> {
    if keys.is_empty() {
        return Err(Refusal::UnknownLog);
    }
    let note = Note::parse(&request.note).map_err(|_| Refusal::Malformed)?;
    let mut signed = false;
    for key in keys {
        let lines = note.lines_of(key).map_err(|_| Refusal::Untrusted)?;
        signed |= !lines.is_empty();
    }
    if signed {
        Ok(())
    } else {
        Err(Refusal::Untrusted)
    }
}

#[cfg(test)]
mod tests;
