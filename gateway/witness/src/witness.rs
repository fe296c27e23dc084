//! The witness itself: decides on what it has stored, stores, then speaks.
//!
//! The order matters: a cosignature leaves only after the head that it is for is durable, and the
//! head is replaced only if it is still the one that was decided upon. So there is no moment at
//! which two histories of a log could both be cosigned, whatever crashes or runs beside.

use std::path::{Path, PathBuf};

use varco_runtime::clock::Clock;
use varco_runtime::config::witness::Witness as Settings;
use varco_runtime::store::{self, Db};
use varco_runtime::{pki, secret};
use varco_tlog::cosignature::Cosigner;
use varco_tlog::note::{Note, Verifier, with_lines};
use varco_tlog::witness::{Head, Refusal, Request, decide};

use crate::key;
use crate::known::{self, Known};
use crate::store_head::{self, Cosigned};

/// A witness of logs.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    known: Known,
    db: Db,
    clock: Clock,
}

/// Ways that a witness does not start, or cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state belongs to another key, or to another name.
    #[error(
        "{0} is not the key that this witness began with, or witness.name has changed: put both back, or begin anew with a new database and a new key"
    )]
    AnotherKey(PathBuf),
    /// Requests overtook each other again and again.
    #[error("requests of one log overtake each other")]
    Contended,
    /// The key cannot be used.
    #[error("{0} is no Ed25519 key in PEM (PKCS#8): restore it from a backup")]
    Key(PathBuf),
    /// The key is missing, and the state says that there was one.
    #[error("{0} is missing, and the database says what it has signed: restore it from a backup")]
    KeyMissing(PathBuf),
    /// The list of logs is refused.
    #[error(transparent)]
    Known(#[from] known::Error),
    /// The checkpoint could not be signed.
    #[error("checkpoint could not be cosigned")]
    Log(#[from] varco_tlog::error::Error),
    /// The name cannot stand in a note.
    #[error(
        "witness.name must not be empty, nor hold spaces or a +: write for example witness.comune.example"
    )]
    Name,
    /// No key could be made.
    #[error("no key could be made")]
    Pki(#[from] pki::Error),
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key file cannot be read or written.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Witness {
    /// Opens a witness on its state; makes its key at the first start.
    ///
    /// # Errors
    ///
    /// When the settings, the key or the state cannot be used, or do not belong together.
    pub async fn open(
        settings: &Settings,
        folder: &Path,
        db: Db,
        clock: Clock,
    ) -> Result<Self, Error> {
        let known = Known::read(&settings.logs)?;
        let path = folder.join(&settings.signing_key);
        let cosigner = key::open(&path, &settings.name, &db).await?;
        Ok(Self {
            cosigner,
            known,
            db,
            clock,
        })
    }

    /// The verifier key by which its cosignatures are checked.
    #[must_use]
    pub fn vkey(&self) -> String {
        self.cosigner.vkey()
    }

    /// Answers the body of an `add-checkpoint` request with the line of a cosignature.
    ///
    /// # Errors
    ///
    /// `Refused` as the specification says; anything else is this machine's trouble.
    pub async fn add_checkpoint(&self, body: &str) -> Result<String, Error> {
        let request = Request::parse(body).map_err(|_| Refusal::Malformed)?;
        let keys = self.known.keys(request.origin());
        if keys.is_empty() {
            return Err(Refusal::UnknownLog.into());
        }
        for _ in 0..ATTEMPTS {
            let latest = self.latest(request.origin()).await?;
            let decided = decide(&request, &keys, latest);
            tell(&request, latest, decided);
            let head = decided?;
            if let Some(line) = self.cosign(&request, &keys, (latest, head)).await? {
                return Ok(line);
            }
        }
        Err(Error::Contended)
    }

    /// The last checkpoint that it has cosigned of a log, for monitors: with the signatures of the
    /// log that it verified, and its own.
    ///
    /// `origin_hash` is the SHA-256 of the log's origin.
    ///
    /// # Errors
    ///
    /// When the state cannot be read.
    pub async fn checkpoint(&self, origin_hash: &[u8]) -> Result<Option<String>, Error> {
        let mut tx = self.db.read().await?;
        Ok(store_head::note(&mut tx, origin_hash).await?)
    }

    async fn latest(&self, origin: &str) -> Result<Option<Head>, Error> {
        let mut tx = self.db.read().await?;
        Ok(store_head::head(&mut tx, origin).await?)
    }

    /// Cosigns and stores; nothing if the head is no longer the one that was decided upon.
    async fn cosign(
        &self,
        request: &Request,
        keys: &[Verifier],
        (latest, head): (Option<Head>, Head),
    ) -> Result<Option<String>, Error> {
        let note = Note::parse(request.note())?;
        let at = self.clock.unix();
        let time = u64::try_from(at).unwrap_or_default();
        let line = self.cosigner.cosign(&note, time)?;
        let shown = shown(&note, keys, &line)?;
        let new = Cosigned {
            origin: request.origin(),
            head,
            note: &shown,
            at,
        };
        let mut tx = self.db.begin().await?;
        let stored = match latest {
            Some(old) => store_head::advance(&mut tx, old, &new).await?,
            None => store_head::begin(&mut tx, &new).await?,
        };
        if !stored {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(line))
    }
}

/// The checkpoint with those signatures only that were verified, and ours.
fn shown(note: &Note<'_>, keys: &[Verifier], line: &str) -> Result<String, Error> {
    let mut lines = String::new();
    for key in keys {
        lines.extend(note.lines_of(key)?);
    }
    let signed = format!("{}\n{lines}", note.text());
    Ok(with_lines(&signed, line)?)
}

/// Writes the log; a request of whoever holds no known key leaves nothing of its own there.
fn tell(request: &Request, latest: Option<Head>, decided: Result<Head, Refusal>) {
    let (origin, size) = (request.origin(), request.head().size);
    match decided {
        Ok(_) => tracing::debug!(origin, size, "a checkpoint continues the log"),
        Err(Refusal::Inconsistent) if latest.is_some_and(|it| it.size == size) => {
            // Two signed heads of one size: the note is itself the proof of it.
            let note = request.note();
            tracing::error!(origin, size, note, "a log has shown two histories");
        }
        Err(Refusal::Inconsistent) => {
            tracing::warn!(origin, size, "a checkpoint does not continue the log");
        }
        Err(refusal) => tracing::debug!(origin, size, %refusal, "a checkpoint was refused"),
    }
}

/// How often a request is decided again when another was stored meanwhile.
const ATTEMPTS: usize = 4;

#[cfg(test)]
mod tests;
