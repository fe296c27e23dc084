//! The bytes of the documents on disk, each under its own hash: `oggetti/aa/<sha256>`.
//!
//! Written once: bytes arrive in a temporary file, are forced to the disk, and only then get
//! their name, so that a name never stands for half a document, whenever the power fails. Equal
//! documents share one file, which nobody may write to. One process owns the folder.
//!
//! Reading hashes again what it gives: the last block is let go only when the hash is right, so a
//! document that decayed on disk is never handed out whole.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use crate::error::Error;
use crate::impronta::{Calcolo, Impronta};

/// The store of bytes.
#[derive(Clone, Debug)]
pub struct Oggetti {
    root: PathBuf,
    temporary: PathBuf,
}

/// Bytes that are still arriving; dropped, they are forgotten.
#[derive(Debug)]
pub struct Scrittura {
    oggetti: Oggetti,
    path: PathBuf,
    file: File,
}

/// Stored bytes that are being read.
#[derive(Debug)]
pub struct Lettura {
    file: File,
    attesa: Impronta,
    calcolo: Calcolo,
    /// The block that was read and not yet let go; none when all are.
    held: Option<Bytes>,
}

impl Oggetti {
    /// Opens the store in a folder and removes what an interrupted process left half written.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written to.
    pub async fn open(folder: &Path) -> io::Result<Self> {
        let oggetti = Self {
            root: folder.join("oggetti"),
            temporary: folder.join("tmp"),
        };
        fs::create_dir_all(&oggetti.root).await?;
        fs::create_dir_all(&oggetti.temporary).await?;
        let mut stale = fs::read_dir(&oggetti.temporary).await?;
        while let Some(entry) = stale.next_entry().await? {
            if entry.file_type().await?.is_file() {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(oggetti)
    }

    /// Begins to write; `id` names the temporary file.
    ///
    /// # Errors
    ///
    /// [`Error::Disk`].
    pub async fn begin(&self, id: Uuid) -> Result<Scrittura, Error> {
        let path = self.temporary.join(id.to_string());
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .await?;
        Ok(Scrittura {
            oggetti: self.clone(),
            path,
            file,
        })
    }

    /// Begins to read the bytes that have a hash.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when they are missing or of another size.
    pub async fn read(&self, attesa: Impronta, dimensione: u64) -> Result<Lettura, Error> {
        let file = File::open(self.path(&attesa))
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Error::Damaged(attesa),
                _ => Error::Disk(error),
            })?;
        if file.metadata().await?.len() != dimensione {
            return Err(Error::Damaged(attesa));
        }
        let mut lettura = Lettura {
            file,
            attesa,
            calcolo: Calcolo::default(),
            held: None,
        };
        lettura.held = lettura.read_ahead().await?;
        Ok(lettura)
    }

    fn path(&self, impronta: &Impronta) -> PathBuf {
        let name = impronta.to_string();
        let prefix: String = name.chars().take(2).collect();
        self.root.join(prefix).join(name)
    }
}

impl Scrittura {
    /// Appends bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Disk`].
    pub async fn write(&mut self, blocco: &[u8]) -> Result<(), Error> {
        Ok(self.file.write_all(blocco).await?)
    }

    /// Makes the bytes durable under their hash, which the caller has checked.
    ///
    /// Bytes that stand there already stay as they are. Two uploads of the same bytes may come
    /// to the rename together: the later then puts equal bytes in the place of equal bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when the bytes that stand there already are not the ones of their hash.
    pub async fn keep(mut self, impronta: Impronta, dimensione: u64) -> Result<(), Error> {
        self.file.flush().await?;
        self.file
            .set_permissions(Permissions::from_mode(0o440))
            .await?;
        self.file.sync_all().await?;
        let path = self.oggetti.path(&impronta);
        let folder = path.parent().unwrap_or(&self.oggetti.root);
        if fs::try_exists(&path).await? {
            self.oggetti
                .read(impronta, dimensione)
                .await?
                .check()
                .await?;
        } else {
            fs::create_dir_all(folder).await?;
            fs::rename(&self.path, &path).await?;
        }
        sync(folder).await?;
        sync(&self.oggetti.root).await
    }
}

impl Drop for Scrittura {
    fn drop(&mut self) {
        // After a rename nothing is left here; whatever else stays is removed at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Lettura {
    /// Gives the next block, or none after the last.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`], in the place of the last block, when the bytes have another hash.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(block) = self.held.take() else {
            return Ok(None);
        };
        self.held = self.read_ahead().await?;
        if self.held.is_none() && self.calcolo.clone().finish() != self.attesa {
            return Err(Error::Damaged(self.attesa));
        }
        Ok(Some(block))
    }

    async fn check(mut self) -> Result<(), Error> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    async fn read_ahead(&mut self) -> Result<Option<Bytes>, Error> {
        let mut block = Vec::with_capacity(BLOCCO);
        (&mut self.file)
            .take(BLOCCO as u64)
            .read_to_end(&mut block)
            .await?;
        self.calcolo.update(&block);
        Ok((!block.is_empty()).then(|| Bytes::from(block)))
    }
}

/// Makes the names in a folder durable: a file's own `fsync` does not (fsync(2)).
async fn sync(folder: &Path) -> Result<(), Error> {
    Ok(File::open(folder).await?.sync_all().await?)
}

/// Size of the blocks that reading gives, in bytes.
pub const BLOCCO: usize = 256 * 1024;

#[cfg(test)]
mod tests;
