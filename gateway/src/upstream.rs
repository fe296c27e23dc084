//! The ways to the services: several connections each, balanced, left alone when they fail.
//!
//! A service has one or more replicas, each with a few connections that are opened again after a
//! jittered rest when they end. The next call takes the least busy one among the replicas that
//! answer. What a failed call proves of its fate is said in [`failure`]; how calls that clients
//! give up are cancelled, in [`cancel`].

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use varco_runtime::clock::Clock;
use varco_runtime::tasks::Tasks;
use varco_runtime::telemetry::span::Server;
use varco_runtime::tls::authority::Authority;
use varco_runtime::tls::{self, Identity};

use crate::registry::descriptor::Upstream;

pub mod backoff;
pub mod cancel;
pub mod channel;
pub mod connection;
pub mod endpoint;
pub mod failure;
pub mod fitness;
pub mod greeting;
pub mod health;
pub mod pool;
pub mod resets;
pub mod target;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use endpoint::Endpoint;
use pool::Pool;
use target::Target;

/// The ways to all services, made when they are first needed.
#[derive(Debug)]
pub struct Upstreams {
    authorities: Authorities,
    pools: Mutex<HashMap<Upstream, Arc<Pool>>>,
    ways: Ways,
}

/// What the gateway shows services, and whom it trusts when they declare no authority of their own.
#[derive(Clone, Debug)]
pub struct Authorities {
    /// The gateway's certificate.
    pub identity: Identity,
    /// The comune's own authority, as it is now.
    pub comune: Authority,
}

/// What every way needs.
#[derive(Clone, Debug)]
pub struct Ways {
    /// The gateway's certificate: ways that present another are not used for new calls.
    pub identity: Identity,
    /// Where connections are driven.
    pub tasks: Tasks,
    /// Has the calls that wait for a way to one service look again: all of them, or one where one
    /// place is free.
    pub changed: Arc<Notify>,
    clock: Clock,
}

impl Upstreams {
    /// Ways that present the gateway's certificate and trust the comune's authority.
    ///
    /// # Errors
    ///
    /// When the authority cannot be read.
    pub fn new(
        identity: Identity,
        ca: &Path,
        clock: Clock,
        tasks: Tasks,
    ) -> Result<Self, tls::Error> {
        let ways = Ways {
            identity: identity.clone(),
            tasks,
            changed: Arc::default(),
            clock,
        };
        let comune = Authority::load(ca)?;
        ways.tasks.spawn_until_stop(comune.clone().follow());
        Ok(Self {
            authorities: Authorities { identity, comune },
            pools: Mutex::default(),
            ways,
        })
    }

    /// The ways to a service.
    ///
    /// # Errors
    ///
    /// When its address or its authority cannot be used.
    pub fn pool(&self, to: &Upstream) -> Result<Arc<Pool>, target::Error> {
        if let Some(pool) = self.pools().get(to) {
            return Ok(Arc::clone(pool));
        }
        let addresses = std::iter::once(&to.address).chain(&to.replicas);
        let targets = addresses.map(|address| Target::new(address, to, &self.authorities));
        let targets: Vec<_> = targets.collect::<Result<_, _>>()?;
        let mut pools = self.pools();
        let pool = pools
            .entry(to.clone())
            .or_insert_with(|| Pool::start(Server::at(&to.address), targets, &self.ways));
        Ok(Arc::clone(pool))
    }

    /// Forgets, once a minute, ways that no call has taken for ten.
    pub async fn keep_small(self: Arc<Self>) {
        loop {
            tokio::time::sleep(Duration::from_mins(1)).await;
            self.pools().retain(|_, pool| pool.idle() < FORGOTTEN);
        }
    }

    /// How the ways are now, by the services' addresses; those beyond a number stand together.
    #[must_use]
    pub fn glance(&self) -> BTreeMap<String, Glance> {
        let pools: Vec<_> = self.pools().values().cloned().collect();
        let now = Instant::now();
        let mut seen = BTreeMap::<String, Glance>::new();
        for endpoint in pools.iter().flat_map(|pool| pool.endpoints()) {
            let address = endpoint.target().place();
            let has_room = seen.len() < MOST_ADDRESSES || seen.contains_key(&address);
            let address = if has_room { address } else { OTHERS.to_owned() };
            seen.entry(address).or_default().add(&endpoint, now);
        }
        seen
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<Upstream, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the ways to one address are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Replicas that take calls.
    pub ready: usize,
    /// Replicas that are connected and left alone.
    pub unfit: usize,
    /// Replicas that are not connected.
    pub down: usize,
    /// Open connections.
    pub connections: usize,
    /// Calls that are open on them.
    pub calls: usize,
}

impl Glance {
    fn add(&mut self, endpoint: &Endpoint, now: Instant) {
        match (endpoint.is_connected(), endpoint.is_fit(now)) {
            (true, true) => self.ready += 1,
            (true, false) => self.unfit += 1,
            (false, _) => self.down += 1,
        }
        let (connections, calls) = endpoint.busy();
        self.connections += connections;
        self.calls += calls;
    }
}

impl Ways {
    /// The same for another service.
    fn of_one_service(&self) -> Self {
        Self {
            changed: Arc::default(),
            ..self.clone()
        }
    }

    /// A number that other gateways do not draw at the same moment.
    #[must_use]
    pub fn chance(&self) -> u8 {
        let [.., last] = self.clock.uuid().into_bytes();
        last
    }
}

const FORGOTTEN: Duration = Duration::from_mins(10);
/// Most addresses of which a glance tells apart.
const MOST_ADDRESSES: usize = 100;
const OTHERS: &str = "other";
