//! How much may be called: rate and open calls of a client; calls a day of a purpose, of a consumer
//! and of an e-service.
//!
//! The day's calls are leased from the database in blocks, so that several gateways never give more
//! than the day has: what is given is decided in [`grant`], what a gateway does with it in
//! [`ledger`], both without I/O. This file joins them to calls; [`keeping`] does what is due in
//! between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use jiff::civil::Date;
use uuid::Uuid;
use varco_runtime::clock::{Clock, midnight};
use varco_runtime::problem::chain;
use varco_runtime::store::{self, Db};

use crate::authorize::decide;
use crate::call::{Call, Quota};
use crate::gate::Gate;
use crate::passing::Passing;
use crate::refusal::{Reason, Refusal};

pub mod clients;
pub mod grant;
pub mod keeping;
pub mod ledger;
mod store_quota;
pub mod subject;
pub mod watch;

use clients::Clients;
use keeping::{Rounds, Warning};
use ledger::{Ledger, Taken, Token};
use subject::{Ask, Key, asks};

/// Rates, open calls and quotas.
#[derive(Debug)]
pub struct Limiter {
    clients: Clients,
    db: Db,
    clock: Clock,
    books: Mutex<Books>,
    rounds: tokio::sync::Mutex<Rounds>,
}

/// What is held under one short lock.
#[derive(Debug, Default)]
struct Books {
    /// The name under which leases are held: another one after each time without any.
    holder: Arc<str>,
    /// Whether the database may know that name.
    is_known: bool,
    ledger: Ledger,
    /// Who may ask the database about a subject, one at a time; the others wait for what he brings.
    turns: HashMap<Key, Arc<tokio::sync::Mutex<()>>>,
    warnings: Vec<Warning>,
    /// How many warnings there have been.
    warned: u64,
    closed: bool,
}

/// Lets a call on when its client, its purpose, its consumer and the e-service still may.
pub async fn limit<F>(mut passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (gate, call) = (Arc::clone(&passing.gate), passing.call.clone());
    let Some(permit) = call.permitted().cloned() else {
        return Refusal::from(Reason::VoucherMissing).into_response();
    };
    let limiter = &gate.limiter;
    let today = gate.clock.today();
    let asks = asks(&permit, today);
    let place = match limiter.enter(permit.client_id) {
        Ok(place) => Arc::new(place),
        Err(refusal) => return limiter.refuse(&call, &asks, refusal),
    };
    let token = match limiter.take(&asks).await {
        Ok(token) => token,
        Err(refusal) => return limiter.refuse(&call, &asks, refusal),
    };
    call.count(limiter.quota(token.tightest, token.remaining));
    call.count_on(today);
    let _counted = Counted {
        limiter: Arc::clone(limiter),
        call,
        token,
    };
    // Whoever sees a call to its end that its client gave up holds its place.
    let extensions = passing.request.extensions_mut();
    extensions.insert(Arc::clone(&place));
    let mut response = next(passing).await;
    // The place is held until the last byte of the answer.
    response.extensions_mut().insert(place);
    response
}

/// A call that was counted: given back, unless the service may have seen it.
struct Counted {
    limiter: Arc<Limiter>,
    call: Call,
    token: Token,
}

impl Drop for Counted {
    fn drop(&mut self) {
        if !self.call.is_forwarded() {
            self.limiter.give_back(&self.token);
        }
    }
}

/// Counts a call that is open past midnight on the new day too.
///
/// # Errors
///
/// When the new day has no call left for it.
pub async fn recount(gate: &Gate, call: &Call) -> Result<(), Refusal> {
    let today = gate.clock.today();
    let counted = call.counted_on().is_none_or(|counted| counted == today);
    let (Some(claims), false) = (call.claims(), counted) else {
        return Ok(());
    };
    // The day's calls are those of the purpose as it is now.
    let (snapshot, now) = (gate.registry.snapshot(), gate.clock.unix());
    let permit = decide(&claims, call.method(), &snapshot, now)?;
    match gate.limiter.take(&asks(&permit, today)).await {
        Ok(_) => call.count_on(today),
        Err(refusal) if refusal.reason == Reason::QuotaDaily => return Err(refusal),
        // The database may answer at the next look.
        Err(_) => {}
    }
    Ok(())
}

impl Limiter {
    /// Makes a limiter over the database that the gateways share.
    #[must_use]
    pub fn new(db: Db, clock: Clock, calls_per_second: u32, streams_per_client: u32) -> Self {
        Self {
            clients: Clients::new(calls_per_second, streams_per_client),
            db,
            books: Mutex::new(Books {
                holder: clock.uuid().to_string().into(),
                ..Books::default()
            }),
            clock,
            rounds: tokio::sync::Mutex::default(),
        }
    }

    /// Allows each client other numbers from now on.
    pub fn allow(&self, calls_per_second: u32, streams_per_client: u32) {
        self.clients.allow(calls_per_second, streams_per_client);
    }

    /// A place among the open calls of a client, within its rate.
    ///
    /// # Errors
    ///
    /// When it calls too often, or has too many calls open.
    pub fn enter(&self, client: Uuid) -> Result<clients::Place, Refusal> {
        self.clients.enter(client)
    }

    /// Counts a call of a client on its rate alone.
    ///
    /// # Errors
    ///
    /// When it calls too often.
    pub fn rate(&self, client: Uuid) -> Result<(), Refusal> {
        self.clients.rate(client)
    }

    /// Counts a call on each of its subjects, or on none.
    ///
    /// # Errors
    ///
    /// When the day has no more for one of its subjects, or it cannot be known within a second.
    pub async fn take(&self, asks: &[Ask; 3]) -> Result<Token, Refusal> {
        match self.take_of_held(asks) {
            Ok(taken) => taken,
            // Boxed: asking the database is rare, and its future is large.
            Err(_) => Box::pin(self.take_of_more(asks)).await,
        }
    }

    /// Counts a call on what has been leased; or the subject that lacks a call.
    fn take_of_held(&self, asks: &[Ask; 3]) -> Result<Result<Token, Refusal>, Ask> {
        let told = {
            let mut books = self.books();
            if books.closed {
                return Ok(Err(Reason::Draining.into()));
            }
            books.ledger.take(asks, Instant::now())
        };
        match told {
            Taken::Call(token) => Ok(Ok(token)),
            Taken::Spent(ask) => Ok(Err(self.spent(&ask))),
            Taken::Lacks(ask) => Err(ask),
        }
    }

    async fn take_of_more(&self, asks: &[Ask; 3]) -> Result<Token, Refusal> {
        let unknown = |cause: String| {
            tracing::error!(cause, "quota cannot be read");
            Refusal::from(Reason::SnapshotStale)
        };
        match tokio::time::timeout(PATIENCE, self.take_one_of_each(asks)).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) => Err(unknown(chain(&error))),
            Err(_) => Err(unknown("no answer in time".to_owned())),
        }
    }

    /// How many calls have a place among the open ones.
    #[must_use]
    pub fn open_calls(&self) -> u64 {
        self.clients.open()
    }

    /// Of how many quotas a part is held, and how many warnings there have been.
    #[must_use]
    pub fn quotas(&self) -> (usize, u64) {
        let books = self.books();
        (books.ledger.leases(), books.warned)
    }

    /// Gives a call back that surely was not processed.
    pub fn give_back(&self, token: &Token) {
        self.books().ledger.give_back(token);
    }

    async fn take_one_of_each(
        &self,
        asks: &[Ask; 3],
    ) -> Result<Result<Token, Refusal>, store::Error> {
        loop {
            match self.take_of_held(asks) {
                Ok(taken) => return Ok(taken),
                Err(lacking) => self.lease(&lacking).await?,
            }
        }
    }

    /// Asks the database for more of one subject, in turn with the others who lack it.
    async fn lease(&self, ask: &Ask) -> Result<(), store::Error> {
        let turn = Arc::clone(self.books().turns.entry(ask.key).or_default());
        let _alone = turn.lock().await;
        let (asked, holder) = {
            let mut books = self.books();
            // One is the map's own; every other is a caller's.
            let wanted = Arc::strong_count(&turn).saturating_sub(1);
            let wanted = u64::try_from(wanted).unwrap_or(1);
            let asked = books.ledger.ask(ask, wanted, Instant::now());
            books.is_known |= asked.is_some();
            (asked, Arc::clone(&books.holder))
        };
        let Some(asked) = asked else {
            return Ok(());
        };
        let (granted, warned) = store_quota::lease(&self.db, &holder, &ask.key, asked).await?;
        let mut books = self.books();
        books.ledger.settle(ask, granted, Instant::now());
        if warned {
            let Ask { key, limit } = *ask;
            books.warnings.push(Warning { key, limit });
            books.warned += 1;
        }
        Ok(())
    }

    fn spent(&self, ask: &Ask) -> Refusal {
        Refusal::from(Reason::QuotaDaily)
            .with("quota", ask.key.subject.kind())
            .retry_after(Duration::from_secs(self.until_midnight(ask.key.day)))
    }

    /// Refuses, and tells what is known of the quotas.
    fn refuse(&self, call: &Call, asks: &[Ask; 3], refusal: Refusal) -> Response {
        let known = self.books().ledger.peek(asks);
        let [purpose, ..] = asks;
        let (ask, remaining) = known.unwrap_or((*purpose, 0));
        call.count(self.quota(ask, remaining));
        refusal.into_response()
    }

    fn quota(&self, ask: Ask, remaining: u64) -> Quota {
        Quota {
            limit: ask.limit,
            remaining,
            reset: self.until_midnight(ask.key.day),
        }
    }

    fn until_midnight(&self, day: Date) -> u64 {
        let end = day.tomorrow().map_or(self.clock.now(), midnight);
        u64::try_from(end.as_second() - self.clock.unix()).unwrap_or(0)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
