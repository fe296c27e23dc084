//! A request on its way to a service, which can be sent again as long as nothing of it was taken.
//!
//! A stream that breaks off does not end the call at the service by itself: that would reset it at
//! once, however young it is. Who forwards it is told, and gives the call up as any other.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::sync::Notify;

use crate::record::budget::Share;

/// The one message of a request, with its prefix, where it has been read whole.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The message.
    pub message: Bytes,
    /// Its share of the budget.
    pub share: Arc<Share>,
}

/// A request's body, for as many attempts as are needed.
#[derive(Debug)]
pub enum Outgoing {
    /// Its one message.
    Message(Whole),
    /// Messages that the caller goes on sending.
    Stream(Arc<Mutex<Shared>>),
}

/// A stream, and which attempt may read it.
#[derive(Debug)]
pub struct Shared {
    body: Body,
    attempt: u32,
    is_begun: bool,
    is_broken: bool,
    broken: Arc<Notify>,
    /// Who reads the stream.
    waiting: Option<Waker>,
    /// The last attempt that was given up.
    over: u32,
}

/// Lets the stream of an attempt end when the call does: dropped, it resets what is still open of it.
#[derive(Debug)]
pub struct Attempted {
    shared: Arc<Mutex<Shared>>,
    attempt: u32,
}

impl Outgoing {
    /// A body for the first attempt and those after it.
    #[must_use]
    pub fn new(whole: Option<Whole>, body: Body) -> Self {
        match whole {
            Some(whole) => Self::Message(whole),
            None => Self::Stream(Arc::new(Mutex::new(Shared {
                body,
                attempt: 0,
                is_begun: false,
                is_broken: false,
                broken: Arc::default(),
                waiting: None,
                over: 0,
            }))),
        }
    }

    /// What must last as long as the present attempt; a message that was read whole needs nothing.
    #[must_use]
    pub fn attempted(&self) -> Option<Attempted> {
        let Self::Stream(shared) = self else {
            return None;
        };
        let attempt = locked(shared).attempt;
        Some(Attempted {
            shared: Arc::clone(shared),
            attempt,
        })
    }

    /// Waits until the caller's stream has broken off, which may be never.
    pub async fn broken(&self) {
        let Self::Stream(shared) = self else {
            return std::future::pending().await;
        };
        let broken = Arc::clone(&locked(shared).broken);
        broken.notified().await;
    }

    /// The body of the next attempt; none when an attempt before has taken some of it.
    #[must_use]
    pub fn next(&self) -> Option<Body> {
        let shared = match self {
            Self::Message(whole) => return Some(Body::from(whole.message.clone())),
            Self::Stream(shared) => shared,
        };
        let mut held = locked(shared);
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

impl Attempted {
    /// Lets the service hear no more of the caller, while the attempt itself goes on.
    pub fn silence(&self) {
        let unheard = {
            let mut held = locked(&self.shared);
            held.is_broken = true;
            std::mem::replace(&mut held.body, Body::empty())
        };
        drop(unheard);
    }
}

impl Drop for Attempted {
    fn drop(&mut self) {
        let mut held = locked(&self.shared);
        held.over = held.over.max(self.attempt);
        if let Some(waiting) = &held.waiting {
            waiting.wake_by_ref();
        }
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The call is over while the caller's stream is not.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the call is over")]
struct BrokeOff;

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
        let mut held = locked(&self.shared);
        if held.attempt != self.attempt {
            return Poll::Ready(None);
        }
        if held.over >= self.attempt {
            return Poll::Ready(Some(Err(axum::Error::new(BrokeOff))));
        }
        held.waiting = Some(cx.waker().clone());
        if held.is_broken {
            return Poll::Pending;
        }
        let frame = Pin::new(&mut held.body).poll_frame(cx);
        held.is_begun |= frame.is_ready();
        if let Poll::Ready(Some(Err(_))) = frame {
            // Nothing more comes; what is left of the call is somebody else's to end.
            held.is_broken = true;
            held.broken.notify_one();
            return Poll::Pending;
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::budget::Budget;
    use futures_util::FutureExt as _;
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
    async fn stream_that_breaks_off_is_told_and_does_not_end() {
        let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        let outgoing = Outgoing::new(None, Body::from_stream(broken));
        let mut body = outgoing.next().unwrap();

        tokio::select! {
            biased;
            frame = body.frame() => panic!("{frame:?}"),
            () = outgoing.broken() => {}
        }
        drop(outgoing.attempted());
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn silenced_stream_gives_nothing_more_and_does_not_end() {
        let outgoing = Outgoing::new(None, Body::from("message"));
        let mut body = outgoing.next().unwrap();
        let attempted = outgoing.attempted().unwrap();

        attempted.silence();

        assert!(body.frame().now_or_never().is_none());
        drop(attempted);
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn message_that_was_read_whole_is_sent_as_often_as_needed() {
        let whole = Whole {
            message: Bytes::from("message"),
            share: Arc::new(Budget::new(7).share()),
        };
        let outgoing = Outgoing::new(Some(whole), Body::empty());

        for _ in 0..2 {
            let body = outgoing.next().unwrap();
            assert_eq!(body.collect().await.unwrap().to_bytes(), "message");
        }
    }
}
