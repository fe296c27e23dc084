//! Peers that send or read a byte now and then, to hold what they have.

use std::time::{Duration, Instant};

use varco_tests::h2raw::{Raw, call, flag, frame, kind};

use super::{Attacker, ECHO};

/// Header blocks that come byte by byte.
pub(super) async fn headers(by: Attacker, end: Instant) -> String {
    let block = call(ECHO, &[]);
    let bytes = frame(
        kind::HEADERS,
        flag::END_HEADERS | flag::END_STREAM,
        1,
        &block,
    );
    let mut held = connections(&by).await;
    let count = held.len();
    drip(&mut held, &bytes, end).await;
    format!("{count} connections, {} held to the end", held.len())
}

/// Messages that come byte by byte, on every stream that a connection has.
pub(super) async fn bodies(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let block = call(ECHO, &[("authorization", &bearer)]);
    let mut raw = by.connect().await;
    let streams = (1..=2 * STREAMS).step_by(2);
    for stream in streams.clone() {
        raw.open(stream, &block, false).await.unwrap();
        raw.send(kind::DATA, 0, stream, &[0, 0, 0, 4, 0])
            .await
            .unwrap();
    }
    let mut sent = 0;
    while Instant::now() < end {
        for stream in streams.clone() {
            // Streams beyond what the client may have open have been refused.
            if raw.send(kind::DATA, 0, stream, b"x").await.is_ok() {
                sent += 1;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    format!("{STREAMS} bodies, {sent} bytes")
}

/// Streams whose answers are never read: with a window of a byte, and with one that is never
/// opened again.
pub(super) async fn reading(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let block = call("/eco.v1.EcoService/Follow", &[("authorization", &bearer)]);
    let mut held = Vec::new();
    for number in 0..2 {
        let mut raw = by.connect().await;
        if number == 0 {
            // SETTINGS_INITIAL_WINDOW_SIZE.
            raw.send(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])
                .await
                .unwrap();
        }
        for stream in (1..=60).step_by(2) {
            raw.open(stream, &block, false).await.unwrap();
            // 1000 messages of 64 KiB: FollowRequest { messages, characters }.
            let message = [8, 232, 7, 16, 128, 128, 4];
            let framed = [&[0, 0, 0, 0, 7][..], &message].concat();
            let data = frame(kind::DATA, flag::END_STREAM, stream, &framed);
            raw.write(&data).await.unwrap();
        }
        held.push(raw);
    }
    tokio::time::sleep_until(end.into()).await;
    format!("{} connections of 30 answers of 64 MiB", held.len())
}

async fn connections(by: &Attacker) -> Vec<Raw> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(by.connect().await);
    }
    held
}

/// Sends a byte of the same bytes on every connection now and then.
async fn drip(held: &mut Vec<Raw>, bytes: &[u8], end: Instant) {
    for byte in bytes.chunks(1) {
        if Instant::now() >= end {
            return;
        }
        let mut left = Vec::new();
        for mut raw in held.drain(..) {
            if raw.write(byte).await.is_ok() {
                left.push(raw);
            }
        }
        *held = left;
        tokio::time::sleep(PAUSE).await;
    }
}

const CONNECTIONS: usize = 40;
const STREAMS: u32 = 120;
const PAUSE: Duration = Duration::from_millis(100);
