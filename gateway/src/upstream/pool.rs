//! The ways to one service: all its replicas, and which of them the next call takes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::body::Body;
use futures_util::future::join_all;
use http::{Request, Response};
use hyper::body::Incoming;
use varco_runtime::telemetry::span::Server;

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
    server: Server,
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
    /// Begins to connect to a service, which spans call `server`.
    #[must_use]
    pub fn start(server: Server, targets: Vec<Target>, ways: &Ways) -> Arc<Self> {
        let ways = ways.of_one_service();
        let pool = Arc::new(Self {
            server,
            endpoints: ArcSwap::default(),
            born: Instant::now(),
            used: AtomicU64::new(0),
            ways: ways.clone(),
        });
        // In one task, so that no two replace replicas at the same moment.
        let names = targets
            .into_iter()
            .map(|target| follow_name(Arc::downgrade(&pool), Arc::new(target)));
        let names = join_all(names);
        ways.tasks.spawn_until_stop(async move {
            names.await;
        });
        let health = health::follow(Arc::downgrade(&pool));
        ways.tasks.spawn_until_stop(health);
        pool
    }

    /// The service as spans call it.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
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
        // Boxed: few calls wait.
        Box::pin(self.wait(now)).await
    }

    async fn wait(&self, now: Instant) -> Result<Place, Unreachable> {
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
            let ways = fit.filter_map(|it| Some((it.least_busy(now)?, it)));
            let (connection, endpoint) = ways.min_by_key(|(way, _)| way.burden(now))?;
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

    /// Holds a replica for every address that a target's name stands for, those of before as they
    /// are, beside the replicas of other targets.
    fn replace(&self, target: &Arc<Target>, found: &[SocketAddr]) {
        let of_it = |it: &Arc<Endpoint>| Arc::ptr_eq(it.target(), target);
        let (before, mut next): (Vec<_>, Vec<_>) = self.endpoints().into_iter().partition(of_it);
        let room = MOST_REPLICAS.saturating_sub(next.len());
        for at in found.iter().take(room) {
            let known = before.iter().find(|it| it.at() == *at).cloned();
            let start = || Endpoint::start(*at, Arc::clone(target), &self.ways);
            next.push(known.unwrap_or_else(start));
        }
        self.endpoints.store(Arc::new(next));
        self.ways.changed.notify_waiters();
    }
}

/// Looks up, every few seconds, which addresses a target's name stands for. A name server that
/// fails takes no replica away.
async fn follow_name(pool: Weak<Pool>, target: Arc<Target>) {
    loop {
        let found = target.resolve().await;
        let Some(held) = pool.upgrade() else {
            return;
        };
        match found {
            Ok(found) if !found.is_empty() => held.replace(&target, &found),
            Ok(_) => tracing::warn!(?target, "a service's name stands for no address"),
            Err(error) => tracing::warn!(?target, %error, "a service's name is not known"),
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
        Self::take(endpoint.least_busy(Instant::now())?, endpoint)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::testing::Town;

    fn ports(pool: &Pool) -> Vec<u16> {
        pool.endpoints().iter().map(|it| it.at().port()).collect()
    }

    #[tokio::test]
    async fn what_one_name_stands_for_changes_nothing_of_another() {
        let town = Town::new();
        let [one, two] = ["uno.example", "due.example"].map(|name| town.target(name));
        let pool = Pool::start(
            Server::at("https://uno.example"),
            Vec::new(),
            &town.upstreams.ways,
        );
        let [a, b, c] = [1, 2, 3].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        pool.replace(&one, &[a]);
        pool.replace(&two, &[b, c]);
        let before = pool.endpoints();

        pool.replace(&one, &[a, c]);

        assert_eq!(ports(&pool), [2, 3, 1, 3]);
        let after = pool.endpoints();
        assert!(Arc::ptr_eq(&before[0], &after[2]));
        assert!(Arc::ptr_eq(&before[1], &after[0]));
    }
}
