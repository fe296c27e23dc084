//! What a keeper knows between two looks: the private halves it holds, and what is published.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use varco_runtime::jose::{PrivateKey, PublicKey};

use super::lifecycle::{Key, Published, Role};
use super::ring::{Keys, Ring};

/// What a keeper knows.
#[derive(Debug)]
pub struct Memory {
    /// Private halves by `kid`, with what each signs.
    pub private: HashMap<String, (Role, Arc<PrivateKey>)>,
    /// What all gateways have published, as it was when it was last read.
    pub published: Published,
    /// When that was.
    pub looked: Option<Instant>,
    /// Which keys the ring was last shown as signing.
    signs: HashMap<Role, String>,
}

impl Memory {
    /// Knows what it holds, and nothing yet of what is published.
    #[must_use]
    pub fn new(private: HashMap<String, (Role, Arc<PrivateKey>)>) -> Self {
        Self {
            private,
            published: Published::default(),
            looked: None,
            signs: HashMap::new(),
        }
    }

    /// Names of the keys whose private halves are at hand.
    #[must_use]
    pub fn held(&self) -> HashSet<String> {
        self.private.keys().cloned().collect()
    }

    /// The key that signs for a role, as the ring was last shown.
    #[must_use]
    pub fn signing(&self, role: Role) -> Option<&Key> {
        let kid = self.signs.get(&role)?;
        self.published.keys.iter().find(|key| key.kid == *kid)
    }

    /// The private halves that will not sign again.
    #[must_use]
    pub fn spent(&self, instance: &str) -> Vec<(String, Role)> {
        let keys = self.published.keys.iter();
        let kept: HashSet<&str> = keys
            .filter(|key| key.instance == instance && key.retired_at.is_none())
            .map(|key| key.kid.as_str())
            .collect();
        let spent = self.private.iter();
        spent
            .filter(|(kid, _)| !kept.contains(kid.as_str()))
            .map(|(kid, (role, _))| (kid.clone(), *role))
            .collect()
    }

    /// Shows a ring what signs and what verifies at `now`, when that has changed.
    pub fn show(&mut self, ring: &Ring, instance: &str, now: i64) {
        let held = self.held();
        let signs = Role::ALL.into_iter().filter_map(|role| {
            let key = self.published.signs(role, instance, &held, now)?;
            Some((role, key.kid.clone()))
        });
        let signs: HashMap<Role, String> = signs.collect();
        let before = ring.keys();
        let verifying = self.verifying(&before, now);
        let same =
            verifying.len() == before.count() && verifying.keys().all(|kid| before.holds(kid));
        if same && signs == self.signs {
            return;
        }
        let signers = signs.iter().filter_map(|(role, kid)| {
            let (_, key) = self.private.get(kid)?;
            Some((*role, Arc::clone(key)))
        });
        ring.set(Keys::new(signers.collect(), verifying));
        self.signs = signs;
    }

    /// What verifies at `now`; a key that is at hand already is not parsed again.
    fn verifying(&self, before: &Keys, now: i64) -> HashMap<String, (Role, Arc<PublicKey>)> {
        let keys = self.published.keys.iter();
        keys.filter(|key| self.published.verifies(key, now))
            .filter_map(|key| {
                let parsed = before.parsed(&key.kid);
                let parsed = parsed.or_else(|| PublicKey::from_jwk(&key.jwk).ok().map(Arc::new));
                Some((key.kid.clone(), (key.role, parsed?)))
            })
            .collect()
    }
}
