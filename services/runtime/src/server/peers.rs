//! Places at a listener, by the peer's address, so that one peer does not take them all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places that each peer still has.
#[derive(Debug)]
pub struct Peers {
    each: usize,
    places: HashMap<IpAddr, Arc<Semaphore>>,
}

impl Peers {
    /// Gives `each` peer so many places.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self {
            each,
            places: HashMap::new(),
        }
    }

    /// A place for one connection of a peer, if it has one left.
    pub fn admit(&mut self, address: IpAddr) -> Option<OwnedSemaphorePermit> {
        if self.places.len() > REMEMBERED {
            // Only a held place keeps a second reference.
            self.places
                .retain(|_, places| Arc::strong_count(places) > 1);
        }
        let each = self.each;
        let places = self.places.entry(network(address));
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(each)));
        Arc::clone(places).try_acquire_owned().ok()
    }
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
    use super::*;

    #[test]
    fn places_of_one_peer_leave_those_of_another() {
        let mut peers = Peers::new(1);
        let [one, same_network, other, mapped, v4] = [
            "2001:db8::1",
            "2001:db8::2",
            "2001:db8:0:1::1",
            "::ffff:192.0.2.1",
            "192.0.2.1",
        ]
        .map(|text| text.parse::<IpAddr>().unwrap());

        let held = [one, other, mapped].map(|address| peers.admit(address));
        let refused = [same_network, v4].map(|address| peers.admit(address));

        assert!(held.iter().all(Option::is_some));
        assert!(refused.iter().all(Option::is_none));
        drop(held);
        assert!(peers.admit(one).is_some());
    }

    #[test]
    fn peers_that_left_are_forgotten() {
        let mut peers = Peers::new(1);

        for number in 0..5000_u32 {
            peers.admit(IpAddr::V4(number.into()));
        }

        assert!(peers.places.len() <= REMEMBERED + 1);
    }
}
