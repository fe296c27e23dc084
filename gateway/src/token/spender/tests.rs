//! Single use on both databases, under load and between gateways.

use futures_util::future::join_all;
use varco_runtime::store::testing::each_db;

use super::*;
use crate::REGISTRY_MIGRATIONS;

const NOW: &str = "2026-11-22T10:00:00Z";

fn clock() -> Clock {
    Clock::fixed(NOW.parse().unwrap())
}

fn spender(db: &Db) -> Spender {
    Spender::start(db.clone(), clock(), &Tasks::default())
}

fn assertion(jti: &str) -> Vec<Once> {
    vec![Once::assertion(
        Uuid::from_u128(1),
        jti,
        clock().unix() + 60,
    )]
}

fn with_proof(jti: &str, proof: &str) -> Vec<Once> {
    let proof = Proof {
        jkt: "key".to_owned(),
        jti: proof.to_owned(),
        iat: clock().unix(),
    };
    let mut parts = assertion(jti);
    parts.push(Once::proof(&proof));
    parts
}

#[tokio::test]
async fn of_many_that_race_on_two_gateways_one_wins() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let gateways = [spender(&fresh.db), spender(&fresh.db)];
        let ask = |n: usize| {
            let jti = format!("j{}", n % 50);
            gateways[n % 2].spend(assertion(&jti))
        };

        let told = join_all((0..400).map(ask)).await;

        let won = told.iter().filter(|told| told.is_ok()).count();
        let lost = told
            .iter()
            .filter(|told| **told == Err(Refused::Used(Part::Assertion)));
        assert_eq!((won, lost.count()), (50, 350), "{}", fresh.name);
    }
}

#[tokio::test]
async fn assertion_whose_proof_was_used_stays_good() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let spender = spender(&fresh.db);

        let first = spender.spend(with_proof("a", "p")).await;
        let again = spender.spend(with_proof("b", "p")).await;
        let mended = spender.spend(with_proof("b", "q")).await;
        let both = spender.spend(with_proof("b", "r")).await;

        assert_eq!(first, Ok(()), "{}", fresh.name);
        assert_eq!(again, Err(Refused::Used(Part::Proof)), "{}", fresh.name);
        assert_eq!(mended, Ok(()), "{}", fresh.name);
        assert_eq!(both, Err(Refused::Used(Part::Assertion)), "{}", fresh.name);
    }
}

#[tokio::test]
async fn another_client_may_use_the_same_jti_and_any_text_is_one() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let spender = spender(&fresh.db);
        let other = vec![Once::assertion(Uuid::from_u128(2), "a", clock().unix())];

        for parts in [assertion("a"), other, assertion("a\0b"), assertion("a\0c")] {
            assert_eq!(spender.spend(parts).await, Ok(()), "{}", fresh.name);
        }
    }
}

#[tokio::test]
async fn asking_uses_nothing_up_and_forgetting_waits_for_the_end() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let spender = spender(&fresh.db);
        let once = assertion("a").remove(0);
        let end = clock().unix() + 60 + MARGIN;

        assert!(!spender.is_spent(&once).await.unwrap(), "{}", fresh.name);
        spender.spend(assertion("a")).await.unwrap();
        forget(&fresh.db, end).await.unwrap();
        assert!(spender.is_spent(&once).await.unwrap(), "{}", fresh.name);
        forget(&fresh.db, end + 1).await.unwrap();
        assert!(!spender.is_spent(&once).await.unwrap(), "{}", fresh.name);
    }
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    let fresh = each_db(REGISTRY_MIGRATIONS).await.unwrap().remove(0);
    let spender = spender(&fresh.db);
    fresh.db.close().await;

    let told = spender.spend(assertion("a")).await;

    assert_eq!(told, Err(Refused::Unavailable));
}
