//! Databases for tests: every store test runs on each of them.
//!
//! `SQLite` always, in a folder of its own; `PostgreSQL` where `VARCO_TEST_POSTGRES` holds the
//! address of a server on which databases may be made.

use tempfile::TempDir;

use super::{Db, Error, Migrations};

/// A fresh database of a test, with the folder that holds it.
#[derive(Debug)]
pub struct Fresh {
    /// The database.
    pub db: Db,
    /// `sqlite` or `postgres`, for messages.
    pub name: &'static str,
    address: String,
    folder: TempDir,
}

impl Fresh {
    /// Opens the database once more, as a later release with another schema does.
    ///
    /// # Errors
    ///
    /// When its schema cannot be brought up to date.
    pub async fn again(&self, schema: Migrations) -> Result<Db, Error> {
        Db::open(&self.address, self.folder.path(), schema).await
    }
}

/// One fresh database for each that this machine has; says which it skipped.
///
/// # Errors
///
/// When a database cannot be made.
pub async fn each_db(schema: Migrations) -> Result<Vec<Fresh>, Error> {
    let mut fresh = vec![sqlite(schema).await?];
    match server() {
        Some(server) => fresh.push(postgres(&server, schema).await?),
        None => say_skipped(),
    }
    Ok(fresh)
}

/// The `PostgreSQL` server for tests, where there is one.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
pub fn server() -> Option<String> {
    std::env::var("VARCO_TEST_POSTGRES").ok()
}

/// Makes an empty database on the server and tells its address.
///
/// # Errors
///
/// When the server refuses.
#[expect(
    clippy::disallowed_methods,
    reason = "a test database has a random name, which cannot be bound"
)]
pub async fn empty_postgres(server: &str) -> Result<String, Error> {
    let name = format!("t_{}", uuid::Uuid::new_v4().simple());
    let pool = sqlx::PgPool::connect(server)
        .await
        .map_err(Error::Unreachable)?;
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .execute(&pool)
        .await?;
    pool.close().await;
    let base = server.rsplit_once('/').map_or(server, |(base, _)| base);
    Ok(format!("{base}/{name}"))
}

#[expect(clippy::print_stderr, reason = "a test says what it skipped")]
fn say_skipped() {
    eprintln!("skipped PostgreSQL: VARCO_TEST_POSTGRES is not set");
}

async fn sqlite(schema: Migrations) -> Result<Fresh, Error> {
    let folder = TempDir::new().map_err(|error| Error::Statement(sqlx::Error::Io(error)))?;
    let address = "sqlite:test.db".to_owned();
    let db = Db::open(&address, folder.path(), schema).await?;
    Ok(Fresh {
        db,
        name: "sqlite",
        address,
        folder,
    })
}

async fn postgres(server: &str, schema: Migrations) -> Result<Fresh, Error> {
    let folder = TempDir::new().map_err(|error| Error::Statement(sqlx::Error::Io(error)))?;
    let address = empty_postgres(server).await?;
    let db = Db::open(&address, folder.path(), schema).await?;
    Ok(Fresh {
        db,
        name: "postgres",
        address,
        folder,
    })
}
