//! A way to the service that keeps what passes on the wire.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::transport::{Channel, Endpoint};

use super::messages::{Passing, watch};
use super::seen::{Seen, own};
use super::testing::Payload;
use super::testing::test_service_client::TestServiceClient;

/// A way to the service, the same for calls with a voucher and without.
#[derive(Clone)]
pub struct Caller {
    channel: Channel,
    authorization: Option<HeaderValue>,
}

impl Caller {
    /// Straight to the service.
    ///
    /// # Panics
    ///
    /// When the address makes no sense.
    #[must_use]
    pub fn direct(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        Self {
            channel: endpoint.connect_lazy(),
            authorization: None,
        }
    }

    /// Through the gateway, with a voucher.
    ///
    /// # Panics
    ///
    /// When the voucher is no header value.
    #[must_use]
    pub fn through(channel: Channel, voucher: &str) -> Self {
        let bearer = HeaderValue::try_from(format!("Bearer {voucher}"));
        Self {
            channel,
            authorization: Some(bearer.expect("a header value")),
        }
    }

    /// Begins a call.
    #[must_use]
    pub fn begin(&self) -> Call {
        Call {
            caller: self.clone(),
            plan: Arc::default(),
            wire: Arc::default(),
            events: Vec::new(),
        }
    }
}

/// One call: what has been said, and what has passed.
pub struct Call {
    caller: Caller,
    plan: Arc<[bool]>,
    wire: Arc<Mutex<Wire>>,
    events: Vec<String>,
}

/// What passed on the wire.
#[derive(Debug, Default)]
struct Wire {
    initial: HeaderMap,
    trailing: HeaderMap,
    compressed: Vec<bool>,
}

impl Call {
    /// Compresses the messages of the request that the plan says, which tonic would all or none.
    #[must_use]
    pub fn compressing(self, plan: &[bool]) -> Self {
        Self {
            plan: plan.into(),
            ..self
        }
    }

    /// The transport of this call.
    #[must_use]
    pub fn transport(&self) -> Watched {
        Watched {
            caller: self.caller.clone(),
            plan: Arc::clone(&self.plan),
            wire: Arc::clone(&self.wire),
        }
    }

    /// A client of the service.
    #[must_use]
    pub fn client(&self) -> TestServiceClient<Watched> {
        TestServiceClient::new(self.transport())
    }

    /// Notes that a payload went.
    pub fn sent(&mut self, payload: Option<&Payload>) {
        self.note("sent", payload);
    }

    /// Notes that a payload came.
    pub fn received(&mut self, payload: Option<&Payload>) {
        self.note("received", payload);
    }

    /// Notes anything else.
    pub fn happened(&mut self, what: impl Into<String>) {
        self.events.push(what.into());
    }

    /// What was seen of it, now that it has ended.
    #[must_use]
    pub fn end(self, ended: Result<(), Status>) -> Seen {
        let wire = lock(&self.wire);
        let seen = Seen {
            initial: own(&wire.initial),
            trailing: own(&wire.trailing),
            events: self.events,
            compressed: Some(wire.compressed.clone()),
            ..Seen::default()
        };
        seen.ended(&ended.err().unwrap_or_else(|| Status::ok("")))
    }

    fn note(&mut self, what: &str, payload: Option<&Payload>) {
        let body = payload.map(|payload| payload.body.as_ref());
        let body: &[u8] = body.unwrap_or_default();
        let odd = if body.iter().all(|byte| *byte == 0) {
            ""
        } else {
            ", not all zero"
        };
        self.events.push(format!("{what} {}{odd}", body.len()));
    }
}

/// The transport of one call.
#[derive(Clone)]
pub struct Watched {
    caller: Caller,
    plan: Arc<[bool]>,
    wire: Arc<Mutex<Wire>>,
}

impl Service<Request<Body>> for Watched {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.caller.channel.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        if let Some(bearer) = &self.caller.authorization {
            headers.insert("authorization", bearer.clone());
        }
        if !self.plan.is_empty() {
            headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
            request = compress(request, &self.plan);
        }
        let wire = Arc::clone(&self.wire);
        let answer = self.caller.channel.call(request);
        Box::pin(async move { Ok(keep(answer.await?, wire)) })
    }
}

fn compress(request: Request<Body>, plan: &Arc<[bool]>) -> Request<Body> {
    let (plan, mut next) = (Arc::clone(plan), 0);
    request.map(|body| {
        watch(body, move |passing| {
            if let Passing::Message(message) = passing {
                if plan.get(next) == Some(&true) {
                    message.gzip();
                }
                next += 1;
            }
        })
    })
}

/// Keeps what comes; an answer that is a status alone has only trailers.
fn keep(answer: Response<Body>, wire: Arc<Mutex<Wire>>) -> Response<Body> {
    if answer.headers().contains_key("grpc-status") {
        lock(&wire).trailing = answer.headers().clone();
    } else {
        lock(&wire).initial = answer.headers().clone();
    }
    answer.map(|body| {
        watch(body, move |passing| match passing {
            Passing::Message(message) => lock(&wire).compressed.push(message.compressed),
            Passing::Trailers(trailers) => lock(&wire).trailing = trailers.clone(),
        })
    })
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}
