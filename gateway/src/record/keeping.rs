//! A body that keeps what must last until its end: a share of the budget, a place among open calls.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Extensions;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::budget::Share;

/// A body with what ends when it ends.
#[derive(Debug)]
pub struct Keeping {
    inner: Body,
    _share: Share,
    _places: Extensions,
}

impl Keeping {
    /// Keeps a share, and what the layers left in the answer, until the body is gone.
    pub fn until_the_end(inner: Body, share: Share, places: Extensions) -> Body {
        Body::new(Self {
            inner,
            _share: share,
            _places: places,
        })
    }
}

impl HttpBody for Keeping {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
