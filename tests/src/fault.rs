//! A service that misbehaves on the wire: what stands before it ends the first calls in some way and
//! hands later connections on untouched.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use varco_runtime::tasks::Tasks;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut without a word.
    Cut,
    /// The connection is ended below the call's number: it was not looked at (RFC 9113 §6.8).
    GoAway,
    /// The call is reset as refused: it was not looked at (RFC 9113 §8.7). Later ones on the
    /// connection are answered with an empty message.
    Refuse,
    /// The call is reset as failed: whatever was done with it.
    Reset,
}

/// A front before a service, on a port of its own; dropped, it closes.
pub struct Front {
    address: SocketAddr,
    faults: Arc<AtomicUsize>,
    tasks: Tasks,
}

impl Front {
    /// Stands before `service` and ends the first call of each of the first `connections` so.
    ///
    /// # Panics
    ///
    /// When there is no port.
    pub async fn before(service: SocketAddr, fault: Fault, connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let tasks = Tasks::default();
        let faults = Arc::new(AtomicUsize::new(0));
        let (counted, children) = (Arc::clone(&faults), tasks.clone());
        tasks.spawn_until_stop(async move {
            let mut left = connections;
            while let Ok((mut stream, _)) = listener.accept().await {
                if left == 0 {
                    children.spawn_until_stop(async move {
                        if let Ok(mut onward) = TcpStream::connect(service).await {
                            let _ = copy_bidirectional(&mut stream, &mut onward).await;
                        }
                    });
                    continue;
                }
                left -= 1;
                let counted = Arc::clone(&counted);
                children.spawn_until_stop(async move {
                    let _ = misbehave(stream, fault, &counted).await;
                });
            }
        });
        Self {
            address,
            faults,
            tasks,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls that it has ended.
    #[must_use]
    pub fn faults(&self) -> usize {
        self.faults.load(Ordering::Relaxed)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}

/// Speaks HTTP/2 until the first call comes, ends it and counts it.
async fn misbehave(
    mut stream: TcpStream,
    fault: Fault,
    counted: &AtomicUsize,
) -> std::io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    stream
        .write_all(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0])
        .await?;
    let mut ended = false;
    loop {
        // Length, kind, flags, stream (RFC 9113 §4.1).
        let (mut length, mut kind, mut id) = ([0; 4], [0; 2], [0; 4]);
        stream.read_exact(&mut length[1..]).await?;
        stream.read_exact(&mut kind).await?;
        stream.read_exact(&mut id).await?;
        let [kind, flags] = kind;
        let mut payload = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut payload).await?;
        match kind {
            SETTINGS if flags & ACK == 0 => {
                let acknowledged = [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0];
                stream.write_all(&acknowledged).await?;
            }
            HEADERS if ended => stream.write_all(&answer(id)).await?,
            HEADERS => {
                end(&mut stream, id, fault).await?;
                counted.fetch_add(1, Ordering::Relaxed);
                ended = true;
                match fault {
                    Fault::Cut => return Ok(()),
                    Fault::Refuse => continue,
                    Fault::GoAway | Fault::Reset => {}
                }
                // Closed with bytes unread, a socket takes back what it has sent.
                stream.shutdown().await?;
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
                return Ok(());
            }
            _ => {}
        }
    }
}

async fn end(stream: &mut TcpStream, id: [u8; 4], fault: Fault) -> std::io::Result<()> {
    let reset = |code: u8| frame(RST_STREAM, 0, id, &[0, 0, 0, code]);
    let frame = match fault {
        Fault::Cut => return Ok(()),
        // No stream was looked at, and no error.
        Fault::GoAway => frame(GOAWAY, 0, [0; 4], &[0; 8]),
        Fault::Refuse => reset(REFUSED_STREAM),
        Fault::Reset => reset(INTERNAL_ERROR),
    };
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// An answer of one empty message.
fn answer(id: [u8; 4]) -> Vec<u8> {
    // Status 200, a content type and a new name, none of them indexed (RFC 7541 §6).
    let head = [b"\x88\x0f\x10\x10", &b"application/grpc"[..]].concat();
    let trailers = b"\x00\x0bgrpc-status\x010";
    [
        frame(HEADERS, END_HEADERS, id, &head),
        frame(DATA, 0, id, &[0; 5]),
        frame(HEADERS, END_HEADERS | END_STREAM, id, trailers),
    ]
    .concat()
}

fn frame(kind: u8, flags: u8, id: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    [&[0, 0, length, kind, flags], &id[..], payload].concat()
}

const ACK: u8 = 1;
const DATA: u8 = 0;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const GOAWAY: u8 = 7;
const HEADERS: u8 = 1;
const INTERNAL_ERROR: u8 = 2;
const REFUSED_STREAM: u8 = 7;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
