//! The gateway's published keys, kept at hand.
//!
//! A `kid` that is not known makes the set be read again, at most four times a second, so that a
//! rotated key works at once and a flood of made-up names costs nothing; a moment later it is looked
//! for once more, because one gateway may sign with a key that another has yet to publish. A set is good for as long
//! as its publisher says, five minutes, so that a key that was ended in an emergency ends here too;
//! it is read again a minute before, by one of those who ask, while the others go on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::{Mutex, MutexGuard};

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
    set: ArcSwap<Set>,
    last: Mutex<Option<(Instant, Result<(), Unreadable>)>>,
}

/// A set that was read, and when.
#[derive(Default)]
struct Set {
    keys: HashMap<String, PublicKey>,
    read: Option<Instant>,
}

/// How good a set still is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    /// Good.
    Fresh,
    /// Good, but not for long.
    Aging,
    /// Not good any more.
    Stale,
}

/// The set cannot be read, so that nothing is known of a key that is not at hand.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the gateway's key set cannot be read")]
pub struct Unreadable;

impl Jwks {
    /// Knows no key yet; reads the set when the first is asked for.
    #[must_use]
    pub fn new(https: Https, address: String) -> Self {
        let set = ArcSwap::from_pointee(Set::default());
        Self {
            inner: Arc::new(Inner {
                https,
                address,
                set,
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
        let (key, freshness) = self.held(kid);
        match (key, freshness) {
            (Some(key), Freshness::Fresh) => return Ok(Some(key)),
            (Some(key), Freshness::Aging) => {
                let Ok(last) = self.inner.last.try_lock() else {
                    return Ok(Some(key));
                };
                let readable = self.refresh(last).await;
                return Ok(if readable.is_ok() {
                    self.held(kid).0
                } else {
                    Some(key)
                });
            }
            _ => {}
        }
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let readable = self.refresh(self.inner.last.lock().await).await;
            match self.held(kid) {
                (Some(key), Freshness::Fresh | Freshness::Aging) => return Ok(Some(key)),
                _ => readable?,
            }
        }
        Ok(None)
    }

    fn held(&self, kid: &str) -> (Option<PublicKey>, Freshness) {
        let set = self.inner.set.load();
        let age = set.read.map(|read| read.elapsed());
        (set.keys.get(kid).cloned(), Freshness::at(age))
    }

    /// Reads the set again, or tells how that went a moment ago.
    async fn refresh(
        &self,
        mut last: MutexGuard<'_, Option<(Instant, Result<(), Unreadable>)>>,
    ) -> Result<(), Unreadable> {
        if let Some((when, readable)) = *last
            && when.elapsed() < PAUSE
        {
            return readable;
        }
        // From its start: what was published since may be missing.
        let read = Some(Instant::now());
        let readable = self.read().await.map(|keys| {
            self.inner.set.store(Arc::new(Set { keys, read }));
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

impl Freshness {
    fn at(age: Option<Duration>) -> Self {
        match age {
            Some(age) if age < AGING => Self::Fresh,
            Some(age) if age < STALE => Self::Aging,
            _ => Self::Stale,
        }
    }
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Jwks({})", self.inner.address)
    }
}

const AGING: Duration = Duration::from_mins(4);
/// How often a name is looked for: for longer than a gateway takes to see another's new key.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(250);
/// What the publisher's `max-age` says.
const STALE: Duration = Duration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_good_for_five_minutes_and_read_again_in_the_last() {
        let at = |seconds| Freshness::at(Some(Duration::from_secs(seconds)));

        assert_eq!((at(0), at(239)), (Freshness::Fresh, Freshness::Fresh));
        assert_eq!((at(240), at(299)), (Freshness::Aging, Freshness::Aging));
        assert_eq!(
            (at(300), Freshness::at(None)),
            (Freshness::Stale, Freshness::Stale)
        );
    }
}
