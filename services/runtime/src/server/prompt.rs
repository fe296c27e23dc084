//! A connection whose peer must soon say which protocol it speaks.
//!
//! No timer of hyper runs until then: a peer that says nothing would hold its place for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

/// A stream that fails when its first bytes do not come in time.
pub struct Prompt<S> {
    stream: S,
    awaited: usize,
    greeted: CancellationToken,
    end: Pin<Box<Sleep>>,
}

impl<S> Prompt<S> {
    /// Waits for the peer's first bytes at most for `patience`, from now; the token says when they
    /// have come.
    pub fn new(stream: S, patience: Duration) -> (Self, CancellationToken) {
        let greeted = CancellationToken::new();
        let prompt = Self {
            stream,
            awaited: PREFACE,
            greeted: greeted.clone(),
            end: Box::pin(tokio::time::sleep(patience)),
        };
        (prompt, greeted)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let come = buffer.filled().len() - before;
        if self.awaited > 0 {
            self.awaited = self.awaited.saturating_sub(come);
            if self.awaited == 0 {
                self.greeted.cancel();
            }
        }
        let late =
            read.is_pending() && self.awaited > 0 && self.end.as_mut().poll(context).is_ready();
        if late {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The preface of HTTP/2 (RFC 9113 §3.4). No HTTP/1.1 request is shorter, since it names a host.
const PREFACE: usize = 24;
