//! Calls in loops: closed, where each caller waits for its answer, and open, at a fixed rate.
//!
//! Under a fixed rate a latency starts when the call was due, not when it could be sent, so that a
//! slow answer counts against those that waited behind it (coordinated omission).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity};

/// How calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// So many connections, each with so many callers that wait for their answers.
    Closed {
        /// Connections.
        connections: usize,
        /// Callers on each.
        callers: usize,
    },
    /// So many calls a second over four connections.
    Open {
        /// Calls a second.
        rate: u32,
    },
}

/// A client with a certificate, and the calls that it makes.
#[derive(Clone, Debug)]
pub struct Caller {
    identity: Identity,
    ca: Arc<tokio_rustls::rustls::RootCertStore>,
    uri: Uri,
    message: Bytes,
    vouchers: Vouchers,
}

/// The vouchers that calls carry: in turn, from the first again after the last.
#[derive(Clone, Debug)]
pub struct Vouchers {
    values: Arc<[HeaderValue]>,
    next: Arc<AtomicUsize>,
}

/// What a load came to.
#[derive(Clone, Debug)]
pub struct Came {
    /// Latencies in milliseconds.
    pub latencies: Vec<f64>,
    /// How long it lasted.
    pub lasted: Duration,
}

impl Vouchers {
    /// These, in turn.
    #[must_use]
    pub fn of(tokens: &[String]) -> Self {
        let value = |token: &String| HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        Self {
            values: tokens.iter().map(value).collect(),
            next: Arc::default(),
        }
    }

    fn next(&self) -> HeaderValue {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.values[next % self.values.len()].clone()
    }
}

impl Caller {
    /// A client by the certificate in its folder.
    #[must_use]
    pub fn new(
        folder: &Path,
        ca: &Path,
        (path, message): (&str, Bytes),
        vouchers: Vouchers,
    ) -> Self {
        Self {
            identity: Identity::load(&folder.join("tls.pem"), &folder.join("tls.key")).unwrap(),
            ca: tls::roots(ca).unwrap(),
            uri: format!("https://localhost{path}").parse().unwrap(),
            message,
            vouchers,
        }
    }

    /// The same with other vouchers.
    #[must_use]
    pub fn with(&self, vouchers: Vouchers) -> Self {
        Self {
            vouchers,
            ..self.clone()
        }
    }

    /// Calls a server under a name of its certificate, for so long.
    pub async fn load(&self, at: SocketAddr, name: &str, shape: Shape, lasts: Duration) -> Came {
        let tasks = Tasks::default();
        let connections = match shape {
            Shape::Closed { connections, .. } => connections,
            Shape::Open { .. } => OPEN_CONNECTIONS,
        };
        let mut opened = Vec::new();
        for _ in 0..connections {
            opened.push(self.connect(at, name, &tasks).await);
        }
        let came = match shape {
            Shape::Closed { callers, .. } => self.closed(&opened, callers, lasts).await,
            Shape::Open { rate } => self.open(&opened, rate, lasts).await,
        };
        drop(opened);
        tasks.drain(Duration::from_secs(2)).await;
        came
    }

    /// One call, to see that a server answers.
    pub async fn once(&self, at: SocketAddr, name: &str) -> Result<(), String> {
        let tasks = Tasks::default();
        let stream = TcpStream::connect(at)
            .await
            .map_err(|it| format!("{it:?}"))?;
        let stream = self.tls().connect(server_name(name), stream).await;
        let stream = stream.map_err(|it| format!("{it:?}"))?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|it| format!("{it:?}"))?;
        tasks.spawn_until_stop(async move { drop(connection.await) });
        self.call(sender).await
    }

    pub(super) fn tls(&self) -> TlsConnector {
        let config = tls::client(Some(&self.identity), &self.ca, &["h2"]).unwrap();
        TlsConnector::from(Arc::new(config))
    }

    pub(super) async fn connect(&self, at: SocketAddr, name: &str, tasks: &Tasks) -> Sender {
        let stream = TcpStream::connect(at).await.unwrap();
        self.connect_over(stream, name, tasks).await
    }

    /// Opens a connection over a socket that is connected.
    pub(super) async fn connect_over(
        &self,
        stream: TcpStream,
        name: &str,
        tasks: &Tasks,
    ) -> Sender {
        stream.set_nodelay(true).unwrap();
        let stream = self.tls().connect(server_name(name), stream).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tasks.spawn_until_stop(async move { drop(connection.await) });
        sender
    }

    async fn closed(&self, opened: &[Sender], callers: usize, lasts: Duration) -> Came {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for sender in opened
            .iter()
            .flat_map(|it| std::iter::repeat_n(it, callers))
        {
            let (caller, sender) = (self.clone(), sender.clone());
            running.spawn(async move {
                let mut latencies = Vec::new();
                while begun.elapsed() < lasts {
                    let asked = Instant::now();
                    caller.call(sender.clone()).await.unwrap();
                    latencies.push(milliseconds(asked.elapsed()));
                }
                latencies
            });
        }
        Came {
            latencies: running.join_all().await.concat(),
            lasted: begun.elapsed(),
        }
    }

    async fn open(&self, opened: &[Sender], rate: u32, lasts: Duration) -> Came {
        let begun = Instant::now();
        let calls = rate * u32::try_from(lasts.as_secs()).unwrap();
        let mut running = JoinSet::new();
        for (number, sender) in (0..calls).zip(opened.iter().cycle()) {
            let due = begun + Duration::from_secs(1) * number / rate;
            tokio::time::sleep_until(due.into()).await;
            let (caller, sender) = (self.clone(), sender.clone());
            running.spawn(async move {
                caller.call(sender).await.unwrap();
                milliseconds(due.elapsed())
            });
        }
        Came {
            latencies: running.join_all().await,
            lasted: begun.elapsed(),
        }
    }

    /// A call with some body.
    pub(super) fn request<B>(&self, body: B) -> Request<B> {
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("authorization", self.vouchers.next());
        request.body(body).unwrap()
    }

    /// The message that it sends, framed.
    pub(super) fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// One call over a connection; the error says what came instead of its answer.
    pub(super) async fn call(&self, mut sender: Sender) -> Result<(), String> {
        sender.ready().await.map_err(|it| format!("{it:?}"))?;
        let request = self.request(Full::new(self.message.clone()));
        let answer = sender.send_request(request).await;
        let (head, body) = answer.map_err(|it| format!("{it:?}"))?.into_parts();
        let body = body.collect().await.map_err(|it| format!("{it:?}"))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let good = head.status == StatusCode::OK && is_ok(&trailers) && !body.to_bytes().is_empty();
        if good {
            return Ok(());
        }
        Err(format!("{} {:?} {trailers:?}", head.status, head.headers))
    }
}

impl Came {
    /// Calls a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.calls() / self.lasted.as_secs_f64()
    }

    /// Calls.
    #[must_use]
    pub fn calls(&self) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).unwrap())
    }
}

fn is_ok(trailers: &HeaderMap) -> bool {
    trailers
        .get("grpc-status")
        .is_some_and(|status| status == "0")
}

pub(super) fn server_name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(super) type Sender = SendRequest<Full<Bytes>>;

const OPEN_CONNECTIONS: usize = 4;
