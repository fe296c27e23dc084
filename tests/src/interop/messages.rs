//! A body of gRPC as its messages, looked at and changed while it passes.

use std::future::ready;
use std::io::Write as _;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::StreamExt as _;
use http::HeaderMap;
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use tonic::body::Body;

/// What passes.
#[derive(Debug)]
pub enum Passing<'a> {
    /// A message.
    Message(&'a mut Message),
    /// The trailers.
    Trailers(&'a mut HeaderMap),
}

/// A message as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whether its flag says that it is compressed.
    pub compressed: bool,
    /// Its bytes, without the prefix.
    pub content: Bytes,
}

impl Message {
    /// Compresses it, unless it is.
    ///
    /// # Panics
    ///
    /// Never: memory takes every byte.
    pub fn gzip(&mut self) {
        if self.compressed {
            return;
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&self.content).expect("room");
        self.content = encoder.finish().expect("room").into();
        self.compressed = true;
    }

    fn take(held: &mut BytesMut) -> Option<Self> {
        let (prefix, _) = held.split_first_chunk::<PREFIX>()?;
        let [flag, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        if held.len() - PREFIX < length {
            return None;
        }
        held.advance(PREFIX);
        Some(Self {
            compressed: flag == 1,
            content: held.split_to(length).freeze(),
        })
    }

    fn put(&self, out: &mut BytesMut) {
        out.put_u8(self.compressed.into());
        out.put_u32(self.content.len().try_into().expect("a length"));
        out.put_slice(&self.content);
    }
}

/// The same body, of which each message and the trailers are shown on their way.
pub fn watch(body: Body, mut see: impl FnMut(Passing<'_>) + Send + 'static) -> Body {
    let mut held = BytesMut::new();
    let frames = BodyStream::new(body).filter_map(move |frame| {
        let passed = frame.map(|frame| pass(frame, &mut held, &mut see));
        ready(passed.transpose())
    });
    Body::new(StreamBody::new(frames))
}

/// A frame with the messages that are whole by now, if any.
fn pass(
    frame: Frame<Bytes>,
    held: &mut BytesMut,
    see: &mut impl FnMut(Passing<'_>),
) -> Option<Frame<Bytes>> {
    let data = match frame.into_data() {
        Ok(data) => data,
        Err(frame) => {
            let mut trailers = frame.into_trailers().ok()?;
            see(Passing::Trailers(&mut trailers));
            return Some(Frame::trailers(trailers));
        }
    };
    held.extend_from_slice(&data);
    let mut out = BytesMut::new();
    while let Some(mut message) = Message::take(held) {
        see(Passing::Message(&mut message));
        message.put(&mut out);
    }
    (!out.is_empty()).then(|| Frame::data(out.freeze()))
}

/// Bytes before a message: a flag and a length.
const PREFIX: usize = 5;
