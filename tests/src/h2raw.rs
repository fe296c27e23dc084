//! HTTP/2 frames by hand (RFC 9113), for peers that no library would let anybody be.
//!
//! Header blocks are literals without Huffman coding, which any decoder must take (RFC 7541 §6.2).

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use varco_runtime::tls::{self, Identity};

/// Who connects: the address that it comes from, and its certificate.
#[derive(Clone)]
pub struct Origin {
    /// The gateway.
    pub to: SocketAddr,
    /// An address of this machine: one peer is one address.
    pub from: IpAddr,
    connector: TlsConnector,
}

/// A connection that is written to frame by frame.
pub struct Raw {
    stream: TlsStream<TcpStream>,
    buffer: BytesMut,
}

/// A frame (RFC 9113 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// What it carries.
    pub payload: Bytes,
}

/// How the other side took what it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// GOAWAY with a code other than `NO_ERROR`: a connection error (§5.4.1).
    Connection(u32),
    /// `RST_STREAM` with a code: a stream error (§5.4.2).
    Stream(u32),
    /// A whole answer with an HTTP status.
    Answer(u16),
    /// The connection ended without a word.
    Closed,
    /// Nothing, within the patience.
    Nothing,
}

/// Types of frames (§6).
pub mod kind {
    /// DATA.
    pub const DATA: u8 = 0;
    /// HEADERS.
    pub const HEADERS: u8 = 1;
    /// PRIORITY.
    pub const PRIORITY: u8 = 2;
    /// `RST_STREAM`.
    pub const RST_STREAM: u8 = 3;
    /// SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// `PUSH_PROMISE`.
    pub const PUSH_PROMISE: u8 = 5;
    /// PING.
    pub const PING: u8 = 6;
    /// GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// `WINDOW_UPDATE`.
    pub const WINDOW_UPDATE: u8 = 8;
    /// CONTINUATION.
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames (§6).
pub mod flag {
    /// Of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// Of HEADERS and DATA.
    pub const END_STREAM: u8 = 1;
    /// Of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;
    /// Of HEADERS and DATA.
    pub const PADDED: u8 = 8;
    /// Of HEADERS.
    pub const PRIORITY: u8 = 32;
}

/// Error codes (§7).
pub mod code {
    /// Nothing is wrong.
    pub const NO_ERROR: u32 = 0;
    /// `PROTOCOL_ERROR`.
    pub const PROTOCOL_ERROR: u32 = 1;
    /// `FLOW_CONTROL_ERROR`.
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    /// `STREAM_CLOSED`.
    pub const STREAM_CLOSED: u32 = 5;
    /// `FRAME_SIZE_ERROR`.
    pub const FRAME_SIZE_ERROR: u32 = 6;
    /// `REFUSED_STREAM`.
    pub const REFUSED_STREAM: u32 = 7;
    /// `COMPRESSION_ERROR`.
    pub const COMPRESSION_ERROR: u32 = 9;
    /// `ENHANCE_YOUR_CALM`.
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

impl Origin {
    /// Whoever connects from an address with the certificate of a folder.
    ///
    /// # Panics
    ///
    /// When the folder is not whole.
    #[must_use]
    pub fn new(to: SocketAddr, from: IpAddr, folder: &Path, ca: &Path) -> Self {
        let identity = Identity::load(&folder.join("tls.pem"), &folder.join("tls.key"));
        let roots = tls::roots(ca).expect("an authority");
        let config = tls::client(Some(&identity.expect("an identity")), &roots, &["h2"]);
        let connector = TlsConnector::from(Arc::new(config.expect("a connector")));
        Self {
            to,
            from,
            connector,
        }
    }

    /// A TCP connection, and nothing more.
    ///
    /// # Errors
    ///
    /// When it is not taken.
    pub async fn tcp(&self) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.from, 0))?;
        let stream = socket.connect(self.to).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// A connection after its TLS handshake, before any byte of HTTP/2.
    ///
    /// # Errors
    ///
    /// When it is not taken.
    ///
    /// # Panics
    ///
    /// Never: the name is one.
    pub async fn silent(&self) -> std::io::Result<Raw> {
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = self.connector.connect(name, self.tcp().await?).await?;
        Ok(Raw {
            stream,
            buffer: BytesMut::new(),
        })
    }

    /// A connection that has spoken the preface of HTTP/2 (§3.4), with default settings.
    ///
    /// # Errors
    ///
    /// When it is not taken.
    pub async fn connect(&self) -> std::io::Result<Raw> {
        let mut raw = self.silent().await?;
        raw.write(PREFACE).await?;
        raw.send(kind::SETTINGS, 0, 0, &[]).await?;
        Ok(raw)
    }
}

impl Raw {
    /// Writes bytes as they are.
    ///
    /// # Errors
    ///
    /// When the connection has ended, or the other side reads nothing for two seconds.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(STALLED, written).await?
    }

    /// Writes a frame.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn send(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
    ) -> std::io::Result<()> {
        self.write(&frame(kind, flags, stream, payload)).await
    }

    /// Opens a stream with a header block; the request has no body where it `ends`.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn open(&mut self, stream: u32, block: &[u8], ends: bool) -> std::io::Result<()> {
        let flags = flag::END_HEADERS | if ends { flag::END_STREAM } else { 0 };
        self.send(kind::HEADERS, flags, stream, block).await
    }

    /// The next frame; none when the connection has ended.
    pub async fn next(&mut self) -> Option<Frame> {
        while self.buffer.len() < HEAD || self.buffer.len() < HEAD + self.length() {
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                _ => return None,
            }
        }
        let length = self.length();
        self.buffer.advance(3);
        let (kind, flags) = (self.buffer.get_u8(), self.buffer.get_u8());
        let stream = self.buffer.get_u32() & 0x7fff_ffff;
        let payload = self.buffer.split_to(length).freeze();
        Some(Frame {
            kind,
            flags,
            stream,
            payload,
        })
    }

    /// What comes of what was sent: the first error, the answer on a stream, or nothing.
    pub async fn verdict(&mut self, stream: u32, patience: Duration) -> Verdict {
        let judged = tokio::time::timeout(patience, self.judged(stream)).await;
        judged.unwrap_or(Verdict::Nothing)
    }

    async fn judged(&mut self, stream: u32) -> Verdict {
        let mut status = 0;
        while let Some(frame) = self.next().await {
            match frame.kind {
                kind::GOAWAY => match number(&frame.payload, 4) {
                    code::NO_ERROR => {}
                    code => return Verdict::Connection(code),
                },
                kind::RST_STREAM if frame.stream == stream => {
                    return Verdict::Stream(number(&frame.payload, 0));
                }
                kind::HEADERS | kind::DATA if frame.stream == stream => {
                    if frame.kind == kind::HEADERS && status == 0 {
                        status = http_status(&frame.payload);
                    }
                    if frame.flags & flag::END_STREAM != 0 {
                        return Verdict::Answer(status);
                    }
                }
                _ => {}
            }
        }
        Verdict::Closed
    }

    /// Reads what has come so far; says whether the other side has given the connection up.
    pub async fn is_over(&mut self) -> bool {
        self.verdict(0, Duration::ZERO).await != Verdict::Nothing
    }

    fn length(&self) -> usize {
        self.buffer[..3]
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    }
}

/// A frame as bytes.
///
/// # Panics
///
/// When the payload has no length of 24 bits.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(HEAD + payload.len());
    let length = u32::try_from(payload.len())
        .expect("a length")
        .to_be_bytes();
    assert_eq!(length[0], 0, "24 bits");
    bytes.put_slice(&length[1..]);
    bytes.put_u8(kind);
    bytes.put_u8(flags);
    bytes.put_u32(stream);
    bytes.put_slice(payload);
    bytes.freeze()
}

/// Fields as literals without indexing (RFC 7541 §6.2.2).
#[must_use]
pub fn literals(fields: &[(&str, &str)]) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in fields {
        block.put_u8(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block.freeze()
}

/// A field as a literal that enters the dynamic table (RFC 7541 §6.2.1).
#[must_use]
pub fn indexed(name: &str, value: &str) -> Bytes {
    let mut block = BytesMut::new();
    block.put_u8(0x40);
    text(&mut block, name);
    text(&mut block, value);
    block.freeze()
}

/// The header block of a gRPC call, with more fields behind it.
#[must_use]
pub fn call(path: &str, more: &[(&str, &str)]) -> Bytes {
    let fields = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    literals(&[&fields, more].concat())
}

/// A string without Huffman coding (RFC 7541 §5.2).
fn text(block: &mut BytesMut, text: &str) {
    let length = text.len();
    if length < 127 {
        block.put_u8(u8::try_from(length).unwrap_or_default());
    } else {
        block.put_u8(127);
        let mut rest = length - 127;
        while rest >= 128 {
            block.put_u8(u8::try_from(rest % 128).unwrap_or_default() | 128);
            rest /= 128;
        }
        block.put_u8(u8::try_from(rest).unwrap_or_default());
    }
    block.put_slice(text.as_bytes());
}

fn number(payload: &[u8], at: usize) -> u32 {
    let bytes = payload.get(at..at + 4).and_then(|it| it.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// The status at the start of a header block: our servers write 200 as an entry of the static
/// table, and others as a literal.
fn http_status(block: &[u8]) -> u16 {
    match block.first() {
        // Entries 8 to 14 of the static table (RFC 7541 App. A).
        Some(entry @ 0x88..=0x8e) => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(entry & 0x7f) - 8]
        }
        // A literal value, in three digits or in Huffman's code for some.
        Some(_) => LITERAL,
        None => 0,
    }
}

/// Stands for a status that is written as a literal, such as 431.
pub const LITERAL: u16 = 1;
/// The client's first bytes (§3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD: usize = 9;
const STALLED: Duration = Duration::from_secs(2);
