//! Comparing a log with a checkpoint that somebody has kept.
//!
//! A log whose end was cut off, with every mark of it on the machine, agrees with itself again: only a head that
//! stands elsewhere knows better. Every answer carries one, so each caller holds such a head.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use varco_runtime::config::Config;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::note::{Note, Verifier};
use varco_tlog::proof::{prove_consistency, verify_consistency};

use super::{Report, tree, verify_log};
use crate::audit::Error as Audit;
use crate::audit::index;
use crate::audit::reading::{self, Reading};
use crate::audit::store_log::{self, Log};

/// A checkpoint that somebody has kept, whose log goes on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The log as it stands now.
    pub log: Report,
    /// Records under the checkpoint.
    pub size: u64,
}

/// Why a log does not bear a checkpoint out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be read, or is damaged in itself.
    #[error(transparent)]
    Audit(#[from] Audit),
    /// The log is shorter than it was.
    #[error(
        "{origin} ends at {stored} records and had signed a head over {kept}: what lay after index {last} was cut off or \
         rewritten"
    )]
    CutOff {
        /// The log.
        origin: String,
        /// Records that there are.
        stored: u64,
        /// Records that there had been.
        kept: u64,
        /// The last index that is there.
        last: u64,
    },
    /// There is no such log any more.
    #[error("{origin} is gone and had signed a head over {kept} records: all of it was cut off")]
    Gone {
        /// The log.
        origin: String,
        /// Records that there had been.
        kept: u64,
    },
    /// The file holds no checkpoint.
    #[error(
        "it holds no signed checkpoint: name a file with the text that varco-audit-checkpoint-bin carried"
    )]
    NoCheckpoint,
    /// The log had other records.
    #[error(
        "{origin} is not the one that signed a head over {kept} records: records before index {kept} were rewritten"
    )]
    Rewritten {
        /// The log.
        origin: String,
        /// Records that there had been.
        kept: u64,
    },
    /// There is no such log, and nobody says which key it had.
    #[error(
        "there is no log {0} here, and nobody has said its key: name it with --vkey to know whether the checkpoint is \
         genuine and the log was cut off"
    )]
    Unknown(String),
    /// The log's key has not signed the checkpoint.
    #[error(
        "the checkpoint is not signed by the key that {0} has here: either it was forged, or the log was written anew \
         under another key"
    )]
    Stranger(String),
}

/// Compares the log in the database with a checkpoint, under the key that the database names or that is given.
///
/// # Errors
///
/// [`Error`]; [`Error::Audit`] where the log is damaged in itself.
pub async fn verify(config: &Config, kept: &str, vkey: Option<&str>) -> Result<Reached, Error> {
    let db = reading::open_db(config).await?;
    let index = index::open_to_read(config).await?;
    verify_in((db, index), kept, vkey).await
}

async fn verify_in(
    (db, index): (Db, Db),
    kept: &str,
    vkey: Option<&str>,
) -> Result<Reached, Error> {
    let note = text(kept).ok_or(Error::NoCheckpoint)?;
    let origin = told(&note)?.origin;
    let mut tx = db.read().await.map_err(Audit::from)?;
    let log = store_log::log(&mut tx, &origin).await?;
    let stored = match &log {
        Some(log) => store_log::head(&mut tx, log).await?,
        None => None,
    };
    // Who only reads has one connection.
    drop(tx);
    let own = log.as_ref().map(|log| log.vkey.clone());
    let key = vkey.map(|vkey| vkey.trim().to_owned()).or(own);
    let key = key.ok_or_else(|| Error::Unknown(origin.clone()))?;
    let head = signed(&note, &key, &origin)?;
    let Some(log) = log.filter(|_| stored.is_some()) else {
        let kept = head.size;
        return Err(Error::Gone { origin, kept });
    };
    if log.vkey != key {
        return Err(Error::Stranger(origin));
    }
    goes_on(db, index, log, head).await
}

/// Verifies a log, and that it goes on from a head that its key has signed.
async fn goes_on(db: Db, index: Db, log: Log, head: Checkpoint) -> Result<Reached, Error> {
    let report = verify_log(&db, &index, &log).await?;
    if report.size < head.size {
        return Err(cut_off(&report, head));
    }
    let reading = Reading::of(db, index, log).await?;
    let proof = reading
        .over_tiles(|read| prove_consistency(head.size, report.size, read))
        .await?;
    bears_out(report, head, &proof)
}

/// Compares an exported tree with a checkpoint, under the key that the tree names or that is given.
///
/// # Errors
///
/// As `verify`.
pub fn verify_tree(folder: &Path, kept: &str, vkey: Option<&str>) -> Result<Reached, Error> {
    let note = text(kept).ok_or(Error::NoCheckpoint)?;
    let told = told(&note)?;
    let report = tree::verify(folder, vkey)?;
    let head = signed(&note, &report.vkey, &told.origin)?;
    if report.size < head.size {
        return Err(cut_off(&report, head));
    }
    let read = |tile| tree::stored(folder, tile);
    let proof = match prove_consistency(head.size, report.size, read) {
        Ok(proof) => proof,
        Err(LoadError::Malformed(error)) => return Err(Audit::from(error).into()),
        Err(LoadError::Read(error)) => return Err(error.into()),
    };
    bears_out(report, head, &proof)
}

/// The note in a file: as it is, or in base64 as it comes in metadata.
fn text(kept: &str) -> Option<String> {
    if Note::parse(kept).is_ok() {
        return Some(kept.to_owned());
    }
    let kept = kept.trim();
    let decoded = STANDARD
        .decode(kept)
        .or_else(|_| STANDARD_NO_PAD.decode(kept));
    let note = String::from_utf8(decoded.ok()?).ok()?;
    Note::parse(&note).is_ok().then_some(note)
}

/// What a note says, before anybody has checked it.
fn told(note: &str) -> Result<Checkpoint, Error> {
    let note = Note::parse(note).map_err(|_| Error::NoCheckpoint)?;
    note.text().parse().map_err(|_| Error::NoCheckpoint)
}

fn signed(note: &str, vkey: &str, origin: &str) -> Result<Checkpoint, Error> {
    let key: Verifier = vkey.parse().map_err(Audit::from)?;
    Checkpoint::open(note, &key).map_err(|_| Error::Stranger(origin.to_owned()))
}

fn cut_off(report: &Report, head: Checkpoint) -> Error {
    Error::CutOff {
        origin: head.origin,
        stored: report.size,
        kept: head.size,
        last: report.size.saturating_sub(1),
    }
}

fn bears_out(report: Report, head: Checkpoint, proof: &[Hash]) -> Result<Reached, Error> {
    let mut root = [0; 32];
    let root = hex::decode_to_slice(&report.root, &mut root).map(|()| Hash::from(root));
    let goes_on = root.is_ok_and(|root| {
        verify_consistency(head.size, &head.root, report.size, &root, proof).is_ok()
    });
    if goes_on {
        Ok(Reached {
            log: report,
            size: head.size,
        })
    } else {
        Err(Error::Rewritten {
            origin: head.origin,
            kept: head.size,
        })
    }
}

#[cfg(test)]
mod tests;
