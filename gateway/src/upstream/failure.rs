//! What a call that failed on its way proves of its fate.

use std::error::Error;

use h2::Reason;
use http::Request;
use hyper::client::conn::TrySendError;

/// Why a call has no answer.
#[derive(Debug)]
pub struct Failure<B> {
    /// What happened.
    pub error: hyper::Error,
    /// Whether the service has certainly seen nothing of it.
    pub unprocessed: bool,
    /// The request, where it never left.
    pub request: Option<Request<B>>,
}

impl<B> From<TrySendError<Request<B>>> for Failure<B> {
    fn from(mut error: TrySendError<Request<B>>) -> Self {
        let request = error.take_message();
        let error = error.into_error();
        Self {
            unprocessed: request.is_some() || is_unprocessed(&error),
            request,
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
