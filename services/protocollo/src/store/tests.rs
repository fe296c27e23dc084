//! The register on both databases: numbers without gaps, keys, guards.

use varco_runtime::on;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::MIGRATIONS;
use office::{MARCH, Office, contenuto, grant, idempotency, registro};

mod office;
mod rivali;
mod tempo;

#[tokio::test]
async fn registration_reads_back_as_it_was_answered() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);

        let row = office
            .register("k", "Richiesta di accesso: è urgente")
            .await
            .unwrap();

        assert_eq!(row.segnatura.as_str(), "c_z999-AOO01-PG-2026-0000001-E");
        assert_eq!(row.data.to_string(), "2026-03-02");
        let found = office
            .store
            .registrazione(&row.identificatore)
            .await
            .unwrap();
        assert_eq!(found, row, "{}", fresh.name);
    }
}

#[tokio::test]
async fn same_key_and_content_give_the_same_number() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);

        let first = office.register("k", "Istanza").await.unwrap();
        let again = office.register("k", "Istanza").await.unwrap();
        let known = office
            .store
            .known(&idempotency("k", "Istanza"), &grant())
            .await
            .unwrap();

        assert_eq!(
            (&again, known.as_ref()),
            (&first, Some(&first)),
            "{}",
            fresh.name
        );
        assert_eq!(office.count("SELECT ultimo FROM contatore").await, 1);
        let repeated = "SELECT COUNT(*) FROM audit_link WHERE replayed <> (at < 0)";
        assert_eq!(office.count(repeated).await, 2, "every call is linked");
    }
}

#[tokio::test]
async fn same_key_with_other_content_is_refused_and_spends_no_number() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        office.register("k", "Istanza").await.unwrap();

        let early = office
            .store
            .known(&idempotency("k", "Altra"), &grant())
            .await;
        let late = office.register("k", "Altra").await;

        assert!(matches!(early, Err(Error::KeyReused)), "{}", fresh.name);
        assert!(matches!(late, Err(Error::KeyReused)), "{}", fresh.name);
        assert_eq!(office.count("SELECT ultimo FROM contatore").await, 1);
    }
}

#[tokio::test]
async fn registers_count_each_for_itself() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        office.register("k1", "Istanza").await.unwrap();
        let other = Registro {
            codice: "REP".parse().unwrap(),
            ..registro()
        };
        let key = idempotency("k2", "Istanza");

        let row = office
            .store
            .register(contenuto("Istanza"), &other, (&key, &grant()))
            .await;

        let expected = "registrazioni/AOO01/REP/2026/1";
        assert_eq!(row.unwrap().identificatore.to_string(), expected);
    }
}

#[tokio::test]
async fn register_confirms_any_document_of_a_number_and_no_other() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        let id = office
            .register("k", "Istanza")
            .await
            .unwrap()
            .identificatore;
        let absent = Identificatore {
            numero: 2_i64.try_into().unwrap(),
            ..id.clone()
        };

        for (id, content, expected) in [
            (&id, "istanza", true),
            (&id, "allegato B", true),
            (&id, "altro", false),
            (&absent, "istanza", false),
        ] {
            let hash = Impronta::of(content.as_bytes());
            assert_eq!(
                office.store.holds(id, &hash).await.unwrap(),
                expected,
                "{content}"
            );
        }
    }
}

#[tokio::test]
async fn last_classification_and_assignment_are_in_force() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        let row = office.register("k", "Istanza").await.unwrap();
        let mut tx = office.store.db.begin().await.unwrap();
        for sql in [
            "INSERT INTO classificazione VALUES ('AOO01', 'PG', 2026, 1, 2, '2005', 'I/8', 'c', 9)",
            "INSERT INTO assegnazione VALUES ('AOO01', 'PG', 2026, 1, 2, 'urp', 'c', 9)",
        ] {
            on!(&mut tx, |db| sqlx::query(sql).execute(db).await.map(|_| ())).unwrap();
        }
        tx.commit().await.unwrap();

        let found = office
            .store
            .registrazione(&row.identificatore)
            .await
            .unwrap()
            .contenuto;

        assert_eq!(found.classificazione.to_string(), "I/8");
        assert_eq!(found.assegnazione.to_string(), "urp");
    }
}

#[tokio::test]
async fn what_is_registered_is_append_only() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        office.register("k", "Istanza").await.unwrap();

        for sql in [
            "UPDATE registrazione SET oggetto = 'x'",
            "DELETE FROM registrazione",
            "UPDATE soggetto SET nome = 'x'",
            "DELETE FROM soggetto",
            "UPDATE allegato SET descrizione = 'x'",
            "DELETE FROM allegato",
            "UPDATE classificazione SET classe = 'x'",
            "DELETE FROM classificazione",
            "UPDATE assegnazione SET ufficio = 'x'",
            "DELETE FROM assegnazione",
            "UPDATE audit_link SET entity = 'x'",
            "DELETE FROM audit_link",
            "DELETE FROM contatore",
            "UPDATE contatore SET ultimo = ultimo - 1",
            "UPDATE contatore SET ultimo = ultimo + 2",
            "UPDATE contatore SET ultima_registrazione = ultima_registrazione - 1",
        ] {
            assert!(office.refuses(sql).await, "{}: {sql}", fresh.name);
        }
    }
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let mut schemas = Vec::new();
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let mut tx = fresh.db.read().await.unwrap();
        let columns: Vec<(String, String)> = match &mut tx {
            Tx::Sqlite(tx) => sqlx::query_as(SQLITE_COLUMNS).fetch_all(&mut **tx).await,
            Tx::Postgres(tx) => sqlx::query_as(POSTGRES_COLUMNS).fetch_all(&mut **tx).await,
        }
        .unwrap();
        schemas.push(columns);
    }

    assert!(
        schemas.iter().all(|schema| schema.len() == 73),
        "{}",
        schemas[0].len()
    );
    assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]));
}

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name FROM sqlite_master m, \
     pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' \
     AND m.name NOT LIKE '%sqlx%' ORDER BY 1, 2";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text \
     FROM information_schema.columns WHERE table_schema = 'public' \
     AND table_name NOT LIKE '%sqlx%' ORDER BY 1, 2";
