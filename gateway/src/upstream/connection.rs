//! One HTTP/2 connection to a service, with the calls that are open on it.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tokio::sync::Notify;

use super::failure::{Failure, Word};
use super::resets::Resets;

/// A connection.
pub struct Connection {
    sender: SendRequest<Body>,
    open: AtomicUsize,
    limit: AtomicUsize,
    thumbprint: [u8; 32],
    opened: Instant,
    answered: AtomicBool,
    /// Milliseconds from its opening until which others come first: its peer refused a call.
    spared: AtomicU64,
    resets: Resets,
    /// When it took no more calls.
    ended: OnceLock<Instant>,
    keeper: Arc<Notify>,
}

/// What a connection has shown of its service by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Too little.
    Nothing,
    /// It ended before it was of any use.
    Useless,
    /// It answered, or has lived for a second.
    Works,
}

impl Connection {
    /// A connection on which the gateway has presented the certificate of a thumbprint and no call
    /// may be open yet; its keeper is told when it takes no more calls.
    #[must_use]
    pub fn new(sender: SendRequest<Body>, thumbprint: [u8; 32], keeper: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            sender,
            open: AtomicUsize::new(0),
            limit: AtomicUsize::new(0),
            thumbprint,
            opened: Instant::now(),
            answered: AtomicBool::new(false),
            spared: AtomicU64::new(0),
            resets: Resets::default(),
            ended: OnceLock::new(),
            keeper,
        })
    }

    /// Whether new calls may go over it: it is open, and presents the gateway's certificate of now.
    #[must_use]
    pub fn is_usable(&self, thumbprint: &[u8; 32]) -> bool {
        self.is_kept(thumbprint) && !self.sender.is_closed()
    }

    /// Whether new calls may go over it for all that was noted; it may have closed this moment.
    pub(super) fn is_kept(&self, thumbprint: &[u8; 32]) -> bool {
        self.ended.get().is_none() && self.thumbprint == *thumbprint
    }

    /// What it has shown by a time.
    #[must_use]
    pub fn shown(&self, now: Instant) -> Shown {
        let ended = self.ended.get().copied();
        let age = ended.unwrap_or(now).saturating_duration_since(self.opened);
        shown(age, self.answered.load(Ordering::Relaxed), ended.is_some())
    }

    /// When it was opened.
    #[must_use]
    pub fn opened(&self) -> Instant {
        self.opened
    }

    /// What is reset on it.
    #[must_use]
    pub fn resets(&self) -> &Resets {
        &self.resets
    }

    /// Notes that it has closed, or that its peer takes no more calls on it.
    pub(super) fn end(&self) {
        let _ = self.ended.set(Instant::now());
        self.keeper.notify_one();
    }

    /// Calls that are open on it.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// What speaks against it for the next call: that its peer refused one within the last second,
    /// then the calls that are open on it.
    #[must_use]
    pub fn burden(&self, now: Instant) -> (bool, usize) {
        let is_spared = self.age(now) < self.spared.load(Ordering::Relaxed);
        (is_spared, self.open_calls())
    }

    /// Calls that its peer lets be open on it; what is sent beyond them waits on this connection,
    /// whatever becomes free on others.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Notes how many calls its peer lets be open. Where that is none, one goes and waits: what the
    /// peer says later is only learned with a call.
    pub(super) fn allow(&self, limit: usize) {
        self.limit.store(limit.max(1), Ordering::Relaxed);
    }

    /// Whether its peer lets one call more be open.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.open_calls() < self.limit()
    }

    /// Takes a place on it; says whether there was one.
    pub(super) fn enter(&self) -> bool {
        let one_more = |open| (open < self.limit()).then_some(open + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.open.fetch_update(set, fetch, one_more).is_ok()
    }

    /// Gives a place back; says whether all were taken.
    pub(super) fn leave(&self) -> bool {
        self.open.fetch_sub(1, Ordering::Relaxed) >= self.limit()
    }

    /// Sends a request; dropped before its end, the call is cancelled.
    pub(super) fn send(
        self: &Arc<Self>,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, Failure>> + Send + 'static {
        let answer = self.sender.clone().try_send_request(request);
        let over = Arc::clone(self);
        async move {
            let answer = answer.await.map_err(Failure::from);
            over.note(&answer);
            answer
        }
    }

    /// Notes what the peer said of a call; of what never left or broke off it said nothing.
    fn note(&self, answer: &Result<Response<Incoming>, Failure>) {
        match answer.as_ref().map_err(|failure| failure.word) {
            Ok(_) => self.resets.answered(),
            Err(Some(Word::Refuses)) => {
                let until = self.age(Instant::now() + SPARED);
                self.spared.store(until, Ordering::Relaxed);
            }
            Err(Some(Word::Leaves)) => return self.end(),
            Err(None) => return,
        }
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Milliseconds from its opening to a time.
    fn age(&self, at: Instant) -> u64 {
        let age = at.saturating_duration_since(self.opened).as_millis();
        u64::try_from(age).unwrap_or(u64::MAX)
    }
}

fn shown(age: Duration, answered: bool, ended: bool) -> Shown {
    if answered || age >= LIVES {
        Shown::Works
    } else if ended {
        Shown::Useless
    } else {
        Shown::Nothing
    }
}

/// A connection that lasts so long was not hung up on.
const LIVES: Duration = Duration::from_secs(1);
/// So long after a refused call others come first.
const SPARED: Duration = Duration::from_secs(1);

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({} open)", self.open_calls())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_works_once_it_has_answered_or_lived() {
        let (young, old) = (Duration::from_millis(999), LIVES);

        assert_eq!(shown(young, false, false), Shown::Nothing);
        assert_eq!(shown(young, false, true), Shown::Useless);
        assert_eq!(shown(young, true, true), Shown::Works);
        assert_eq!(shown(old, false, false), Shown::Works);
        assert_eq!(shown(old, false, true), Shown::Works);
    }
}
