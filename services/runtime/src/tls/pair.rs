//! A certificate and its key on disk: two files that are replaced as one.
//!
//! Two renames are not one step, so the new pair is first written whole into a third file beside
//! them. Whoever finds that certificate and key do not fit, because the process was killed between
//! the renames, takes the pair from there and finishes the work. At every moment a usable pair is
//! found.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Error;
use super::kept::Pair;
use crate::pki::Leaf;
use crate::secret;

/// Replaces a certificate and its key, so that a crash in between leaves a usable pair.
///
/// # Errors
///
/// When the folder or the disk refuses.
pub fn replace(certificate: &Path, key: &Path, with: &Leaf) -> Result<(), secret::Error> {
    let both = Zeroizing::new(format!("{}\n{}", with.key.trim_end(), with.certificate));
    secret::write(&beside(certificate), both.as_bytes())?;
    secret::write(key, with.key.as_bytes())?;
    secret::write_public(certificate, with.certificate.as_bytes())?;
    // What stays is stale, and is not looked at while the two files fit.
    let _ = std::fs::remove_file(beside(certificate));
    Ok(())
}

/// Checks that a certificate and a key, from wherever they came, are a pair.
///
/// # Errors
///
/// When a text holds no PEM of its kind, or the two do not fit.
pub fn check(leaf: &Leaf) -> Result<(), Error> {
    let leaf = Leaf {
        certificate: leaf.certificate.clone(),
        key: leaf.key.clone(),
    };
    Pair::parse(leaf, ("what was issued", "the key")).map(drop)
}

/// The pair that an interrupted replacement left, when it was: its key has arrived, or there is
/// none yet.
pub(super) fn interrupted(certificate: &Path, key: &Path) -> Option<Leaf> {
    let both = secret::read(&beside(certificate)).ok()?;
    let start = both.find(CERTIFICATE)?;
    let (new_key, new_certificate) = both.split_at_checked(start)?;
    let arrived = match secret::read(key) {
        Ok(present) => present.trim_end() == new_key.trim_end(),
        Err(_) => !key.exists(),
    };
    arrived.then(|| Leaf {
        certificate: new_certificate.to_owned(),
        key: Zeroizing::new(new_key.to_owned()),
    })
}

fn beside(certificate: &Path) -> PathBuf {
    certificate.with_extension("pair")
}

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
