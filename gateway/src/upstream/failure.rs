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
    /// What that proves.
    pub proof: Proof,
}

/// What a failure proves of what the service has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The connection takes no more calls, and nothing of this one was looked at.
    Ended,
    /// Nothing.
    Nothing,
    /// The service refused this call without looking at it.
    Refused,
}

impl<B> From<TrySendError<Request<B>>> for Failure {
    fn from(mut error: TrySendError<Request<B>>) -> Self {
        let never_left = error.take_message().is_some();
        let error = error.into_error();
        let proof = if never_left {
            Proof::Ended
        } else {
            proof(&error)
        };
        Self { error, proof }
    }
}

/// Whether the peer said that it did not look at the stream: it refused it (RFC 9113 §8.7), or it
/// ended the connection below the stream's number (§6.8). A connection that just breaks off says
/// nothing.
fn proof(error: &hyper::Error) -> Proof {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(http2) = inner.downcast_ref::<h2::Error>() {
            let refused = http2.is_reset() && http2.reason() == Some(Reason::REFUSED_STREAM);
            return match http2.is_remote() {
                true if http2.is_go_away() => Proof::Ended,
                true if refused => Proof::Refused,
                _ => Proof::Nothing,
            };
        }
        cause = inner.source();
    }
    Proof::Nothing
}
