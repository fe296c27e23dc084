//! One HTTP/2 connection to a service, with the calls that are open on it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;

use super::failure::Failure;

/// A connection.
pub struct Connection {
    sender: SendRequest<Body>,
    open: AtomicUsize,
    retired: AtomicBool,
    thumbprint: [u8; 32],
}

impl Connection {
    /// A connection on which the gateway has presented the certificate of a thumbprint.
    #[must_use]
    pub fn new(sender: SendRequest<Body>, thumbprint: [u8; 32]) -> Self {
        Self {
            sender,
            open: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            thumbprint,
        }
    }

    /// Whether new calls may go over it: it is open, and presents the gateway's certificate of now.
    #[must_use]
    pub fn is_usable(&self, thumbprint: &[u8; 32]) -> bool {
        let takes_calls = !self.retired.load(Ordering::Relaxed) && !self.sender.is_closed();
        takes_calls && self.thumbprint == *thumbprint
    }

    /// Notes that its peer takes no more calls on it, before it has closed.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Relaxed);
    }

    /// Calls that are open on it.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a place on it.
    pub(super) fn enter(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a place back.
    pub(super) fn leave(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sends a request; dropped before its end, the call is cancelled.
    pub(super) fn send(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Incoming>, Failure>> + Send + 'static {
        let answer = self.sender.clone().try_send_request(request);
        async move { answer.await.map_err(Failure::from) }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection({} open)", self.open_calls())
    }
}
