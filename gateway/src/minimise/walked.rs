//! A body whose messages are walked as they pass.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};

use super::details;
use super::frames::{BadFrame, Framed, Frames, frame, frame_compressed};
use super::walk::{Obstacle, Outside, Passed, walk};
use crate::authorize::Permit;
use crate::call::Call;
use crate::call::noted::Message;
use crate::encoding::{Bad, Encoding, deflate, inflate};
use crate::evidence::{digest, not_the_message};
use crate::forward::remove;
use crate::record::budget::Share;
use crate::refusal::{Reason, Refusal};

/// Which way messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the service to the caller.
    Answer,
    /// From the caller to the service.
    Request,
}

/// What the messages of a body are, and how much of them may be held.
#[derive(Debug)]
pub struct Messages {
    /// Which way they go.
    pub way: Direction,
    /// How those of them are compressed that are.
    pub encoding: Encoding,
    /// Whether there may be any number of them, or one.
    pub streamed: bool,
    /// The largest, decompressed, in bytes.
    pub largest: usize,
    /// A share of the budget, for a message whose end has not arrived.
    pub share: Share,
}

/// A body whose messages are walked.
#[derive(Debug)]
pub struct Walked {
    inner: Body,
    frames: Frames,
    call: Call,
    permit: Arc<Permit>,
    messages: Messages,
    passed: u64,
    ended: bool,
}

/// A message could not pass; the reason stands in the call's tally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message could not pass")]
pub struct Stopped;

impl Walked {
    /// Walks the messages of a body.
    #[must_use]
    pub fn new(inner: Body, call: Call, permit: Arc<Permit>, messages: Messages) -> Self {
        Self {
            inner,
            frames: Frames::new(messages.largest),
            call,
            permit,
            messages,
            passed: 0,
            ended: false,
        }
    }

    fn next(&mut self) -> Result<Option<Bytes>, Stopped> {
        let framed = self.frames.take().map_err(|bad| {
            self.stop(match bad {
                BadFrame::Malformed => self.malformed(),
                BadFrame::TooLarge => Reason::MessageTooLarge,
            })
        })?;
        let Some(framed) = framed else {
            return Ok(None);
        };
        // What has passed is not held any more.
        self.messages.share.shrink(self.frames.waiting());
        self.passed += 1;
        if self.passed > 1 && !self.messages.streamed {
            return Err(self.stop(self.malformed()));
        }
        self.pass(framed).map(Some)
    }

    /// Walks a message; what passes whole goes on as it came.
    fn pass(&self, framed: Framed) -> Result<Bytes, Stopped> {
        let message = self.opened(&framed)?;
        self.check_digest(&message)?;
        let Some(reduced) = self.walk(&message)? else {
            return Ok(framed.into_whole());
        };
        if !framed.compressed {
            return Ok(frame(&reduced));
        }
        let reduced = deflate(&reduced).map_err(|_| self.stop(self.malformed()))?;
        Ok(frame_compressed(&reduced))
    }

    /// The message as the contract describes it.
    fn opened<'m>(&self, framed: &'m Framed) -> Result<Cow<'m, [u8]>, Stopped> {
        if !framed.compressed {
            return Ok(Cow::Borrowed(framed.message()));
        }
        if self.messages.encoding == Encoding::Identity {
            return Err(self.stop(match self.messages.way {
                Direction::Answer => Reason::AnswerInvalid,
                Direction::Request => Reason::EncodingUnsupported,
            }));
        }
        let inflated = inflate(framed.message(), self.messages.largest);
        inflated.map(Cow::Owned).map_err(|bad| {
            self.stop(match bad {
                Bad::Malformed => self.malformed(),
                Bad::TooLarge => Reason::MessageTooLarge,
            })
        })
    }

    /// Whether the message of a request is the one that its sender signed, where it signed one.
    fn check_digest(&self, message: &[u8]) -> Result<(), Stopped> {
        match (self.messages.way, self.call.expected_digest()) {
            (Direction::Request, Some(expected)) if !digest::matches(expected, message) => {
                Err(self.refuse(not_the_message()))
            }
            _ => Ok(()),
        }
    }

    /// The message reduced, where it does not pass whole.
    fn walk(&self, message: &[u8]) -> Result<Option<Vec<u8>>, Stopped> {
        let (place, outside) = match self.messages.way {
            Direction::Request => (self.permit.method.input, Outside::Refuse),
            Direction::Answer => (self.permit.method.output, Outside::Drop),
        };
        let contract = &self.permit.contract;
        let passed = walk(contract, place, self.permit.allowed, outside, message);
        let passed = passed.map_err(|obstacle| match obstacle {
            Obstacle::Field(name) => {
                self.refuse(Refusal::from(Reason::FieldNotInPurpose).with("field", name))
            }
            Obstacle::Malformed => self.stop(self.malformed()),
        })?;
        if self.messages.way == Direction::Answer {
            let tally = self.call.tally();
            tally
                .delivered
                .fetch_or(passed.delivered, Ordering::Relaxed);
            tally.withheld.fetch_or(passed.withheld, Ordering::Relaxed);
        }
        self.note(&passed, message)?;
        Ok(passed.reduced)
    }

    /// Notes for the record whom the message names.
    fn note(&self, passed: &Passed<'_>, message: &[u8]) -> Result<(), Stopped> {
        let noted = self.call.note(&Message {
            way: self.messages.way,
            streamed: self.messages.streamed,
            passed,
            bytes: passed.reduced.as_deref().unwrap_or(message),
            contract: &self.permit.contract,
        });
        noted.map_err(|_| self.stop(Reason::Overloaded))
    }

    /// Takes a piece in, as far as the budget has room for what must wait.
    fn take_in(&mut self, piece: Bytes) -> Result<(), Stopped> {
        let waiting = self.frames.waiting();
        if waiting > 0 && !self.messages.share.resize(waiting + piece.len()) {
            return Err(self.stop(Reason::Overloaded));
        }
        self.frames.push(piece);
        Ok(())
    }

    fn malformed(&self) -> Reason {
        match self.messages.way {
            Direction::Answer => Reason::AnswerInvalid,
            Direction::Request => Reason::MessageMalformed,
        }
    }

    /// Notes why the body stops; of an answer to a write the caller learns only that it stopped.
    fn stop(&self, reason: Reason) -> Stopped {
        let reason = match self.messages.way {
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
        details::reduce(&mut trailers);
        Ok(Frame::trailers(trailers))
    }

    /// The end of the body, which must not come within a message, nor before the one of a request.
    fn end(&mut self) -> Result<(), Stopped> {
        let asks_nothing = self.messages.way == Direction::Request && !self.messages.streamed;
        if self.frames.is_open() || (asks_nothing && self.passed == 0) {
            return Err(self.stop(self.malformed()));
        }
        Ok(())
    }
}

impl HttpBody for Walked {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let stopped = |this: &mut Self, error: axum::BoxError| {
            this.ended = true;
            Poll::Ready(Some(Err(error)))
        };
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            match self.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(Frame::data(message)))),
                Ok(None) => {}
                Err(error) => return stopped(&mut self, error.into()),
            }
            let taken = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(piece)) => match piece.into_data() {
                    Ok(data) => self.take_in(data),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        let passed = self.trailers(trailers);
                        self.ended = passed.is_err();
                        return Poll::Ready(Some(passed.map_err(Into::into)));
                    }
                },
                Some(Err(error)) => return stopped(&mut self, error.into()),
                None => {
                    let end = self.end();
                    self.ended = true;
                    end
                }
            };
            if let Err(error) = taken {
                return stopped(&mut self, error.into());
            }
        }
    }
}
