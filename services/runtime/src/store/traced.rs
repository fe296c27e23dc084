//! A connection whose statements leave a span each, as parts of the call that they work for.
//!
//! The text of a statement holds no values, and its values are not looked at. Where nobody collects,
//! and for work that serves no call, a statement goes straight through.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use futures_util::{FutureExt as _, future, stream};
use sqlx::{Database, Either, Error, Execute, Executor, SqlStr};

use crate::telemetry::span::Span;

/// A connection whose statements leave spans; what the macro `on!` gives a query.
#[derive(Debug)]
pub struct Traced<C>(pub C);

/// What the conventions call `SQLite`.
pub(super) const SQLITE: &str = "sqlite";
/// What they call `PostgreSQL`.
pub(super) const POSTGRES: &str = "postgresql";

impl<'c, C> Executor<'c> for Traced<C>
where
    C: Executor<'c>,
{
    type Database = C::Database;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<
        'e,
        Result<
            Either<<C::Database as Database>::QueryResult, <C::Database as Database>::Row>,
            Error,
        >,
    >
    where
        'c: 'e,
        E: 'q + Execute<'q, C::Database>,
    {
        let call = Span::current();
        if !call.is_collected() {
            return self.0.fetch_many(query);
        }
        match Told::of(query) {
            Ok(query) => {
                let span = call.statement(system::<C::Database>(), query.0.as_str());
                let rows = self.0.fetch_many(query);
                // The span ends with the stream that holds it.
                rows.inspect_err(move |error| fail(&span, error)).boxed()
            }
            Err(error) => stream::once(future::ready(Err(error))).boxed(),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<<C::Database as Database>::Row>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, C::Database>,
    {
        let call = Span::current();
        if !call.is_collected() {
            return self.0.fetch_optional(query);
        }
        match Told::of(query) {
            Ok(query) => {
                let span = call.statement(system::<C::Database>(), query.0.as_str());
                let row = self.0.fetch_optional(query);
                row.map(move |row| told(row, &span)).boxed()
            }
            Err(error) => future::ready(Err(error)).boxed(),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [<C::Database as Database>::TypeInfo],
    ) -> BoxFuture<'e, Result<<C::Database as Database>::Statement, Error>>
    where
        'c: 'e,
    {
        self.0.prepare_with(sql, parameters)
    }
}

/// A query whose text was looked at.
struct Told<DB: Database>(SqlStr, Option<DB::Arguments>);

impl<DB: Database> Told<DB> {
    fn of<'q>(mut query: impl Execute<'q, DB>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        Ok(Self(query.sql(), arguments))
    }
}

impl<DB: Database> Execute<'_, DB> for Told<DB> {
    fn sql(self) -> SqlStr {
        self.0
    }

    fn statement(&self) -> Option<&DB::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, sqlx::error::BoxDynError> {
        Ok(self.1.take())
    }

    fn persistent(&self) -> bool {
        true
    }
}

/// Lets a span know when what it measures has failed.
pub(super) fn told<T>(outcome: Result<T, Error>, span: &Span) -> Result<T, Error> {
    outcome.inspect_err(|error| fail(span, error))
}

/// Notes the database's own code for a failure, or one word; never its text, which may hold values.
fn fail(span: &Span, error: &Error) {
    match error {
        Error::Database(error) => match error.code() {
            Some(code) => {
                span.set("db.response.status_code", code.clone().into_owned());
                span.fail(code.into_owned());
            }
            None => span.fail("database"),
        },
        Error::PoolTimedOut => span.fail("timeout"),
        Error::Io(_) => span.fail("io"),
        _ => span.fail("_OTHER"),
    }
}

fn system<DB: Database>() -> &'static str {
    match DB::NAME {
        "SQLite" => SQLITE,
        _ => POSTGRES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::on;
    use crate::store::{Migrations, Tx, testing};
    use crate::telemetry::collecting::{Collecting, Feed, queue};
    use crate::telemetry::resource::Process;
    use crate::telemetry::span::{Before, Server};

    const SCHEMA: Migrations = Migrations {
        sqlite: &["CREATE TABLE persona (nome TEXT NOT NULL UNIQUE)"],
        postgres: &["CREATE TABLE persona (nome TEXT NOT NULL UNIQUE)"],
    };

    async fn add(tx: &mut Tx, nome: &str) -> Result<(), Error> {
        on!(tx, |db| {
            sqlx::query("INSERT INTO persona (nome) VALUES ($1)")
                .bind(nome)
                .execute(db)
                .await
                .map(drop)
        })
    }

    async fn find(tx: &mut Tx, nome: &str) -> Option<(String,)> {
        on!(tx, |db| {
            sqlx::query_as("SELECT nome FROM persona WHERE nome = $1")
                .bind(nome)
                .fetch_optional(db)
                .await
        })
        .unwrap()
    }

    fn call() -> (Span, Feed) {
        let (queue, feed) = queue("test", 100);
        let collecting = Collecting::into(vec![queue], 1.0, Process::default());
        let server = Server::at("https://localhost:7451");
        let span = collecting.role("anagrafe").server(Before::Nothing, &server);
        (span, feed)
    }

    #[tokio::test]
    async fn statement_of_a_call_leaves_a_span_without_values() {
        for fresh in testing::each_db(SCHEMA).await.unwrap() {
            let (call, mut feed) = call();
            let work = async {
                let mut tx = fresh.db.begin().await.unwrap();
                add(&mut tx, "Rossi").await.unwrap();
                let found = find(&mut tx, "Rossi").await;
                tx.commit().await.unwrap();
                found
            };

            let found = call.clone().scope(work).await;

            assert_eq!(found.unwrap().0, "Rossi");
            let spans = feed.take(100);
            let names: Vec<&str> = spans.iter().map(|it| it.span.name.as_ref()).collect();
            assert_eq!(
                names,
                ["INSERT persona", "SELECT persona", "COMMIT"],
                "{}",
                fresh.name
            );
            let system = if fresh.name == "sqlite" {
                SQLITE
            } else {
                POSTGRES
            };
            for finished in &spans {
                let told = format!("{:?}", finished.span);
                assert!(told.contains(system), "{told}");
                assert!(!told.contains("Rossi"), "{told}");
                assert_eq!(
                    Some(finished.span.parent_span_id.to_bytes()),
                    call.context().map(|it| it.span_id)
                );
            }
        }
    }

    #[tokio::test]
    async fn statement_that_fails_says_the_code_and_no_more() {
        for fresh in testing::each_db(SCHEMA).await.unwrap() {
            let (call, mut feed) = call();
            let work = async {
                let mut tx = fresh.db.begin().await.unwrap();
                add(&mut tx, "Rossi").await.unwrap();
                add(&mut tx, "Rossi").await
            };

            let failed = call.scope(work).await;

            assert!(failed.is_err());
            let spans = feed.take(100);
            let told = format!("{:?}", spans.get(1).unwrap().span);
            let code = if fresh.name == "sqlite" {
                "2067"
            } else {
                "23505"
            };
            assert!(told.contains(code), "{told}");
            assert!(!told.contains("Rossi"), "{told}");
        }
    }
}
