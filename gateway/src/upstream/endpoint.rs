//! One replica of a service: a few connections to one address, kept open by a task of its own.
//!
//! A connection that ends before it was of any use counts as one that could not be opened: it is
//! opened again after a rest, and the rests grow until one works.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::Ways;
use super::backoff::Backoff;
use super::connection::{Connection, Shown};
use super::fitness::Fitness;
use super::target::{self, Target};

/// A replica.
#[derive(Debug)]
pub struct Endpoint {
    at: SocketAddr,
    /// The same without its port, as text.
    ip: Arc<str>,
    target: Arc<Target>,
    connections: ArcSwap<Vec<Arc<Connection>>>,
    fitness: Mutex<Fitness>,
    serves: AtomicBool,
    /// While the last attempt to connect is known to have failed: calls that began to wait by then
    /// have nothing more to wait for.
    failed: Mutex<Option<Instant>>,
    asked: Notify,
    /// Tells the keeper to look at the connections.
    keeper: Arc<Notify>,
    ways: Ways,
}

/// Why an attempt to connect came to nothing.
#[derive(Debug, thiserror::Error)]
enum InVain {
    /// The connection could not be opened.
    #[error(transparent)]
    Unopened(#[from] target::Error),
    /// It was opened, at a time, and ended before it was of any use.
    #[error("the service hangs up at once")]
    Useless(Instant),
}

impl Endpoint {
    /// A replica that begins to connect.
    pub fn start(at: SocketAddr, target: Arc<Target>, ways: &Ways) -> Arc<Self> {
        let endpoint = Arc::new(Self {
            at,
            ip: at.ip().to_string().into(),
            target,
            connections: ArcSwap::default(),
            fitness: Mutex::default(),
            serves: AtomicBool::new(true),
            failed: Mutex::default(),
            asked: Notify::new(),
            keeper: Arc::default(),
            ways: ways.clone(),
        });
        let keeper = keep(Arc::downgrade(&endpoint), Arc::clone(&endpoint.keeper));
        ways.tasks.spawn_until_stop(keeper);
        endpoint
    }

    /// The address.
    #[must_use]
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// The address without its port, as text.
    #[must_use]
    pub fn ip(&self) -> &Arc<str> {
        &self.ip
    }

    /// The target that it is a replica of.
    #[must_use]
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The connection with the least burden; none while all are full.
    #[must_use]
    pub fn least_busy(&self, now: Instant) -> Option<Arc<Connection>> {
        let thumbprint = self.ways.identity.thumbprint();
        let connections = self.connections.load();
        let usable = connections.iter().filter(|it| it.is_usable(&thumbprint));
        let free = usable.filter(|it| it.has_room());
        free.min_by_key(|it| it.burden(now)).cloned()
    }

    /// Whether it is connected, be it that all connections are full.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        let thumbprint = self.ways.identity.thumbprint();
        let connections = self.connections.load();
        connections.iter().any(|it| it.is_usable(&thumbprint))
    }

    /// How many connections it has, and how many calls are open on them.
    #[must_use]
    pub fn busy(&self) -> (usize, usize) {
        let connections = self.connections.load();
        let calls = connections.iter().map(|it| it.open_calls()).sum();
        (connections.len(), calls)
    }

    /// Whether its calls and its own word give no reason to leave it alone.
    #[must_use]
    pub fn is_fit(&self, now: Instant) -> bool {
        self.serves.load(Ordering::Relaxed) && !self.fitness().is_out(now)
    }

    /// Notes whether it says that it serves.
    pub fn says(&self, serves: bool) {
        if self.serves.swap(serves, Ordering::Relaxed) != serves {
            tracing::info!(address = %self.at, serves, "a service changed its health");
        }
    }

    /// Notes a call that it answered.
    pub fn succeeded(&self) {
        self.fitness().succeeded();
    }

    /// Notes a call that it did not carry out.
    pub fn failed(&self) {
        if self.fitness().failed(Instant::now()) {
            tracing::warn!(address = %self.at, "a service is left alone for a while: its calls fail");
        }
    }

    /// Whether it is not connected, no attempt is on its way and the last one has failed for a call
    /// that waits since then.
    #[must_use]
    pub fn is_down(&self, since: Instant) -> bool {
        let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|until| since <= until) && !self.is_connected()
    }

    /// Brings the next attempt to connect forward, to ten in a second at most after failures.
    pub fn ask(&self) {
        self.asked.notify_one();
        self.keeper.notify_one();
    }

    /// Notes that a full connection has room again.
    pub(super) fn freed(&self) {
        self.ways.changed.notify_one();
    }

    fn fitness(&self) -> MutexGuard<'_, Fitness> {
        self.fitness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, until: Option<Instant>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = until;
        if until.is_some() {
            self.ways.changed.notify_waiters();
        }
    }

    /// Drops what takes no more calls.
    ///
    /// # Errors
    ///
    /// When some of it was of no use.
    fn tidy(&self, backoff: &mut Backoff) -> Result<(), InVain> {
        let thumbprint = self.ways.identity.thumbprint();
        let (held, now) = (self.connections.load_full(), Instant::now());
        let kept = |it: &Arc<Connection>| it.is_kept(&thumbprint);
        let (kept, over): (Vec<_>, Vec<_>) = held.iter().cloned().partition(kept);
        if !over.is_empty() {
            self.connections.store(Arc::new(kept));
        }
        let works = held.iter().filter(|it| it.shown(now) == Shown::Works);
        works.for_each(|it| backoff.works(it.opened()));
        let useless = over.iter().filter(|it| it.shown(now) == Shown::Useless);
        match useless.map(|it| it.opened()).max() {
            Some(opened) => Err(InVain::Useless(opened)),
            None => Ok(()),
        }
    }

    /// Whether it should have one connection more.
    fn wants_more(&self) -> bool {
        let connections = self.connections.load();
        let open = connections.iter().map(|it| it.open_calls()).sum();
        let limit = connections.iter().map(|it| it.limit()).min();
        connections.len() < wanted(open, limit.unwrap_or(usize::MAX))
    }

    /// Opens one connection more.
    async fn open(&self) -> Result<(), InVain> {
        let opened = self.target.open(self.at, &self.keeper, &self.ways).await?;
        let mut connections = Vec::clone(&self.connections.load());
        connections.push(opened);
        self.connections.store(Arc::new(connections));
        self.fail(None);
        self.ways.changed.notify_waiters();
        Ok(())
    }
}

/// Keeps the connections of a replica open for as long as somebody holds the replica.
async fn keep(endpoint: Weak<Endpoint>, keeper: Arc<Notify>) {
    let mut backoff = Backoff::default();
    loop {
        let Some(held) = endpoint.upgrade() else {
            return;
        };
        let step = match held.tidy(&mut backoff) {
            Ok(()) if held.wants_more() => held.open().await,
            Ok(()) => {
                drop(held);
                let _ = tokio::time::timeout(LOOK, keeper.notified()).await;
                continue;
            }
            useless => useless,
        };
        if let Err(failure) = step {
            if !backoff.is_growing() {
                let cause = varco_runtime::problem::chain(&failure);
                tracing::info!(address = %held.at, cause, "a service cannot be reached");
            }
            let now = Instant::now();
            let rest = backoff.after_failure(now, held.ways.chance());
            held.fail(Some(match failure {
                // Calls of the next moment need not try it again.
                InVain::Unopened(_) => now + SOONEST,
                // Calls that came later may have been the ones that it ended with.
                InVain::Useless(opened) => opened,
            }));
            rest_for(rest, held).await;
        }
    }
}

/// Rests after a failure, less where a call asks; a replica that nobody holds any more rests no
/// longer than its backoff.
async fn rest_for(rest: Duration, endpoint: Arc<Endpoint>) {
    let asked = async {
        tokio::time::sleep(SOONEST.min(rest)).await;
        endpoint.asked.notified().await;
    };
    let _ = tokio::time::timeout(rest, asked).await;
    // An attempt begins: whoever asks now waits for it.
    endpoint.fail(None);
}

/// Connections that a replica should have while so many calls are open on it, of which each takes
/// so many: one more before they are half full.
fn wanted(open: usize, limit: usize) -> usize {
    let each = CALLS_EACH.min(limit / 2).max(1);
    (open / each + 1).clamp(LEAST_CONNECTIONS, MOST_CONNECTIONS)
}

const CALLS_EACH: usize = 50;
const LEAST_CONNECTIONS: usize = 2;
const LOOK: Duration = Duration::from_millis(500);
const MOST_CONNECTIONS: usize = 8;
/// The least time between two attempts to connect.
const SOONEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_replica_has_more_connections_up_to_eight() {
        let of = |limit| [0, 99, 100, 349, 10_000].map(|open| wanted(open, limit));

        assert_eq!(of(usize::MAX), [2, 2, 3, 7, 8]);
        assert_eq!(of(100), [2, 2, 3, 7, 8]);
        assert_eq!(of(60), [2, 4, 4, 8, 8]);
        assert_eq!([0, 1, 2, 7, 8].map(|open| wanted(open, 1)), [2, 2, 3, 8, 8]);
    }
}
