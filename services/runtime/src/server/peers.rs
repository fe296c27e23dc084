//! Places at a listener, by the peer, so that one peer does not take them all.
//!
//! A peer is an address before its handshake and a certificate after it. Of an address three things
//! are bounded: its connections, those of them that have not finished their handshake, and how fast
//! new ones come, because a handshake is the dearest thing that a stranger can ask for.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// The addresses that connect, and what each of them still may.
#[derive(Debug)]
pub struct Peers {
    limits: Limits,
    known: HashMap<IpAddr, Known>,
    /// How many may be known before the idle ones are forgotten.
    most: usize,
}

/// The places of a connection.
#[derive(Debug)]
pub struct Admitted {
    /// To its end.
    pub place: OwnedSemaphorePermit,
    /// Until its handshake is finished.
    pub greeting: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Known {
    places: Arc<Semaphore>,
    greetings: Arc<Semaphore>,
    /// Connections that it may still open, as of `at`.
    left: f64,
    at: Instant,
}

/// Places for each holder of something.
#[derive(Debug)]
pub struct Places<K> {
    each: usize,
    of: HashMap<K, Arc<Semaphore>>,
}

impl Peers {
    /// Gives each address what the limits say.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            known: HashMap::new(),
            most: REMEMBERED,
        }
    }

    /// Places for one connection of an address, if it has some left.
    pub fn admit(&mut self, address: IpAddr, now: Instant) -> Option<Admitted> {
        self.forget(now);
        let limits = self.limits;
        let known = self.known.entry(network(address));
        let known = known.or_insert_with(|| Known::new(limits, now));
        known.left = known.left(limits, now);
        known.at = now;
        if known.left < 1.0 {
            return None;
        }
        let place = Arc::clone(&known.places).try_acquire_owned().ok()?;
        let greeting = Arc::clone(&known.greetings).try_acquire_owned().ok()?;
        known.left -= 1.0;
        Some(Admitted { place, greeting })
    }

    /// Forgets addresses that have all that they may, once many are known.
    fn forget(&mut self, now: Instant) {
        if self.known.len() <= self.most {
            return;
        }
        let limits = self.limits;
        self.known.retain(|_, known| {
            // Only a held place keeps a second reference.
            Arc::strong_count(&known.places) > 1 || known.left(limits, now) < burst(limits)
        });
        // Not again for each that comes while they are many.
        self.most = REMEMBERED.max(2 * self.known.len());
    }
}

impl Known {
    fn new(limits: Limits, now: Instant) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.per_peer)),
            greetings: Arc::new(Semaphore::new(limits.greetings)),
            left: burst(limits),
            at: now,
        }
    }

    fn left(&self, limits: Limits, now: Instant) -> f64 {
        let waited = now.saturating_duration_since(self.at).as_secs_f64();
        let each_second = f64::from(limits.connections_per_second);
        waited.mul_add(each_second, self.left).min(burst(limits))
    }
}

impl<K: Eq + Hash> Places<K> {
    /// Gives each holder so many places.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self {
            each,
            of: HashMap::new(),
        }
    }

    /// A place, if the holder has one left.
    pub fn admit(&mut self, holder: K) -> Option<OwnedSemaphorePermit> {
        if self.of.len() > REMEMBERED {
            self.of.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let each = self.each;
        let places = self.of.entry(holder);
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(each)));
        Arc::clone(places).try_acquire_owned().ok()
    }
}

/// Connections that an address may open at once after it has opened none for a while.
fn burst(limits: Limits) -> f64 {
    f64::from(u32::try_from(limits.per_peer).unwrap_or(u32::MAX))
}

/// Who one peer is: an address, or the /64 that one IPv6 subscriber has (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

const REMEMBERED: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ONE: Limits = Limits {
        per_peer: 1,
        ..Limits::GRPC
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_of_one_peer_leave_those_of_another() {
        let (mut peers, now) = (Peers::new(ONE), Instant::now());
        let [one, same_network, other, mapped, v4] = [
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:1::1",
            "::ffff:192.0.2.1",
            "192.0.2.1",
        ]
        .map(ip);

        let held = [one, other, mapped].map(|address| peers.admit(address, now));
        let later = now + Duration::from_secs(1);
        let refused = [same_network, v4].map(|address| peers.admit(address, later));

        assert!(held.iter().all(Option::is_some));
        assert!(refused.iter().all(Option::is_none));
        drop(held);
        assert!(peers.admit(one, later).is_some());
    }

    #[test]
    fn unfinished_handshakes_of_one_peer_are_fewer_than_its_connections() {
        let limits = Limits {
            greetings: 2,
            ..Limits::GRPC
        };
        let (mut peers, now) = (Peers::new(limits), Instant::now());
        let one = ip("192.0.2.1");

        let mut held: Vec<_> = (0..2).map(|_| peers.admit(one, now).unwrap()).collect();
        let refused = peers.admit(one, now);
        let Admitted { place, greeting } = held.remove(0);
        drop(greeting);

        assert!(refused.is_none());
        assert!(peers.admit(one, now).is_some());
        drop(place);
    }

    #[test]
    fn connections_of_one_peer_come_no_faster_than_they_may() {
        let limits = Limits {
            per_peer: 4,
            connections_per_second: 2,
            ..Limits::GRPC
        };
        let (mut peers, now) = (Peers::new(limits), Instant::now());
        let (one, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let mut admitted = |address, now| {
            (0..9)
                .filter(|_| peers.admit(address, now).is_some())
                .count()
        };

        assert_eq!(admitted(one, now), 4);
        assert_eq!(admitted(other, now), 4);
        assert_eq!(admitted(one, now + Duration::from_secs(1)), 2);
        assert_eq!(admitted(one, now + Duration::from_mins(1)), 4);
    }

    #[test]
    fn peers_that_left_are_forgotten() {
        let (mut peers, mut now) = (Peers::new(ONE), Instant::now());

        for number in 0..5000_u32 {
            now += Duration::from_millis(10);
            peers.admit(IpAddr::V4(number.into()), now);
        }

        assert!(peers.known.len() <= REMEMBERED + 1);
    }

    #[test]
    fn certificate_has_places_of_its_own() {
        let mut places = Places::new(1);

        let held = places.admit("one");

        assert!(held.is_some() && places.admit("one").is_none());
        assert!(places.admit("another").is_some());
        drop(held);
        assert!(places.admit("one").is_some());
    }
}
