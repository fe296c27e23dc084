//! One storage for two databases: `SQLite` by default, `PostgreSQL` in production.
//!
//! A query's text, its binds and its row type stand once in the source; the macro `on!` compiles
//! the same body for either pool. Only the DDL is written twice. Time, identifiers and randomness
//! come in as values, never from the database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::telemetry::span::Span;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod traced;

/// A role's database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file, one writer, several readers.
    Sqlite {
        /// Connections that only read.
        read: SqlitePool,
        /// The one connection that writes.
        write: SqlitePool,
    },
    /// A `PostgreSQL` database.
    Postgres(PgPool),
}

/// A transaction on either database; dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub enum Tx {
    /// On `SQLite`.
    Sqlite(Transaction<'static, Sqlite>),
    /// On `PostgreSQL`.
    Postgres(Transaction<'static, Postgres>),
}

/// The DDL of a role, oldest first, in both dialects.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// For `SQLite`.
    pub sqlite: &'static [&'static str],
    /// For `PostgreSQL`.
    pub postgres: &'static [&'static str],
}

/// Ways that storage fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is damaged, or is no database.
    #[error("database {0} is damaged: move it aside and restore it from a backup")]
    Corrupt(PathBuf),
    /// The address of the database makes no sense.
    #[error("database address must be sqlite:FILE or postgres://…")]
    Address,
    /// The schema could not be brought up to date.
    #[error("database {0} cannot be brought up to date")]
    Migrate(String, #[source] sqlx::migrate::MigrateError),
    /// The file cannot be opened or made.
    #[error("database {0} cannot be opened: check that the folder exists and is writable")]
    Open(PathBuf, #[source] sqlx::Error),
    /// The server cannot be reached.
    #[error("postgresql cannot be reached: check the address and that it runs")]
    Unreachable(#[source] sqlx::Error),
    /// A statement failed.
    #[error("statement failed")]
    Statement(#[from] sqlx::Error),
}

impl Error {
    /// Whether a row with the same key already stands there.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        match self {
            Self::Statement(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }
}

/// Runs a query body on whichever database a transaction stands on.
#[macro_export]
macro_rules! on {
    ($tx:expr, |$db:ident| $body:expr) => {
        match $tx {
            $crate::store::Tx::Sqlite(tx) => {
                let $db = $crate::store::traced::Traced(&mut **tx);
                $body
            }
            $crate::store::Tx::Postgres(tx) => {
                let $db = $crate::store::traced::Traced(&mut **tx);
                $body
            }
        }
    };
}

impl Db {
    /// Opens a database by its address and brings its schema up to date.
    ///
    /// `sqlite:FILE` is made when it does not exist; a relative file stands in `folder`.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing is changed in a file that is no database.
    pub async fn open(address: &str, folder: &Path, schema: Migrations) -> Result<Self, Error> {
        if let Some(file) = address.strip_prefix("sqlite:") {
            return Self::open_sqlite(&folder.join(file), schema).await;
        }
        if address.starts_with("postgres://") || address.starts_with("postgresql://") {
            return Self::open_postgres(address, schema).await;
        }
        Err(Error::Address)
    }

    async fn open_sqlite(file: &Path, schema: Migrations) -> Result<Self, Error> {
        let options = sqlite_options(file);
        let failed = |error| sqlite_failure(file, error);
        let write = sqlite_pool(1)
            .connect_with(options.clone().create_if_missing(true))
            .await
            .map_err(failed)?;
        check_file(&write, file).await?;
        migrator(schema.sqlite)
            .run(&write)
            .await
            .map_err(|error| Error::Migrate(file.display().to_string(), error))?;
        let read = sqlite_pool(4)
            .min_connections(1)
            .connect_with(options.read_only(true))
            .await
            .map_err(failed)?;
        Ok(Self::Sqlite { read, write })
    }

    async fn open_postgres(address: &str, schema: Migrations) -> Result<Self, Error> {
        let options: PgConnectOptions = address.parse().map_err(|_| Error::Address)?;
        // Migrations run before the pool opens: 0.9 keeps stale plans after a change of schema.
        let first = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await
            .map_err(Error::Unreachable)?;
        migrator(schema.postgres)
            .run(&first)
            .await
            .map_err(|error| Error::Migrate("postgresql".to_owned(), error))?;
        first.close().await;
        Self::reach_postgres(options).await
    }

    async fn reach_postgres(options: PgConnectOptions) -> Result<Self, Error> {
        PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await
            .map(Self::Postgres)
            .map_err(Error::Unreachable)
    }

    /// Opens a database as it stands, to read it beside those who write it; its schema is left alone.
    ///
    /// # Errors
    ///
    /// When it does not exist, cannot be reached or is damaged.
    pub async fn open_as_it_is(address: &str, folder: &Path) -> Result<Self, Error> {
        match address.strip_prefix("sqlite:") {
            Some(file) => Self::open_to_read(&folder.join(file)).await,
            None => Self::reach_postgres(address.parse().map_err(|_| Error::Address)?).await,
        }
    }

    /// Opens an existing `SQLite` file to read it beside the process that writes it.
    ///
    /// # Errors
    ///
    /// When the file does not exist or is damaged.
    pub async fn open_to_read(file: &Path) -> Result<Self, Error> {
        let pool = sqlite_pool(1)
            .connect_with(sqlite_options(file).read_only(true))
            .await
            .map_err(|error| sqlite_failure(file, error))?;
        check_file(&pool, file).await?;
        Ok(Self::Sqlite {
            read: pool.clone(),
            write: pool,
        })
    }

    /// Begins a transaction that writes; on `SQLite` it waits for the writer before it.
    ///
    /// # Errors
    ///
    /// When no connection is free in time or the database is unreachable.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Begins a transaction that only reads, beside the writer; all it reads is of one moment.
    ///
    /// # Errors
    ///
    /// When no connection is free in time or the database is unreachable.
    pub async fn read(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => Tx::Sqlite(read.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin_with(SNAPSHOT).await?),
        })
    }

    /// Closes every connection, after what they do.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Makes what was done durable.
    ///
    /// # Errors
    ///
    /// When the database cannot; then nothing was done.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let span = Span::current().statement(traced::SQLITE, "COMMIT");
                traced::told(tx.commit().await, &span)?;
            }
            Self::Postgres(tx) => {
                let span = Span::current().statement(traced::POSTGRES, "COMMIT");
                traced::told(tx.commit().await, &span)?;
            }
        }
        Ok(())
    }
}

/// Connections to a file at most.
///
/// No pool here ages its connections: the task that would (sqlx 0.9.0) counts idle ones with a race
/// that can leave it spinning for ever on a worker of the runtime. A file does not hang up either, so
/// none is asked whether it lives before it is used.
fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn sqlite_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("cache_size", "-512")
        .statement_cache_capacity(64)
}

fn sqlite_failure(file: &Path, error: sqlx::Error) -> Error {
    let code = match &error {
        sqlx::Error::Database(inner) => inner.code().map(std::borrow::Cow::into_owned),
        _ => None,
    };
    match code.as_deref() {
        // SQLITE_CORRUPT and SQLITE_NOTADB.
        Some("11" | "26") => Error::Corrupt(file.to_owned()),
        _ => Error::Open(file.to_owned(), error),
    }
}

/// Reads every page of a small file; a large one is checked by `varco doctor`.
async fn check_file(pool: &SqlitePool, file: &Path) -> Result<(), Error> {
    let size = std::fs::metadata(file).map_or(0, |found| found.len());
    if size > CHECKED_AT_OPEN {
        return Ok(());
    }
    let answer: Result<(String,), _> = sqlx::query_as("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await;
    match answer {
        Ok((text,)) if text == "ok" => Ok(()),
        Ok(_) => Err(Error::Corrupt(file.to_owned())),
        Err(error) => Err(sqlite_failure(file, error)),
    }
}

fn migrator(steps: &'static [&'static str]) -> Migrator {
    let migrations = steps.iter().zip(1_i64..).map(|(sql, version)| {
        let sql = sqlx::SqlStr::from_static(sql);
        Migration::new(version, "step".into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// `SQLite` reads of one moment anyway; here each statement would see its own.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const ACQUIRE: Duration = Duration::from_secs(5);
const CHECKED_AT_OPEN: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Migrations = Migrations {
        sqlite: &["CREATE TABLE entries (n INTEGER NOT NULL)"],
        postgres: &["CREATE TABLE entries (n BIGINT NOT NULL)"],
    };

    async fn add(tx: &mut Tx) -> Result<(), sqlx::Error> {
        on!(tx, |db| sqlx::query("INSERT INTO entries VALUES (7)")
            .execute(db)
            .await
            .map(drop))
    }

    async fn count(tx: &mut Tx) -> i64 {
        let counted = on!(tx, |db| sqlx::query_as("SELECT count(*) FROM entries")
            .fetch_one(db)
            .await);
        let (count,) = counted.unwrap();
        count
    }

    #[tokio::test]
    async fn reading_is_of_one_moment_whatever_is_written_meanwhile() {
        for fresh in testing::each_db(SCHEMA).await.unwrap() {
            let mut reading = fresh.db.read().await.unwrap();
            let before = count(&mut reading).await;
            let mut writing = fresh.db.begin().await.unwrap();
            add(&mut writing).await.unwrap();
            writing.commit().await.unwrap();

            let after = count(&mut reading).await;

            let later = count(&mut fresh.db.read().await.unwrap()).await;
            assert_eq!((before, after, later), (0, 0, 1), "{}", fresh.name);
        }
    }

    #[tokio::test]
    async fn reading_cannot_write() {
        for fresh in testing::each_db(SCHEMA).await.unwrap() {
            let mut reading = fresh.db.read().await.unwrap();

            let refused = add(&mut reading).await;

            assert!(refused.is_err(), "{}", fresh.name);
        }
    }
}
