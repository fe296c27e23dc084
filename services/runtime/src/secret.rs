//! Secrets in files: read once, kept from other users, wiped from memory.
//!
//! The keys that give authority lie in a [`Vault`]: sealed in a real installation, plain in a
//! sample. The keys of TLS certificates stay plain files of mode 0600, the gateway's too: they only
//! say who speaks, end within 90 days, are renewed by machine and can be revoked, and the offices
//! and clients that hold most of them know no passphrase.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::config::{AtRest, Config};

pub mod dpo;
mod sealed;

use dpo::Malformed;
use sealed::Sealed;

/// How an installation keeps the keys that give authority.
///
/// The default keeps them plain, readable by their owner only, as a sample does.
#[derive(Clone, Default)]
pub struct Vault {
    sealed: Option<Arc<Sealed>>,
}

/// Ways that a file of keys or certificates fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A sealed file is not this installation's, or is damaged.
    #[error("{0} does not open with this installation's identity: restore it from a backup")]
    Damaged(PathBuf),
    /// A file holds no private key of age.
    #[error("{0} holds no private key of age (AGE-SECRET-KEY-…): name the file of the DPO's key")]
    DpoKey(PathBuf),
    /// The recipients of the DPO are malformed.
    #[error("{0}: {1}; write the DPO's public key (age1…) into it, and a deputy's below")]
    DpoMalformed(PathBuf, Malformed),
    /// Nobody has said to whom details are sealed.
    #[error(
        "{0} is missing: it names the DPO, to whom the details of records are sealed; write the \
         DPO's public key into it (age1…, made with any age tool), or restore it from a backup"
    )]
    DpoMissing(PathBuf),
    /// The vault has its identity already.
    #[error("{0} stands there already: what it has sealed would be lost with it")]
    IdentityExists(PathBuf),
    /// The vault has no identity.
    #[error("{0} is missing: restore it from a backup, or seal plain keys with `varco vault seal`")]
    IdentityMissing(PathBuf),
    /// Nobody has said where the passphrase is.
    #[error(
        "no passphrase opens the keys: name its file as `passphrase` in [vault], or give the \
         systemd credential varco-passphrase"
    )]
    Passphrase,
    /// The passphrase is too short to protect anything.
    #[error("{0} holds no passphrase of at least 12 characters: write a longer one into it")]
    PassphraseShort(PathBuf),
    /// The passphrase is another's.
    #[error("the passphrase in {0} does not open {1}: name the file that holds the right one")]
    PassphraseWrong(PathBuf, PathBuf),
    /// A key lies plain where only sealed ones may.
    #[error("{0} is a plain key, which only a sample may hold: seal it with `varco vault seal`")]
    Plain(PathBuf),
    /// The file cannot be read.
    #[error("{0} cannot be read: check that it exists and that this user may read it")]
    Read(PathBuf, #[source] std::io::Error),
    /// The system gives no randomness.
    #[error("{0} cannot be sealed: check that the system gives random numbers")]
    Seal(PathBuf),
    /// The file cannot be written.
    #[error("{0} cannot be written: check the folder and the free space")]
    Write(PathBuf, #[source] std::io::Error),
}

impl Vault {
    /// Opens the vault of an installation; deriving a key from the passphrase takes part of a
    /// second.
    ///
    /// # Errors
    ///
    /// When the passphrase or the identity is missing, or they do not fit.
    pub fn open(config: &Config) -> Result<Self, Error> {
        if config.at_rest == AtRest::Plain {
            // The town says so itself where a person reads it.
            tracing::info!("the keys of this sample are plain files");
            return Ok(Self::default());
        }
        let passphrase = config.passphrase().ok_or(Error::Passphrase)?;
        Sealed::open(&identity(config), &passphrase).map(Self::sealed)
    }

    /// Makes a vault that holds nothing, in the folder of the keys, which exists.
    ///
    /// # Errors
    ///
    /// When it has one already, or no passphrase is named.
    pub fn create(config: &Config) -> Result<Self, Error> {
        let passphrase = config.passphrase().ok_or(Error::Passphrase)?;
        Sealed::create(&identity(config), &passphrase).map(Self::sealed)
    }

    /// Reads a secret text of the vault.
    ///
    /// # Errors
    ///
    /// When the file cannot be read as text, or lies plain in a vault that seals.
    pub fn read(&self, path: &Path) -> Result<Zeroizing<String>, Error> {
        match &self.sealed {
            Some(sealed) => sealed.read(path),
            None => read(path),
        }
    }

    /// Writes a secret into the vault, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the folder or the disk refuses.
    pub fn write(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        match &self.sealed {
            Some(sealed) => sealed.write(path, content),
            None => write(path, content),
        }
    }

    /// Seals a file in its place when it lies plain; says whether it did.
    ///
    /// # Errors
    ///
    /// When it cannot be read or written.
    pub fn seal(&self, path: &Path) -> Result<bool, Error> {
        if is_sealed(path)? {
            return Ok(false);
        }
        self.write(path, read(path)?.as_bytes())?;
        Ok(true)
    }

    fn sealed(sealed: Sealed) -> Self {
        let sealed = Some(Arc::new(sealed));
        Self { sealed }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault(sealed: {})", self.sealed.is_some())
    }
}

/// Whether a file is sealed.
///
/// # Errors
///
/// When it cannot be read.
pub fn is_sealed(path: &Path) -> Result<bool, Error> {
    std::fs::read(path)
        .map(|content| sealed::is_sealed(&Zeroizing::new(content)))
        .map_err(|error| Error::Read(path.to_owned(), error))
}

/// The file of a vault's identity.
#[must_use]
pub fn identity(config: &Config) -> PathBuf {
    config.path(&config.gateway.keys).join(IDENTITY)
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

const IDENTITY: &str = "identity.age";

#[cfg(test)]
mod tests;
