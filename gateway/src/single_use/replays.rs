//! Which proofs a client has used a moment ago: bounded, and full means refused.
//!
//! Two generations are kept and the older one is dropped whole, so that forgetting costs nothing.
//! A proof is remembered for longer than it could be used again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use uuid::Uuid;

use crate::proof::{LIFE, Proof, SKEW};

/// The proofs that this gateway has seen.
#[derive(Debug, Default)]
pub struct Replays {
    clients: Mutex<HashMap<Uuid, Seen>>,
}

/// Ways that a proof cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has used too many to remember more.
    Full,
    /// It was used before.
    Replayed,
}

#[derive(Debug, Default)]
struct Seen {
    /// When the present generation began, seconds.
    since: i64,
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

impl Replays {
    /// Takes a proof that holds, once.
    ///
    /// # Errors
    ///
    /// When it was taken before, or the client has used too many of late.
    pub fn take(&self, client: Uuid, proof: &Proof, now: i64) -> Result<(), Refused> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.entry(client).or_default().take(name(proof), now)
    }
}

impl Seen {
    fn take(&mut self, name: [u8; 32], now: i64) -> Result<(), Refused> {
        if now >= self.since + GENERATION {
            let whole = std::mem::take(&mut self.now);
            let old = now >= self.since + 2 * GENERATION;
            self.before = if old { HashSet::new() } else { whole };
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
}

fn name(proof: &Proof) -> [u8; 32] {
    let mut hash = Context::new(&SHA256);
    hash.update(proof.jkt.as_bytes());
    hash.update(&[0]);
    hash.update(proof.jti.as_bytes());
    let mut name = [0; 32];
    name.copy_from_slice(hash.finish().as_ref());
    name
}

/// A proof may come as early as its tolerance allows and as late as its life ends.
const GENERATION: i64 = LIFE + SKEW + 5;
/// Proofs of one client in one generation: its whole rate, and some.
const MOST: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(jti: &str) -> Proof {
        Proof {
            jkt: "key".to_owned(),
            jti: jti.to_owned(),
            iat: 0,
        }
    }

    #[test]
    fn proof_is_taken_once_for_as_long_as_it_lives() {
        let replays = Replays::default();
        let client = Uuid::from_u128(1);
        let start = 1_000_000;
        assert_eq!(replays.take(client, &proof("first"), start), Ok(()));
        let made = start + GENERATION - 1;
        assert_eq!(replays.take(client, &proof("late"), made), Ok(()));

        for now in [made, made + 1, made + LIFE + SKEW] {
            let again = replays.take(client, &proof("late"), now);
            assert_eq!(again, Err(Refused::Replayed), "{now}");
        }
        assert_eq!(replays.take(client, &proof("other"), made + 1), Ok(()));
        assert_eq!(
            replays.take(Uuid::from_u128(2), &proof("late"), made),
            Ok(())
        );
    }

    #[test]
    fn client_that_uses_too_many_is_refused_rather_than_forgotten() {
        let mut seen = Seen::default();
        for n in 0..MOST {
            let mut name = [0; 32];
            name[..8].copy_from_slice(&n.to_be_bytes());
            seen.take(name, 1).unwrap();
        }

        assert_eq!(seen.take([9; 32], 1), Err(Refused::Full));
    }
}
