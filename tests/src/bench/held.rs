//! Streams that a client opens over one connection and then holds, idle.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::oneshot;
use varco_runtime::tasks::Tasks;

use super::crowd;
use super::load::{Caller, server_name};

/// A client with its connection and the streams that it holds.
pub struct Holder {
    caller: Caller,
    sender: SendRequest<Question>,
    streams: Vec<Open>,
}

/// An open stream. Dropped, it is cancelled: for that the request must have ended as well.
struct Open {
    _answer: Incoming,
    _request: oneshot::Sender<()>,
}

/// What a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// One message, and that is all.
    Once,
    /// One message, and perhaps more.
    AndStays,
}

type Question = UnsyncBoxBody<Bytes, Infallible>;

impl Holder {
    /// Connects the client of a number to a server under a name of its certificate.
    pub async fn connect(
        (number, caller): (u32, Caller),
        (at, name): (SocketAddr, &str),
        tasks: &Tasks,
    ) -> Self {
        let stream = crowd::connect(number, at).await;
        stream.set_nodelay(true).unwrap();
        let stream = caller.tls().connect(server_name(name), stream).await;
        let stream = TokioIo::new(stream.unwrap());
        let opened = http2::handshake(TokioExecutor::new(), stream).await;
        let (sender, connection) = opened.unwrap();
        tasks.spawn_until_stop(async move { drop(connection.await) });
        Self {
            caller,
            sender,
            streams: Vec::new(),
        }
    }

    /// Opens so many streams, one after the other, each to its first message.
    ///
    /// # Errors
    ///
    /// What came instead of a message.
    pub async fn open(&mut self, streams: usize, asks: Asks) -> Result<(), String> {
        for _ in 0..streams {
            let said = |error: hyper::Error| format!("{error:?}");
            self.sender.ready().await.map_err(said)?;
            let (request, ended) = oneshot::channel();
            let question = question(self.caller.message(), asks, ended);
            let open = |answer| Open {
                _answer: answer,
                _request: request,
            };
            let request = self.caller.request(question);
            let answer = self.sender.send_request(request).await.map_err(said)?;
            let (head, mut body) = answer.into_parts();
            let first = body.frame().await;
            match first {
                Some(Ok(frame)) if frame.is_data() => self.streams.push(open(body)),
                other => return Err(format!("{} {:?} {other:?}", head.status, head.headers)),
            }
        }
        Ok(())
    }

    /// Lets all of its streams go.
    pub fn close(&mut self) {
        self.streams.clear();
    }
}

fn question(message: Bytes, asks: Asks, ended: oneshot::Receiver<()>) -> Question {
    if asks == Asks::Once {
        return Full::new(message).boxed_unsync();
    }
    let first = stream::iter([Ok(Frame::data(message))]);
    let stays = first.chain(stream::pending()).take_until(ended);
    StreamBody::new(stays).boxed_unsync()
}
