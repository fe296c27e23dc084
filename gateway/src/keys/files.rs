//! Where a gateway keeps the private halves of its signing keys: one file a key.
//!
//! A file is durable before its public half is published, so that a crash leaves at most a file
//! that nobody knows of. Such a file is deleted and not published late: after a restored database
//! it might be a key that was ended in an emergency.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use varco_runtime::config::signing::SigningAlgorithm;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::generate_key;
use varco_runtime::secret::{self, Vault};

use super::lifecycle::Role;
use crate::Error;

/// The files of one gateway instance.
#[derive(Clone, Debug)]
pub struct Files {
    vault: Vault,
    folder: PathBuf,
}

impl Files {
    /// The files of an instance in the folder of keys, which several instances may share.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn open(vault: Vault, keys: &Path, instance: &str) -> Result<Self, Error> {
        let folder = keys.join(instance);
        let refused = |error| secret::Error::Write(folder.clone(), error);
        make_folder(&folder, keys).map_err(refused)?;
        Ok(Self { vault, folder })
    }

    /// Makes a key whose file is durable when this returns.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness, or the disk refuses.
    pub fn make(&self, role: Role, algorithm: SigningAlgorithm) -> Result<PrivateKey, Error> {
        let pem = generate_key(algorithm.kind())?;
        let key = PrivateKey::from_pem(&pem)?;
        let path = self.path(role, key.public().kid());
        self.vault.write(&path, pem.as_bytes())?;
        Ok(key)
    }

    /// Reads the keys of this instance, by `kid`, with what each signs; what a crash left
    /// unfinished is deleted.
    ///
    /// # Errors
    ///
    /// When one cannot be read, is no key, or bears another's name.
    pub fn read(&self) -> Result<HashMap<String, (Role, Arc<PrivateKey>)>, Error> {
        let unreadable = |error| secret::Error::Read(self.folder.clone(), error);
        let mut found = HashMap::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|kind| kind == UNFINISHED) {
                fs::remove_file(&path).map_err(unreadable)?;
            }
            let Some((role, kid)) = named(&path) else {
                continue;
            };
            let key = PrivateKey::from_pem(&self.vault.read(&path)?)?;
            if key.public().kid() != kid {
                return Err(Error::KeyFile(path));
            }
            found.insert(kid, (role, Arc::new(key)));
        }
        Ok(found)
    }

    /// Deletes the file of a key that will not sign again.
    ///
    /// # Errors
    ///
    /// When the disk refuses; a file that is gone already is no error.
    pub fn delete(&self, role: Role, kid: &str) -> Result<(), Error> {
        let path = self.path(role, kid);
        let deleted = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => File::open(&self.folder).and_then(|folder| folder.sync_all()),
        };
        Ok(deleted.map_err(|error| secret::Error::Write(path, error))?)
    }

    /// The file of a key.
    #[must_use]
    pub fn path(&self, role: Role, kid: &str) -> PathBuf {
        self.folder.join(format!("{}-{kid}.key", role.name()))
    }
}

fn make_folder(folder: &Path, keys: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    File::open(keys)?.sync_all()
}

/// What the vault calls a file that is not whole yet.
const UNFINISHED: &str = "new";

/// The role and the `kid` of a file's name.
fn named(path: &Path) -> Option<(Role, String)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".key")?;
    let (role, kid) = name.split_once('-')?;
    Some((Role::parse(role)?, kid.to_owned()))
}
