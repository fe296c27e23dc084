//! Publications on both databases: numbers, keys, terms, guards.

use jiff::ToSpan;
use uuid::Uuid;
use varco_runtime::store::Db;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::esempio::{instant, mandato, nuova, publish};

#[tokio::test]
async fn publication_reads_back_as_it_was_written() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let published = publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;

        let mut tx = fresh.db.read().await.unwrap();
        let found = pubblicazione(&mut tx, published.repertorio).await.unwrap();
        let by_key = by_chiave(&mut tx, published.copia.chiave).await.unwrap();

        assert_eq!(found.as_ref(), Some(&published), "{}", fresh.name);
        assert_eq!(by_key.as_ref(), Some(&published), "{}", fresh.name);
        assert_eq!(published.repertorio.to_string(), "2026/1");
    }
}

#[tokio::test]
async fn numbers_have_no_gaps_when_writers_race_and_some_fail() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let writers = (0..24).map(|n| write(fresh.db.clone(), n));

        futures_util::future::join_all(writers).await;

        let mut tx = fresh.db.read().await.unwrap();
        let day = jiff::civil::date(2026, 3, 2);
        let found = in_corso_after(&mut tx, day, None, 100).await.unwrap();
        let numbers: Vec<i64> = found.iter().map(|one| one.repertorio.numero).collect();
        assert_eq!(numbers, (1..=16).collect::<Vec<i64>>(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn numbers_restart_with_the_year_of_rome() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let old = publish(&fresh.db, nuova(instant("2026-12-31T22:59:59Z")), "k1").await;
        let new = publish(&fresh.db, nuova(instant("2026-12-31T23:00:00Z")), "k2").await;

        assert_eq!(old.repertorio.to_string(), "2026/1", "{}", fresh.name);
        assert_eq!(new.repertorio.to_string(), "2027/1", "{}", fresh.name);
    }
}

#[tokio::test]
async fn one_key_publishes_once_though_its_requests_race() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let attempt = || async {
            let mut tx = fresh.db.begin().await.unwrap();
            let nuova = nuova(instant("2026-03-02T09:00:00Z"));
            let published = publish_once(&mut tx, nuova).await;
            if published {
                tx.commit().await.unwrap();
            }
            published
        };

        let outcomes = futures_util::future::join_all((0..8).map(|_| attempt())).await;

        assert_eq!(
            outcomes.iter().filter(|won| **won).count(),
            1,
            "{}",
            fresh.name
        );
        let mut tx = fresh.db.read().await.unwrap();
        let given = given(&mut tx, "segreteria", "k1").await.unwrap().unwrap();
        assert_eq!(given.pubblicazione.repertorio.numero, 1);
        assert_eq!(given.digest, mandato("k1", b"one").key.digest());
    }
}

#[tokio::test]
async fn same_key_of_another_client_is_another_key() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;

        let mut tx = fresh.db.read().await.unwrap();

        assert!(given(&mut tx, "tributi", "k1").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn every_publication_is_linked_to_its_call() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;

        let mut tx = fresh.db.read().await.unwrap();
        let link: (String, String) = on!(&mut tx, |db| sqlx::query_as(
            "SELECT audit_id, entity FROM audit_link"
        )
        .fetch_one(db)
        .await)
        .unwrap();

        assert_eq!(link.0, "00000000-0000-0000-0000-000000000007");
        assert_eq!(link.1, "pubblicazioni/2026/1");
    }
}

#[tokio::test]
async fn call_that_asks_again_is_linked_to_what_stands() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let published = publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;
        let mut again = mandato("k1", b"content");
        again.grant.audit_id = Uuid::from_u128(8);

        let mut tx = fresh.db.begin().await.unwrap();
        let at = instant("2026-03-02T10:00:00Z");
        let repeated = (published.repertorio, at);
        repeat(&mut tx, &again, repeated).await.unwrap();

        let links: Vec<(String, bool)> = on!(&mut tx, |db| sqlx::query_as(
            "SELECT entity, replayed FROM audit_link ORDER BY at"
        )
        .fetch_all(db)
        .await)
        .unwrap();
        let entity = "pubblicazioni/2026/1".to_owned();
        assert_eq!(links, [(entity.clone(), false), (entity, true)]);
    }
}

#[tokio::test]
async fn what_was_published_can_be_neither_changed_nor_deleted() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;

        for statement in [
            "UPDATE pubblicazione SET oggetto = 'altro'",
            "DELETE FROM pubblicazione",
            "UPDATE audit_link SET entity = 'altro'",
            "DELETE FROM audit_link",
            "UPDATE idempotency SET numero = 2",
            "DELETE FROM idempotency",
        ] {
            let mut tx = fresh.db.begin().await.unwrap();
            let done = on!(&mut tx, |db| sqlx::query(statement)
                .execute(db)
                .await
                .map(|_| ()));
            assert!(done.is_err(), "{}: {statement}", fresh.name);
        }
    }
}

#[tokio::test]
async fn list_goes_on_where_the_page_before_ended() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        for key in ["a", "b", "c"] {
            publish(&fresh.db, nuova(instant("2026-12-31T22:00:00Z")), key).await;
        }
        publish(&fresh.db, nuova(instant("2027-01-01T09:00:00Z")), "d").await;
        let day = jiff::civil::date(2027, 1, 2);
        let mut tx = fresh.db.read().await.unwrap();

        let first = in_corso_after(&mut tx, day, None, 2).await.unwrap();
        let second = in_corso_after(&mut tx, day, last(&first), 2).await.unwrap();
        let newest = in_corso_before(&mut tx, day, None, 2).await.unwrap();
        let older = in_corso_before(&mut tx, day, last(&newest), 2)
            .await
            .unwrap();

        assert_eq!(names(&first), ["2026/1", "2026/2"], "{}", fresh.name);
        assert_eq!(names(&second), ["2026/3", "2027/1"]);
        assert_eq!(names(&newest), ["2027/1", "2026/3"]);
        assert_eq!(names(&older), ["2026/2", "2026/1"]);
    }
}

#[tokio::test]
async fn end_of_a_term_is_due_from_the_day_after_and_recorded_once() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let published = publish(&fresh.db, nuova(instant("2026-03-02T09:00:00Z")), "k1").await;
        let al = published.termine.al;
        let after = al.saturating_add(1.day());
        let mut tx = fresh.db.begin().await.unwrap();

        let last_day = scadute(&mut tx, al, 10).await.unwrap();
        let due = scadute(&mut tx, after, 10).await.unwrap();
        record_scadenza(&mut tx, published.repertorio, published.pubblicata_il)
            .await
            .unwrap();
        record_scadenza(&mut tx, published.repertorio, published.pubblicata_il)
            .await
            .unwrap();
        let left = scadute(&mut tx, after, 10).await.unwrap();

        assert_eq!(
            (last_day.len(), due.len(), left.len()),
            (0, 1, 0),
            "{}",
            fresh.name
        );
        assert_eq!(copie(&mut tx, al).await.unwrap().len(), 1);
        assert_eq!(copie(&mut tx, after).await.unwrap().len(), 0);
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let mut schemas = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        schemas.push(columns(&fresh.db).await);
    }

    assert!(schemas.iter().all(|schema| schema.len() > 30));
    assert!(
        schemas.windows(2).all(|pair| pair[0] == pair[1]),
        "{schemas:#?}"
    );
}

async fn write(db: Db, n: u32) {
    let mut tx = db.begin().await.unwrap();
    let key = format!("k{n}");
    let nuova = nuova(instant("2026-03-02T09:00:00Z"));
    super::publish(&mut tx, nuova, &mandato(&key, b"one"))
        .await
        .unwrap()
        .unwrap();
    if !n.is_multiple_of(3) {
        tx.commit().await.unwrap();
    }
}

async fn publish_once(tx: &mut Tx, nuova: Nuova) -> bool {
    super::publish(tx, nuova, &mandato("k1", b"one"))
        .await
        .unwrap()
        .is_some()
}

async fn columns(db: &Db) -> Vec<(String, String)> {
    let sql = match db {
        Db::Sqlite { .. } => {
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c
             WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY 1, 2"
        }
        Db::Postgres(_) => {
            "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT)
             FROM information_schema.columns WHERE table_schema = 'public'
             AND table_name NOT LIKE '\\_sqlx%' ORDER BY 1, 2"
        }
    };
    let mut tx = db.read().await.unwrap();
    on!(&mut tx, |db| sqlx::query_as(sql).fetch_all(db).await).unwrap()
}

fn last(found: &[Pubblicazione]) -> Option<Repertorio> {
    found.last().map(|last| last.repertorio)
}

fn names(found: &[Pubblicazione]) -> Vec<String> {
    found.iter().map(|one| one.repertorio.to_string()).collect()
}
