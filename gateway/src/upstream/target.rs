//! Where a service listens, and how a connection to it is opened.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::uri::{Authority, Scheme};
use http::{Request, Uri};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;
use varco_runtime::tls::{self, Identity};

use super::connection::Connection;
use super::{Authorities, Ways, greeting};
use crate::registry::descriptor::Upstream;

/// An address of a service.
pub struct Target {
    scheme: Scheme,
    authority: Authority,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    identity: Identity,
}

/// Ways that a service cannot be connected to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error("the address of the service is malformed")]
    Address,
    /// HTTP/2 could not be set up.
    #[error("the service does not speak HTTP/2")]
    Http(#[from] hyper::Error),
    /// TCP or TLS failed.
    #[error("the service cannot be connected to")]
    Io(#[from] io::Error),
    /// The name that its certificate must bear is none.
    #[error("server_name is malformed")]
    Name(#[from] InvalidDnsNameError),
    /// The service did not choose HTTP/2 in the handshake.
    #[error("the service does not offer HTTP/2 (ALPN h2)")]
    Protocol,
    /// It took too long.
    #[error("the service did not take the connection in time")]
    Slow,
    /// The authority or the gateway's certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

impl Target {
    /// Reads an address and prepares TLS with the gateway's certificate.
    ///
    /// # Errors
    ///
    /// When the address, the name or the authority cannot be used.
    pub fn new(address: &str, to: &Upstream, with: &Authorities) -> Result<Self, Error> {
        let uri: Uri = address.parse().map_err(|_| Error::Address)?;
        let authority = uri.authority().ok_or(Error::Address)?.clone();
        let plain = uri.scheme() == Some(&Scheme::HTTP);
        let tls = if plain {
            None
        } else {
            let config = if to.ca_pem.is_empty() {
                tls::client_trusting(Some(&with.identity), &with.comune, &["h2"])?
            } else {
                let roots = tls::roots_from_pem(&to.ca_pem, "the CA of the service")?;
                tls::client(Some(&with.identity), &roots, &["h2"])?
            };
            let name = if to.server_name.is_empty() {
                authority.host().to_owned()
            } else {
                to.server_name.clone()
            };
            Some((
                TlsConnector::from(Arc::new(config)),
                ServerName::try_from(name)?,
            ))
        };
        Ok(Self {
            scheme: if plain { Scheme::HTTP } else { Scheme::HTTPS },
            port: authority.port_u16().unwrap_or(if plain { 80 } else { 443 }),
            authority,
            tls,
            identity: with.identity.clone(),
        })
    }

    /// Its address, as `https://host:port`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.authority.host(), self.port)
    }

    /// The addresses that its name stands for now.
    ///
    /// # Errors
    ///
    /// When the name is not known, or nobody answers in time.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, Error> {
        let host = self.authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((host, self.port));
        let found = tokio::time::timeout(PATIENCE, found).await;
        Ok(found.map_err(|_| Error::Slow)??.collect())
    }

    /// Opens a connection to one of its addresses; its keeper is told when it ends.
    ///
    /// # Errors
    ///
    /// When the service does not take it and begin to speak HTTP/2 within two seconds.
    pub async fn open(
        &self,
        at: SocketAddr,
        keeper: &Arc<Notify>,
        ways: &Ways,
    ) -> Result<Arc<Connection>, Error> {
        let opened = tokio::time::timeout(PATIENCE, self.connect(at, keeper, ways)).await;
        opened.map_err(|_| Error::Slow)?
    }

    /// Makes a request one to this address.
    ///
    /// # Errors
    ///
    /// When its path is none.
    pub fn address(&self, request: &mut Request<Body>) -> Result<(), http::Error> {
        let mut uri = std::mem::take(request.uri_mut()).into_parts();
        uri.scheme = Some(self.scheme.clone());
        uri.authority = Some(self.authority.clone());
        *request.uri_mut() = Uri::from_parts(uri)?;
        Ok(())
    }

    async fn connect(
        &self,
        at: SocketAddr,
        keeper: &Arc<Notify>,
        ways: &Ways,
    ) -> Result<Arc<Connection>, Error> {
        // What is presented is noted first: a renewal in between only makes it older.
        let thumbprint = self.identity.thumbprint();
        let made = |sender| Connection::new(sender, thumbprint, Arc::clone(keeper));
        let stream = TcpStream::connect(at).await?;
        let _ = stream.set_nodelay(true);
        let Some((connector, name)) = &self.tls else {
            return speak(stream, made, ways).await;
        };
        let stream = connector.connect(name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(Error::Protocol);
        }
        speak(stream, made, ways).await
    }
}

async fn speak<S>(
    stream: S,
    made: impl FnOnce(SendRequest<Body>) -> Arc<Connection>,
    ways: &Ways,
) -> Result<Arc<Connection>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, greeting) = greeting::listen(stream);
    let (sender, mut driver) = http2::Builder::new(Boxing(TokioExecutor::new()))
        .timer(TokioTimer::new())
        .keep_alive_interval(ASKED)
        .keep_alive_timeout(ANSWERED)
        .keep_alive_while_idle(true)
        // Calls that clients cancel count here for the life of the connection: it must not end
        // by them (hyperium/h2#856).
        .max_local_error_reset_streams(1 << 20)
        .max_header_list_size(MOST_METADATA)
        // A caller that does not read must not fill the connection for the others.
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .handshake(TokioIo::new(stream))
        .await?;
    greeting.await?;
    let connection = made(sender);
    connection.allow(driver.current_max_send_streams());
    let weak = Arc::downgrade(&connection);
    ways.tasks.spawn_until_stop(async move {
        let end = poll_fn(|cx| {
            let polled = Pin::new(&mut driver).poll(cx);
            if let Some(connection) = weak.upgrade() {
                connection.allow(driver.current_max_send_streams());
            }
            polled
        });
        if let Err(error) = end.await {
            tracing::debug!(%error, "a connection to a service ended");
        }
        if let Some(connection) = weak.upgrade() {
            connection.end();
        }
    });
    Ok(connection)
}

/// Runs what hyper does for each call in memory that is given back once it is done. A stream keeps the
/// task that sent it for as long as it is open, and in a task every future is as large as the largest.
#[derive(Clone, Debug)]
struct Boxing(TokioExecutor);

impl<F> Executor<F> for Boxing
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.execute(Box::pin(future));
    }
}

/// A connection ends when its service has sent nothing for so long, not even on being asked.
pub const SILENCE: Duration = ASKED.saturating_add(ANSWERED);

/// So long it has to answer.
const ANSWERED: Duration = Duration::from_secs(10);
/// A service that has sent nothing for so long is asked whether it is there.
const ASKED: Duration = Duration::from_secs(20);
const CONNECTION_WINDOW: u32 = 64 << 20;
/// As on the gateway's own listeners.
const MOST_METADATA: u32 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(2);
const STREAM_WINDOW: u32 = 256 << 10;

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.authority)
    }
}
