//! A request on its way to a service, which can be sent again as long as nothing of it was taken.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

/// The one message of a request, with its prefix, where it has been read whole.
#[derive(Clone, Debug)]
pub struct Whole(pub Bytes);

/// A request's body, for as many attempts as are needed.
#[derive(Debug)]
pub enum Outgoing {
    /// Its one message.
    Message(Bytes),
    /// Messages that the caller goes on sending.
    Stream(Arc<Mutex<Shared>>),
}

/// A stream, and which attempt may read it.
#[derive(Debug)]
pub struct Shared {
    body: Body,
    attempt: u32,
    is_begun: bool,
}

impl Outgoing {
    /// A body for the first attempt and those after it.
    #[must_use]
    pub fn new(whole: Option<Whole>, body: Body) -> Self {
        match whole {
            Some(Whole(message)) => Self::Message(message),
            None => Self::Stream(Arc::new(Mutex::new(Shared {
                body,
                attempt: 0,
                is_begun: false,
            }))),
        }
    }

    /// The body of the next attempt; none when an attempt before has taken some of it.
    #[must_use]
    pub fn next(&self) -> Option<Body> {
        let shared = match self {
            Self::Message(message) => return Some(Body::from(message.clone())),
            Self::Stream(shared) => shared,
        };
        let mut held = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_begun {
            return None;
        }
        held.attempt += 1;
        Some(Body::new(Lent {
            attempt: held.attempt,
            shared: Arc::clone(shared),
        }))
    }
}

/// The stream as one attempt reads it; a later attempt takes it away.
struct Lent {
    shared: Arc<Mutex<Shared>>,
    attempt: u32,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut held = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if held.attempt != self.attempt {
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut held.body).poll_frame(cx);
        held.is_begun |= frame.is_ready();
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn stream_is_sent_again_only_while_nothing_of_it_was_taken() {
        let outgoing = Outgoing::new(None, Body::from("message"));

        let first = outgoing.next().unwrap();
        let second = outgoing.next().unwrap();

        assert_eq!(first.collect().await.unwrap().to_bytes(), "");
        assert_eq!(second.collect().await.unwrap().to_bytes(), "message");
        assert!(outgoing.next().is_none());
    }

    #[tokio::test]
    async fn message_that_was_read_whole_is_sent_as_often_as_needed() {
        let outgoing = Outgoing::new(Some(Whole(Bytes::from("message"))), Body::empty());

        for _ in 0..2 {
            let body = outgoing.next().unwrap();
            assert_eq!(body.collect().await.unwrap().to_bytes(), "message");
        }
    }
}
