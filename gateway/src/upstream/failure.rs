//! What a call that failed on its way proves of its fate.

use std::error::Error;

use h2::Reason;
use http::Request;
use hyper::client::conn::TrySendError;

/// Why a call has no answer.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub error: hyper::Error,
    /// Whether the service has certainly seen nothing of it. Its connection is then better left
    /// alone: it has ended, or is about to.
    pub unprocessed: bool,
}

impl<B> From<TrySendError<Request<B>>> for Failure {
    fn from(mut error: TrySendError<Request<B>>) -> Self {
        let never_left = error.take_message().is_some();
        let error = error.into_error();
        Self {
            unprocessed: never_left || is_unprocessed(&error),
            error,
        }
    }
}

/// Whether the peer said that it did not look at the stream: it refused it (RFC 9113 §8.7), or it
/// ended the connection below the stream's number (§6.8). A connection that just breaks off says
/// nothing.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(http2) = inner.downcast_ref::<h2::Error>() {
            let refused = http2.is_reset() && http2.reason() == Some(Reason::REFUSED_STREAM);
            return http2.is_remote() && (refused || http2.is_go_away());
        }
        cause = inner.source();
    }
    false
}
