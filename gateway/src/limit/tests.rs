//! The limiter over real databases: exact among several, and each call counted once.

use jiff::Timestamp;
use uuid::Uuid;
use varco_runtime::store::testing::{Fresh, each_db};

use super::subject::Subject;
use super::*;

const NOON: &str = "2026-11-22T11:00:00Z";
const PLENTY: u64 = 1_000_000;

/// What a call needs on a day: of the purpose so much, of consumer and e-service plenty.
pub fn needs(day: Date, limit: u64) -> [Ask; 3] {
    needs_of(day, [limit, PLENTY, PLENTY])
}

/// What a call needs on a day.
pub fn needs_of(day: Date, [purpose, consumer, eservice]: [u64; 3]) -> [Ask; 3] {
    let ask = |subject, limit| Ask {
        key: Key { subject, day },
        limit,
    };
    let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
    [
        ask(Subject::Purpose(one), purpose),
        ask(Subject::Consumer(two, three), consumer),
        ask(Subject::Eservice(three), eservice),
    ]
}

fn at(time: &str) -> Clock {
    Clock::fixed(time.parse::<Timestamp>().unwrap())
}

fn limiter(fresh: &Fresh, clock: &Clock) -> Limiter {
    Limiter::new(fresh.db.clone(), clock.clone(), 1000, 10)
}

async fn fresh() -> Vec<Fresh> {
    each_db(crate::REGISTRY_MIGRATIONS).await.unwrap()
}

async fn served(limiter: &Limiter, asks: &[Ask; 3], calls: u32) -> u32 {
    let mut served = 0;
    for _ in 0..calls {
        served += u32::from(limiter.take(asks).await.is_ok());
    }
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_call_at_once_give_exactly_what_the_day_has() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let asks = needs(clock.today(), 250);
        let [one, two] = [limiter(&fresh, &clock), limiter(&fresh, &clock)].map(Arc::new);
        let tasks = varco_runtime::tasks::Tasks::default();
        let given = Arc::new(std::sync::atomic::AtomicU32::new(0));

        for limiter in [&one, &two, &one, &two, &one, &two] {
            let (limiter, given) = (Arc::clone(limiter), Arc::clone(&given));
            tasks.spawn(async move {
                let served = served(&limiter, &asks, 100).await;
                given.fetch_add(served, std::sync::atomic::Ordering::SeqCst);
            });
        }
        tasks.drain(Duration::from_mins(1)).await;

        let given = given.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(given, 250, "{}", fresh.name);
    }
}

#[tokio::test]
async fn day_that_is_used_up_says_of_what_and_until_when() {
    for fresh in fresh().await {
        let clock = at(NOON);
        for (limits, kind) in [
            ([1, 9, 9], "purpose"),
            ([9, 2, 9], "consumer"),
            ([9, 9, 3], "eservice"),
        ] {
            let limiter = limiter(&fresh, &clock);
            let asks = needs_of(clock.today(), limits);
            while limiter.take(&asks).await.is_ok() {}

            let refused = limiter.take(&asks).await.unwrap_err();

            assert_eq!(refused.reason, Reason::QuotaDaily);
            assert_eq!(refused.facts, [("quota", kind.to_owned())]);
            assert_eq!(refused.retry, Some(Duration::from_hours(12)));
            limiter.close().await;
        }
    }
}

#[tokio::test]
async fn refused_call_takes_nothing_of_the_other_subjects() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let all = needs_of(clock.today(), [5, 5, 1]);
        let without = needs_of(clock.today(), [5, 5, 100]);

        let first = served(&limiter, &all, 4).await;
        let then = served(&limiter, &without, 10).await;

        assert_eq!((first, then), (1, 4), "{}", fresh.name);
    }
}

#[tokio::test]
async fn answer_tells_of_the_tightest_subject() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let asks = needs_of(clock.today(), [50, 20, 30]);

        limiter.take(&asks).await.unwrap();
        let second = limiter.take(&asks).await.unwrap();

        let quota = limiter.quota(second.tightest, second.remaining);
        let expected = Quota {
            limit: 20,
            remaining: 18,
            reset: 12 * 3600,
        };
        assert_eq!(quota, expected, "{}", fresh.name);
    }
}

#[tokio::test]
async fn call_that_is_given_back_may_be_made_again() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let asks = needs(clock.today(), 1);
        let token = limiter.take(&asks).await.unwrap();
        assert!(limiter.take(&asks).await.is_err());

        limiter.give_back(&token);

        assert!(limiter.take(&asks).await.is_ok());
        assert!(limiter.take(&asks).await.is_err());
    }
}

#[tokio::test]
async fn quota_begins_anew_at_midnight_in_rome() {
    for fresh in fresh().await {
        let clock = at("2026-11-22T22:59:00Z");
        let limiter = limiter(&fresh, &clock);
        let today = needs(clock.today(), 1);
        let yesterdays = limiter.take(&today).await.unwrap();
        let refused = limiter.take(&today).await.unwrap_err();

        clock.set("2026-11-22T23:00:00Z".parse().unwrap());

        let today = needs(clock.today(), 1);
        assert_eq!(refused.retry, Some(Duration::from_mins(1)));
        assert!(limiter.take(&today).await.is_ok());
        limiter.give_back(&yesterdays);
        assert!(limiter.take(&today).await.is_err());
    }
}

#[tokio::test]
async fn limit_that_changes_during_the_day_counts_at_once() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let of = |limit| needs(clock.today(), limit);
        assert_eq!(served(&limiter, &of(10_000), 4).await, 4);

        let lowered = served(&limiter, &of(6), 10).await;
        let raised = served(&limiter, &of(9), 10).await;

        assert_eq!((lowered, raised), (2, 3), "{}", fresh.name);
    }
}

#[tokio::test]
async fn gateway_that_stops_leaves_all_that_it_has_not_used() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let [one, two] = [limiter(&fresh, &clock), limiter(&fresh, &clock)];
        let asks = needs(clock.today(), 3000);
        assert_eq!(served(&one, &asks, 2).await, 2);

        one.close().await;

        let refused = one.take(&asks).await.unwrap_err();
        assert_eq!(refused.reason, Reason::Draining);
        let remaining = two.take(&asks).await.unwrap().remaining;
        assert_eq!(remaining, 2997, "{}", fresh.name);
    }
}

#[tokio::test]
async fn of_a_gateway_that_died_others_have_what_it_surely_has_not_used() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let [one, two] = [limiter(&fresh, &clock), limiter(&fresh, &clock)];
        let asks = needs(clock.today(), 100_000);
        one.take(&asks).await.unwrap();
        one.round().await;
        drop(one);

        let dead = store_quota::beats(&fresh.db, "two").await.unwrap();
        store_quota::bury(&fresh.db, &dead[0]).await.unwrap();
        two.round().await;

        // Of a block of 100 one was used, and an eighth of the rest may have been.
        let remaining = two.take(&asks).await.unwrap().remaining;
        assert_eq!(remaining, 100_000 - 13 - 1, "{}", fresh.name);
    }
}

#[tokio::test]
async fn gateway_that_holds_nothing_is_not_taken_for_dead() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let asks = needs(clock.today(), 100_000);
        let runs = async || store_quota::beats(&fresh.db, "another").await.unwrap();
        limiter.take(&asks).await.unwrap();
        limiter.round().await;
        let [before] = runs().await.try_into().unwrap();

        limiter.put_back(Duration::ZERO).await.unwrap();
        limiter.round().await;
        assert!(runs().await.is_empty(), "{}", fresh.name);

        // Whoever has seen the old beat takes nothing of what is leased now.
        limiter.take(&asks).await.unwrap();
        assert!(!store_quota::bury(&fresh.db, &before).await.unwrap());
        assert_eq!(runs().await.len(), 1, "{}", fresh.name);
    }
}

#[tokio::test]
async fn one_gateway_is_told_once_that_most_of_a_day_is_used() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let [one, two] = [limiter(&fresh, &clock), limiter(&fresh, &clock)];
        let asks = needs(clock.today(), 10);
        assert_eq!(served(&one, &asks, 7).await, 7);
        assert!(one.warnings().is_empty());

        let after = (
            served(&two, &asks, 2).await,
            two.warnings().len(),
            served(&one, &asks, 2).await,
            one.warnings().len(),
        );

        assert_eq!(after, (2, 1, 1, 0), "{}", fresh.name);
    }
}

#[tokio::test]
async fn database_that_is_gone_refuses_only_what_needs_it() {
    for fresh in fresh().await {
        let clock = at(NOON);
        let limiter = limiter(&fresh, &clock);
        let (held, other) = (needs(clock.today(), 5000), needs(clock.today(), 5000));
        limiter.take(&held).await.unwrap();
        fresh.db.close().await;
        let mut other = other;
        other[0].key.subject = Subject::Purpose(Uuid::from_u128(9));

        let lacking = limiter.take(&other).await.unwrap_err();

        assert_eq!(lacking.reason, Reason::SnapshotStale);
        assert_eq!(served(&limiter, &held, 10).await, 4, "{}", fresh.name);
    }
}
