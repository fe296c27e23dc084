//! Numbers and time: the year in Rome, midnight, and a clock that goes back.

use std::time::Duration;

use tokio::task::JoinSet;
use varco_runtime::store::testing::each_db;

use super::office::{MARCH, Office, numbers, registro};
use crate::MIGRATIONS;
use crate::store::contatore;

#[tokio::test]
async fn new_year_in_rome_begins_again_at_one() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, "2026-12-31T22:59:59.999999Z");
        let old = office.register("k1", "Istanza").await.unwrap();

        office.set("2026-12-31T23:00:00Z");
        let new = office.register("k2", "Istanza").await.unwrap();

        assert_eq!(
            old.identificatore.to_string(),
            "registrazioni/AOO01/PG/2026/1"
        );
        assert_eq!(
            new.identificatore.to_string(),
            "registrazioni/AOO01/PG/2027/1"
        );
        assert_eq!(
            (old.data.to_string(), new.data.to_string()),
            two("2026-12-31", "2027-01-01")
        );
    }
}

#[tokio::test]
async fn registration_that_waits_past_midnight_belongs_to_the_new_year() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, "2026-12-31T22:59:59Z");
        office.register("k1", "Istanza").await.unwrap();
        let mut before = office.store.db.begin().await.unwrap();
        contatore::take(&mut before, &registro(), 2026)
            .await
            .unwrap()
            .unwrap();
        let waiting = office.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { waiting.register("k2", "Istanza").await.unwrap() });
        let wait = Duration::from_millis(100);
        tokio::time::timeout(wait, tasks.join_next())
            .await
            .unwrap_err();

        office.set("2026-12-31T23:00:01Z");
        drop(before);

        let row = tasks.join_next().await.unwrap().unwrap();
        assert_eq!(
            row.identificatore.to_string(),
            "registrazioni/AOO01/PG/2027/1"
        );
        let old = office.store.year(&registro(), 2026).await.unwrap();
        assert_eq!(numbers(&old), [1], "{}", fresh.name);
    }
}

#[tokio::test]
async fn clock_that_goes_back_is_flagged_and_not_followed() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        let first = office.register("k1", "Istanza").await.unwrap();

        office.set("2026-03-01T10:00:00Z");
        let second = office.register("k2", "Istanza").await.unwrap();

        assert_eq!(
            (second.istante.at, second.data),
            (first.istante.at, first.data)
        );
        assert!(!first.istante.orologio_arretrato && second.istante.orologio_arretrato);
        let found = office
            .store
            .registrazione(&second.identificatore)
            .await
            .unwrap();
        assert_eq!(found, second);
    }
}

#[tokio::test]
async fn clock_that_goes_back_a_year_stays_in_the_newest_one() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, "2027-01-01T10:00:00Z");
        office.register("k1", "Istanza").await.unwrap();

        office.set("2026-12-31T10:00:00Z");
        let row = office.register("k2", "Istanza").await.unwrap();

        assert_eq!(
            row.identificatore.to_string(),
            "registrazioni/AOO01/PG/2027/2"
        );
        assert!(row.istante.orologio_arretrato);
    }
}

fn two(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}
