//! Keeps the signing keys of one gateway: carries out what the lifecycle plans.
//!
//! Four times a second it looks at what all gateways have published and takes the steps that are
//! its own. Each is recorded before it is taken and after. Whatever it is doing when the process
//! dies, the next start plans from what stands in the database and in the folder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use tokio::sync::Mutex;
use varco_proto::audit::v1::Record;
use varco_runtime::clock::Clock;
use varco_runtime::jose::{self, PrivateKey};
use varco_runtime::store::Db;
use varco_runtime::{grant, problem};

use super::files::Files;
use super::lifecycle::{Key, Policy, Published, Role, Step};
use super::memory::Memory;
use super::ring::{Keys, Ring};
use super::store_keys;
use crate::Error;
use crate::audit::committer::Register;
use crate::audit::record;
use crate::registry::Registry;

/// Keeps the signing keys of one gateway.
#[derive(Debug)]
pub struct Keeper {
    registry: Registry,
    register: Register,
    clock: Clock,
    files: Files,
    policy: Policy,
    ring: Ring,
    memory: Mutex<Memory>,
    /// Names that no gateway has published, so that asking for them again costs nothing.
    unknown: Cache<String, ()>,
}

/// What a keeper stands on.
#[derive(Debug)]
pub struct Parts {
    /// The registry, with the database that the gateways share.
    pub registry: Registry,
    /// Where changes of keys are recorded.
    pub register: Register,
    /// The time.
    pub clock: Clock,
    /// Private halves.
    pub files: Files,
    /// Who it is, and by which rules.
    pub policy: Policy,
}

impl Keeper {
    /// Opens the keys of a gateway, ends what a crash left half-done, and makes what is missing.
    ///
    /// # Errors
    ///
    /// When a file is no key, or a step cannot be taken.
    pub async fn open(parts: Parts) -> Result<Self, Error> {
        let private = parts.files.read()?;
        let keeper = Self {
            registry: parts.registry,
            register: parts.register,
            clock: parts.clock,
            files: parts.files,
            policy: parts.policy,
            ring: Ring::new(Keys::default()),
            memory: Mutex::new(Memory::new(private)),
            unknown: Cache::builder()
                .max_capacity(NAMES)
                .time_to_live(FORGET)
                .build(),
        };
        keeper.start().await?;
        Ok(keeper)
    }

    async fn start(&self) -> Result<(), Error> {
        let mut memory = self.memory.lock().await;
        self.settle(&mut memory).await?;
        let held = memory.held();
        for step in memory.published.losses(&self.policy, &held) {
            self.take(step, &mut memory).await?;
        }
        self.settle(&mut memory).await
    }

    /// The keys at hand.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Looks at what is published and does what is due, for as long as the process runs.
    pub async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(POLL).await;
            if let Err(error) = self.refresh().await {
                let cause = problem::chain(&error);
                tracing::error!(cause, "signing keys cannot be kept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Looks at what is published and does what is due.
    ///
    /// # Errors
    ///
    /// When a step cannot be taken; the ring then holds what is known.
    pub async fn refresh(&self) -> Result<(), Error> {
        let mut memory = self.memory.lock().await;
        self.settle(&mut memory).await
    }

    /// Looks once for the key that a token names, when it is not at hand: another gateway may have
    /// published it a moment ago. All who ask within a tenth of a second share one look, and names
    /// that nobody published are remembered for a while.
    pub async fn look_for(&self, token: &str) {
        let Some(kid) = jose::header(token).ok().and_then(|header| header.kid) else {
            return;
        };
        if kid.len() != THUMBPRINT || self.unknown.contains_key(&kid) {
            return;
        }
        if self.ring.keys().holds(&kid) {
            return;
        }
        let asked = Instant::now();
        let looked = tokio::time::timeout(PATIENCE, async {
            tokio::time::sleep(LOOKS_APART).await;
            let mut memory = self.memory.lock().await;
            let since = memory.looked.is_some_and(|looked| looked > asked);
            since || self.settle(&mut memory).await.is_ok()
        });
        if looked.await == Ok(true) && !self.ring.keys().holds(&kid) {
            self.unknown.insert(kid, ());
        }
    }

    /// Asks every gateway for a new key, and makes this one's.
    ///
    /// # Errors
    ///
    /// When it cannot be asked, or this gateway cannot make its key.
    pub async fn rotate(&self, role: Role) -> Result<(), Error> {
        let mut memory = self.memory.lock().await;
        store_keys::ask(self.db(), role, self.now()).await?;
        self.settle(&mut memory).await
    }

    /// Ends every key of a role at once; a new one of this gateway signs from now on.
    ///
    /// # Errors
    ///
    /// When the new key cannot be made, or the database refuses; then no key was ended.
    pub async fn rotate_in_emergency(&self, role: Role) -> Result<(), Error> {
        let mut memory = self.memory.lock().await;
        let private = self.make_file(role).await?;
        let fresh = self.key(role, &private, self.now(), self.now());
        let kid = fresh.kid.clone();
        memory.private.insert(kid, (role, private));
        let replaced = store_keys::replace_all(self.db(), fresh, self.now()).await;
        let settled = self.settle(&mut memory).await;
        let what = format!(
            "{} key {} published, all others removed",
            role.name(),
            replaced?.kid
        );
        self.note("OK", what).await?;
        settled
    }

    /// What is published, and what every gateway has been asked.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn published(&self) -> Result<Published, Error> {
        Ok(store_keys::read(self.db()).await?)
    }

    /// Every key that ever was, newest first, with this moment.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn history(&self) -> Result<(Vec<Key>, i64), Error> {
        Ok((store_keys::all(self.db()).await?, self.now()))
    }

    /// Takes steps until none is due, then shows the ring what is so.
    async fn settle(&self, memory: &mut Memory) -> Result<(), Error> {
        let worked = self.work(memory).await;
        memory.show(&self.ring, &self.policy.instance, self.now());
        worked?;
        self.clean(memory)?;
        self.lengthen(memory).await
    }

    async fn work(&self, memory: &mut Memory) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let began = Instant::now();
            memory.published = store_keys::read(self.db()).await?;
            memory.looked = Some(began);
            let held = memory.held();
            let steps = memory.published.plan(&self.policy, &held, self.now());
            if steps.is_empty() {
                return Ok(());
            }
            for step in steps {
                self.take(step, memory).await?;
            }
        }
        memory.published = store_keys::read(self.db()).await?;
        Ok(())
    }

    async fn take(&self, step: Step, memory: &mut Memory) -> Result<(), Error> {
        let now = self.now();
        match step {
            Step::Make {
                role,
                published,
                active_from,
            } => {
                self.note("REQUESTED", format!("{} key to be made", role.name()))
                    .await?;
                let private = self.make_file(role).await?;
                let key = self.key(role, &private, published, active_from);
                memory.private.insert(key.kid.clone(), (role, private));
                store_keys::publish(self.db(), &key).await?;
                self.note("OK", format!("{} key {} published", role.name(), key.kid))
                    .await
            }
            Step::Retire { kid } => {
                let what = format!("key {kid} retired");
                self.note("REQUESTED", what.clone()).await?;
                store_keys::retire(self.db(), &kid, now).await?;
                self.note("OK", what).await
            }
            Step::Remove { kid } => {
                let what = format!("key {kid} removed");
                self.note("REQUESTED", what.clone()).await?;
                store_keys::remove(self.db(), &kid, now).await?;
                self.note("OK", what).await
            }
        }
    }

    /// Makes a key whose file is durable; an RSA key takes its time, so it is made aside.
    async fn make_file(&self, role: Role) -> Result<Arc<PrivateKey>, Error> {
        let (files, algorithm) = (self.files.clone(), self.policy.algorithms.of(role));
        let made = tokio::task::spawn_blocking(move || files.make(role, algorithm)).await;
        made.map_err(|_| Error::Interrupted)?.map(Arc::new)
    }

    fn key(&self, role: Role, private: &PrivateKey, published: i64, active_from: i64) -> Key {
        Key {
            kid: private.public().kid().to_owned(),
            role,
            instance: self.policy.instance.clone(),
            algorithm: self.policy.algorithms.of(role).name().to_owned(),
            jwk: private.public().jwk().clone(),
            published,
            active_from,
            longest: self.longest(role),
            retired_at: None,
            removed_at: None,
        }
    }

    /// The longest life of what a role signs now, in seconds.
    fn longest(&self, role: Role) -> i64 {
        let snapshot = self.registry.snapshot();
        let lives = snapshot.descriptors.values();
        let lives = lives.map(|it| i64::from(it.body.voucher_lifespan));
        match role {
            Role::Voucher => lives.max().unwrap_or(0).clamp(SHORTEST, LONGEST),
            Role::Grant => grant::MAX_LIFE,
        }
    }

    /// Notes for the key that signs vouchers that they live longer than before.
    async fn lengthen(&self, memory: &Memory) -> Result<(), Error> {
        let longest = self.longest(Role::Voucher);
        match memory.signing(Role::Voucher) {
            Some(key) if key.longest < longest => {
                Ok(store_keys::lengthen(self.db(), &key.kid, longest).await?)
            }
            _ => Ok(()),
        }
    }

    /// Deletes the private halves that will not sign again.
    fn clean(&self, memory: &mut Memory) -> Result<(), Error> {
        for (kid, role) in memory.spent(&self.policy.instance) {
            self.files.delete(role, &kid)?;
            memory.private.remove(&kid);
        }
        Ok(())
    }

    async fn note(&self, outcome: &str, detail: String) -> Result<(), Error> {
        let epoch = self.registry.snapshot().epoch;
        let record = Record {
            outcome: outcome.to_owned(),
            ..record::key_change(self.clock.uuid(), epoch, detail)
        };
        self.register.commit(record).await?;
        Ok(())
    }

    fn db(&self) -> &Db {
        self.registry.db()
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }
}

/// A made-up name is not looked for again for so long.
const FORGET: Duration = Duration::from_secs(5);
/// Two looks for unknown keys lie so far apart.
const LOOKS_APART: Duration = Duration::from_millis(100);
/// Bounds of a voucher's life, in seconds.
const SHORTEST: i64 = 60;
const LONGEST: i64 = 86_400;
/// Made-up names that are remembered.
const NAMES: u64 = 10_000;
const PATIENCE: Duration = Duration::from_secs(1);
/// How long to wait after a step that could not be taken.
const PAUSE: Duration = Duration::from_secs(2);
/// How often the other gateways' keys are looked at: well within the second that is promised.
const POLL: Duration = Duration::from_millis(250);
/// Steps lead to other steps, but not for ever.
const ROUNDS: usize = 4;
/// Characters of a SHA-256 in base64url.
const THUMBPRINT: usize = 43;

#[cfg(test)]
mod tests;
