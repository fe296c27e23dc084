//! How often vouchers may be asked for: by peer before a signature has verified, by client after it.
//!
//! Only requests that failed count against a peer. Offices behind one address share it with
//! strangers: garbage from there uses up the strangers' measure, never that of a client whose
//! requests verify. A request that names a registered key is measured by peer and key together, so
//! that whoever knows one key can at most disturb that key from that address; a client that
//! presents its certificate is measured by that and cannot be disturbed at all.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use uuid::Uuid;
use varco_runtime::tls;

/// Who asks, before anything has verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// A verified certificate, by its SHA-256.
    Certificate([u8; 32]),
    /// An IPv4 address, or the /64 of an IPv6 one.
    Network(IpAddr),
    /// Nobody knows.
    Unknown,
}

/// What is left to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests in one interval.
    pub limit: u32,
    /// Those that remain.
    pub remaining: u32,
    /// Until one more is free.
    pub wait: Duration,
}

/// The measures of a token endpoint.
#[derive(Debug)]
pub struct Rates {
    strangers: Rate<Peer>,
    forgers: Rate<(Peer, String)>,
    clients: Rate<Uuid>,
}

/// The measure of vouchers and proofs that do not verify, on the data plane. Only they count: whoever
/// sends none is never measured.
#[derive(Debug)]
pub struct Forgers {
    rate: Rate<Peer>,
    held_back: Semaphore,
}

/// So many a second for each key, saved up for one second.
#[derive(Debug)]
struct Rate<K> {
    limit: AtomicU32,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Peer {
    /// The peer of a connection.
    #[must_use]
    pub fn of(certificate: Option<&tls::Peer>, address: Option<SocketAddr>) -> Self {
        match (certificate, address) {
            (Some(peer), _) => Self::Certificate(peer.thumbprint),
            (None, Some(address)) => Self::Network(network(address.ip())),
            (None, None) => Self::Unknown,
        }
    }
}

impl Rates {
    /// Measures with one limit a second for each peer and each client.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            strangers: Rate::new(per_second),
            forgers: Rate::new(per_second),
            clients: Rate::new(per_second),
        }
    }

    /// Measures with another limit from now on.
    pub fn allow(&self, per_second: u32) {
        let per_second = per_second.max(1);
        let limits = [
            &self.strangers.limit,
            &self.forgers.limit,
            &self.clients.limit,
        ];
        for limit in limits {
            limit.store(per_second, Ordering::Relaxed);
        }
    }

    /// What is left to a peer that names no registered key.
    #[must_use]
    pub fn stranger(&self, peer: &Peer, now: Instant) -> Standing {
        let standing = self.strangers.look(peer, now);
        standing.unwrap_or_else(|standing| standing)
    }

    /// Counts a request that named no registered key.
    ///
    /// # Errors
    ///
    /// When the peer has sent too many.
    pub fn count_stranger(&self, peer: &Peer, now: Instant) -> Result<Standing, Standing> {
        self.strangers.take(peer.clone(), now)
    }

    /// Whether a signature under a registered key is looked at.
    ///
    /// # Errors
    ///
    /// When too many from this peer did not verify under this key.
    pub fn check_key(&self, peer: &Peer, kid: &str, now: Instant) -> Result<Standing, Standing> {
        self.forgers.look(&(peer.clone(), kid.to_owned()), now)
    }

    /// Counts a signature that did not verify.
    pub fn count_forger(&self, peer: &Peer, kid: &str, now: Instant) {
        let _ = self.forgers.take((peer.clone(), kid.to_owned()), now);
    }

    /// Whether a client that has proven who it is may ask.
    ///
    /// # Errors
    ///
    /// When it has had too many vouchers.
    pub fn check_client(&self, client: Uuid, now: Instant) -> Result<Standing, Standing> {
        self.clients.look(&client, now)
    }

    /// Counts a voucher of a client. Requests that fail count against whoever sent them: an old
    /// assertion that somebody found takes nothing from the client.
    ///
    /// # Errors
    ///
    /// When it has had too many.
    pub fn count_client(&self, client: Uuid, now: Instant) -> Result<Standing, Standing> {
        self.clients.take(client, now)
    }
}

impl Forgers {
    /// A measure of so many a second for each peer.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self {
            rate: Rate::new(per_second),
            held_back: Semaphore::new(HELD_BACK),
        }
    }

    /// Measures with another limit from now on.
    pub fn allow(&self, per_second: u32) {
        self.rate.limit.store(per_second.max(1), Ordering::Relaxed);
    }

    /// Whether another signature of a peer is looked at; if not, when.
    ///
    /// # Errors
    ///
    /// How long to wait, when too many did not verify.
    pub fn check(&self, peer: &tls::Peer) -> Result<(), Duration> {
        let looked = self.rate.look(&Peer::of(Some(peer), None), Instant::now());
        looked.map(drop).map_err(|standing| standing.wait)
    }

    /// Counts a signature of a peer that did not verify.
    pub fn count(&self, peer: Option<&tls::Peer>) {
        let _ = self.rate.take(Peer::of(peer, None), Instant::now());
    }

    /// Waits a moment before a refusal: one that comes at once asks for the next call. Few wait, so that
    /// nobody fills the listener's places with what waits.
    pub async fn hold_back(&self) {
        if let Ok(_place) = self.held_back.try_acquire() {
            tokio::time::sleep(MOMENT).await;
        }
    }
}

impl<K: Eq + Hash> Rate<K> {
    fn new(limit: u32) -> Self {
        Self {
            limit: AtomicU32::new(limit.max(1)),
            buckets: Mutex::default(),
        }
    }

    fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    fn look(&self, key: &K, now: Instant) -> Result<Standing, Standing> {
        let buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.get(key).copied();
        let left = self.left(known, now);
        let standing = self.standing(left);
        if left >= 1.0 {
            Ok(standing)
        } else {
            Err(standing)
        }
    }

    fn take(&self, key: K, now: Instant) -> Result<Standing, Standing> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = buckets.get(&key).copied();
        if known.is_none() && buckets.len() >= MOST {
            // Whoever has its whole measure need not be remembered.
            buckets.retain(|_, bucket| self.left(Some(*bucket), now) < f64::from(self.limit()));
            if buckets.len() >= MOST {
                return Err(self.standing(0.0));
            }
        }
        let left = self.left(known, now);
        if left < 1.0 {
            return Err(self.standing(left));
        }
        let left = left - 1.0;
        buckets.insert(key, Bucket { left, at: now });
        Ok(self.standing(left))
    }

    fn left(&self, known: Option<Bucket>, now: Instant) -> f64 {
        let limit = f64::from(self.limit());
        known.map_or(limit, |bucket| {
            let waited = now.saturating_duration_since(bucket.at).as_secs_f64();
            waited.mul_add(limit, bucket.left).min(limit)
        })
    }

    fn standing(&self, left: f64) -> Standing {
        let lacking = (1.0 - left).max(0.0) / f64::from(self.limit());
        Standing {
            limit: self.limit(),
            remaining: whole(left),
            wait: Duration::from_secs_f64(lacking),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lies between 0 and a u32"
)]
fn whole(left: f64) -> u32 {
    left.max(0.0) as u32
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        IpAddr::V4(v4) => IpAddr::V4(v4),
    }
}

/// What `Standing` counts in, milliseconds, as PDND writes it.
pub const INTERVAL: u32 = 1000;
/// Refusals that wait at once, over all peers.
const HELD_BACK: usize = 64;
/// How long each does.
const MOMENT: Duration = Duration::from_millis(50);
/// Peers, or clients, that are measured at once; a new one beyond them is refused.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Peer {
        Peer::Network(network(address.parse().unwrap()))
    }

    #[test]
    fn measure_is_used_up_and_comes_back_with_time() {
        let rates = Rates::new(10);
        let (client, start) = (Uuid::from_u128(1), Instant::now());

        for remaining in (0..10).rev() {
            let standing = rates.count_client(client, start).unwrap();
            assert_eq!((standing.limit, standing.remaining), (10, remaining));
        }
        let refused = rates.count_client(client, start).unwrap_err();

        assert_eq!(refused.remaining, 0);
        assert!(refused.wait <= Duration::from_millis(101), "{refused:?}");
        let later = start + Duration::from_millis(150);
        assert!(rates.count_client(client, later).is_ok());
        assert!(rates.count_client(client, later).is_err());
        assert!(rates.count_client(Uuid::from_u128(2), later).is_ok());
    }

    #[test]
    fn another_limit_counts_at_once() {
        let rates = Rates::new(10);
        let (client, now) = (Uuid::from_u128(1), Instant::now());
        rates.count_client(client, now).unwrap();

        rates.allow(2);

        assert_eq!(rates.count_client(client, now).unwrap().remaining, 1);
        assert!(rates.count_client(client, now).is_ok());
        assert!(rates.count_client(client, now).is_err());
    }

    #[test]
    fn garbage_from_an_address_locks_no_key_out() {
        let rates = Rates::new(5);
        let (peer, now) = (at("192.0.2.1"), Instant::now());

        while rates.count_stranger(&peer, now).is_ok() {}

        assert_eq!(rates.stranger(&peer, now).remaining, 0);
        assert!(rates.check_key(&peer, "office", now).is_ok());
    }

    #[test]
    fn forged_signatures_disturb_one_key_from_one_peer() {
        let rates = Rates::new(5);
        let (peer, now) = (at("192.0.2.1"), Instant::now());

        for _ in 0..5 {
            rates.count_forger(&peer, "office", now);
        }

        assert!(rates.check_key(&peer, "office", now).is_err());
        assert!(rates.check_key(&peer, "another", now).is_ok());
        assert!(rates.check_key(&at("192.0.2.2"), "office", now).is_ok());
        let own = Peer::Certificate([1; 32]);
        assert!(rates.check_key(&own, "office", now).is_ok());
    }

    #[test]
    fn whoever_sends_what_does_not_verify_is_not_looked_at_for_a_moment() {
        let forgers = Forgers::new(2);
        let peer = |number| tls::Peer {
            thumbprint: [number; 32],
            uris: Vec::new(),
            hosts: Vec::new(),
            life: Duration::ZERO,
            until: 0,
        };

        for _ in 0..3 {
            assert!(forgers.check(&peer(2)).is_ok());
        }
        for _ in 0..100 {
            forgers.count(Some(&peer(1)));
        }

        let wait = forgers.check(&peer(1)).unwrap_err();
        assert!(wait <= Duration::from_millis(501), "{wait:?}");
        assert!(forgers.check(&peer(2)).is_ok());
    }

    #[test]
    fn neighbours_on_one_ipv6_network_are_one_peer() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }

    #[test]
    fn too_many_peers_to_measure_are_refused() {
        let rate = Rate::new(1);
        let now = Instant::now();
        for n in 0..MOST {
            rate.take(n, now).unwrap();
        }

        assert!(rate.take(MOST, now).is_err());
        let later = now + Duration::from_secs(2);
        assert!(rate.take(MOST, later).is_ok());
    }

    #[test]
    fn peers_that_fill_the_measure_lock_nobody_out() {
        let rates = Rates::new(1);
        let now = Instant::now();
        for n in 0..MOST {
            rates.count_forger(&at("192.0.2.1"), &n.to_string(), now);
        }

        assert!(rates.check_key(&at("192.0.2.2"), "kid", now).is_ok());
        assert!(rates.check_key(&at("192.0.2.1"), "0", now).is_err());
    }

    #[test]
    fn what_fails_takes_nothing_from_the_client() {
        let rates = Rates::new(1);
        let (now, client) = (Instant::now(), Uuid::from_u128(1));

        for _ in 0..9 {
            assert!(rates.check_client(client, now).is_ok());
        }
        assert!(rates.count_client(client, now).is_ok());
        assert!(rates.check_client(client, now).is_err());
    }

    #[tokio::test]
    async fn few_refusals_are_held_back_and_the_rest_are_not() {
        use futures_util::FutureExt as _;
        let forgers = Forgers::new(2);
        let mut waiting: Vec<_> = (0..HELD_BACK)
            .map(|_| Box::pin(forgers.hold_back()))
            .collect();

        let waits = waiting
            .iter_mut()
            .filter_map(|it| it.as_mut().now_or_never());
        assert_eq!(waits.count(), 0);
        assert!(forgers.hold_back().now_or_never().is_some());

        drop(waiting);
        assert!(forgers.hold_back().now_or_never().is_none());
    }
}
