//! Rows of documents on both databases: keys, links, guards.

use tonic::metadata::MetadataMap;
use uuid::Uuid;
use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::MIGRATIONS;
use crate::impronta::Calcolo;

fn store(fresh: &Fresh) -> Store {
    let clock = Clock::fixed("2026-03-02T10:00:00Z".parse().unwrap());
    Store::new(fresh.db.clone(), clock)
}

fn grant() -> Grant {
    Grant {
        audit_id: Uuid::from_u128(7),
        instance: "varco".to_owned(),
        client_id: "client-1".to_owned(),
        consumer_id: "segreteria".to_owned(),
        purpose_id: "purpose-1".to_owned(),
        method: "varco.documenti.v1.DocumentiService/UploadDocumento".to_owned(),
        token: varco_runtime::grant::Token::default(),
    }
}

fn key(name: &str, content: &str) -> IdempotencyKey {
    let mut metadata = MetadataMap::new();
    metadata.insert("idempotency-key", name.parse().unwrap());
    IdempotencyKey::parse(&metadata, content.as_bytes()).unwrap()
}

fn intestazione(oggetto: Option<&str>) -> Intestazione {
    Intestazione {
        nome: "istanza.pdf".parse().unwrap(),
        media_type: "application/pdf".parse().unwrap(),
        impronta: Calcolo::default().finish(),
        dimensione: 12,
        tipologia: "istanza".parse().unwrap(),
        modalita_formazione: "c".parse().unwrap(),
        oggetto: oggetto.map(|text| text.parse().unwrap()),
    }
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    let mut tx = store.db.read().await.unwrap();
    let (n,): (i64,) = on!(&mut tx, |db| sqlx::query_as(sql).fetch_one(db).await).unwrap();
    n
}

async fn refused(store: &Store, sql: &'static str) -> bool {
    let mut tx = store.db.begin().await.unwrap();
    on!(&mut tx, |db| sqlx::query(sql).execute(db).await.map(|_| ())).is_err()
}

#[tokio::test]
async fn what_was_said_of_a_document_is_found_again() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);
        for oggetto in [Some("Istanza di accesso agli atti: è urgente"), None] {
            let key = key(&format!("{oggetto:?}").len().to_string(), "a");

            let added = store
                .add(intestazione(oggetto), &key, &grant())
                .await
                .unwrap();

            let found = store.documento(added.nome).await.unwrap();
            assert_eq!(found, added, "{}", fresh.name);
        }
    }
}

#[tokio::test]
async fn document_and_its_link_to_the_log_commit_together() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);

        let added = store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();

        let mut tx = store.db.read().await.unwrap();
        let row: (String, String) = on!(&mut tx, |db| {
            sqlx::query_as("SELECT audit_id, entity FROM audit_link")
                .fetch_one(db)
                .await
        })
        .unwrap();
        assert_eq!(
            row,
            (Uuid::from_u128(7).to_string(), added.nome.to_string())
        );
    }
}

#[tokio::test]
async fn same_key_and_content_give_the_same_document() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);

        let first = store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();
        let again = store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();

        assert_eq!(first, again);
        assert_eq!(count(&store, "SELECT COUNT(*) FROM documento").await, 1);
        let links = "SELECT COUNT(*) FROM audit_link WHERE replayed <> (at < 0)";
        assert_eq!(count(&store, links).await, 1, "the second call is linked");
    }
}

#[tokio::test]
async fn same_key_with_other_content_is_refused() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);
        store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();

        let early = store.check_key(&key("k", "b"), &grant()).await;
        let late = store
            .add(intestazione(None), &key("k", "b"), &grant())
            .await;

        assert!(matches!(early, Err(Error::KeyReused)), "{}", fresh.name);
        assert!(matches!(late, Err(Error::KeyReused)), "{}", fresh.name);
    }
}

#[tokio::test]
async fn key_belongs_to_the_client_that_sent_it() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);
        let other = Grant {
            client_id: "client-2".to_owned(),
            ..grant()
        };

        let mine = store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();
        let theirs = store
            .add(intestazione(None), &key("k", "b"), &other)
            .await
            .unwrap();

        assert_ne!(mine.nome, theirs.nome);
    }
}

#[tokio::test]
async fn identical_requests_that_race_have_one_effect() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            racing.spawn(async move {
                store
                    .add(intestazione(None), &key("k", "a"), &grant())
                    .await
                    .unwrap()
                    .nome
            });
        }

        let names = racing.join_all().await;

        assert!(
            names.windows(2).all(|pair| pair[0] == pair[1]),
            "{}",
            fresh.name
        );
        assert_eq!(count(&store, "SELECT COUNT(*) FROM documento").await, 1);
    }
}

#[tokio::test]
async fn documents_and_links_are_append_only() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let store = store(&fresh);
        store
            .add(intestazione(None), &key("k", "a"), &grant())
            .await
            .unwrap();

        for sql in [
            "UPDATE documento SET nome = 'x'",
            "DELETE FROM documento",
            "UPDATE audit_link SET entity = 'x'",
            "DELETE FROM audit_link",
        ] {
            assert!(refused(&store, sql).await, "{}: {sql}", fresh.name);
        }
    }
}

#[tokio::test]
async fn unknown_document_is_not_found() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let unknown = store(&fresh)
            .documento(NomeDocumento::new(Uuid::nil()))
            .await;

        assert!(matches!(unknown, Err(Error::Unknown(_))));
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
        schemas.iter().all(|schema| schema.len() == 26),
        "{schemas:?}"
    );
    assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]));
}

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name FROM sqlite_master m, \
     pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' \
     AND m.name NOT LIKE '%sqlx%' ORDER BY 1, 2";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text \
     FROM information_schema.columns WHERE table_schema = 'public' \
     AND table_name NOT LIKE '%sqlx%' ORDER BY 1, 2";
