//! How much a client and a purpose may call: rate, open calls, calls a day.
//!
//! Daily calls are leased from the database in blocks, so that several gateways never give more
//! than the purpose has; the block shrinks to one near the end. A call that surely was not
//! processed is given back.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota as Rate};
use jiff::civil::Date;
use uuid::Uuid;
use varco_runtime::clock::{Clock, midnight};
use varco_runtime::on;
use varco_runtime::store::{self, Db};

use crate::call::{Call, Quota};
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};

/// Rates, open calls and quotas.
pub struct Limiter {
    db: Db,
    clock: Clock,
    rate: DefaultKeyedRateLimiter<Uuid>,
    open: Arc<Mutex<HashMap<Uuid, u32>>>,
    most_open: u32,
    leases: Mutex<HashMap<Uuid, Arc<tokio::sync::Mutex<Option<Lease>>>>>,
}

/// Calls that this gateway may still give for a purpose today.
#[derive(Clone, Copy, Debug)]
struct Lease {
    day: Date,
    left: u64,
    /// Calls that were leased by all gateways when this block was taken.
    taken: u64,
}

/// A place among the open calls of a client; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    open: Arc<Mutex<HashMap<Uuid, u32>>>,
    client: Uuid,
}

/// Lets a call on when its client and its purpose still may call.
pub async fn limit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    let Some(permit) = call.permitted().cloned() else {
        return Refusal::from(Reason::VoucherMissing).into_response();
    };
    let place = match gate.limiter.enter(permit.client_id) {
        Ok(place) => Arc::new(place),
        Err(refusal) => return refusal.into_response(),
    };
    match gate
        .limiter
        .take(permit.purpose_id, permit.daily_calls)
        .await
    {
        Ok(quota) => call.count(quota),
        Err(refusal) => return refusal.into_response(),
    }
    let mut response = next.run(request).await;
    let refused = response.extensions().get::<Refusal>().is_some();
    if refused && !call.is_forwarded() {
        gate.limiter.give_back(permit.purpose_id).await;
    }
    // The place is held until the last byte of the answer.
    response.extensions_mut().insert(place);
    response
}

/// Forgets, once a minute, clients that have not called for a while.
pub async fn keep_small(limiter: Arc<Limiter>) {
    loop {
        tokio::time::sleep(Duration::from_mins(1)).await;
        limiter.rate.retain_recent();
    }
}

impl Limiter {
    /// Makes a limiter over the database that the gateways share.
    #[must_use]
    pub fn new(db: Db, clock: Clock, calls_per_second: u32, streams_per_client: u32) -> Self {
        let rate = Rate::per_second(NonZeroU32::new(calls_per_second).unwrap_or(NonZeroU32::MIN));
        Self {
            db,
            clock,
            rate: DefaultKeyedRateLimiter::keyed(rate),
            open: Arc::default(),
            most_open: streams_per_client,
            leases: Mutex::default(),
        }
    }

    fn enter(&self, client: Uuid) -> Result<Place, Refusal> {
        self.rate.check_key(&client).map_err(|wait| {
            let delay = wait.wait_time_from(DefaultClock::default().now());
            Refusal::from(Reason::RateClient).retry_after(delay)
        })?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.most_open {
            return Err(Reason::StreamsClient.into());
        }
        *count += 1;
        Ok(Place {
            open: Arc::clone(&self.open),
            client,
        })
    }

    /// Takes one call of today from a purpose.
    async fn take(&self, purpose: Uuid, limit: u64) -> Result<Quota, Refusal> {
        let day = self.clock.today();
        let reset = self.until_midnight(day);
        let held = self.held(purpose);
        // One purpose that waits for the database holds up no other.
        let mut held = held.lock().await;
        let lease = match held.filter(|lease| lease.day == day && lease.left > 0) {
            Some(lease) => lease,
            None => self.lease_in_time(purpose, day, limit).await?,
        };
        if lease.left == 0 {
            *held = None;
            return Err(Refusal::from(Reason::QuotaDaily).retry_after(Duration::from_secs(reset)));
        }
        let lease = Lease {
            left: lease.left - 1,
            ..lease
        };
        *held = Some(lease);
        Ok(Quota {
            limit,
            remaining: limit.saturating_sub(lease.taken) + lease.left,
            reset,
        })
    }

    async fn give_back(&self, purpose: Uuid) {
        let today = self.clock.today();
        if let Some(lease) = self.held(purpose).lock().await.as_mut()
            && lease.day == today
        {
            lease.left += 1;
        }
    }

    fn held(&self, purpose: Uuid) -> Arc<tokio::sync::Mutex<Option<Lease>>> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(leases.entry(purpose).or_default())
    }

    async fn lease_in_time(&self, purpose: Uuid, day: Date, limit: u64) -> Result<Lease, Refusal> {
        let leased = tokio::time::timeout(PATIENCE, self.lease(purpose, day, limit)).await;
        let unread = |cause: String| {
            tracing::error!(cause, "quota cannot be read");
            Refusal::from(Reason::SnapshotStale)
        };
        match leased {
            Ok(leased) => leased.map_err(|error| unread(varco_runtime::problem::chain(&error))),
            Err(_) => Err(unread("no answer in time".to_owned())),
        }
    }

    /// Takes a block of today's calls from the database; an empty one when none remain.
    async fn lease(&self, purpose: Uuid, day: Date, limit: u64) -> Result<Lease, store::Error> {
        let (subject, date) = (purpose.to_string(), day.to_string());
        let mut tx = self.db.begin().await?;
        on!(&mut tx, |db| sqlx::query(OPEN_DAY)
            .bind(&subject)
            .bind(&date)
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        // Locks the row: gateways that lease at once do so one after another.
        let (before,): (i64,) = on!(&mut tx, |db| sqlx::query_as(HOLD)
            .bind(&subject)
            .bind(&date)
            .fetch_one(db)
            .await)?;
        let before = before.cast_unsigned();
        let left = block(limit, before);
        let taken = before + left;
        on!(&mut tx, |db| sqlx::query(TAKE)
            .bind(&subject)
            .bind(&date)
            .bind(taken.cast_signed())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))?;
        tx.commit().await?;
        Ok(Lease { day, left, taken })
    }

    fn until_midnight(&self, day: Date) -> u64 {
        let end = day.tomorrow().map_or(self.clock.now(), midnight);
        u64::try_from(end.as_second() - self.clock.unix()).unwrap_or(0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Limiter({} open at most)", self.most_open)
    }
}

/// How many calls to lease at once: a hundredth of what remains, from 1 to 100.
fn block(limit: u64, taken: u64) -> u64 {
    let remaining = limit.saturating_sub(taken);
    (remaining / 100).clamp(1, 100).min(remaining)
}

const PATIENCE: Duration = Duration::from_secs(1);
const HOLD: &str =
    "UPDATE quota SET ultimo = ultimo + 0 WHERE subject = $1 AND day = $2 RETURNING ultimo";
const OPEN_DAY: &str = "INSERT INTO quota (subject, day, ultimo) VALUES ($1, $2, 0) \
     ON CONFLICT (subject, day) DO NOTHING";
const TAKE: &str = "UPDATE quota SET ultimo = $3 WHERE subject = $1 AND day = $2";

#[cfg(test)]
mod tests {
    use super::*;
    use varco_runtime::store::testing::each_db;

    #[test]
    fn blocks_shrink_to_one_and_never_exceed_what_remains() {
        assert_eq!(block(100_000, 0), 100);
        assert_eq!(block(100, 0), 1);
        assert_eq!(block(100, 99), 1);
        assert_eq!(block(100, 100), 0);
        assert_eq!(block(5, 9), 0);
    }

    #[tokio::test]
    async fn two_gateways_never_give_more_than_the_day_has() {
        for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let clock = Clock::fixed("2026-11-22T10:00:00Z".parse().unwrap());
            let one = Limiter::new(fresh.db.clone(), clock.clone(), 1000, 10);
            let two = Limiter::new(fresh.db.clone(), clock.clone(), 1000, 10);
            let purpose = Uuid::from_u128(7);

            let mut given = 0;
            for _ in 0..200 {
                for limiter in [&one, &two] {
                    given += u32::from(limiter.take(purpose, 250).await.is_ok());
                }
            }

            assert_eq!(given, 250, "{}", fresh.name);
            let refused = one.take(purpose, 250).await.unwrap_err();
            assert_eq!(refused.reason, Reason::QuotaDaily);
        }
    }

    #[tokio::test]
    async fn quota_begins_anew_at_midnight_in_rome() {
        for fresh in each_db(crate::REGISTRY_MIGRATIONS).await.unwrap() {
            let clock = Clock::fixed("2026-11-22T22:59:00Z".parse().unwrap());
            let limiter = Limiter::new(fresh.db, clock.clone(), 1000, 10);
            let purpose = Uuid::from_u128(7);
            let first = limiter.take(purpose, 1).await.unwrap();
            let second = limiter.take(purpose, 1).await;

            clock.set("2026-11-22T23:00:00Z".parse().unwrap());

            assert_eq!(
                first,
                Quota {
                    limit: 1,
                    remaining: 0,
                    reset: 60
                }
            );
            assert!(second.is_err());
            assert!(limiter.take(purpose, 1).await.is_ok());
        }
    }

    #[tokio::test]
    async fn place_is_free_again_when_the_call_ends() {
        let fresh = each_db(crate::REGISTRY_MIGRATIONS).await.unwrap().remove(0);
        let limiter = Limiter::new(fresh.db, Clock::system(), 1000, 1);
        let client = Uuid::from_u128(1);

        let held = limiter.enter(client).unwrap();

        assert_eq!(
            limiter.enter(client).unwrap_err().reason,
            Reason::StreamsClient
        );
        drop(held);
        assert!(limiter.enter(client).is_ok());
    }
}
