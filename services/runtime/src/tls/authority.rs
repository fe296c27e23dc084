//! The comune's authority as it is now, read again when its file changes.
//!
//! While one authority follows another the file holds both, and listeners and connectors take the
//! certificates of either from the next handshake on, without a restart. A file that cannot be read
//! is told once and the old authority stays.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::RootCertStore;

use super::{Error, LOOK, roots};

mod verifiers;

pub(super) use verifiers::{OfClients, OfServers};

/// The certificates of an authority.
#[derive(Clone, Debug)]
pub struct Authority(Arc<Held>);

#[derive(Debug)]
struct Held {
    file: Option<PathBuf>,
    now: ArcSwap<RootCertStore>,
    /// Why the file was last not taken, so that it is told once.
    refused: Mutex<String>,
}

impl Authority {
    /// Reads the certificates of a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read or holds none.
    pub fn load(file: &Path) -> Result<Self, Error> {
        Ok(Self::held(Some(file.to_owned()), roots(file)?))
    }

    /// Certificates that do not change.
    #[must_use]
    pub fn fixed(roots: Arc<RootCertStore>) -> Self {
        Self::held(None, roots)
    }

    fn held(file: Option<PathBuf>, roots: Arc<RootCertStore>) -> Self {
        Self(Arc::new(Held {
            file,
            now: ArcSwap::from(roots),
            refused: Mutex::default(),
        }))
    }

    /// The certificates as they are now: the same place in memory as long as they are the same.
    #[must_use]
    pub fn roots(&self) -> Arc<RootCertStore> {
        self.0.now.load_full()
    }

    /// Looks at the file again; says whether other certificates count from now on.
    #[must_use]
    pub fn refresh(&self) -> bool {
        let Some(file) = &self.0.file else {
            return false;
        };
        let mut refused = self
            .0
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match roots(file) {
            Ok(fresh) => {
                refused.clear();
                let other = fresh.roots != self.0.now.load().roots;
                if other {
                    let certificates = fresh.len();
                    let file = file.display();
                    tracing::info!(%file, certificates, "a changed authority counts");
                    self.0.now.store(fresh);
                }
                other
            }
            Err(error) => {
                let why = error.to_string();
                if *refused != why {
                    tracing::warn!(why, "a changed authority does not count: the old one stays");
                    *refused = why;
                }
                false
            }
        }
    }

    /// Looks at the file every few seconds, for ever.
    pub async fn follow(self) {
        loop {
            let _ = self.refresh();
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests;
