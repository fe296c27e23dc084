//! The registry: the single source of who may ask whom for what.
//!
//! It lives in the database as entries with an append-only history; every gateway reads it as an
//! immutable [`snapshot::Snapshot`] with a monotonic epoch. A change is one transaction, and the
//! snapshot is rebuilt before the change is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;
use uuid::Uuid;
use varco_proto::registry::v1::{Change, Document};
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;

pub mod act;
pub mod agreement;
pub mod apply;
pub mod attribute;
pub mod body;
pub mod certificate;
pub mod client;
pub mod compat;
pub mod contract;
pub mod delegation;
pub mod descriptor;
pub mod draft;
pub mod drift;
pub mod entry;
pub mod error;
pub mod eservice;
pub mod export;
pub mod eyes;
pub mod fields;
pub mod key;
pub mod law;
pub mod load;
pub mod operator;
pub mod past;
pub mod purpose;
pub mod rule;
pub mod scope;
pub mod snapshot;
pub mod store_entries;
pub mod supposed;
pub mod tenant;
#[cfg(test)]
pub(crate) mod testing;

use apply::{Mode, Plan};
use contract::Contracts;
use draft::{Draft, Setting};
use entry::{Kind, Row};
use error::Error;
use law::{Action, Actor};
use scope::{Sides, Who};
use snapshot::Snapshot;

/// The registry of one installation.
#[derive(Clone)]
pub struct Registry {
    db: Db,
    clock: Clock,
    rules: Arc<ArcSwap<Rules>>,
    contracts: Arc<Contracts>,
    current: Arc<ArcSwap<Snapshot>>,
    reading: Arc<tokio::sync::Mutex<()>>,
    moved: watch::Sender<u64>,
}

/// What the installation asks of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Whether who asks for access may not be who approves it.
    pub four_eyes: bool,
    /// What no rule of a method may go beyond.
    pub caps: rule::Caps,
}

/// What an action is done to, and as what.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The kind.
    pub kind: Kind,
    /// Name or id.
    pub entry: &'a str,
    /// The etag that was seen; empty when it does not matter.
    pub etag: &'a str,
    /// The side that was asked for.
    pub side: Option<Actor>,
    /// Why, as the operator says it.
    pub reason: &'a str,
}

impl Registry {
    /// Opens the registry on its database and reads the first snapshot.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or holds what it should not.
    pub async fn open(db: Db, clock: Clock, rules: Rules) -> Result<Self, Error> {
        let contracts = Arc::new(Contracts::default());
        let snapshot = snapshot::read(&db, &contracts, &Snapshot::empty()).await?;
        let (moved, _) = watch::channel(snapshot.epoch);
        Ok(Self {
            db,
            clock,
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            contracts,
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            reading: Arc::default(),
            moved,
        })
    }

    /// The registry as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Tells of every new epoch.
    #[must_use]
    pub fn epochs(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Whether nothing has been declared yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.load().is_empty()
    }

    /// What a document would change, and what is wrong with it.
    ///
    /// # Errors
    ///
    /// When an entry of the registry does not parse.
    pub fn plan(&self, document: &Document, mode: Mode, who: &Who) -> Result<Plan, Error> {
        let seen = self.snapshot();
        let new_id = || self.clock.uuid();
        let mut draft = Draft::new(&seen, &self.contracts, self.setting(who, &new_id));
        apply::plan(document, &mut draft, who, mode)
    }

    /// Makes the registry hold what a document declares. `seen_epoch` is the epoch of the plan that
    /// was agreed to; zero takes any.
    ///
    /// # Errors
    ///
    /// [`Error::Document`] with every problem of the document; then nothing was changed.
    pub async fn apply(
        &self,
        document: &Document,
        mode: Mode,
        seen_epoch: u64,
        who: &Who,
    ) -> Result<Vec<Change>, Error> {
        self.change(who, |draft| {
            if seen_epoch != 0 && seen_epoch != draft.seen.epoch {
                return Err(Error::Moved);
            }
            let plan = apply::plan(document, draft, who, mode)?;
            if plan.problems.is_empty() {
                Ok(plan.changes)
            } else {
                Err(Error::Document(plan.problems))
            }
        })
        .await
    }

    /// Makes one entry in its first state.
    ///
    /// # Errors
    ///
    /// [`Error::Document`] with every problem; then nothing was made.
    pub async fn create(&self, document: &Document, who: &Who) -> Result<Row, Error> {
        let made = self.change(who, |draft| apply::create(document, draft, who));
        let id = made.await?;
        let row = self.snapshot().row(id).cloned();
        row.ok_or_else(|| Error::NotFound("entry", id.to_string()))
    }

    /// Does an action to an entry and gives the entry that shows its outcome.
    ///
    /// # Errors
    ///
    /// When the entry does not exist for this operator, or the law forbids the action.
    pub async fn act(&self, target: Target<'_>, action: Action, who: &Who) -> Result<Row, Error> {
        let id = self
            .change_for(who, target.reason, |draft| {
                let row = seen_by(who, target, draft.seen)?;
                let sides = Sides::of(&row, draft.seen);
                let actors = who.acts_as(sides, target.side);
                let fits = |actor: &&Actor| {
                    let checked = law::check(row.kind, row.state, action, **actor);
                    !matches!(checked, Err(law::Illegal::Actor))
                };
                let actor = actors.iter().find(fits).copied();
                let Some(actor) = actor else {
                    return Err(Error::NotTheirs(row.name, action.participle()));
                };
                act::perform(draft, &row, action, actor)
            })
            .await?;
        let snapshot = self.snapshot();
        let row = snapshot.row(id).cloned();
        row.ok_or_else(|| Error::NotFound(target.kind.name(), target.entry.to_owned()))
    }

    /// An entry by id, by full name, or by the last part of its name where that is unambiguous.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Row, Error> {
        self.snapshot().find(kind, name)
    }

    /// Changes the registry: decides on what is seen, writes it whole, and reads it again before
    /// it tells the outcome. When somebody else was faster it decides anew.
    ///
    /// # Errors
    ///
    /// What the decision refuses, or [`Error::Moved`].
    pub async fn change<T>(
        &self,
        who: &Who,
        decide: impl Fn(&mut Draft<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_for(who, "", decide).await
    }

    /// As [`Self::change`], with a reason for which it is done.
    async fn change_for<T>(
        &self,
        who: &Who,
        reason: &str,
        decide: impl Fn(&mut Draft<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.snapshot();
            if !who.still_stands(&seen) {
                return Err(Error::NoOperator);
            }
            let new_id = || self.clock.uuid();
            let (draft, outcome) = {
                let setting = Setting {
                    reason,
                    ..self.setting(who, &new_id)
                };
                let mut draft = Draft::new(&seen, &self.contracts, setting);
                let outcome = decide(&mut draft)?;
                (draft.finished(), outcome)
            };
            if draft.written.is_empty() {
                return Ok(outcome);
            }
            let author = store_entries::Author {
                operator: &who.name,
                now: self.clock.now(),
                seen: seen.epoch,
            };
            match store_entries::write(&self.db, &draft, author).await {
                Err(Error::Moved) => self.refresh().await?,
                Err(error) => return Err(error),
                Ok(()) => {
                    for (of, contract) in draft.contracts {
                        self.contracts.keep(of, contract);
                    }
                    self.refresh().await?;
                    return Ok(outcome);
                }
            }
        }
        Err(Error::Moved)
    }

    /// Reads the registry again when its epoch has moved, for ever; another gateway may write.
    pub async fn follow(self) {
        let mut recomputed = Instant::now();
        let mut warned: Option<Instant> = None;
        loop {
            tokio::time::sleep(POLL).await;
            let asked = Instant::now();
            match store_entries::epoch(&self.db).await {
                Ok(epoch) if epoch == self.current.load().epoch => self.current.load().touch(asked),
                Ok(_) => {
                    if let Err(error) = self.refresh().await {
                        tracing::error!(%error, "the registry cannot be read");
                    }
                }
                Err(error) => tracing::warn!(%error, "the registry's epoch cannot be read"),
            }
            self.warn_of_age();
            if recomputed.elapsed() > RECOMPUTE {
                recomputed = Instant::now();
                self.expire().await;
            }
            if warned.is_none_or(|then| then.elapsed() > REMIND) {
                warned = Some(Instant::now());
                self.warn_of_certificates();
            }
        }
    }

    /// Suspends what rests on attributes that have expired meanwhile.
    async fn expire(&self) {
        let who = Who::installation();
        let done = self.change(&who, |draft| act::recompute(draft, None)).await;
        if let Err(error) = done {
            tracing::warn!(%error, "agreements could not be recomputed");
        }
    }

    /// Warns of certificates that nobody has renewed. Whose they are the registry tells, not the log.
    fn warn_of_certificates(&self) {
        let snapshot = self.snapshot();
        for entry in certificate::ending(&snapshot, self.clock.unix()) {
            let end = entry.body.not_after.map(Timestamp::from_second);
            let (thumbprint, end) = (&entry.name, end.and_then(Result::ok));
            tracing::warn!(thumbprint, ?end, "a certificate of the registry ends");
        }
    }

    fn warn_of_age(&self) {
        let age = self.current.load().age();
        if age > WARN {
            let seconds = age.as_secs();
            tracing::warn!(seconds, "the registry could not be read for a while");
        }
    }

    /// Reads the registry until it is at least at an epoch that another gateway has seen.
    ///
    /// # Errors
    ///
    /// When it cannot be read within a second, or is older still.
    pub async fn catch_up(&self, epoch: u64) -> Result<(), Error> {
        let read = tokio::time::timeout(CATCH_UP, async {
            let _one_at_a_time = self.reading.lock().await;
            if self.current.load().epoch < epoch {
                self.refresh().await?;
            }
            Ok::<_, Error>(())
        });
        read.await.map_err(|_| Error::Moved)??;
        if self.current.load().epoch < epoch {
            Err(Error::Moved)
        } else {
            Ok(())
        }
    }

    /// The database that also holds spent assertion ids and quotas.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Allows the rules of methods other numbers from now on; those that stand are left as they are,
    /// and calls keep to the smaller of the two.
    pub fn cap(&self, caps: rule::Caps) {
        let rules = **self.rules.load();
        self.rules.store(Arc::new(Rules { caps, ..rules }));
    }

    fn setting<'a>(&self, who: &'a Who, new_id: &'a dyn Fn() -> Uuid) -> Setting<'a> {
        let Rules { four_eyes, caps } = **self.rules.load();
        Setting {
            operator: &who.person,
            now: self.clock.now(),
            four_eyes,
            caps,
            reason: "",
            new_id,
        }
    }

    async fn refresh(&self) -> Result<(), Error> {
        let before = self.snapshot();
        let fresh = Arc::new(snapshot::read(&self.db, &self.contracts, &before).await?);
        // Two refreshes may race; the older reading must not win.
        self.current.rcu(|held| {
            let newer = if held.epoch > fresh.epoch {
                held
            } else {
                &fresh
            };
            Arc::clone(newer)
        });
        let epoch = self.current.load().epoch;
        self.moved.send_if_modified(|told| {
            let newer = *told < epoch;
            *told = epoch.max(*told);
            newer
        });
        Ok(())
    }
}

/// The entry of a target, when it exists for the operator and is the one that was seen.
fn seen_by(who: &Who, target: Target<'_>, seen: &Snapshot) -> Result<Row, Error> {
    let row = seen.find(target.kind, target.entry)?;
    if !who.sees(&row, seen) {
        return Err(Error::NotFound(target.kind.name(), target.entry.to_owned()));
    }
    as_seen(&row, target.etag)?;
    Ok(row)
}

/// Whether an entry still is as it was seen; an empty etag takes any.
///
/// # Errors
///
/// [`Error::Stale`].
pub fn as_seen(row: &Row, etag: &str) -> Result<(), Error> {
    if etag.is_empty() || etag == row.etag() {
        return Ok(());
    }
    Err(Error::Stale(row.name.clone(), row.etag()))
}

/// Longest wait for a registry that another gateway has seen.
const CATCH_UP: Duration = Duration::from_secs(1);
/// How often a change is decided again when others change the registry meanwhile.
const ATTEMPTS: usize = 8;
/// How often another gateway's changes are looked for: well within the second that is promised.
const POLL: Duration = Duration::from_millis(250);
/// How often certificates that end are warned of.
const REMIND: Duration = Duration::from_hours(24);
/// How often expired attributes are looked for.
const RECOMPUTE: Duration = Duration::from_mins(1);
/// Age of the snapshot from which the log warns.
pub const WARN: Duration = Duration::from_secs(5);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry(epoch {})", self.current.load().epoch)
    }
}

#[cfg(test)]
mod tests;
