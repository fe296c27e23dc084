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
    last: Mutex<Option<(Instant, Result<(), Unreadable>)>>,
}

/// The set cannot be read, so that nothing is known of a key that is not at hand.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the gateway's key set cannot be read")]
pub struct Unreadable;

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
    ///
    /// # Errors
    ///
    /// When the key is not at hand and the set cannot be read now.
    pub async fn key(&self, kid: &str) -> Result<Option<PublicKey>, Unreadable> {
        if let Some(key) = self.held(kid) {
            return Ok(Some(key));
        }
        let readable = self.refresh().await;
        match self.held(kid) {
            Some(key) => Ok(Some(key)),
            None => readable.map(|()| None),
        }
    }

    fn held(&self, kid: &str) -> Option<PublicKey> {
        self.inner.keys.load().get(kid).cloned()
    }

    /// Reads the set again, or tells how that went a moment ago.
    async fn refresh(&self) -> Result<(), Unreadable> {
        let mut last = self.inner.last.lock().await;
        if let Some((when, readable)) = *last
            && when.elapsed() < PAUSE
        {
            return readable;
        }
        let readable = self.read().await.map(|keys| {
            self.inner.keys.store(Arc::new(keys));
        });
        let readable = readable.ok_or_else(|| {
            tracing::warn!("the gateway's key set cannot be read");
            Unreadable
        });
        // From its end, so that those who waited for an answer that never came do not ask again.
        *last = Some((Instant::now(), readable));
        readable
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
