//! Data folders as files: copied, and compared byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use varco_runtime::secret::Vault;

use crate::calls::sha256;

/// Copies a folder with everything in it.
///
/// # Panics
///
/// When a file cannot be read or written.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).expect("a file within"));
        fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        fs::copy(&file, target).expect("a copy");
    }
}

/// Makes a sample's folder a real comune's: no marker, and keys that are sealed.
///
/// # Panics
///
/// When a file cannot be read or written.
pub fn make_real(data: &Path) {
    fs::remove_file(data.join("CAMPIONE")).expect("a sample");
    fs::remove_file(data.join("dpo/dpo.key")).expect("a DPO's key");
    fs::write(data.join("passphrase"), "corretto cavallo batteria\n").expect("a passphrase");
    let file = data.join("varco.toml");
    let text = fs::read_to_string(&file).expect("a configuration");
    let text = format!("{text}\n[vault]\npassphrase = \"passphrase\"\n");
    fs::write(&file, text).expect("a configuration");
    let config = varco::configuration::load(&file).unwrap_or_else(|failure| panic!("{failure}"));
    let vault = Vault::create(&config).expect("a vault");
    let keys = files(&data.join("keys")).into_iter();
    let keys = keys.chain([data.join("ca.key")]);
    for key in keys.filter(|file| file.extension().is_some_and(|end| end == "key")) {
        assert!(vault.seal(&key).expect("a key"));
    }
}

/// The digest of each file, but for locks and what `SQLite` keeps beside an open database.
///
/// # Panics
///
/// When a file cannot be read.
#[must_use]
pub fn digests(folder: &Path) -> BTreeMap<PathBuf, Bytes> {
    let lasting = files(folder).into_iter().filter(|file| {
        let name = file.to_string_lossy();
        !["/LOCK", "-wal", "-shm"]
            .iter()
            .any(|end| name.ends_with(end))
    });
    let digest = |file: &Path| sha256(&fs::read(file).expect("a file"));
    lasting.map(|file| (file.clone(), digest(&file))).collect()
}

/// Every file in a folder and its sub-folders.
///
/// # Panics
///
/// When a folder cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"))
    {
        if entry.file_type().expect("a type").is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
