//! Data folders as files: copied, and compared byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

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
