//! How every role listens: one accept loop, bounded, that drains and then ends for certain.
//!
//! The loop is our own because a library server waits without bound for connections that never
//! end. Who the peer is is read once per connection and travels in each request's extensions.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::tls::Peer;

pub mod office;

/// The connection that a request came over.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who presented a verified certificate.
    pub peer: Option<Arc<Peer>>,
    /// The address at the other end.
    pub address: SocketAddr,
}

/// What a listener allows.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Requests being answered at once, over all connections.
    pub requests: usize,
    /// Longest wait for open calls when the process drains.
    pub drain: Duration,
}

/// A bound socket.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

/// Ways that listening fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process listens there.
    #[error("port {} on {} is taken: stop what listens there, or choose others with --port-base", .0.port(), .0.ip())]
    PortTaken(SocketAddr),
    /// The system refuses the address.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            requests: 1024,
            drain: Duration::from_secs(10),
        }
    }
}

impl Listener {
    /// Binds a socket; without `tls` it speaks plain text.
    ///
    /// # Errors
    ///
    /// When the port is taken or the address is not ours.
    pub async fn bind(address: SocketAddr, tls: Option<Arc<ServerConfig>>) -> Result<Self, Error> {
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Error::PortTaken(address),
                _ => Error::Bind(address, error),
            })?;
        Ok(Self {
            tcp,
            tls: tls.map(TlsAcceptor::from),
        })
    }

    /// The bound address, with the port that the system chose.
    ///
    /// # Errors
    ///
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Listener({:?})", self.tcp)
    }
}

/// Serves until `stop`, then lets open calls end, at most for the drain time.
pub async fn serve(listener: Listener, router: Router, limits: Limits, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let requests = Arc::new(Semaphore::new(limits.requests));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.tcp.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, address)) => {
                let tls = listener.tls.clone();
                let (router, stop) = (router.clone(), stop.clone());
                let requests = Arc::clone(&requests);
                connections.spawn(async move {
                    let _place = place;
                    converse(stream, address, tls, Answering { router, requests }, stop).await;
                });
            }
            // Out of file descriptors, most often: give the others time to close.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, ended).await.is_err() {
        connections.shutdown().await;
    }
}

#[derive(Clone)]
struct Answering {
    router: Router,
    requests: Arc<Semaphore>,
}

async fn converse(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    answering: Answering,
    stop: CancellationToken,
) {
    // Small frames must not wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return speak(
            stream,
            Connection {
                peer: None,
                address,
            },
            answering,
            stop,
        )
        .await;
    };
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await else {
        tracing::debug!("a TLS handshake failed");
        return;
    };
    let leaf = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let peer = leaf.map(|leaf| Arc::new(Peer::of(leaf)));
    speak(stream, Connection { peer, address }, answering, stop).await;
}

async fn speak<S>(stream: S, from: Connection, answering: Answering, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(from.clone());
        answer(answering.clone(), request.map(Body::new))
    });
    let builder = protocol();
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(answering: Answering, request: Request<Body>) -> Result<Response<Body>, io::Error> {
    let Ok(_busy) = answering.requests.try_acquire() else {
        let status = tonic::Status::resource_exhausted("too many calls at once: try again");
        return Ok(status.into_http());
    };
    match answering.router.oneshot(request).await {
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(128)
        // 16 KiB of metadata is refused by the gateway itself, with a reason; this is the wall.
        .max_header_list_size(64 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(Some(128))
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024);
    builder
}

const HANDSHAKE: Duration = Duration::from_secs(5);
