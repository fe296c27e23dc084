//! What an answer leaves unread of its request in HTTP/1.1, read and thrown away within bounds.
//!
//! A connection that is closed over bytes still coming is reset, and the reset takes with it the
//! answer that says what was wrong (RFC 9112 §9.6). HTTP/2 ends such a stream without loss.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::header::EXPECT;
use http::{Request, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// Where the body of a request comes back to when nobody reads on.
#[derive(Debug)]
pub struct Rest(Arc<Mutex<Option<Body>>>);

/// A body that is lent to whoever answers.
struct Lent {
    body: Option<Body>,
    back: Arc<Mutex<Option<Body>>>,
}

impl Rest {
    /// Lends the body of a request, where what is left of it would cost the answer.
    ///
    /// Whoever waits to be told to send its body (RFC 9110 §10.1.1) has sent nothing.
    pub fn of(request: Request<Body>) -> (Request<Body>, Option<Self>) {
        let sends = request.version() < Version::HTTP_2
            && !request.body().is_end_stream()
            && !request.headers().contains_key(EXPECT);
        if !sends {
            return (request, None);
        }
        let back = Arc::new(Mutex::new(None));
        let rest = Self(Arc::clone(&back));
        let lend = |body| {
            let body = Some(body);
            Body::new(Lent { body, back })
        };
        (request.map(lend), Some(rest))
    }

    /// Reads what is left, at most 4 MiB and for two seconds.
    pub async fn discard(self) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = left else { return };
        let read = async {
            let mut seen = 0;
            while let Some(Ok(frame)) = body.frame().await {
                seen += frame.data_ref().map_or(0, Bytes::len);
                if seen > MOST {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, read).await;
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
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
        let left = self.body.take().filter(|body| !body.is_end_stream());
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

const MOST: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(2);
