//! Whether a peer has begun to speak HTTP/2: the first that it sends are its settings (RFC 9113
//! §3.4).
//!
//! Nothing before them says so. A balancer takes a connection before it has anybody to hand it to,
//! a service of HTTP/1 takes it as well, and in TLS 1.3 the client is done with the handshake
//! before the service has judged its certificate.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// A stream of which the beginning is looked at as it passes.
pub struct Greeted<S> {
    stream: S,
    begins: Vec<u8>,
    told: Option<oneshot::Sender<io::Result<()>>>,
}

/// A stream as it is, and what waits for its peer to begin.
///
/// # Errors
///
/// Of what waits: the stream fails or ends before, or something else than HTTP/2 comes.
pub fn listen<S>(stream: S) -> (Greeted<S>, impl Future<Output = io::Result<()>>) {
    let (told, greeting) = oneshot::channel();
    let greeted = Greeted {
        stream,
        begins: Vec::new(),
        told: Some(told),
    };
    let greeting = async { greeting.await.unwrap_or_else(|_| Err(hung_up())) };
    (greeted, greeting)
}

impl<S> Greeted<S> {
    fn look(&mut self, read: Result<&[u8], &io::Error>) {
        match read {
            Err(error) => self.tell(Err(io::Error::new(error.kind(), error.to_string()))),
            Ok([]) => self.tell(Err(hung_up())),
            Ok(bytes) => {
                let missing = (KIND_AT + 1).saturating_sub(self.begins.len());
                self.begins.extend(bytes.iter().take(missing));
                if let Some(Err(other)) = judge(&self.begins) {
                    self.tell(Err(other));
                }
            }
        }
    }

    fn tell(&mut self, verdict: io::Result<()>) {
        if let Some(told) = self.told.take() {
            let _ = told.send(verdict);
        }
    }
}

/// What the first bytes of a peer are worth; none while there are too few.
fn judge(begins: &[u8]) -> Option<io::Result<()>> {
    let kind = begins.get(KIND_AT)?;
    Some(if *kind == SETTINGS {
        Ok(())
    } else {
        let other = "the service does not begin as HTTP/2 does";
        Err(io::Error::new(ErrorKind::InvalidData, other))
    })
}

fn hung_up() -> io::Error {
    let before = "the service ended the connection before it said anything";
    io::Error::new(ErrorKind::UnexpectedEof, before)
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Whoever asks for more has looked at the settings: their limits hold from now on.
        if let Some(verdict) = judge(&self.begins) {
            self.tell(verdict);
        }
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if self.told.is_some() {
            let new = buf.filled().get(before..).unwrap_or_default();
            self.look(read.as_ref().map(|()| new));
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where the kind of a frame stands, after its length (RFC 9113 §4.1).
const KIND_AT: usize = 3;
const SETTINGS: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What is thought of a peer that sends these pieces and ends.
    async fn thought(pieces: &[&[u8]]) -> Option<ErrorKind> {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let (mut stream, greeting) = listen(ours);
        for piece in pieces {
            theirs.write_all(piece).await.unwrap();
            let mut passed = vec![0; piece.len()];
            stream.read_exact(&mut passed).await.unwrap();
            assert_eq!(&passed, piece);
        }
        drop(theirs);
        let _ = stream.read(&mut [0]).await;
        greeting.await.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn only_settings_begin_a_connection() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];

        assert_eq!(thought(&[&settings]).await, None);
        assert_eq!(thought(&[&settings[..2], &settings[2..]]).await, None);

        let other = Some(ErrorKind::InvalidData);
        assert_eq!(thought(&[b"HTTP/1.1 400 Bad Request\r\n"]).await, other);
        let ended = Some(ErrorKind::UnexpectedEof);
        assert_eq!(thought(&[&settings[..2]]).await, ended);
        assert_eq!(thought(&[]).await, ended);
    }
}
