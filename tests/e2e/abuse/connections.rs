//! Floods of connections and of handshakes, which are the dearest thing that a stranger can ask for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConnection;
use varco_runtime::tls;

use super::Attacker;

/// Connections that are opened and kept, more of them and faster than one address may.
pub(super) async fn flood(by: Attacker, end: Instant) -> String {
    let mut held: Vec<TcpStream> = Vec::new();
    let mut opened = 0;
    let mut tick = tokio::time::interval(TICK);
    while Instant::now() < end && opened < MOST_OPENED {
        tick.tick().await;
        for _ in 0..EACH_TICK {
            // Where the listener's queue is full, the system itself refuses.
            held.extend(by.origin.tcp().await);
        }
        opened += EACH_TICK;
        if held.len() >= MOST_HELD {
            held.drain(..EACH_TICK);
        }
    }
    tokio::time::sleep_until(end.into()).await;
    format!("{opened} connections")
}

/// Whole handshakes with the office's own certificate, one after the other.
pub(super) async fn handshakes(by: Attacker, end: Instant) -> String {
    let (mut finished, mut refused) = (0, 0);
    while Instant::now() < end {
        if by.origin.connect().await.is_ok() {
            finished += 1;
        } else {
            refused += 1;
            // Whoever floods does not wait for long either.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    format!("{finished} handshakes, {refused} refused")
}

/// `ClientHello` and nothing more, on all connections that are taken.
pub(super) async fn unfinished(by: Attacker, end: Instant) -> String {
    let hello = hello(&by);
    let mut held = Vec::new();
    while Instant::now() < end {
        let taken = match by.origin.tcp().await {
            Ok(mut stream) => {
                let written = stream.write_all(&hello).await;
                written.is_ok().then_some(stream)
            }
            Err(_) => None,
        };
        held.extend(taken);
        if held.len() >= MOST_HELD {
            break;
        }
    }
    let mut answered = 0;
    for stream in &mut held {
        // What was refused has been closed; the others have an answer to their hello.
        let read = tokio::time::timeout(Duration::from_millis(20), stream.read_u8()).await;
        answered += u32::from(matches!(read, Ok(Ok(_))));
    }
    assert!(answered <= GREETINGS, "{answered} unfinished handshakes");
    tokio::time::sleep_until(end.into()).await;
    format!("{} hellos, {answered} answered", held.len())
}

/// The first bytes of a handshake.
fn hello(by: &Attacker) -> Vec<u8> {
    let roots = tls::roots(&by.ca).unwrap();
    let config = Arc::new(tls::client(None, &roots, &["h2"]).unwrap());
    let name = "localhost".try_into().unwrap();
    let mut bytes = Vec::new();
    let mut client = ClientConnection::new(config, name).unwrap();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Connections that the attacker keeps: as many as one process may have beside everything else.
const MOST_HELD: usize = 400;
/// Connections that it opens: ports of this machine are used up otherwise.
const MOST_OPENED: usize = 5000;
/// How many it opens each time: a thousand a second, five times what one address may. Faster ones would
/// measure who gets the two cores that the attacker shares with everybody.
const EACH_TICK: usize = 10;
const TICK: Duration = Duration::from_millis(10);
/// Unfinished handshakes that one address may have (`server::Limits`).
const GREETINGS: u32 = 64;
