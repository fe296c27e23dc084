//! Links of changes to their calls, on both databases.

use super::*;
use crate::store::Migrations;
use crate::store::testing::each_db;

const SCHEMA: Migrations = Migrations {
    sqlite: &[
        "CREATE TABLE audit_link (audit_id TEXT NOT NULL, entity TEXT NOT NULL, at INTEGER NOT NULL,
         instance TEXT NOT NULL, method TEXT NOT NULL, replayed INTEGER NOT NULL) STRICT",
    ],
    postgres: &[
        "CREATE TABLE audit_link (audit_id TEXT NOT NULL, entity TEXT NOT NULL, at BIGINT NOT NULL,
         instance TEXT NOT NULL, method TEXT NOT NULL, replayed BOOLEAN NOT NULL)",
    ],
};

fn grant(audit_id: u128) -> Grant {
    Grant {
        audit_id: Uuid::from_u128(audit_id),
        instance: "uno".to_owned(),
        client_id: "client".to_owned(),
        consumer_id: "office".to_owned(),
        purpose_id: "purpose".to_owned(),
        method: "pkg.S/Write".to_owned(),
        token: crate::grant::Token::default(),
    }
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap()
}

#[tokio::test]
async fn link_says_which_call_did_what_and_whether_it_was_the_first() {
    for fresh in each_db(SCHEMA).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();

        made(&mut tx, &grant(1), ("atti/1", at(10))).await.unwrap();
        let second = ("atti/1", at(20));
        repeated(&mut tx, &grant(2), second).await.unwrap();

        let links = list(&mut tx, (0, 100), None, 10).await.unwrap();
        let told: Vec<_> = links
            .iter()
            .map(|it| (it.audit_id.as_u128(), it.at, it.replayed))
            .collect();
        assert_eq!(told, [(1, 10, false), (2, 20, true)], "{}", fresh.name);
        assert_eq!(links[0].method, "pkg.S/Write");
        assert_eq!(links[0].instance, "uno");
    }
}

#[tokio::test]
async fn pages_hold_every_link_of_the_window_once() {
    for fresh in each_db(SCHEMA).await.unwrap() {
        let mut tx = fresh.db.begin().await.unwrap();
        // Two of each instant, so that a page may end between them.
        for n in 0..10_u8 {
            let when = at(i64::from(n / 2));
            let grant = grant(u128::from(n) + 1);
            made(&mut tx, &grant, ("atti/1", when)).await.unwrap();
        }

        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = list(&mut tx, (1, 4), after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.cursor().to_string().parse().unwrap());
            seen.extend(page.iter().map(|it| it.audit_id.as_u128()));
        }

        assert_eq!(seen, [3, 4, 5, 6, 7, 8], "{}", fresh.name);
    }
}
