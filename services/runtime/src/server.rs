//! How every role listens: one accept loop, bounded, that drains and then ends for certain.
//!
//! The loop is our own because a library server waits without bound for connections that never
//! end. Who the peer is is read once per connection and travels in each request's extensions.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use crate::problem::Problem;
use crate::tls::{self, Peer};

pub mod answers;
pub mod inherited;
pub mod office;
mod peers;
mod prompt;
mod rest;

use answers::Answers;
use peers::{Admitted, Peers, Places};
use prompt::Prompt;
use rest::Rest;

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
    /// What it speaks.
    pub protocol: Protocol,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address; those above are closed.
    pub per_peer: usize,
    /// Those of them that have not finished their TLS handshake.
    pub greetings: usize,
    /// New connections a second from one address, saved up to `per_peer`; those above are closed.
    pub connections_per_second: u32,
    /// Connections at once with one certificate; those above are closed.
    pub per_certificate: usize,
    /// Requests being answered at once, over all connections.
    pub requests: usize,
    /// Requests open at once on one HTTP/2 connection.
    pub streams: u32,
    /// Longest wait for a connection's first bytes.
    pub greeting: Duration,
    /// Longest wait for the head of an answer; gRPC calls have deadlines of their own.
    pub answer: Option<Duration>,
    /// Longest wait for open calls when the process drains.
    pub drain: Duration,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 and HTTP/2.
    AnyHttp,
    /// HTTP/2 alone, for gRPC.
    Http2,
}

/// A bound socket.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<tls::Server>,
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
    /// A socket was handed over that nothing here listens on.
    #[error(
        "a socket on {0} was handed over, and the configuration names no such address: write the \
         configuration's addresses as ListenStream= of the socket unit, to the letter"
    )]
    Stray(SocketAddr),
}

impl Limits {
    /// For gRPC.
    pub const GRPC: Self = Self {
        protocol: Protocol::Http2,
        connections: 1024,
        per_peer: 256,
        greetings: 64,
        connections_per_second: 200,
        per_certificate: 128,
        requests: 1024,
        streams: 128,
        greeting: Duration::from_secs(10),
        answer: None,
        drain: Duration::from_secs(10),
    };
    /// For an office, where the gateway's one connection carries everybody's calls.
    pub const OFFICE: Self = Self {
        streams: 1024,
        per_certificate: 256,
        ..Self::GRPC
    };
    /// For pages, probes and vouchers.
    pub const HTTP: Self = Self {
        protocol: Protocol::AnyHttp,
        answer: Some(Duration::from_secs(10)),
        ..Self::GRPC
    };
}

impl Listener {
    /// Binds a socket; without `tls` it speaks plain text.
    ///
    /// # Errors
    ///
    /// When the port is taken or the address is not ours.
    pub async fn bind(address: SocketAddr, tls: Option<tls::Server>) -> Result<Self, Error> {
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Error::PortTaken(address),
                _ => Error::Bind(address, error),
            })?;
        Ok(Self { tcp, tls })
    }

    /// Listens on a socket that is bound already; without `tls` it speaks plain text.
    ///
    /// # Errors
    ///
    /// When the system does not take it for one.
    pub fn over(bound: std::net::TcpListener, tls: Option<tls::Server>) -> io::Result<Self> {
        bound.set_nonblocking(true)?;
        let tcp = TcpListener::from_std(bound)?;
        Ok(Self { tcp, tls })
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
pub async fn serve(
    listener: Listener,
    answers: impl Into<Answers>,
    limits: Limits,
    stop: CancellationToken,
) {
    let answering = Answering {
        answers: answers.into(),
        limits,
        requests: Semaphore::new(limits.requests),
        holders: Mutex::new(Places::new(limits.per_certificate)),
        stop: stop.clone(),
    };
    let answering = Arc::new(answering);
    let mut connections = JoinSet::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut peers = Peers::new(limits);
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener.tcp) => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Some(admitted) = peers.admit(address.ip(), Instant::now()) else {
            drop(stream);
            // Whoever floods has the next one ready: calls come between.
            tokio::task::yield_now().await;
            continue;
        };
        let (tls, answering) = (listener.tls.clone(), Arc::clone(&answering));
        connections.spawn(async move {
            let Admitted {
                place: place_of_peer,
                greeting,
            } = admitted;
            let _places = (place, place_of_peer);
            converse((stream, address), greeting, tls, answering).await;
        });
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain, ended).await.is_err() {
        connections.shutdown().await;
    }
}

/// What the connections of a listener share.
struct Answering {
    answers: Answers,
    limits: Limits,
    requests: Semaphore,
    /// Whose certificates connect.
    holders: Mutex<Places<[u8; 32]>>,
    stop: CancellationToken,
}

impl Answering {
    /// A place for one connection with a certificate.
    fn place(&self, thumbprint: [u8; 32]) -> Option<OwnedSemaphorePermit> {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.admit(thumbprint)
    }
}

async fn accept(tcp: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match tcp.accept().await {
            Ok(accepted) => return accepted,
            // Out of file descriptors, most often: give the others time to close.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(
    (stream, address): (TcpStream, SocketAddr),
    greeting: OwnedSemaphorePermit,
    tls: Option<tls::Server>,
    answering: Arc<Answering>,
) {
    // Small frames must not wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        let peer = None;
        drop(greeting);
        return speak(stream, Connection { peer, address }, answering).await;
    };
    let handshake = tokio::time::timeout(HANDSHAKE, tls.acceptor().accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = lapsed(&answering.stop) => return,
    };
    let Ok(Ok(stream)) = shaken else {
        tracing::debug!("a TLS handshake failed");
        return;
    };
    drop(greeting);
    let peer = tls.peer(stream.get_ref().1).map(Arc::new);
    let place = peer.as_ref().map(|peer| answering.place(peer.thumbprint));
    if place.as_ref().is_some_and(Option::is_none) {
        tracing::debug!("a certificate has too many connections");
        return;
    }
    speak(stream, Connection { peer, address }, answering).await;
}

async fn speak<S>(stream: S, from: Connection, answering: Arc<Answering>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (limits, stop) = (answering.limits, answering.stop.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(from.clone());
        answer(Arc::clone(&answering), request.map(Body::new))
    });
    let builder = protocol(limits);
    let (stream, greeted) = Prompt::new(stream, limits.greeting);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A peer that has just connected is on the point of asking: cut off before its first bytes, it
    // could not know that nothing was done. It is heard, and told to go elsewhere for the next.
    let told = async {
        stop.cancelled().await;
        greeted.cancelled().await;
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = told => connection.as_mut().graceful_shutdown(),
        () = silent(&stop, &greeted) => return,
    }
    let _ = connection.await;
}

/// Ends when a peer has had time enough, after the process began to stop, and still said nothing.
async fn silent(stop: &CancellationToken, greeted: &CancellationToken) {
    lapsed(stop).await;
    if greeted.is_cancelled() {
        std::future::pending::<()>().await;
    }
}

/// Ends when the time is over that whoever has just connected gets once the process stops.
async fn lapsed(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_WORD).await;
}

async fn answer(
    answering: Arc<Answering>,
    request: Request<Body>,
) -> Result<Response<Body>, Infallible> {
    let Ok(_busy) = answering.requests.try_acquire() else {
        return Ok(overloaded(&request));
    };
    let (request, rest) = Rest::of(request);
    let answer = answering.answers.answer(request);
    let Some(limit) = answering.limits.answer else {
        return Ok(answer.await);
    };
    // A body that never ends must not hold a place for ever.
    let Ok(answer) = tokio::time::timeout(limit, answer).await else {
        return Ok(unavailable());
    };
    if let Some(rest) = rest {
        rest.discard().await;
    }
    Ok(answer)
}

/// The refusal of a request for which there is no place, in the terms of its protocol.
fn overloaded(request: &Request<Body>) -> Response<Body> {
    let kind = request.headers().get(CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return unavailable();
    }
    let (english, italian) = (
        "too many calls at once: try again",
        "troppe chiamate insieme: riprovare",
    );
    Problem::new(Code::ResourceExhausted, "OVERLOADED", english, italian)
        .retry_after(Duration::from_secs(1))
        .into_status("varco")
        .into_http()
}

fn unavailable() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, 1.into());
    response
}

fn protocol(limits: Limits) -> auto::Builder<TokioExecutor> {
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
        .max_concurrent_streams(limits.streams)
        // 16 KiB of metadata is refused by the gateway itself, with a reason; this is the wall.
        .max_header_list_size(64 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(Some(128))
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024);
    match limits.protocol {
        Protocol::AnyHttp => builder,
        Protocol::Http2 => builder.http2_only(),
    }
}

const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long whoever has just connected may take to say something once the process stops.
const LAST_WORD: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
