//! The mark: the last signed head, in a file beside the database.
//!
//! A database that was put back to an older copy agrees with itself. It does not agree with the mark,
//! nor with a witness: so a gateway notices at its start that records are gone, and never gives one of
//! their indices to another. The mark itself is not trusted for more: it carries the log's signature.

use std::path::{Path, PathBuf};

use varco_runtime::secret;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::proof;

use super::Error;
use super::reading::Reading;
use super::store_log;

/// The file of an instance's mark.
#[derive(Clone, Debug)]
pub struct Mark {
    file: PathBuf,
}

impl Mark {
    /// The mark of an instance in a folder.
    #[must_use]
    pub fn of(folder: &Path, instance: &str) -> Self {
        Self {
            file: folder.join(format!("{instance}.checkpoint")),
        }
    }

    /// Sets the mark.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn set(&self, note: &str) -> Result<(), Error> {
        Ok(secret::write_public(&self.file, note.as_bytes())?)
    }

    /// The signed head that was marked; none where nothing was.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn note(&self) -> Result<Option<String>, Error> {
        if !self.file.exists() {
            return Ok(None);
        }
        Ok(Some(secret::read(&self.file)?.to_string()))
    }

    /// Puts the mark aside: the log that it speaks of has lost what it marks.
    ///
    /// # Errors
    ///
    /// When the file cannot be moved.
    pub fn put_aside(&self) -> Result<(), Error> {
        let moved = std::fs::rename(&self.file, self.aside());
        moved.map_err(|error| secret::Error::Write(self.file.clone(), error).into())
    }

    /// The head that was put aside, for the record that tells of it.
    #[must_use]
    pub fn lost(&self) -> Option<String> {
        std::fs::read_to_string(self.aside()).ok()
    }

    /// Forgets what was put aside, once a record tells of it.
    pub fn told(&self) {
        if let Err(error) = std::fs::remove_file(self.aside())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the mark that was put aside stays");
        }
    }

    fn aside(&self) -> PathBuf {
        self.file.with_extension("checkpoint.lost")
    }
}

/// Compares a log with the mark.
///
/// # Errors
///
/// [`Error::RolledBack`] when the log ends before it, [`Error::Forked`] when it says something else.
pub async fn compare(mark: &Mark, reading: &Reading) -> Result<(), Error> {
    let Some(note) = mark.note()? else {
        return Ok(());
    };
    let origin = note.lines().next().unwrap_or_default();
    if origin != reading.log.origin {
        return known(&reading.db, origin).await;
    }
    let marked = Checkpoint::open(&note, &reading.log.vkey.parse()?)?;
    let size = reading.head().await?.map_or(0, |head| head.size);
    if marked.size > size {
        return Err(Error::RolledBack {
            stored: size,
            known: marked.size,
        });
    }
    let hashes = reading.over_tiles(|read| proof::prove_consistency(marked.size, size, read));
    let head = reading.head().await?.ok_or(Error::OutOfRange)?;
    let root = head.root.as_slice().try_into()?;
    let proven = proof::verify_consistency(marked.size, &marked.root, size, &root, &hashes.await?);
    proven.map_err(|_| Error::Forked(marked.size))
}

/// A log of another year, or one that was recovered from, is still there.
async fn known(db: &Db, origin: &str) -> Result<(), Error> {
    let mut tx = db.read().await?;
    match store_log::log(&mut tx, origin).await? {
        Some(_) => Ok(()),
        None => Err(Error::Vanished(origin.chars().take(128).collect())),
    }
}
