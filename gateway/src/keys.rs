//! The keys that give authority: they sign vouchers, grants and checkpoints.
//!
//! Nobody but the gateway holds them. Each kind of token has keys of its own, so that none can be
//! taken for another; each is parsed once. Keys for vouchers and grants are made by the gateway
//! itself and live as [`lifecycle`] says; the key of the log is made with the installation and
//! stays, because it is what the log is known by. The year's key under which data subjects are
//! hashed is made with it, and turns by itself ([`subjects`]).

use std::path::Path;

use rustls_pki_types::pem::PemObject as _;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_runtime::secret::Vault;
use varco_tlog::note::Signer;

use crate::Error;
use crate::audit::committer::Signers;

pub mod files;
pub mod keeper;
pub mod lifecycle;
pub mod memory;
pub mod ratchet;
pub mod ring;
pub mod store_keys;
pub mod subjects;

/// Makes a fresh key of the log in a folder: `audit.key`.
///
/// # Errors
///
/// When it stands there already, or the folder is not writable.
pub fn create(vault: &Vault, folder: &Path) -> Result<(), Error> {
    let path = folder.join(AUDIT);
    if path.exists() {
        return Err(Error::KeyExists(path));
    }
    Ok(vault.write(&path, generate_key(KeyKind::Ed25519)?.as_bytes())?)
}

/// Loads the key that signs checkpoints; it signs under the name of each of its logs.
///
/// # Errors
///
/// When it is missing or is no Ed25519 key.
pub fn log_signers(vault: &Vault, folder: &Path) -> Result<Signers, Error> {
    let path = folder.join(AUDIT);
    let pem = vault.read(&path)?;
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| Error::LogKey(path))?;
    Ok(Box::new(move |origin: &str| {
        Ok(Signer::from_pkcs8(origin, der.secret_pkcs8_der())?)
    }))
}

const AUDIT: &str = "audit.key";
