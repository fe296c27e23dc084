//! A call that never left is sent again: the body of its request comes back untouched.
//!
//! A gateway that stops takes no more calls on a connection and says so (GOAWAY, RFC 9113 §6.8). Calls
//! that were waiting for the connection at that moment fail in the library, though nobody has seen
//! them. gRPC clients send those again by themselves, whatever the method; so does this one.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{self, Channel};
use tower::ServiceExt as _;

/// Sends a request, and again when it has certainly not left, at most three times in all.
///
/// # Errors
///
/// The last failure.
pub(super) async fn send(
    channel: &Channel,
    request: Request<Body>,
) -> Result<Response<Body>, transport::Error> {
    let (parts, mut body) = request.into_parts();
    for _ in 0..AGAIN {
        let (lent, back) = Lent::of(body);
        let request = Request::from_parts(parts.clone(), Body::new(lent));
        let error = match channel.clone().oneshot(request).await {
            Err(error) if never_left(&error) => error,
            answered => return answered,
        };
        body = match back.await {
            Ok(untouched) => untouched,
            Err(_) => return Err(error),
        };
    }
    let request = Request::from_parts(parts, body);
    channel.clone().oneshot(request).await
}

/// A body that comes back when it is dropped before anything of it was read.
struct Lent {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl Lent {
    fn of(body: Body) -> (Self, oneshot::Receiver<Body>) {
        let (back, receiver) = oneshot::channel();
        let lent = Self {
            body: Some(body),
            back: Some(back),
        };
        (lent, receiver)
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.back = None;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(back), Some(body)) = (self.back.take(), self.body.take()) {
            // Nobody waits for it where the call has ended otherwise.
            let _ = back.send(body);
        }
    }
}

/// Whether the peer has certainly not looked at a call: it waited in vain for a connection, or the
/// peer says so.
fn never_left(error: &transport::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(hyper) = inner.downcast_ref::<hyper::Error>()
            && hyper.is_canceled()
        {
            return true;
        }
        if let Some(http2) = inner.downcast_ref::<h2::Error>() {
            let refused = http2.is_reset() && http2.reason() == Some(Reason::REFUSED_STREAM);
            return http2.is_remote() && (http2.is_go_away() || refused);
        }
        cause = inner.source();
    }
    false
}

const AGAIN: usize = 2;

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn body() -> Body {
        Body::new(Full::new(Bytes::from_static(b"ciao")))
    }

    #[tokio::test]
    async fn body_that_nobody_read_comes_back() {
        let (lent, back) = Lent::of(body());

        drop(lent);

        let whole = back.await.unwrap().collect().await.unwrap();
        assert_eq!(whole.to_bytes(), "ciao");
    }

    #[tokio::test]
    async fn body_that_was_read_stays_away() {
        let (mut lent, back) = Lent::of(body());

        lent.frame().await.unwrap().unwrap();

        assert!(back.await.is_err());
    }
}
