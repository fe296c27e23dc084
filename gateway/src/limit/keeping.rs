//! What is due between the calls, once a second: tell how far leases are used, give back those that
//! nobody uses, take back those of the dead, and tell people when most of a day is used.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use tokio::sync::OwnedMutexGuard;
use tokio::time::MissedTickBehavior;
use varco_runtime::problem::chain;
use varco_runtime::store;

use super::grant::WARN_PERCENT;
use super::ledger::Report;
use super::subject::{Key, Subject};
use super::watch::Watch;
use super::{Books, Limiter, store_quota};
use crate::audit::committer::Register;
use crate::audit::record;

/// Most of a subject's calls of a day are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Of what.
    pub key: Key,
    /// Calls a day.
    pub limit: u64,
}

/// What is remembered from one round to the next.
#[derive(Debug, Default)]
pub struct Rounds {
    watch: Watch,
    count: u64,
}

/// Keeps the books of a limiter, for ever.
pub async fn keep(limiter: Arc<Limiter>, register: Register) {
    let mut seconds = tokio::time::interval(ROUND);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        limiter.round().await;
        limiter.tell(&register);
    }
}

impl Limiter {
    /// Does what is due; what cannot be done now is due again.
    pub async fn round(&self) {
        let mut rounds = self.rounds.lock().await;
        if self.books().closed {
            return;
        }
        in_time("leases cannot be reported", self.report()).await;
        in_time("leases cannot be returned", self.put_back(IDLE)).await;
        let reclaimed = self.reclaim(&mut rounds);
        in_time("leases cannot be reclaimed", reclaimed).await;
        if rounds.count.is_multiple_of(EVERY_MINUTE) {
            self.clients.forget_idle();
        }
        if rounds.count.is_multiple_of(EVERY_HOUR) {
            in_time("days that have passed cannot be deleted", self.sweep()).await;
        }
        rounds.count += 1;
    }

    /// Tells of quotas that are nearly used, in the log and in the register of accesses.
    pub fn tell(&self, register: &Register) {
        for warning in self.warnings() {
            let Warning { key, limit } = warning;
            let (kind, id) = (key.subject.kind(), key.subject.to_string());
            tracing::warn!(kind, id, limit, "most of the day's calls are used");
            let detail = format!("{id}: {WARN_PERCENT} % of {limit} on {}", key.day);
            let mut told = record::quota_warning(self.clock.uuid(), detail);
            if let Subject::Purpose(id) = key.subject {
                told.purpose_id = id.to_string();
            }
            register.leave(told);
        }
    }

    /// What people must still be told; each is given once.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut self.books().warnings)
    }

    /// Gives everything back and counts no more calls; to be called when all have ended.
    pub async fn close(&self) {
        let _last = self.rounds.lock().await;
        self.books().closed = true;
        in_time("leases cannot be returned", async {
            while self.put_back(Duration::ZERO).await? {}
            self.leave().await
        })
        .await;
    }

    /// Tells how far leases are used and that this gateway lives, while it holds any.
    async fn report(&self) -> Result<(), store::Error> {
        let mut alone = Vec::new();
        let (reports, holder) = {
            let mut books = self.books();
            let Books { ledger, turns, .. } = &mut *books;
            turns.retain(|key, turn| Arc::strong_count(turn) > 1 || ledger.holds(key));
            let reports = ledger.report(|key| enter(turns, key, &mut alone));
            let reports = (!ledger.is_empty()).then_some(reports);
            (reports, Arc::clone(&books.holder))
        };
        let Some(reports) = reports else {
            return self.leave().await;
        };
        // The beat alone, where there is nothing else to say.
        let beat = reports.is_empty().then_some(&[] as &[Report]);
        for some in beat.into_iter().chain(reports.chunks(BATCH)) {
            let told = store_quota::report(&self.db, &holder, some).await?;
            let mut books = self.books();
            for report in some {
                books
                    .ledger
                    .reported(report, told.get(&report.key).copied());
            }
        }
        Ok(())
    }

    /// Strikes this gateway off while it holds nothing, so that nobody takes it for dead. What it
    /// leases next it holds under another name: nothing of that can be taken for the old one's.
    async fn leave(&self) -> Result<(), store::Error> {
        let left = {
            let mut books = self.books();
            books.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            if !books.is_known || !books.turns.is_empty() {
                return Ok(());
            }
            books.is_known = false;
            let next = self.clock.uuid().to_string().into();
            std::mem::replace(&mut books.holder, next)
        };
        store_quota::leave(&self.db, &left).await
    }

    /// Gives back what nobody has used for a while; true when something was given back.
    pub(super) async fn put_back(&self, idle: Duration) -> Result<bool, store::Error> {
        let mut alone = Vec::new();
        let (returns, holder) = {
            let mut books = self.books();
            let Books { ledger, turns, .. } = &mut *books;
            let returns = ledger.idle((Instant::now(), idle), |key| {
                alone.len() < BATCH && enter(turns, key, &mut alone)
            });
            (returns, Arc::clone(&books.holder))
        };
        if returns.is_empty() {
            return Ok(false);
        }
        store_quota::give_back(&self.db, &holder, &returns).await?;
        let mut books = self.books();
        for it in &returns {
            books.ledger.returned(&it.key);
        }
        Ok(true)
    }

    /// Takes back what the dead held.
    async fn reclaim(&self, rounds: &mut Rounds) -> Result<(), store::Error> {
        let holder = Arc::clone(&self.books().holder);
        let beats = store_quota::beats(&self.db, &holder).await?;
        let mut buried = rounds.count.is_multiple_of(SOMETIMES);
        for dead in rounds.watch.dead(beats, Instant::now()) {
            if store_quota::bury(&self.db, &dead).await? {
                let run = dead.holder;
                tracing::warn!(
                    run,
                    "a gateway is silent: what it surely has not used comes back"
                );
                buried = true;
            }
        }
        while buried && store_quota::reclaim(&self.db).await? {}
        Ok(())
    }

    async fn sweep(&self) -> Result<(), store::Error> {
        let before = self.clock.today().checked_sub(KEPT.days());
        match before {
            Ok(before) => store_quota::sweep(&self.db, before).await,
            Err(_) => Ok(()),
        }
    }
}

/// Whether nobody asks the database about a subject; nobody will while the guard is held.
fn enter(
    turns: &HashMap<Key, Arc<tokio::sync::Mutex<()>>>,
    key: &Key,
    alone: &mut Vec<OwnedMutexGuard<()>>,
) -> bool {
    let turn = turns.get(key).map(Arc::clone);
    let entered = turn.and_then(|turn| turn.try_lock_owned().ok());
    let free = entered.is_some();
    alone.extend(entered);
    free
}

async fn in_time<T>(failed: &'static str, work: impl Future<Output = Result<T, store::Error>>) {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(cause = chain(&error), failed),
        Err(_) => tracing::warn!(cause = "no answer in time", failed),
    }
}

/// Leases of one transaction.
const BATCH: usize = 256;
const EVERY_HOUR: u64 = 3600;
const EVERY_MINUTE: u64 = 60;
/// How long a lease may lie unused.
pub const IDLE: Duration = Duration::from_secs(10);
/// Days that are kept: more than the clocks of gateways may ever lie apart.
const KEPT: i32 = 7;
const PATIENCE: Duration = Duration::from_secs(3);
const ROUND: Duration = Duration::from_secs(1);
/// How often it is looked for leases of the dead that somebody else has struck off.
const SOMETIMES: u64 = 5;
