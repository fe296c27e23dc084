//! The hand that writes a log: one at a time, whatever happens.
//!
//! On SQLite it holds a lock file beside the database, on PostgreSQL an advisory lock on the very
//! connection that writes: both end with the process. That two hands could not make two heads even so
//! is the database's own rule: a batch is only taken behind the head that it continues.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use varco_runtime::store::{self, Db};

use super::Error;
use super::batch::Batch;
use super::seal::SealedKey;
use crate::points::{self, Spoiled};

/// The right to write the logs of one gateway instance.
#[derive(Debug)]
pub(super) enum Hold {
    Postgres(Box<Server>),
    Sqlite(Box<Local>),
}

/// A connection to `SQLite`, beside the lock. It is of this hand alone: a pool would ask it whether it
/// still lives after every statement, and each question wakes its thread.
#[derive(Debug)]
pub(super) struct Local {
    options: Arc<SqliteConnectOptions>,
    connection: Option<SqliteConnection>,
    /// Locked as long as it is open.
    #[expect(dead_code, reason = "the lock lasts as long as its file is open")]
    lock: File,
}

/// A connection to PostgreSQL that holds the lock.
#[derive(Debug)]
pub(super) struct Server {
    options: PgConnectOptions,
    instance: String,
    connection: Option<PgConnection>,
}

impl Hold {
    /// Takes the hold, waiting a second at most for one who is just letting go.
    ///
    /// # Errors
    ///
    /// [`Error::Rival`] when another writes.
    pub(super) async fn take(db: &Db, instance: &str) -> Result<Self, Error> {
        let begun = Instant::now();
        loop {
            match Self::try_take(db, instance).await {
                Err(Error::Rival(_)) if begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN).await;
                }
                taken => return taken,
            }
        }
    }

    async fn try_take(db: &Db, instance: &str) -> Result<Self, Error> {
        match db {
            Db::Sqlite { write, .. } => {
                let file = write.connect_options().get_filename().to_owned();
                let lock =
                    lock(&file, instance).ok_or_else(|| Error::Rival(instance.to_owned()))?;
                let mut local = Local {
                    options: write.connect_options(),
                    connection: None,
                    lock,
                };
                local.connected().await?;
                Ok(Self::Sqlite(Box::new(local)))
            }
            Db::Postgres(pool) => {
                let mut server = Server {
                    options: PgConnectOptions::clone(&pool.connect_options()),
                    instance: instance.to_owned(),
                    connection: None,
                };
                server.connected().await?;
                Ok(Self::Postgres(Box::new(server)))
            }
        }
    }

    /// Makes a batch and the head that it makes durable, in one statement.
    pub(super) async fn append(&mut self, made: &Made<'_>) -> Result<(), Error> {
        let batch = made.batch;
        let [a, b, c, p] = &batch.sealed;
        macro_rules! append {
            ($connection:expr) => {
                sqlx::query(APPEND)
                    .bind(made.log)
                    .bind(batch.first.cast_signed())
                    .bind(batch.count.cast_signed())
                    .bind(batch.newest)
                    .bind(batch.checks.as_slice())
                    .bind(batch.body.as_slice())
                    .bind(a.as_deref())
                    .bind(b.as_deref())
                    .bind(c.as_deref())
                    .bind(p.as_deref())
                    .bind(made.root)
                    .bind(made.note)
                    .execute($connection)
                    .await
                    .map(drop)
            };
        }
        let done = match self {
            Self::Sqlite(local) => {
                let connection = local.connected().await?;
                if points::is_spoiled(Spoiled::Unflushed) {
                    let spoiled = sqlx::query("PRAGMA synchronous = OFF");
                    let spoiled = spoiled.execute(&mut *connection).await;
                    spoiled.map_err(store::Error::from)?;
                }
                let done = append!(connection);
                after(&mut local.connection, done)
            }
            Self::Postgres(server) => {
                let connection = server.connected().await?;
                let done = append!(connection);
                after(&mut server.connection, done)
            }
        };
        Ok(done.map_err(store::Error::from)?)
    }

    /// Stores a key of sealed details, before it is used.
    pub(super) async fn keep_key(&mut self, key: &SealedKey, created: i64) -> Result<(), Error> {
        macro_rules! keep {
            ($connection:expr) => {
                sqlx::query(KEEP_KEY)
                    .bind(key.id.as_bytes())
                    .bind(created)
                    .bind(key.sealed.as_slice())
                    .execute($connection)
                    .await
                    .map(drop)
            };
        }
        let done = match self {
            Self::Sqlite(local) => {
                let connection = local.connected().await?;
                let done = keep!(connection);
                after(&mut local.connection, done)
            }
            Self::Postgres(server) => {
                let connection = server.connected().await?;
                let done = keep!(connection);
                after(&mut server.connection, done)
            }
        };
        Ok(done.map_err(store::Error::from)?)
    }
}

/// A batch with its log and the head that it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made<'a> {
    pub(super) log: i64,
    pub(super) batch: &'a Batch,
    pub(super) root: &'a [u8],
    pub(super) note: &'a str,
}

impl Server {
    /// The connection with its lock, made anew when it was lost.
    async fn connected(&mut self) -> Result<&mut PgConnection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Box::pin(self.connect()).await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        let mut fresh = PgConnection::connect_with(&self.options)
            .await
            .map_err(store::Error::Unreachable)?;
        // Durable before it is answered, whatever the server's default.
        for setting in SETTINGS {
            sqlx::query(setting)
                .execute(&mut fresh)
                .await
                .map_err(store::Error::from)?;
        }
        let (locked,): (bool,) = sqlx::query_as(LOCK)
            .bind(&self.instance)
            .fetch_one(&mut fresh)
            .await
            .map_err(store::Error::from)?;
        if locked {
            Ok(fresh)
        } else {
            Err(Error::Rival(self.instance.clone()))
        }
    }
}

impl Local {
    /// The connection, made anew when it was lost.
    async fn connected(&mut self) -> Result<&mut SqliteConnection, Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Box::pin(SqliteConnection::connect_with(&self.options))
                .await
                .map_err(store::Error::from)?,
        };
        Ok(self.connection.insert(connection))
    }
}

/// What failed for another reason than the database's own word may have lost the connection.
fn after<C>(connection: &mut Option<C>, done: Result<(), sqlx::Error>) -> Result<(), sqlx::Error> {
    if matches!(&done, Err(error) if error.as_database_error().is_none()) {
        *connection = None;
    }
    done
}

impl Hold {
    /// Gives up what does not answer; the next statement begins anew.
    pub(super) fn forget(&mut self) {
        match self {
            Self::Postgres(server) => server.connection = None,
            Self::Sqlite(local) => local.connection = None,
        }
    }
}

/// Locks the file of an instance beside a database; none when another holds it.
fn lock(database: &Path, instance: &str) -> Option<File> {
    let mut path = PathBuf::from(database).into_os_string();
    path.push(format!("-{instance}.lock"));
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(PathBuf::from(path))
        .ok()?;
    file.try_lock().ok().map(|()| file)
}

const AGAIN: Duration = Duration::from_millis(20);
const APPEND: &str = "INSERT INTO appended (log, first, count, newest, checks, body, sealed_a, \
     sealed_b, sealed_c, sealed_p, root, note) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const KEEP_KEY: &str = "INSERT INTO seal_key (id, created, sealed) VALUES ($1, $2, $3)";
const LOCK: &str = "SELECT pg_try_advisory_lock(hashtextextended('varco.audit/' || $1, 0))";
const PATIENCE: Duration = Duration::from_millis(900);
const SETTINGS: [&str; 2] = [
    "SET synchronous_commit = on",
    "SET statement_timeout = 8000",
];
