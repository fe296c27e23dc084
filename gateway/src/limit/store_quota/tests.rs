//! What stands in the database after each step, on both databases.

use varco_runtime::store::testing::{Fresh, each_db};

use super::*;
use crate::limit::tests::needs;

const ONE: &str = "one";
const OTHER: &str = "other";

async fn fresh() -> Vec<Fresh> {
    each_db(crate::REGISTRY_MIGRATIONS).await.unwrap()
}

fn key() -> Key {
    needs(jiff::civil::date(2026, 11, 22), 1)[0].key
}

fn asked(limit: u64, wanted: u64) -> Asked {
    Asked {
        limit,
        life: 1,
        used: 0,
        next: 2,
        wanted,
    }
}

fn may(life: u64, may: u64) -> Report {
    Report {
        key: key(),
        life,
        may,
        changed: true,
    }
}

async fn leased(db: &Db, holder: &str, wanted: u64) -> Granted {
    let leased = lease(db, holder, &key(), asked(1000, wanted)).await;
    leased.unwrap().0
}

async fn total(db: &Db) -> u64 {
    let (subject, day) = names(&key());
    let mut tx = db.begin().await.unwrap();
    hold(&mut tx, &subject, &day).await.unwrap()
}

#[tokio::test]
async fn holders_lease_of_one_total() {
    for fresh in fresh().await {
        let one = leased(&fresh.db, ONE, 10).await;
        let other = leased(&fresh.db, OTHER, 20).await;

        assert_eq!((one.granted, one.total, one.life), (10, 10, 2));
        assert_eq!((other.granted, other.total), (20, 30), "{}", fresh.name);
    }
}

#[tokio::test]
async fn lost_answer_is_found_again() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 10).await;

        let again = leased(&fresh.db, ONE, 10).await;

        assert_eq!((again.granted, again.total), (10, 10), "{}", fresh.name);
    }
}

#[tokio::test]
async fn what_was_not_used_goes_back_once() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 10).await;
        let back = Return {
            key: key(),
            life: 2,
            used: 3,
        };

        for _ in 0..2 {
            give_back(&fresh.db, ONE, &[back]).await.unwrap();
        }

        assert_eq!(total(&fresh.db).await, 3, "{}", fresh.name);
    }
}

#[tokio::test]
async fn of_the_dead_all_comes_back_but_what_may_be_used() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 100).await;
        leased(&fresh.db, OTHER, 10).await;
        report(&fresh.db, ONE, &[may(2, 30)]).await.unwrap();
        let dead = beats(&fresh.db, OTHER).await.unwrap().remove(0);

        let struck = [
            bury(&fresh.db, &dead).await.unwrap(),
            bury(&fresh.db, &dead).await.unwrap(),
        ];
        reclaim(&fresh.db).await.unwrap();
        reclaim(&fresh.db).await.unwrap();

        assert_eq!(struck, [true, false]);
        assert_eq!(total(&fresh.db).await, 40, "{}", fresh.name);
    }
}

#[tokio::test]
async fn who_beats_meanwhile_is_not_struck_off() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 100).await;
        let seen = beats(&fresh.db, OTHER).await.unwrap().remove(0);

        report(&fresh.db, ONE, &[may(2, 30)]).await.unwrap();

        assert!(!bury(&fresh.db, &seen).await.unwrap());
        reclaim(&fresh.db).await.unwrap();
        assert_eq!(total(&fresh.db).await, 100, "{}", fresh.name);
    }
}

#[tokio::test]
async fn holder_hears_which_of_its_leases_stand() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 100).await;
        leased(&fresh.db, OTHER, 10).await;

        let stands = report(&fresh.db, ONE, &[may(2, 30)]).await.unwrap();
        let older = report(&fresh.db, ONE, &[may(1, 30)]).await.unwrap();

        let heard = |noted| Some(Heard { noted, total: 110 });
        assert_eq!(stands.get(&key()).copied(), heard(true), "{}", fresh.name);
        assert_eq!(older.get(&key()).copied(), heard(false), "{}", fresh.name);
    }
}

#[tokio::test]
async fn gateway_that_was_struck_off_begins_anew() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 100).await;
        let dead = beats(&fresh.db, OTHER).await.unwrap().remove(0);
        bury(&fresh.db, &dead).await.unwrap();
        reclaim(&fresh.db).await.unwrap();
        let asked = Asked {
            life: 2,
            used: 100,
            next: 3,
            ..asked(1000, 1)
        };

        let (granted, _) = lease(&fresh.db, ONE, &key(), asked).await.unwrap();

        assert_eq!((granted.life, granted.granted, granted.total), (3, 1, 101));
        assert_eq!(beats(&fresh.db, OTHER).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn warning_is_given_to_one() {
    for fresh in fresh().await {
        let four = asked(5, 4);
        let (_, one) = lease(&fresh.db, ONE, &key(), four).await.unwrap();
        let (_, other) = lease(&fresh.db, OTHER, &key(), asked(5, 1)).await.unwrap();

        assert_eq!((one, other), (true, false), "{}", fresh.name);
    }
}

#[tokio::test]
async fn days_that_have_passed_are_swept_and_others_stay() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 10).await;

        sweep(&fresh.db, key().day).await.unwrap();
        let kept = total(&fresh.db).await;
        sweep(&fresh.db, key().day.tomorrow().unwrap())
            .await
            .unwrap();

        assert_eq!((kept, total(&fresh.db).await), (10, 0), "{}", fresh.name);
    }
}

#[tokio::test]
async fn gateway_that_leaves_is_watched_no_more() {
    for fresh in fresh().await {
        leased(&fresh.db, ONE, 10).await;

        leave(&fresh.db, ONE).await.unwrap();

        assert!(beats(&fresh.db, OTHER).await.unwrap().is_empty());
    }
}
