//! What the register of accesses is read by: words, and the tiles of the tree.
//!
//! None of it is evidence. It stands in a database of its own, is written after the records that
//! it is about are durable and answered, and is computed again from the batches where it is
//! missing: a call never waits for it. A stretch of 16 384 leaves, a segment, is written at once:
//! its tiles, and for each word the places where it stands, in one of 256 pages by the word's hash.
//! The stretch that is still being filled is the `tail`, in memory.

use varco_runtime::config::Config;
use varco_runtime::store::{Db, Migrations};

use super::Error;

pub mod keeping;
pub mod segment;
mod store_index;
pub mod tail;
pub mod word;

pub use store_index::{check_segment, forget, places, segments, spans, tile};

/// The schema of the index where it has a database of its own.
pub const MIGRATIONS: Migrations = Migrations {
    sqlite: &[include_str!(
        "../../migrations/audit-index/sqlite/0001_init.sql"
    )],
    // On PostgreSQL it stands beside the register of accesses.
    postgres: super::MIGRATIONS.postgres,
};

/// Leaves in a segment: 64 full tiles; one in the tests of this crate, which thus fill many.
pub const SEGMENT: u64 = if cfg!(test) { 256 } else { 16_384 };

/// Opens the index that belongs to the register of accesses, or makes it.
///
/// # Errors
///
/// When it cannot be opened.
pub async fn open(config: &Config) -> Result<Db, Error> {
    let address = address(&config.gateway.audit_database);
    Ok(Db::open(&address, &config.folder, MIGRATIONS).await?)
}

/// Opens the index to read it beside the process that writes it.
///
/// # Errors
///
/// When it does not exist or cannot be opened.
pub async fn open_to_read(config: &Config) -> Result<Db, Error> {
    let address = address(&config.gateway.audit_database);
    Ok(Db::open_as_it_is(&address, &config.folder).await?)
}

/// The index of `sqlite:audit/audit.db` is `sqlite:audit/audit-index.db`: one file has one writer,
/// and the commit of a record must not wait for that of its words.
fn address(of_records: &str) -> String {
    match of_records.strip_prefix("sqlite:") {
        Some(file) => {
            let name = file.strip_suffix(".db").unwrap_or(file);
            format!("sqlite:{name}-index.db")
        }
        None => of_records.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_stands_beside_the_records() {
        assert_eq!(
            address("sqlite:audit/audit.db"),
            "sqlite:audit/audit-index.db"
        );
        assert_eq!(address("postgres://h/varco"), "postgres://h/varco");
    }
}
