//! How often one peer may ask: an IPv4 address, or the /64 of an IPv6 one.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota};

/// The measure of every peer.
pub(crate) struct Rates(DefaultKeyedRateLimiter<IpAddr>);

impl Rates {
    /// Allows each peer so many requests a second.
    pub(crate) fn new(per_second: u32) -> Self {
        let rate = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
        Self(DefaultKeyedRateLimiter::keyed(rate))
    }

    /// Counts a request; says whether it is answered.
    pub(crate) fn admits(&self, peer: IpAddr) -> bool {
        self.0.check_key(&network(peer)).is_ok()
    }

    /// Forgets peers that have not asked for a while.
    pub(crate) fn forget_idle(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

impl std::fmt::Debug for Rates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rates({} peers)", self.0.len())
    }
}

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
    }
}

/// How often peers are forgotten.
pub(crate) const FORGET: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_that_asks_too_often_waits_alone() {
        let rates = Rates::new(2);
        let peer = |text: &str| text.parse().unwrap();

        let answered = [
            rates.admits(peer("2001:db8::1")),
            rates.admits(peer("2001:db8::2")),
            rates.admits(peer("2001:db8::3")),
            rates.admits(peer("2001:db8:0:1::1")),
            rates.admits(peer("192.0.2.1")),
        ];

        assert_eq!(answered, [true, true, false, true, true]);
    }
}
