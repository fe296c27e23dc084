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
    /// Whether the service has certainly seen nothing of it.
    pub unprocessed: bool,
    /// What the peer said of it, where it did not look at it.
    pub word: Option<Word>,
}

/// What a peer says of a call that it did not look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It takes no more calls on the connection (RFC 9113 §6.8).
    Leaves,
    /// It refuses this one call (RFC 9113 §8.7).
    Refuses,
}

impl<B> From<TrySendError<Request<B>>> for Failure {
    fn from(mut error: TrySendError<Request<B>>) -> Self {
        let never_left = error.take_message().is_some();
        let error = error.into_error();
        let word = word(&error);
        Self {
            unprocessed: never_left || word.is_some(),
            word,
            error,
        }
    }
}

/// What the peer said of a stream that it did not look at. A connection that just breaks off says
/// nothing.
fn word(error: &hyper::Error) -> Option<Word> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(http2) = inner.downcast_ref::<h2::Error>() {
            let refuses = http2.is_reset() && http2.reason() == Some(Reason::REFUSED_STREAM);
            let word = if http2.is_go_away() {
                Some(Word::Leaves)
            } else {
                refuses.then_some(Word::Refuses)
            };
            return word.filter(|_| http2.is_remote());
        }
        cause = inner.source();
    }
    None
}
