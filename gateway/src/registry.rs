//! The registry: the single source of who may ask whom for what.
//!
//! It lives in the database as entries with an append-only history; every gateway reads it as an
//! immutable [`snapshot::Snapshot`] with a monotonic epoch. A change is one transaction, and the
//! snapshot is rebuilt before the change is answered.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use varco_proto::registry::v1::{Change, Document};
use varco_runtime::clock::Clock;
use varco_runtime::store::{self, Db};

pub mod apply;
pub mod contract;
pub mod entry;
pub mod snapshot;
pub mod store_entries;

use contract::Contracts;
use entry::{Kind, State};
use snapshot::Snapshot;
use store_entries::{Author, Row, Written};

/// The registry of one installation.
#[derive(Clone)]
pub struct Registry {
    db: Db,
    clock: Clock,
    contracts: Arc<Contracts>,
    current: Arc<ArcSwap<Snapshot>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// Ways that the registry refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Archiving is final.
    #[error("{0} is archived, which is final: use another name")]
    Archived(String),
    /// The document cannot stand; every problem at once.
    #[error("{}", .0.join("; "))]
    Document(Vec<String>),
    /// A stored entry does not parse.
    #[error("registry entry {0} does not parse: restore the database from a backup")]
    Inconsistent(String),
    /// No such entry.
    #[error("{0} {1} does not exist")]
    NotFound(&'static str, String),
    /// Several entries bear that name.
    #[error("{0} {1} is ambiguous: write consumer/name or the id")]
    Ambiguous(&'static str, String),
    /// Another change came between; nothing was done.
    #[error("the registry is being changed by somebody else: try again")]
    Moved,
    /// The entry is not in a state from which this can be done.
    #[error("{0} is {1}, so it cannot be {2}")]
    Transition(String, State, &'static str),
    /// Storage failed.
    #[error("registry cannot be stored")]
    Store(#[from] store::Error),
}

impl Registry {
    /// Opens the registry on its database and reads the first snapshot.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or holds what it should not.
    pub async fn open(db: Db, clock: Clock) -> Result<Self, Error> {
        let contracts = Arc::new(Contracts::default());
        let snapshot = snapshot::read(&db, &contracts).await?;
        let current = Arc::new(ArcSwap::from_pointee(snapshot));
        Ok(Self {
            db,
            clock,
            contracts,
            current,
            reading: Arc::default(),
        })
    }

    /// The registry as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Whether nothing has been declared yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.current.load().is_empty()
    }

    /// Makes the registry hold what a document declares; with `dry_run` it only says what it would
    /// do.
    ///
    /// # Errors
    ///
    /// [`Error::Document`] with every problem of the document; then nothing was changed.
    pub async fn apply(
        &self,
        document: &Document,
        dry_run: bool,
        operator: &str,
    ) -> Result<Vec<Change>, Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.snapshot();
            let plan = apply::plan(document, &seen, &self.contracts, || self.clock.uuid())?;
            if dry_run || !plan.writes() {
                return Ok(plan.into_changes());
            }
            match store_entries::write(&self.db, &plan, self.author(operator, &seen)).await {
                // Somebody else changed the registry meanwhile: decide again on what it is now.
                Err(Error::Moved) => self.refresh().await?,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.refresh().await?;
                    return Ok(plan.into_changes());
                }
            }
        }
        Err(Error::Moved)
    }

    /// Moves an entry to another state and gives it back as it stands then.
    ///
    /// # Errors
    ///
    /// When the entry does not exist or the transition is not one.
    pub async fn transition(
        &self,
        kind: Kind,
        name: &str,
        to: State,
        operator: &str,
    ) -> Result<Row, Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.snapshot();
            let row = seen.find(kind, name)?;
            if row.state == to {
                return Ok(row);
            }
            let moved = moved(row, to)?;
            let written = Written {
                action: to.participle(),
                row: moved.clone(),
            };
            match store_entries::write_one(&self.db, written, self.author(operator, &seen)).await {
                Err(Error::Moved) => self.refresh().await?,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.refresh().await?;
                    return Ok(moved);
                }
            }
        }
        Err(Error::Moved)
    }

    /// An entry by id, by full name, or by the last part of its name where that is unambiguous.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub fn find(&self, kind: Kind, name: &str) -> Result<Row, Error> {
        self.snapshot().find(kind, name)
    }

    /// Reads the registry again when its epoch has moved, for ever; another gateway may write.
    pub async fn follow(self) {
        loop {
            tokio::time::sleep(POLL).await;
            match store_entries::epoch(&self.db).await {
                Ok(epoch) if epoch == self.current.load().epoch => self.current.load().touch(),
                Ok(_) => {
                    if let Err(error) = self.refresh().await {
                        tracing::error!(%error, "the registry cannot be read");
                    }
                }
                Err(error) => tracing::warn!(%error, "the registry's epoch cannot be read"),
            }
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

    fn author<'a>(&self, operator: &'a str, seen: &Snapshot) -> Author<'a> {
        Author {
            operator,
            now: self.clock.now(),
            seen: seen.epoch,
        }
    }

    async fn refresh(&self) -> Result<(), Error> {
        let fresh = Arc::new(snapshot::read(&self.db, &self.contracts).await?);
        // Two refreshes may race; the older reading must not win.
        self.current.rcu(|held| {
            let newer = if held.epoch > fresh.epoch {
                held
            } else {
                &fresh
            };
            Arc::clone(newer)
        });
        Ok(())
    }
}

/// An entry in another state, when the law of the transition allows it.
fn moved(row: Row, to: State) -> Result<Row, Error> {
    match (row.state, to) {
        (State::Active, State::Suspended | State::Archived)
        | (State::Suspended, State::Active | State::Archived) => Ok(Row { state: to, ..row }),
        _ => Err(Error::Transition(row.name, row.state, to.participle())),
    }
}

/// Longest wait for a registry that another gateway has seen.
const CATCH_UP: Duration = Duration::from_secs(1);
/// How often a change is decided again when others change the registry meanwhile.
const ATTEMPTS: usize = 8;
/// How often another gateway's changes are looked for: well within the second that is promised.
const POLL: Duration = Duration::from_millis(250);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry(epoch {})", self.current.load().epoch)
    }
}

#[cfg(test)]
mod tests;
