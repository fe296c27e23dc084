//! How fast and how much at once a client may call; both are counted by each gateway for itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota as Rate};
use uuid::Uuid;

use crate::refusal::{Reason, Refusal};

/// Rates and open calls of all clients.
pub struct Clients {
    rate: ArcSwap<Rated>,
    open: Arc<Mutex<HashMap<Uuid, u32>>>,
    most_open: AtomicU32,
}

/// The measures of all clients, and their calls a second.
struct Rated {
    calls_per_second: u32,
    measures: DefaultKeyedRateLimiter<Uuid>,
}

/// A place among the open calls of a client; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    open: Arc<Mutex<HashMap<Uuid, u32>>>,
    client: Uuid,
}

impl Clients {
    /// Allows each client so many calls a second, and so many open ones.
    #[must_use]
    pub fn new(calls_per_second: u32, most_open: u32) -> Self {
        Self {
            rate: ArcSwap::from_pointee(Rated::new(calls_per_second)),
            open: Arc::default(),
            most_open: AtomicU32::new(most_open),
        }
    }

    /// Allows other numbers from now on. Calls that are open stay; another rate is measured anew.
    pub fn allow(&self, calls_per_second: u32, most_open: u32) {
        self.most_open.store(most_open, Ordering::Relaxed);
        if self.rate.load().calls_per_second != calls_per_second {
            self.rate.store(Arc::new(Rated::new(calls_per_second)));
        }
    }

    /// Counts a call that holds no place.
    ///
    /// # Errors
    ///
    /// When the client calls too often.
    pub fn rate(&self, client: Uuid) -> Result<(), Refusal> {
        self.rate
            .load()
            .measures
            .check_key(&client)
            .map_err(|wait| {
                let delay = wait.wait_time_from(DefaultClock::default().now());
                Refusal::from(Reason::RateClient).retry_after(delay)
            })
    }

    /// Lets a call of a client in, until the place is dropped.
    ///
    /// # Errors
    ///
    /// When it calls too often, or has too many open calls.
    pub fn enter(&self, client: Uuid) -> Result<Place, Refusal> {
        self.rate(client)?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(client).or_default();
        if *count >= self.most_open.load(Ordering::Relaxed) {
            return Err(Reason::StreamsClient.into());
        }
        *count += 1;
        Ok(Place {
            open: Arc::clone(&self.open),
            client,
        })
    }

    /// How many calls are open, of all clients.
    #[must_use]
    pub fn open(&self) -> u64 {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.values().map(|count| u64::from(*count)).sum()
    }

    /// Forgets clients that have not called for a while.
    pub fn forget_idle(&self) {
        let rate = self.rate.load();
        rate.measures.retain_recent();
        rate.measures.shrink_to_fit();
    }
}

impl Rated {
    fn new(calls_per_second: u32) -> Self {
        let rate = Rate::per_second(NonZeroU32::new(calls_per_second).unwrap_or(NonZeroU32::MIN));
        Self {
            calls_per_second,
            measures: DefaultKeyedRateLimiter::keyed(rate),
        }
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

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let most = self.most_open.load(Ordering::Relaxed);
        write!(f, "Clients({most} open at most)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Uuid = Uuid::from_u128(1);

    #[test]
    fn place_is_free_again_when_the_call_ends() {
        let clients = Clients::new(1000, 1);

        let held = clients.enter(CLIENT).unwrap();

        let refused = clients.enter(CLIENT).unwrap_err();
        assert_eq!(refused.reason, Reason::StreamsClient);
        drop(held);
        assert!(clients.enter(CLIENT).is_ok());
    }

    #[test]
    fn other_numbers_count_at_once() {
        let clients = Clients::new(1000, 1);
        let held = clients.enter(CLIENT).unwrap();

        clients.allow(1, 2);

        assert!(clients.enter(CLIENT).is_ok());
        let refused = clients.enter(CLIENT).unwrap_err();
        assert_eq!(refused.reason, Reason::RateClient);
        drop(held);
    }

    #[test]
    fn client_that_calls_too_often_is_told_when_to_come_back() {
        let clients = Clients::new(1, 10);

        drop(clients.enter(CLIENT).unwrap());
        let refused = clients.enter(CLIENT).unwrap_err();

        assert_eq!(refused.reason, Reason::RateClient);
        assert!(refused.retry.is_some());
    }
}
