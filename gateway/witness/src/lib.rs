//! A witness: it cosigns the checkpoints of logs, each only when it continues the one before
//! (C2SP tlog-witness), and the client with which a log asks one.
//!
//! A log that is cosigned cannot show one history to the offices and another to the auditor. The
//! witness is worth something because it is somebody else's: it runs on another machine, in the
//! hands of another administrator, and shares neither key nor database with the gateway. What it
//! answers is decided in `varco_tlog::witness`; here stand its state, its key and HTTP.

pub mod client;
mod key;
pub mod known;
mod rate;
mod store_head;
#[cfg(test)]
mod testing;
pub mod web;
pub mod witness;

use varco_runtime::store::Migrations;

/// The schema of a witness's state.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!("../migrations/sqlite/0001_init.sql")],
    postgres: &[include_str!("../migrations/postgres/0001_init.sql")],
};
