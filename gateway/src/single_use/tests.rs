//! Single use between gateways and across restarts, on both databases.

use futures_util::future::join_all;
use varco_runtime::clock::Clock;
use varco_runtime::store::Db;
use varco_runtime::store::testing::each_db;
use varco_runtime::tasks::Tasks;

use super::*;
use crate::REGISTRY_MIGRATIONS;
use crate::proof::Proof;

fn clock() -> Clock {
    Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap())
}

fn gateway(db: &Db) -> SingleUse {
    SingleUse::over(Spender::start(db.clone(), clock(), &Tasks::default()))
}

fn proof(jti: &str) -> Vec<Once> {
    let proof = Proof {
        jkt: "key".to_owned(),
        jti: jti.to_owned(),
        iat: clock().unix(),
    };
    vec![Once::proof(&proof)]
}

fn client() -> Uuid {
    Uuid::from_u128(1)
}

const REPLAYED: Result<(), Refused> = Err(Refused::Used(Part::Proof));

#[tokio::test]
async fn of_the_same_proof_on_two_gateways_at_once_one_wins() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let gateways = [gateway(&fresh.db), gateway(&fresh.db)];
        let now = clock().unix();
        let ask = |n: usize| {
            let jti = format!("j{}", n / 2);
            gateways[n % 2].take(client(), proof(&jti), now)
        };

        let told = join_all((0..200).map(ask)).await;

        for (n, pair) in told.chunks(2).enumerate() {
            let won = pair.iter().filter(|told| told.is_ok()).count();
            let lost = pair.iter().filter(|told| **told == REPLAYED).count();
            assert_eq!((won, lost), (1, 1), "{} {n}", fresh.name);
        }
    }
}

#[tokio::test]
async fn proof_stays_used_when_the_gateway_starts_again() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let now = clock().unix();
        gateway(&fresh.db)
            .take(client(), proof("a"), now)
            .await
            .unwrap();

        let again = gateway(&fresh.db).take(client(), proof("a"), now).await;

        assert_eq!(again, REPLAYED, "{}", fresh.name);
    }
}

#[tokio::test]
async fn replay_is_seen_without_the_database_and_nothing_else_is_taken_without_it() {
    let fresh = each_db(REGISTRY_MIGRATIONS).await.unwrap().remove(0);
    let gateway = gateway(&fresh.db);
    let now = clock().unix();
    gateway.take(client(), proof("a"), now).await.unwrap();
    fresh.db.close().await;

    assert_eq!(gateway.take(client(), proof("a"), now).await, REPLAYED);
    for _ in 0..2 {
        let told = gateway.take(client(), proof("b"), now).await;
        assert_eq!(told, Err(Refused::Unavailable));
    }
    assert_eq!(gateway.take(client(), Vec::new(), now).await, Ok(()));
}

#[tokio::test]
async fn part_that_was_used_is_named_and_evidence_of_others_stays_good() {
    for fresh in each_db(REGISTRY_MIGRATIONS).await.unwrap() {
        let gateway = gateway(&fresh.db);
        let now = clock().unix();
        let end = now + 60;
        let both = |tracking: &str, signature: &str| {
            vec![
                Once::tracking(client(), tracking, end),
                Once::signature(client(), signature, end),
            ]
        };
        gateway.take(client(), both("a", "b"), now).await.unwrap();

        let tracked = gateway.take(client(), both("a", "c"), now).await;
        let signed = gateway.take(client(), both("d", "b"), now).await;
        let other = vec![Once::tracking(Uuid::from_u128(2), "a", end)];

        assert_eq!(
            tracked,
            Err(Refused::Used(Part::Tracking)),
            "{}",
            fresh.name
        );
        assert_eq!(
            signed,
            Err(Refused::Used(Part::Signature)),
            "{}",
            fresh.name
        );
        let told = gateway.take(Uuid::from_u128(2), other, now).await;
        assert_eq!(told, Ok(()), "{}", fresh.name);
    }
}
