//! A body whose messages are walked as they pass.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};

use super::frames::{BadFrame, Frames, frame};
use super::walk::{Obstacle, Outside, walk};
use crate::authorize::Permit;
use crate::call::Call;
use crate::forward::remove;
use crate::refusal::{Reason, Refusal};

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the service to the caller.
    Answer,
    /// From the caller to the service.
    Request,
}

/// A body whose messages are walked.
#[derive(Debug)]
pub struct Walked {
    inner: Body,
    frames: Frames,
    call: Call,
    permit: Arc<Permit>,
    way: Direction,
    ended: bool,
}

/// A message could not pass; the reason stands in the call's tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message could not pass")]
pub struct Stopped;

impl Walked {
    /// Walks the messages of a body, each at most `largest` bytes.
    #[must_use]
    pub fn new(
        inner: Body,
        call: Call,
        permit: Arc<Permit>,
        way: Direction,
        largest: usize,
    ) -> Self {
        Self {
            inner,
            frames: Frames::new(largest),
            call,
            permit,
            way,
            ended: false,
        }
    }

    fn next(&mut self) -> Result<Option<Bytes>, Stopped> {
        let message = self.frames.take().map_err(|bad| {
            self.stop(match (self.way, bad) {
                (Direction::Answer, BadFrame::Compressed) => Reason::AnswerInvalid,
                (Direction::Request, BadFrame::Compressed) => Reason::EncodingUnsupported,
                (_, BadFrame::TooLarge) => Reason::MessageTooLarge,
            })
        })?;
        message.map(|message| self.walk(&message)).transpose()
    }

    fn walk(&self, message: &[u8]) -> Result<Bytes, Stopped> {
        let (place, outside) = match self.way {
            Direction::Request => (self.permit.method.input, Outside::Refuse),
            Direction::Answer => (self.permit.method.output, Outside::Drop),
        };
        let passed = walk(
            &self.permit.contract,
            place,
            self.permit.allowed,
            outside,
            message,
        )
        .map_err(|obstacle| match obstacle {
            Obstacle::Field(name) => {
                self.refuse(Refusal::from(Reason::FieldNotInPurpose).with("field", name))
            }
            Obstacle::Malformed => self.stop(self.malformed()),
        })?;
        if self.way == Direction::Answer {
            let tally = self.call.tally();
            tally
                .delivered
                .fetch_or(passed.delivered, Ordering::Relaxed);
            tally.withheld.fetch_or(passed.withheld, Ordering::Relaxed);
        }
        Ok(frame(&passed.bytes))
    }

    fn malformed(&self) -> Reason {
        match self.way {
            Direction::Answer => Reason::AnswerInvalid,
            Direction::Request => Reason::MessageMalformed,
        }
    }

    /// Notes why the body stops; of an answer to a write the caller learns only that it stopped.
    fn stop(&self, reason: Reason) -> Stopped {
        let reason = match self.way {
            Direction::Answer => self.call.after(reason),
            Direction::Request => reason,
        };
        self.refuse(reason.into())
    }

    fn refuse(&self, refusal: Refusal) -> Stopped {
        let _ = self.call.tally().violation.set(refusal);
        Stopped
    }

    /// Trailers end the messages; what is ours alone does not pass in them.
    fn trailers(&mut self, mut trailers: HeaderMap) -> Result<Frame<Bytes>, Stopped> {
        if self.frames.is_open() {
            return Err(self.stop(self.malformed()));
        }
        remove(&mut trailers, |name| name.starts_with("varco-"));
        Ok(Frame::trailers(trailers))
    }
}

impl HttpBody for Walked {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(Frame::data(message)))),
                Ok(None) => {}
                Err(stopped) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(stopped.into())));
                }
            }
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(piece)) => match piece.into_data() {
                    Ok(data) => self.frames.push(&data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        let passed = self.trailers(trailers);
                        self.ended = passed.is_err();
                        return Poll::Ready(Some(passed.map_err(Into::into)));
                    }
                },
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error.into())));
                }
                None => {
                    self.ended = true;
                    if self.frames.is_open() {
                        let stopped = self.stop(self.malformed());
                        return Poll::Ready(Some(Err(stopped.into())));
                    }
                }
            }
        }
    }
}
