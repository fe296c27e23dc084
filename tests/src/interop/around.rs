//! What the official tests want of a server on the wire and tonic does not offer.
//!
//! The service learns which messages came compressed, says which of its own are to leave so, and
//! the two metadata that the tests know come back: one in front of the answer, one behind it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;

use super::messages::{Passing, watch};

/// A service with the wire around it.
#[derive(Clone, Debug)]
pub struct Around<S>(pub S);

/// Flags of the messages of one call, which its service finds among the request's extensions.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    came: Flagged,
    leave: Flagged,
}

/// Metadata that comes back in front of the answer.
pub const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";

/// Metadata that comes back behind the answer.
pub const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

impl Flags {
    /// Whether the next message that came was compressed.
    #[must_use]
    pub fn came(&self) -> Option<bool> {
        self.came.pop()
    }

    /// Says whether the next message that leaves is to be compressed.
    pub fn leave(&self, compressed: bool) {
        self.leave.push(compressed);
    }
}

impl<S> Service<Request<Body>> for Around<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let flags = Flags::default();
        let echo = Echo::asked(request.headers());
        let gzip = accepts_gzip(request.headers());
        let came = flags.came.clone();
        let mut request = request.map(|body| {
            watch(body, move |passing| {
                if let Passing::Message(message) = passing {
                    came.push(message.compressed);
                }
            })
        });
        request.extensions_mut().insert(flags.clone());
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let leave = gzip.then_some(flags.leave);
            Ok(complete(answer, leave, echo))
        })
    }
}

impl<S: NamedService> NamedService for Around<S> {
    const NAME: &'static str = S::NAME;
}

/// Compresses what is to leave so, and puts back what is to come back.
fn complete(mut answer: Response<Body>, leave: Option<Flagged>, echo: Echo) -> Response<Body> {
    let headers = answer.headers_mut();
    put(headers, ECHO_INITIAL, echo.initial);
    if headers.contains_key("grpc-status") {
        put(headers, ECHO_TRAILING, echo.trailing);
        return answer;
    }
    if leave.is_some() {
        headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
    }
    answer.map(|body| {
        watch(body, move |passing| match passing {
            Passing::Message(message) => {
                let wanted = leave.as_ref().and_then(Flagged::pop);
                if wanted == Some(true) {
                    message.gzip();
                }
            }
            Passing::Trailers(trailers) => put(trailers, ECHO_TRAILING, echo.trailing.clone()),
        })
    })
}

/// Metadata of a request that is to come back.
struct Echo {
    initial: Option<HeaderValue>,
    trailing: Option<HeaderValue>,
}

impl Echo {
    fn asked(headers: &HeaderMap) -> Self {
        Self {
            initial: headers.get(ECHO_INITIAL).cloned(),
            trailing: headers.get(ECHO_TRAILING).cloned(),
        }
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let offered = headers.get("grpc-accept-encoding");
    let offered = offered.and_then(|value| value.to_str().ok());
    offered.is_some_and(|offered| offered.split(',').any(|name| name.trim() == "gzip"))
}

/// Flags in the order of their messages.
#[derive(Clone, Debug, Default)]
struct Flagged(Arc<Mutex<VecDeque<bool>>>);

impl Flagged {
    fn push(&self, flag: bool) {
        let mut flags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flags.push_back(flag);
    }

    fn pop(&self) -> Option<bool> {
        let mut flags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flags.pop_front()
    }
}
