//! Header blocks without an end, and such that become much larger than they are.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use tonic::Code;
use varco_tests::calls::reason;
use varco_tests::h2raw::{Verdict, call, code, flag, frame, indexed, kind, literals};

use super::{Attacker, ECHO};

/// CVE-2024-27316: CONTINUATION frames and no end of the headers.
pub(super) async fn continuations(by: Attacker, end: Instant) -> String {
    let block = call(ECHO, &[]);
    let more = literals(&[("x-more", &"x".repeat(1000))]);
    let (mut sent, mut ends) = (0, 0);
    while Instant::now() < end {
        let mut raw = by.connect().await;
        raw.send(kind::HEADERS, 0, 1, &block).await.unwrap();
        for _ in 0..10_000 {
            sent += 1;
            if raw.send(kind::CONTINUATION, 0, 1, &more).await.is_err() {
                break;
            }
        }
        let verdict = raw.verdict(1, SOON).await;
        assert_ne!(verdict, Verdict::Nothing, "{sent} frames");
        ends += 1;
    }
    format!("{sent} frames, {ends} connections ended")
}

/// An entry of the dynamic table that is named thousands of times.
pub(super) async fn bomb(by: Attacker, end: Instant) -> String {
    let mut block = BytesMut::from(&call(ECHO, &[])[..]);
    block.extend(indexed("x-bomb", &"x".repeat(3900)));
    // The newest entry of the dynamic table is number 62.
    block.extend(std::iter::repeat_n(0xbe, 15_000 - block.len()));
    let (mut bombs, mut refused) = (0, 0);
    while Instant::now() < end {
        let mut raw = by.connect().await;
        for stream in (1..200).step_by(2) {
            let flags = flag::END_HEADERS | flag::END_STREAM;
            if raw
                .send(kind::HEADERS, flags, stream, &block)
                .await
                .is_err()
            {
                break;
            }
            bombs += 1;
            if raw.verdict(stream, SOON).await != Verdict::Nothing {
                refused += 1;
                break;
            }
        }
    }
    assert!(refused > 0);
    format!("{bombs} bombs of 44 MiB, {refused} refused")
}

/// Metadata above what a call may carry, which are refused with a reason, and above what is read.
pub(super) async fn large(by: Attacker, end: Instant) -> String {
    let mut wire = by.wire().await;
    let bearer = by.bearer();
    let (mut told, mut cut) = (0, 0);
    let long = "x".repeat(17 * 1024);
    let huge = call(ECHO, &[("x-long", &"x".repeat(70 * 1024))]);
    while Instant::now() < end {
        let headers = [("authorization", bearer.as_str()), ("x-long", &long)];
        let answer = wire.send(&ECHO[1..], &headers, bytes::Bytes::new()).await;
        let status = answer.unwrap().status();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(reason(&status), "METADATA_TOO_LARGE");
        told += 1;

        let mut raw = by.connect().await;
        let pieces: Vec<_> = huge.chunks(16 * 1024).collect();
        for (place, piece) in pieces.iter().enumerate() {
            let last = place + 1 == pieces.len();
            let flags = if last { flag::END_HEADERS } else { 0 };
            let kind = if place == 0 {
                kind::HEADERS
            } else {
                kind::CONTINUATION
            };
            raw.write(&frame(kind, flags, 1, piece)).await.unwrap();
        }
        let verdict = raw.verdict(1, SOON).await;
        assert!(is_cut(verdict), "{verdict:?}");
        cut += 1;
    }
    format!("{told} told, {cut} cut")
}

/// A list that is too large is 431, the end of its stream, or that of the connection (§10.5.1).
fn is_cut(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Answer(_) | Verdict::Stream(_) => true,
        Verdict::Connection(code) => code == code::ENHANCE_YOUR_CALM,
        Verdict::Closed | Verdict::Nothing => false,
    }
}

const SOON: Duration = Duration::from_secs(2);
