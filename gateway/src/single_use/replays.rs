//! What a client has used a moment ago: bounded for each, and full means refused.
//!
//! The database that the gateways share has the last word; this memory answers without it when one
//! client uses the same thing again, and keeps a client that asks too much away from it. Two
//! generations are kept and the older one is dropped whole, so that forgetting costs nothing; a
//! client that has used nothing for both is forgotten itself.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// What this gateway has seen used.
#[derive(Debug, Default)]
pub struct Replays {
    clients: Mutex<Clients>,
}

/// Ways that something cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has used too much to remember more.
    Full,
    /// It was used before.
    Replayed,
}

#[derive(Debug, Default)]
struct Clients {
    seen: HashMap<Uuid, Seen>,
    /// When idle clients were looked for last, seconds.
    swept: i64,
}

#[derive(Debug, Default)]
struct Seen {
    /// When the present generation began, seconds.
    since: i64,
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

impl Replays {
    /// Takes something by its name, once.
    ///
    /// # Errors
    ///
    /// When it was taken before, or the client has used too much of late.
    pub fn take(&self, client: Uuid, name: [u8; 32], now: i64) -> Result<(), Refused> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.sweep(now);
        clients.seen.entry(client).or_default().take(name, now)
    }

    /// Forgets something that was taken, because nobody knows whether it counts as used.
    pub fn release(&self, client: Uuid, name: &[u8; 32]) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = clients.seen.get_mut(&client) {
            seen.now.remove(name);
            seen.before.remove(name);
        }
    }
}

impl Clients {
    /// Forgets clients that have used nothing for two generations.
    fn sweep(&mut self, now: i64) {
        if now < self.swept + GENERATION {
            return;
        }
        self.swept = now;
        self.seen.retain(|_, seen| !seen.is_old(now));
    }
}

impl Seen {
    fn take(&mut self, name: [u8; 32], now: i64) -> Result<(), Refused> {
        if now >= self.since + GENERATION {
            let whole = std::mem::take(&mut self.now);
            self.before = if self.is_old(now) {
                HashSet::new()
            } else {
                whole
            };
            self.since = now;
        }
        if self.before.contains(&name) || self.now.contains(&name) {
            return Err(Refused::Replayed);
        }
        if self.now.len() >= MOST {
            return Err(Refused::Full);
        }
        self.now.insert(name);
        Ok(())
    }

    fn is_old(&self, now: i64) -> bool {
        now >= self.since + 2 * GENERATION
    }
}

/// Seconds of one generation: a proof of possession lives no longer (60, and clocks that are ahead).
const GENERATION: i64 = 75;
/// What one client may use in one generation: a proof and two pieces of evidence for each call of
/// its whole rate, and some.
const MOST: usize = 150_000;

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_000_000;

    fn client(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn proof_is_taken_once_for_as_long_as_it_lives() {
        let replays = Replays::default();
        assert_eq!(replays.take(client(1), [1; 32], START), Ok(()));
        let made = START + GENERATION - 1;
        assert_eq!(replays.take(client(1), [2; 32], made), Ok(()));

        for now in [made, made + 1, made + 70] {
            let again = replays.take(client(1), [2; 32], now);
            assert_eq!(again, Err(Refused::Replayed), "{now}");
        }
        assert_eq!(replays.take(client(1), [3; 32], made + 1), Ok(()));
        assert_eq!(replays.take(client(2), [2; 32], made), Ok(()));
    }

    #[test]
    fn client_that_uses_too_much_is_refused_and_takes_nothing_from_others() {
        let replays = Replays::default();
        for n in 0..MOST {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&n.to_be_bytes());
            replays.take(client(1), name, START).unwrap();
        }

        let full = replays.take(client(1), [9; 32], START);

        assert_eq!(full, Err(Refused::Full));
        assert_eq!(replays.take(client(2), [9; 32], START), Ok(()));
        let later = replays.take(client(1), [9; 32], START + GENERATION);
        assert_eq!(later, Ok(()));
    }

    #[test]
    fn idle_clients_are_forgotten() {
        let replays = Replays::default();
        for n in 0..1000 {
            replays.take(client(n), [1; 32], START).unwrap();
        }

        replays
            .take(client(0), [2; 32], START + GENERATION)
            .unwrap();
        let known = || replays.clients.lock().unwrap().seen.len();
        assert_eq!(known(), 1000);
        replays
            .take(client(0), [3; 32], START + 2 * GENERATION)
            .unwrap();
        assert_eq!(known(), 1);
    }

    #[test]
    fn what_was_released_may_be_taken_again() {
        let replays = Replays::default();
        replays.take(client(1), [1; 32], START).unwrap();

        replays.release(client(1), &[1; 32]);

        assert_eq!(replays.take(client(1), [1; 32], START), Ok(()));
    }
}
