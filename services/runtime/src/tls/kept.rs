//! A certificate and its key as they are presented now, read again when their files change.
//!
//! Listeners and connectors ask for them in each handshake, so a renewed pair is presented without
//! a restart. A pair that does not fit, or cannot be read, is told once and the old one stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::{Error, certificates, pair, provider, sha256};
use crate::pki::Leaf;
use crate::secret;

/// A pair that fits.
pub struct Pair {
    /// The chain in PEM.
    pub certificate: String,
    /// The key in PEM.
    pub key: Zeroizing<String>,
    /// SHA-256 of the leaf.
    pub thumbprint: [u8; 32],
    /// When the leaf begins to be good.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    certified: Arc<CertifiedKey>,
}

/// Where a pair was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In its two files.
    Files,
    /// In the third file of a replacement that has not ended.
    Beside,
}

/// The pair of two files.
pub(super) struct Kept {
    files: Option<(PathBuf, PathBuf)>,
    now: ArcSwap<Pair>,
    /// Why the files were last not taken, so that it is told once.
    refused: Mutex<String>,
}

impl Pair {
    /// Parses a pair; `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// When a text holds no PEM of its kind, or the two do not fit.
    pub(super) fn parse(leaf: Leaf, origin: (&str, &str)) -> Result<Self, Error> {
        let chain = certificates(&leaf.certificate, origin.0)?;
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes())
            .map_err(|_| Error::Pem(origin.1.to_owned(), "private key"))?;
        let unread = || Error::Pem(origin.0.to_owned(), "certificate");
        let first = chain.first().ok_or_else(unread)?;
        let thumbprint = sha256(first);
        let (_, parsed) = X509Certificate::from_der(first).map_err(|_| unread())?;
        let moment = |at: i64| Timestamp::from_second(at).map_err(|_| unread());
        let from = moment(parsed.validity().not_before.timestamp())?;
        let to = moment(parsed.validity().not_after.timestamp())?;
        Ok(Self {
            thumbprint,
            from,
            to,
            certified: Arc::new(CertifiedKey::from_der(chain, key, &provider())?),
            certificate: leaf.certificate,
            key: leaf.key,
        })
    }

    /// Reads the pair of two files, or of a replacement between its two steps.
    fn read(certificate: &Path, key: &Path) -> Result<(Self, Place), Error> {
        let origin = (certificate.display().to_string(), key.display().to_string());
        let parse = |leaf| Self::parse(leaf, (&origin.0, &origin.1));
        let files = || -> Result<Leaf, Error> {
            Ok(Leaf {
                certificate: secret::read(certificate)?.to_string(),
                key: secret::read(key)?,
            })
        };
        let found = files().and_then(parse).map(|pair| (pair, Place::Files));
        found.or_else(|error| {
            let left = pair::interrupted(certificate, key).and_then(|leaf| parse(leaf).ok());
            left.map(|pair| (pair, Place::Beside)).ok_or(error)
        })
    }

    /// Whether the last third of its life has begun, in which it is to be renewed.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let (from, to) = (self.from.as_second(), self.to.as_second());
        now.as_second() >= to - (to - from) / 3
    }

    fn leaf(&self) -> Leaf {
        Leaf {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
        }
    }
}

impl Kept {
    /// Reads the pair of two files, and finishes a replacement that was interrupted.
    pub(super) fn load(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let files = (certificate.to_owned(), key.to_owned());
        let (pair, place) = Pair::read(certificate, key)?;
        if place == Place::Beside {
            // Who may not write here may still use the pair.
            let _ = pair::replace(certificate, key, &pair.leaf());
        }
        Ok(Self {
            now: ArcSwap::from_pointee(pair),
            files: Some(files),
            refused: Mutex::default(),
        })
    }

    /// Keeps a pair that stands in no file.
    #[cfg(test)]
    pub(super) fn fixed(pair: Pair) -> Self {
        Self {
            files: None,
            now: ArcSwap::from_pointee(pair),
            refused: Mutex::default(),
        }
    }

    /// The file of the certificate.
    pub(super) fn file(&self) -> Option<&Path> {
        self.files
            .as_ref()
            .map(|(certificate, _)| certificate.as_path())
    }

    /// The pair as it is presented now.
    pub(super) fn now(&self) -> Arc<Pair> {
        self.now.load_full()
    }

    /// Looks at the files again; says whether another pair is presented from now on.
    pub(super) fn refresh(&self) -> bool {
        let Some((certificate, key)) = &self.files else {
            return false;
        };
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match Pair::read(certificate, key) {
            Ok((pair, _)) => {
                refused.clear();
                let other = pair.thumbprint != self.now.load().thumbprint;
                if other {
                    tracing::info!(file = %certificate.display(), "a renewed certificate is used");
                    self.now.store(Arc::new(pair));
                }
                other
            }
            Err(error) => {
                let why = error.to_string();
                if *refused != why {
                    tracing::warn!(why, "a changed certificate is not used: the old one stays");
                    *refused = why;
                }
                false
            }
        }
    }
}

impl ResolvesServerCert for Kept {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.load().certified))
    }
}

impl ResolvesClientCert for Kept {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.now.load().certified))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kept({:?})", self.file())
    }
}
