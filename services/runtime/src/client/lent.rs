//! A call that nobody has looked at is sent again, with all that was read of its request.
//!
//! A gateway that stops takes no more calls on a connection and says so (GOAWAY, RFC 9113 §6.8). Calls
//! that were waiting for the connection at that moment, or were sent while the word was on its way,
//! fail in the library, though nobody has seen them. gRPC clients send those again by themselves,
//! whatever the method; so does this one, as long as little of the request was read.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::{self, Channel};
use tower::ServiceExt as _;

/// Sends a request, and again when nobody has certainly looked at it, at most three times in all.
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
            Err(error) if nobody_looked(&error) => error,
            answered => return answered,
        };
        body = match back.await {
            Ok(whole) => whole,
            Err(_) => return Err(error),
        };
    }
    let request = Request::from_parts(parts, body);
    channel.clone().oneshot(request).await
}

/// A body that comes back whole when it is dropped before much of it was read.
struct Lent {
    /// What was read of it; none once that is too much to keep.
    read: Option<Read>,
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

/// Pieces of a body, and their bytes together.
#[derive(Default)]
struct Read {
    pieces: Vec<Bytes>,
    bytes: usize,
}

/// A body of which some has been read before.
struct Again {
    pieces: std::vec::IntoIter<Bytes>,
    rest: Body,
}

impl Lent {
    fn of(body: Body) -> (Self, oneshot::Receiver<Body>) {
        let (back, receiver) = oneshot::channel();
        let lent = Self {
            read: Some(Read::default()),
            body: Some(body),
            back: Some(back),
        };
        (lent, receiver)
    }

    fn keep(&mut self, piece: &Frame<Bytes>) {
        let Some(read) = &mut self.read else { return };
        match piece.data_ref() {
            Some(data) if read.bytes + data.len() <= MOST => {
                read.bytes += data.len();
                read.pieces.push(data.clone());
            }
            _ => self.read = None,
        }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        match &frame {
            Some(Ok(piece)) => self.keep(piece),
            Some(Err(_)) => self.read = None,
            None => {}
        }
        Poll::Ready(frame)
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
        let (back, read) = (self.back.take(), self.read.take());
        if let (Some(back), Some(read), Some(rest)) = (back, read, self.body.take()) {
            let pieces = read.pieces.into_iter();
            // Nobody waits for it where the call has ended otherwise.
            let _ = back.send(Body::new(Again { pieces, rest }));
        }
    }
}

impl http_body::Body for Again {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.pieces.next() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty() && self.rest.is_end_stream()
    }
}

/// Whether the peer has certainly not looked at a call: it waited in vain for a connection, or the
/// peer says so.
fn nobody_looked(error: &transport::Error) -> bool {
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
/// Bytes of a request that are kept, at most.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    fn body() -> Body {
        Body::new(Full::new(Bytes::from_static(b"ciao")))
    }

    async fn whole(body: Body) -> Bytes {
        body.collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn body_comes_back_whole_however_little_was_read() {
        for read in [0, 1, 2] {
            let (mut lent, back) = Lent::of(body());

            for _ in 0..read {
                let _ = lent.frame().await;
            }
            drop(lent);

            let mut again = back.await.unwrap();
            assert!(!again.is_end_stream());
            assert_eq!(
                again.frame().await.unwrap().unwrap().into_data().unwrap(),
                "ciao"
            );
            assert!(again.frame().await.is_none());
        }
    }

    #[tokio::test]
    async fn body_comes_back_more_than_once() {
        let (mut lent, back) = Lent::of(body());
        let _ = lent.frame().await;
        drop(lent);

        let (mut lent, back) = Lent::of(back.await.unwrap());
        let _ = lent.frame().await;
        drop(lent);

        assert_eq!(whole(back.await.unwrap()).await, "ciao");
    }

    #[tokio::test]
    async fn body_of_which_much_was_read_stays_away() {
        let long = Bytes::from(vec![7; MOST + 1]);
        let (mut lent, back) = Lent::of(Body::new(Full::new(long)));

        lent.frame().await.unwrap().unwrap();
        drop(lent);

        assert!(back.await.is_err());
    }
}
