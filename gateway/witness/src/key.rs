//! The key that cosigns: a file of this machine, made once, bound to the state that it has signed.
//!
//! A fresh key over an old state, or an old key over a fresh state, would say again what the other
//! has contradicted: both are refused at the start.

use std::path::Path;

use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use varco_runtime::pki::{KeyKind, generate_key};
use varco_runtime::secret;
use varco_runtime::store::Db;
use varco_tlog::cosignature::Cosigner;

use crate::store_head;
use crate::witness::Error;

/// Loads the key under its name; makes it when this witness has never signed.
pub(crate) async fn open(path: &Path, name: &str, db: &Db) -> Result<Cosigner, Error> {
    let bound = store_head::identity(&mut db.read().await?).await?;
    if !path.exists() {
        if bound.is_some() {
            return Err(Error::KeyMissing(path.to_owned()));
        }
        secret::write(path, generate_key(KeyKind::Ed25519)?.as_bytes())?;
    }
    let cosigner = load(path, name)?;
    let mut tx = db.begin().await?;
    store_head::bind(&mut tx, &cosigner.vkey()).await?;
    let bound = store_head::identity(&mut tx).await?;
    tx.commit().await?;
    if bound.as_deref() == Some(&cosigner.vkey()) {
        Ok(cosigner)
    } else {
        Err(Error::AnotherKey(path.to_owned()))
    }
}

fn load(path: &Path, name: &str) -> Result<Cosigner, Error> {
    let pem = secret::read(path)?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| Error::Key(path.to_owned()))?;
    Cosigner::from_pkcs8(name, der.secret_pkcs8_der()).map_err(|error| match error {
        varco_tlog::error::Error::MalformedName => Error::Name,
        _ => Error::Key(path.to_owned()),
    })
}
