//! Numbers under rivalry: none is lost, none is given twice.

use std::time::Duration;

use tokio::task::JoinSet;
use varco_runtime::store::testing::each_db;

use super::office::{MARCH, Office, numbers, registro};
use crate::MIGRATIONS;
use crate::catena;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rival_registrations_take_every_number_once_and_the_chain_holds() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        let mut rivals = JoinSet::new();
        for rival in 0..8 {
            let office = office.clone();
            rivals.spawn(async move {
                for n in 0..25 {
                    office
                        .register(&format!("{rival}-{n}"), "Istanza")
                        .await
                        .unwrap();
                }
            });
        }
        rivals.join_all().await;

        let rows = office.store.year(&registro(), 2026).await.unwrap();

        assert_eq!(
            numbers(&rows),
            (1..=200).collect::<Vec<_>>(),
            "{}",
            fresh.name
        );
        assert_eq!(
            catena::verify(&registro(), 2026, &rows),
            Ok(rows[199].catena)
        );
        assert_eq!(office.count("SELECT COUNT(*) FROM audit_link").await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn broken_off_registrations_leave_no_gap() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        office.register("first", "Istanza").await.unwrap();
        let mut rivals = JoinSet::new();
        for rival in 0..4 {
            let office = office.clone();
            rivals.spawn(async move {
                for n in 0..5 {
                    office.break_off().await;
                    office
                        .register(&format!("{rival}-{n}"), "Istanza")
                        .await
                        .unwrap();
                }
            });
        }
        rivals.join_all().await;

        let rows = office.store.year(&registro(), 2026).await.unwrap();

        assert_eq!(
            numbers(&rows),
            (1..=21).collect::<Vec<_>>(),
            "{}",
            fresh.name
        );
        assert!(catena::verify(&registro(), 2026, &rows).is_ok());
    }
}

#[tokio::test]
async fn registration_whose_caller_goes_away_leaves_no_gap() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        for micros in [0, 50, 200, 500, 1000, 2000, 4000] {
            let given_up = office.register("gone", "Istanza");
            let _ = tokio::time::timeout(Duration::from_micros(micros), given_up).await;
        }

        office.register("k", "Istanza").await.unwrap();

        let rows = office.store.year(&registro(), 2026).await.unwrap();
        let count = i64::try_from(rows.len()).unwrap();
        assert_eq!(
            office.count("SELECT COUNT(*) FROM registrazione").await,
            count
        );
        assert!((1..=2).contains(&count), "{}", fresh.name);
        assert!(catena::verify(&registro(), 2026, &rows).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn identical_requests_that_race_take_one_number() {
    for fresh in each_db(MIGRATIONS).await.unwrap() {
        let office = Office::open(&fresh, MARCH);
        let mut rivals = JoinSet::new();
        for _ in 0..8 {
            let office = office.clone();
            rivals.spawn(async move { office.register("k", "Istanza").await.unwrap() });
        }

        let rows = rivals.join_all().await;

        assert!(
            rows.windows(2).all(|pair| pair[0] == pair[1]),
            "{}",
            fresh.name
        );
        assert_eq!(office.count("SELECT ultimo FROM contatore").await, 1);
        assert_eq!(office.count("SELECT COUNT(*) FROM registrazione").await, 1);
    }
}
