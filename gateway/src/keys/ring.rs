//! The keys at hand: what signs, what verifies, what is published.
//!
//! It is replaced whole, so that whoever looks sees one moment; looking takes no lock.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use varco_runtime::jose::{self, PrivateKey, PublicKey};

use super::lifecycle::Role;

/// The keys at hand.
#[derive(Clone)]
pub struct Ring {
    current: Arc<ArcSwap<Keys>>,
}

/// Keys of one moment.
#[derive(Clone, Default)]
pub struct Keys {
    signers: HashMap<Role, Arc<PrivateKey>>,
    verifying: HashMap<String, (Role, Arc<PublicKey>)>,
    set: Page,
}

/// A page that is published, with what a cache compares (RFC 9110 §8.8.3).
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// JSON.
    pub body: Bytes,
    /// Entity tag, in quotes.
    pub etag: String,
}

impl Ring {
    /// Starts with the keys of a moment.
    #[must_use]
    pub fn new(keys: Keys) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(keys)),
        }
    }

    /// Goes over to the keys of another moment.
    pub fn set(&self, keys: Keys) {
        self.current.store(Arc::new(keys));
    }

    /// The keys of this moment.
    #[must_use]
    pub fn keys(&self) -> Arc<Keys> {
        self.current.load_full()
    }

    /// The key that signs.
    ///
    /// # Errors
    ///
    /// [`jose::Error::NoKey`] while there is none.
    pub fn signer(&self, role: Role) -> Result<Arc<PrivateKey>, jose::Error> {
        let keys = self.current.load();
        keys.signers.get(&role).cloned().ok_or(jose::Error::NoKey)
    }

    /// The key of that name, when it verifies what this role signs.
    #[must_use]
    pub fn key(&self, role: Role, kid: &str) -> Option<Arc<PublicKey>> {
        let keys = self.current.load();
        let (signs, key) = keys.verifying.get(kid)?;
        (*signs == role).then(|| Arc::clone(key))
    }

    /// Whether a key of that name verifies what this role signs.
    #[must_use]
    pub fn verifies(&self, role: Role, kid: &str) -> bool {
        let keys = self.current.load();
        keys.verifying
            .get(kid)
            .is_some_and(|(signs, _)| *signs == role)
    }

    /// All keys that verify what a role signs.
    #[must_use]
    pub fn verifying(&self, role: Role) -> Vec<PublicKey> {
        let keys = self.current.load();
        let of = keys.verifying.values().filter(|(signs, _)| *signs == role);
        of.map(|(_, key)| PublicKey::clone(key)).collect()
    }

    /// The set of all keys that verify (RFC 7517 §5).
    #[must_use]
    pub fn set_page(&self) -> Page {
        self.current.load().set.clone()
    }

    /// One key by its name.
    #[must_use]
    pub fn key_page(&self, kid: &str) -> Option<Page> {
        let keys = self.current.load();
        keys.verifying.get(kid).map(|(_, key)| Page::of(key.jwk()))
    }
}

impl Keys {
    /// Joins what signs with what verifies.
    #[must_use]
    pub fn new(
        signers: HashMap<Role, Arc<PrivateKey>>,
        verifying: HashMap<String, (Role, Arc<PublicKey>)>,
    ) -> Self {
        let mut keys: Vec<_> = verifying
            .values()
            .map(|(_, key)| key.jwk().clone())
            .collect();
        keys.sort_by(|a, b| a.common.key_id.cmp(&b.common.key_id));
        let set = Page::of(&JwkSet { keys });
        Self {
            signers,
            verifying,
            set,
        }
    }

    /// One key that signs and verifies for one role.
    #[must_use]
    pub fn one(role: Role, key: PrivateKey) -> Self {
        let public = Arc::new(key.public().clone());
        let verifying = HashMap::from([(public.kid().to_owned(), (role, public))]);
        Self::new(HashMap::from([(role, Arc::new(key))]), verifying)
    }

    /// A public key that is at hand already, so that it is not parsed again.
    #[must_use]
    pub fn parsed(&self, kid: &str) -> Option<Arc<PublicKey>> {
        self.verifying.get(kid).map(|(_, key)| Arc::clone(key))
    }

    /// How many keys verify.
    #[must_use]
    pub fn count(&self) -> usize {
        self.verifying.len()
    }

    /// Whether a key of that name is among those that verify.
    #[must_use]
    pub fn holds(&self, kid: &str) -> bool {
        self.verifying.contains_key(kid)
    }
}

impl Page {
    fn of(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_default();
        let etag = format!("\"{}\"", hex::encode(digest(&SHA256, &body)));
        let body = body.into();
        Self { body, etag }
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ring({} keys)", self.current.load().verifying.len())
    }
}
