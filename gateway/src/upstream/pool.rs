//! The ways to one service: all its replicas, and which of them the next call takes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;

use super::Ways;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::health;
use super::resets::Resets;
use super::target::Target;

/// The replicas of a service.
#[derive(Debug)]
pub struct Pool {
    endpoints: ArcSwap<Vec<Arc<Endpoint>>>,
    born: Instant,
    /// Milliseconds after birth at which a call last asked for a way.
    used: AtomicU64,
    ways: Ways,
}

/// A place for one call on a connection; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    connection: Arc<Connection>,
    endpoint: Arc<Endpoint>,
}

/// No replica can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no replica of the service can be reached")]
pub struct Unreachable;

impl Pool {
    /// Begins to connect to a service.
    pub fn start(targets: Vec<Target>, ways: &Ways) -> Arc<Self> {
        let ways = ways.of_one_service();
        let pool = Arc::new(Self {
            endpoints: ArcSwap::default(),
            born: Instant::now(),
            used: AtomicU64::new(0),
            ways: ways.clone(),
        });
        let targets: Vec<_> = targets.into_iter().map(Arc::new).collect();
        let names = follow_names(Arc::downgrade(&pool), targets);
        ways.tasks.spawn_until_stop(names);
        let health = health::follow(Arc::downgrade(&pool));
        ways.tasks.spawn_until_stop(health);
        pool
    }

    /// A place for a call, on the least busy connection of the fittest replicas.
    ///
    /// # Errors
    ///
    /// When every replica was just tried in vain, or none takes the call within three seconds.
    pub async fn place(&self) -> Result<Place, Unreachable> {
        let now = Instant::now();
        let used = u64::try_from((now - self.born).as_millis()).unwrap_or(u64::MAX);
        self.used.store(used, Ordering::Relaxed);
        if let Some(place) = self.pick(now) {
            return Ok(place);
        }
        let waited = async {
            loop {
                let changed = self.ways.changed.notified();
                if let Some(place) = self.pick(Instant::now()) {
                    return Ok(place);
                }
                if self.is_down(now) {
                    return Err(Unreachable);
                }
                self.endpoints().iter().for_each(|it| it.ask());
                changed.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waited).await;
        waited.unwrap_or(Err(Unreachable))
    }

    /// Whether some replica is connected and fit.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        let now = Instant::now();
        let mut fit = self
            .endpoints()
            .into_iter()
            .filter(|endpoint| endpoint.is_fit(now));
        fit.any(|endpoint| endpoint.is_connected())
    }

    /// How long no call has asked for a way.
    #[must_use]
    pub fn idle(&self) -> Duration {
        let used = Duration::from_millis(self.used.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(used)
    }

    /// The replicas of now.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        Vec::clone(&self.endpoints.load())
    }

    fn pick(&self, now: Instant) -> Option<Place> {
        let endpoints = self.endpoints.load();
        let is_fit = |it: &Arc<Endpoint>| it.is_fit(now) && it.is_connected();
        // Where all of them are unfit, a way that may fail is better than none.
        let none_is_fit = !endpoints.iter().any(is_fit);
        loop {
            let fit = endpoints.iter().filter(|it| none_is_fit || is_fit(it));
            let ways = fit.filter_map(|it| Some((it.least_busy()?, it)));
            let (connection, endpoint) = ways.min_by_key(|(way, _)| way.open_calls())?;
            // Another call may have taken the last place.
            if let Some(place) = Place::take(connection, endpoint) {
                return Some(place);
            }
        }
    }

    fn is_down(&self, since: Instant) -> bool {
        let endpoints = self.endpoints.load();
        !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.is_down(since))
    }

    /// Holds a replica for every address, those of before as they are.
    fn replace(&self, found: Vec<(Arc<Target>, SocketAddr)>) {
        let before = self.endpoints.load();
        let same = |target: &Arc<Target>, at: SocketAddr| {
            let mut known = before.iter();
            known.find(|it| it.at() == at && Arc::ptr_eq(it.target(), target))
        };
        let next: Vec<_> = found
            .into_iter()
            .take(MOST_REPLICAS)
            .map(|(target, at)| match same(&target, at) {
                Some(known) => Arc::clone(known),
                None => Endpoint::start(at, target, &self.ways),
            })
            .collect();
        self.endpoints.store(Arc::new(next));
    }
}

/// Looks up, every few seconds, which addresses a service's names stand for.
async fn follow_names(pool: Weak<Pool>, targets: Vec<Arc<Target>>) {
    loop {
        let mut found = Vec::new();
        for target in &targets {
            match target.resolve().await {
                Ok(addresses) => {
                    let of = addresses.into_iter().map(|at| (Arc::clone(target), at));
                    found.extend(of);
                }
                Err(error) => tracing::warn!(?target, %error, "a service's name is not known"),
            }
        }
        let Some(held) = pool.upgrade() else {
            return;
        };
        // A name server that fails takes no replica away.
        if !found.is_empty() {
            held.replace(found);
            held.ways.changed.notify_waiters();
        }
        drop(held);
        tokio::time::sleep(NAMES).await;
    }
}

impl Place {
    fn take(connection: Arc<Connection>, endpoint: &Arc<Endpoint>) -> Option<Self> {
        connection.enter().then(|| Self {
            connection,
            endpoint: Arc::clone(endpoint),
        })
    }

    /// A place on a replica whatever it says of itself; none while it is not connected or full.
    pub(super) fn on(endpoint: &Arc<Endpoint>) -> Option<Self> {
        Self::take(endpoint.least_busy()?, endpoint)
    }

    /// The replica.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// What is reset on its connection.
    #[must_use]
    pub(super) fn resets(&self) -> &Resets {
        self.connection.resets()
    }

    /// Notes that the connection takes no more calls.
    pub fn retire(&self) {
        self.connection.retire();
    }

    /// Sends a request, whose URI is a path; dropped before its end, the call is cancelled.
    ///
    /// # Errors
    ///
    /// When its path is none.
    pub fn send(
        &self,
        mut request: Request<Body>,
    ) -> Result<
        impl Future<Output = Result<Response<Incoming>, Failure>> + Send + 'static,
        http::Error,
    > {
        self.endpoint.target().address(&mut request)?;
        Ok(self.connection.send(request))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.connection.leave() {
            self.endpoint.freed();
        }
    }
}

const MOST_REPLICAS: usize = 64;
const NAMES: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(3);
