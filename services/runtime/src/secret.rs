//! Secrets in files: read once, kept from other users, wiped from memory.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// How an installation keeps the keys that give authority.
///
/// A sample keeps them plain, readable by their owner only.
#[derive(Clone, Debug, Default)]
pub struct Vault {}

/// Ways that a file of keys or certificates fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{0} cannot be read: check that it exists and that this user may read it")]
    Read(PathBuf, #[source] std::io::Error),
    /// The file cannot be written.
    #[error("{0} cannot be written: check the folder and the free space")]
    Write(PathBuf, #[source] std::io::Error),
}

impl Vault {
    /// Reads a secret text of the vault.
    ///
    /// # Errors
    ///
    /// When the file cannot be read as text.
    pub fn read(&self, path: &Path) -> Result<Zeroizing<String>, Error> {
        read(path)
    }

    /// Writes a secret into the vault, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the folder or the disk refuses.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        write(path, content)
    }
}

/// Reads a secret text.
///
/// # Errors
///
/// When the file cannot be read as text.
pub fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Error::Read(path.to_owned(), error))
}

/// Writes a secret so that only this user can read it, whole or not at all.
///
/// # Errors
///
/// When the folder or the disk refuses.
pub fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_with_mode(path, content, 0o600)
}

/// Writes a file that anybody may read, whole or not at all.
///
/// # Errors
///
/// When the folder or the disk refuses.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), Error> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let failed = |error| Error::Write(path.to_owned(), error);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&fresh)
        .map_err(failed)?;
    file.write_all(content).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}
