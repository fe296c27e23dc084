//! The register of accesses: the record that every exchange leaves before its answer.
//!
//! Records are leaves of a Merkle log (RFC 6962) in C2SP formats. They are committed in groups: one
//! transaction writes whatever waited during the one before, or came close behind, with the tree and a
//! signed checkpoint. What cannot be made durable is not answered.

use varco_runtime::store::Migrations;

pub mod anchoring;
pub mod batch;
pub mod by_time;
pub mod committer;
pub mod counting;
pub mod dangling;
pub mod deposit;
mod edge;
pub mod export;
mod gather;
pub mod glance;
pub mod guard;
mod hold;
pub mod index;
mod leaf;
pub mod mark;
mod opening;
pub mod pack;
pub mod proofs;
pub mod reading;
pub mod reconcile;
pub mod record;
pub mod recovery;
pub mod retaining;
pub mod retention;
pub mod seal;
pub mod search;
pub mod store_log;
pub mod subject;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;
pub mod witnessing;
mod writer;

/// The schema of the register of accesses.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[
        include_str!("../migrations/audit/sqlite/0001_init.sql"),
        include_str!("../migrations/audit/sqlite/0002_retention.sql"),
    ],
    postgres: &[
        include_str!("../migrations/audit/postgres/0001_init.sql"),
        include_str!("../migrations/audit/postgres/0002_index.sql"),
        include_str!("../migrations/audit/postgres/0003_retention.sql"),
    ],
};

/// Ways that the register of accesses fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The clock shows a time before the newest record.
    #[error(
        "the clock shows {now}, before the newest record of {newest}: set the clock and start again"
    )]
    ClockBehind {
        /// What the clock shows.
        now: jiff::Timestamp,
        /// When the newest record was made.
        newest: jiff::Timestamp,
    },
    /// The stored log does not agree with itself.
    #[error(
        "the register of accesses is damaged at index {index}: {what}; keep the files as they are and restore a backup beside them"
    )]
    Damaged {
        /// First index that is wrong.
        index: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A file of an export cannot be written.
    #[error(transparent)]
    File(#[from] varco_runtime::secret::Error),
    /// The folder of an export cannot be made.
    #[error("folder {0} cannot be made")]
    Folder(std::path::PathBuf, #[source] std::io::Error),
    /// The key of the log is not the one that it was begun with.
    #[error("audit.key is not the key of log {0}: put the right key back")]
    Key(String),
    /// No log of that name is stored.
    #[error("there is no log {0} in this database")]
    NoLog(String),
    /// The log says something else than it has said.
    #[error(
        "the register of accesses is not the one that was written: it had signed another head at {0} records; \
         what it holds cannot be trusted, put a backup of its own database back and run `varco audit recover`"
    )]
    Forked(u64),
    /// The index or the size lies outside the log.
    #[error("index or size lies outside the log")]
    OutOfRange,
    /// Another process writes the same log.
    #[error(
        "another gateway writes the log of instance {0}: end that one, or give each gateway its own `instance`"
    )]
    Rival(String),
    /// Details cannot be sealed.
    #[error(transparent)]
    Seal(#[from] seal::Error),
    /// The database does not answer.
    #[error("the register of accesses does not answer")]
    Slow,
    /// An older copy was put in place.
    #[error(
        "the register of accesses ends at {stored} records and had {known}: an older copy was put in its place; \
         what it holds is whole as far as it goes. Put the newer files back, or run `varco audit recover` to go on \
         in a log that is linked to this one"
    )]
    RolledBack {
        /// Records that are there.
        stored: u64,
        /// Records that there had been.
        known: u64,
    },
    /// Storage failed.
    #[error("register of accesses cannot be stored")]
    Store(#[from] varco_runtime::store::Error),
    /// A log that there had been is not there.
    #[error(
        "log {0} is not in the register of accesses and had been: its database was deleted or an older copy was put \
         in its place. Put the newer files back, or run `varco audit recover` to go on in a linked log"
    )]
    Vanished(String),
    /// A witness does not cosign.
    #[error(transparent)]
    Witness(#[from] varco_witness::client::Error),
    /// The writer's thread cannot be made.
    #[error("the thread that writes the register of accesses cannot be made")]
    Thread(#[source] std::io::Error),
    /// The log's formats were violated.
    #[error("log is malformed")]
    Tlog(#[from] varco_tlog::error::Error),
}
