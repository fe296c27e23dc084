//! The gateway's published keys, kept at hand.
//!
//! A `kid` that is not known makes the set be read again, at most once a second, so that a
//! rotated key works at once and a flood of made-up names costs nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;

use crate::https::Https;
use crate::jose::PublicKey;

/// Keys by name, read from a JWKS address (RFC 7517 §5).
#[derive(Clone)]
pub struct Jwks {
    inner: Arc<Inner>,
}

struct Inner {
    https: Https,
    address: String,
    keys: ArcSwap<HashMap<String, PublicKey>>,
    last: Mutex<Option<Instant>>,
}

impl Jwks {
    /// Knows no key yet; reads the set when the first is asked for.
    #[must_use]
    pub fn new(https: Https, address: String) -> Self {
        let keys = ArcSwap::from_pointee(HashMap::new());
        Self {
            inner: Arc::new(Inner {
                https,
                address,
                keys,
                last: Mutex::new(None),
            }),
        }
    }

    /// The key of that name, if the gateway publishes it.
    pub async fn key(&self, kid: &str) -> Option<PublicKey> {
        if let Some(key) = self.inner.keys.load().get(kid) {
            return Some(key.clone());
        }
        self.refresh().await;
        self.inner.keys.load().get(kid).cloned()
    }

    async fn refresh(&self) {
        let mut last = self.inner.last.lock().await;
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return;
        }
        *last = Some(Instant::now());
        if let Some(keys) = self.read().await {
            self.inner.keys.store(Arc::new(keys));
        } else {
            tracing::warn!("the gateway's key set cannot be read");
        }
    }

    async fn read(&self) -> Option<HashMap<String, PublicKey>> {
        let answer = self.inner.https.fetch(&self.inner.address).await.ok()?;
        let set: JwkSet = serde_json::from_slice(&answer.body).ok()?;
        let keys = set
            .keys
            .iter()
            .filter_map(|jwk| PublicKey::from_jwk(jwk).ok());
        Some(keys.map(|key| (key.kid().to_owned(), key)).collect())
    }
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jwks({})", self.inner.address)
    }
}

const PAUSE: Duration = Duration::from_secs(1);
