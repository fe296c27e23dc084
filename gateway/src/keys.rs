//! The keys that give authority: they sign vouchers, grants and checkpoints.
//!
//! Nobody but the gateway holds them. Each kind of token has its own key, so that none can be
//! taken for another; each is parsed once.

use std::path::Path;

use jsonwebtoken::jwk::JwkSet;
use rustls_pki_types::pem::PemObject as _;
use varco_runtime::jose::PrivateKey;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_runtime::secret::Vault;
use varco_tlog::note::Signer;

use crate::Error;

/// The keys of a gateway.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Signs vouchers.
    pub voucher: PrivateKey,
    /// Signs grants.
    pub grant: PrivateKey,
}

/// Makes fresh keys in a folder: `voucher.key`, `grant.key`, `audit.key`.
///
/// # Errors
///
/// When one stands there already, or the folder is not writable.
pub fn create(vault: &Vault, folder: &Path) -> Result<(), Error> {
    let kinds = [
        (VOUCHER, KeyKind::EcP256),
        (GRANT, KeyKind::EcP256),
        (AUDIT, KeyKind::Ed25519),
    ];
    for (name, kind) in kinds {
        let path = folder.join(name);
        if path.exists() {
            return Err(Error::KeyExists(path));
        }
        vault.write(&path, generate_key(kind)?.as_bytes())?;
    }
    Ok(())
}

impl Keys {
    /// Loads the keys of a folder.
    ///
    /// # Errors
    ///
    /// When one is missing or is no key.
    pub fn load(vault: &Vault, folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| -> Result<PrivateKey, Error> {
            Ok(PrivateKey::from_pem(&vault.read(&folder.join(name))?)?)
        };
        Ok(Self {
            voucher: read(VOUCHER)?,
            grant: read(GRANT)?,
        })
    }

    /// The public halves, as they are published (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> JwkSet {
        let publics = [self.voucher.public(), self.grant.public()];
        JwkSet {
            keys: publics.into_iter().map(|key| key.jwk().clone()).collect(),
        }
    }
}

/// Loads the key that signs checkpoints, under the log's name.
///
/// # Errors
///
/// When it is missing or is no Ed25519 key.
pub fn log_signer(vault: &Vault, folder: &Path, origin: &str) -> Result<Signer, Error> {
    let path = folder.join(AUDIT);
    let pem = vault.read(&path)?;
    let der = rustls_pki_types::PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| Error::LogKey(path))?;
    Ok(Signer::from_pkcs8(origin, der.secret_pkcs8_der())?)
}

const AUDIT: &str = "audit.key";
const GRANT: &str = "grant.key";
const VOUCHER: &str = "voucher.key";
