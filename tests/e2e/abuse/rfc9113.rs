//! What RFC 9113 says of frames that must not be: each is answered with the right error, of the
//! stream or of the connection, and the gateway serves whoever else calls.
//!
//! Where the RFC leaves a choice, all that it allows is taken and nothing else. In [`LESS_PRECISE`]
//! the kind of error is the right one, but h2 calls it `PROTOCOL_ERROR` where the RFC has a name.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tonic::Code;
use varco_proto::registry::v1::Kind;
use varco_tests::comune::Comune;
use varco_tests::eco::{Eco, v1};
use varco_tests::h2raw::{Origin, Verdict, call, code, flag, frame, kind, literals};
use varco_tests::wire::Wire;

use super::{ECHO, WAIT, of_the_desk};
use Verdict::{Answer, Closed, Connection, Stream};

/// What is sent after the preface, and what may come of it on a stream.
struct Case {
    name: &'static str,
    sent: Vec<Bytes>,
    stream: u32,
    allowed: Vec<Verdict>,
}

impl Case {
    /// Whether the RFC allows it; "an endpoint MAY choose to treat a stream error as a connection
    /// error" (§5.4.1).
    fn allows(&self, verdict: Verdict) -> bool {
        let as_stream = match verdict {
            Connection(code) => Stream(code),
            other => other,
        };
        let less_precise = LESS_PRECISE.contains(&self.name);
        self.allowed.contains(&verdict)
            || self.allowed.contains(&as_stream)
            || less_precise && verdict == Connection(code::PROTOCOL_ERROR)
    }
}

fn case(name: &'static str, sent: Vec<Bytes>, stream: u32, allowed: &[Verdict]) -> Case {
    Case {
        name,
        sent,
        stream,
        allowed: allowed.to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rfc_9113_forbids_is_answered_as_it_says() {
    let comune = Comune::start().await;
    let eco = Eco::start();
    comune.apply(eco.document("read")).await;
    comune.apply(of_the_desk(eco.document("read"))).await;
    let bearer = format!("Bearer {}", voucher(&comune, "tributi").await);
    let good = voucher(&comune, "sportello").await;
    let waiting = call(WAIT, &[("authorization", &bearer)]);
    let (folder, ca) = (comune.client_folder("tributi"), comune.ca());
    let to = comune.config().gateway.data_plane;
    let origin = Origin::new(to, Ipv4Addr::LOCALHOST.into(), &folder, &ca);
    let mut healthy = comune.wire("sportello").await;

    let mut wrong = Vec::new();
    let cases = [
        sizes(&waiting),
        streams(&waiting),
        sequences(&waiting),
        settings(),
        windows(&waiting),
        headers(&waiting),
        compression(),
        ignored(),
        many(&waiting),
    ];
    for case in cases.into_iter().flatten() {
        let mut raw = origin.connect().await.unwrap();
        for bytes in &case.sent {
            let _ = raw.write(bytes).await;
        }
        let verdict = raw.verdict(case.stream, PATIENCE).await;
        if !case.allows(verdict) {
            wrong.push((case.name, verdict, case.allowed));
        }
        is_served(&mut healthy, &good).await;
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_greeting(&origin).await;
    assert_ping(&origin).await;
    comune.stop().await;
}

async fn voucher(comune: &Comune, client: &str) -> String {
    let purpose = comune.id(Kind::Purpose, &format!("{client}/prova")).await;
    comune.voucher(client, &purpose).await
}

/// A call of another office is answered.
async fn is_served(healthy: &mut Wire, voucher: &str) {
    let question = v1::EchoRequest::default();
    let answer = healthy.call(&ECHO[1..], voucher, &question).await;
    assert_eq!(answer.code(), Code::Ok, "{answer:?}");
}

/// Whoever does not speak HTTP/2 may be left without a word (§3.4).
async fn assert_greeting(origin: &Origin) {
    for greeting in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ] {
        let mut raw = origin.silent().await.unwrap();
        raw.write(greeting).await.unwrap();
        let verdict = raw.verdict(1, PATIENCE).await;
        let allowed = [Closed, Connection(code::PROTOCOL_ERROR)];
        assert!(allowed.contains(&verdict), "{greeting:?}: {verdict:?}");
    }
}

/// A PING comes back as it was sent (§6.7).
async fn assert_ping(origin: &Origin) {
    let mut raw = origin.connect().await.unwrap();
    raw.send(kind::PING, 0, 0, b"andirivi").await.unwrap();
    let answer = async {
        loop {
            match raw.next().await {
                Some(frame) if frame.kind == kind::PING => return frame,
                Some(_) => {}
                None => panic!("no answer"),
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await.unwrap();
    assert_eq!(
        (answer.flags, &answer.payload[..]),
        (flag::ACK, &b"andirivi"[..])
    );
}

/// §4.2 and the sizes of each type.
fn sizes(open: &Bytes) -> Vec<Case> {
    let size = Connection(code::FRAME_SIZE_ERROR);
    let opened = headers_frame(1, open, 0);
    let large = vec![0; 16_385];
    vec![
        case(
            "DATA above the largest frame",
            vec![opened.clone(), frame(kind::DATA, 0, 1, &large)],
            1,
            &[size, Stream(code::FRAME_SIZE_ERROR)],
        ),
        case(
            "HEADERS above the largest frame",
            vec![frame(kind::HEADERS, flag::END_HEADERS, 1, &large)],
            1,
            &[size],
        ),
        case(
            "SETTINGS of 5 bytes",
            vec![frame(kind::SETTINGS, 0, 0, &[0; 5])],
            0,
            &[size],
        ),
        case(
            "SETTINGS that acknowledge and say something",
            vec![frame(kind::SETTINGS, flag::ACK, 0, &[0; 6])],
            0,
            &[size],
        ),
        case(
            "PING of 7 bytes",
            vec![frame(kind::PING, 0, 0, &[0; 7])],
            0,
            &[size],
        ),
        case(
            "WINDOW_UPDATE of 3 bytes",
            vec![frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3])],
            0,
            &[size],
        ),
        case(
            "RST_STREAM of 3 bytes",
            vec![opened.clone(), frame(kind::RST_STREAM, 0, 1, &[0; 3])],
            1,
            &[size],
        ),
        case(
            "PRIORITY of 4 bytes",
            vec![opened, frame(kind::PRIORITY, 0, 1, &[0; 4])],
            1,
            &[Stream(code::FRAME_SIZE_ERROR), size],
        ),
    ]
}

/// §5.1: what may come on which stream.
fn streams(open: &Bytes) -> Vec<Case> {
    let protocol = Connection(code::PROTOCOL_ERROR);
    let reset = 8_u32.to_be_bytes();
    let one = |bytes| vec![bytes];
    vec![
        case(
            "DATA on no stream",
            one(frame(kind::DATA, 0, 0, b"x")),
            0,
            &[protocol],
        ),
        case(
            "DATA on an idle stream",
            one(frame(kind::DATA, 0, 1, b"x")),
            1,
            &[protocol],
        ),
        case(
            "HEADERS on no stream",
            one(headers_frame(0, open, 0)),
            0,
            &[protocol],
        ),
        case(
            "HEADERS on a stream of the server's",
            one(headers_frame(2, open, 0)),
            2,
            &[protocol],
        ),
        case(
            "HEADERS on a lower stream than before",
            vec![headers_frame(5, open, 0), headers_frame(3, open, 0)],
            3,
            &[protocol],
        ),
        case(
            "RST_STREAM on an idle stream",
            one(frame(kind::RST_STREAM, 0, 1, &reset)),
            1,
            &[protocol],
        ),
        case(
            "RST_STREAM on no stream",
            one(frame(kind::RST_STREAM, 0, 0, &reset)),
            0,
            &[protocol],
        ),
        case(
            "PING on a stream",
            one(frame(kind::PING, 0, 1, &[0; 8])),
            1,
            &[protocol],
        ),
        case(
            "GOAWAY on a stream",
            one(frame(kind::GOAWAY, 0, 1, &[0; 8])),
            1,
            &[protocol],
        ),
    ]
}

/// §5.1, §6.1, §6.10: frames at the wrong time.
fn sequences(open: &Bytes) -> Vec<Case> {
    let protocol = Connection(code::PROTOCOL_ERROR);
    let opened = headers_frame(1, open, 0);
    let closed = [Stream(code::STREAM_CLOSED)];
    vec![
        case(
            "PUSH_PROMISE of a client",
            vec![
                opened.clone(),
                frame(kind::PUSH_PROMISE, flag::END_HEADERS, 1, &[0, 0, 0, 2]),
            ],
            1,
            &[protocol],
        ),
        case(
            "DATA after the end of the request",
            vec![
                [
                    headers_frame(1, open, flag::END_STREAM),
                    frame(kind::DATA, 0, 1, b"x"),
                ]
                .concat()
                .into(),
            ],
            1,
            &closed,
        ),
        case(
            "padding that is longer than its frame",
            vec![opened.clone(), frame(kind::DATA, flag::PADDED, 1, &[9, 0])],
            1,
            &[protocol],
        ),
        case(
            "CONTINUATION of nothing",
            vec![frame(kind::CONTINUATION, 4, 1, b"")],
            1,
            &[protocol],
        ),
        case(
            "PING between HEADERS and CONTINUATION",
            vec![
                frame(kind::HEADERS, 0, 1, open),
                frame(kind::PING, 0, 0, &[0; 8]),
            ],
            1,
            &[protocol],
        ),
        case(
            "CONTINUATION on another stream",
            vec![
                frame(kind::HEADERS, 0, 1, open),
                frame(kind::CONTINUATION, 4, 3, b""),
            ],
            1,
            &[protocol],
        ),
    ]
}

/// §6.5.2: values that no setting may have.
fn settings() -> Vec<Case> {
    let protocol = Connection(code::PROTOCOL_ERROR);
    let set = |id: u8, value: u32| {
        let value = value.to_be_bytes();
        vec![frame(
            kind::SETTINGS,
            0,
            0,
            &[&[0, id], &value[..]].concat(),
        )]
    };
    vec![
        case(
            "SETTINGS on a stream",
            vec![frame(kind::SETTINGS, 0, 1, &[])],
            1,
            &[protocol],
        ),
        case("ENABLE_PUSH of 2", set(2, 2), 0, &[protocol]),
        case(
            "INITIAL_WINDOW_SIZE above its limit",
            set(4, 1 << 31),
            0,
            &[Connection(code::FLOW_CONTROL_ERROR)],
        ),
        case(
            "MAX_FRAME_SIZE below its limit",
            set(5, 16_383),
            0,
            &[protocol],
        ),
    ]
}

/// §6.9: windows.
fn windows(open: &Bytes) -> Vec<Case> {
    let opened = headers_frame(1, open, 0);
    let update = |stream, by: u32| frame(kind::WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    let most = 0x7fff_ffff;
    let idle = Connection(code::PROTOCOL_ERROR);
    vec![
        case("WINDOW_UPDATE by nothing", vec![update(0, 0)], 0, &[idle]),
        case(
            "WINDOW_UPDATE of a stream by nothing",
            vec![opened.clone(), update(1, 0)],
            1,
            &[Stream(code::PROTOCOL_ERROR)],
        ),
        case(
            "WINDOW_UPDATE of an idle stream",
            vec![update(1, 1)],
            1,
            &[idle],
        ),
        case(
            "window of the connection above its limit",
            vec![update(0, most), update(0, most)],
            0,
            &[Connection(code::FLOW_CONTROL_ERROR)],
        ),
        case(
            "window of a stream above its limit",
            vec![opened, update(1, most)],
            1,
            &[Stream(code::FLOW_CONTROL_ERROR)],
        ),
    ]
}

/// §8.1.1, §8.2, §8.3: malformed requests.
fn headers(open: &Bytes) -> Vec<Case> {
    let malformed = |name, fields: &[(&str, &str)]| {
        let sent = vec![headers_frame(1, &literals(fields), flag::END_STREAM)];
        case(name, sent, 1, &[Stream(code::PROTOCOL_ERROR)])
    };
    let good = [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", ECHO),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
    ];
    let with = |name, more| malformed(name, &[&good[..], &[more]].concat());
    let without = |name, place: usize| {
        let kept = good.iter().enumerate().filter(|(at, _)| *at != place);
        malformed(name, &kept.map(|(_, field)| *field).collect::<Vec<_>>())
    };
    let opened = headers_frame(1, open, 0);
    let counted = call(WAIT, &[("content-length", "9")]);
    vec![
        with("name in capitals", ("X-Capital", "x")),
        with("pseudo-header after a field", (":path", ECHO)),
        with("connection", ("connection", "keep-alive")),
        with("transfer-encoding", ("transfer-encoding", "chunked")),
        with("te other than trailers", ("te", "gzip")),
        with("unknown pseudo-header", (":nothing", "x")),
        with("line feed in a value", ("x-line", "a\nb")),
        without("no method", 0),
        without("no scheme", 1),
        without("no path", 2),
        malformed(
            "path twice",
            &[&good[..3], &[(":path", ECHO)], &good[3..]].concat(),
        ),
        malformed(
            "status in a request",
            &[&[(":status", "200")], &good[..]].concat(),
        ),
        malformed(
            "empty path",
            &[(":method", "POST"), (":scheme", "https"), (":path", "")],
        ),
        case(
            "trailers that do not end the request",
            vec![
                opened,
                headers_frame(1, &literals(&[("x-trailer", "x")]), 0),
            ],
            1,
            &[Stream(code::PROTOCOL_ERROR)],
        ),
        case(
            "more bytes than content-length says",
            vec![
                [
                    headers_frame(1, &counted, 0),
                    frame(kind::DATA, flag::END_STREAM, 1, &[0; 20]),
                ]
                .concat()
                .into(),
            ],
            1,
            &[Stream(code::PROTOCOL_ERROR)],
        ),
    ]
}

/// §5.1.2: more streams at once. The last case, for these calls are given up, and hold their places
/// until the service has let them go.
fn many(open: &Bytes) -> Vec<Case> {
    vec![case(
        "more streams than may be open",
        (0..129)
            .map(|it| headers_frame(2 * it + 1, open, 0))
            .collect(),
        257,
        &[Stream(code::REFUSED_STREAM), Stream(code::PROTOCOL_ERROR)],
    )]
}

/// RFC 7541: header blocks that no decoder understands.
fn compression() -> Vec<Case> {
    let bad = |name, more: &[u8]| {
        let block = [&call(ECHO, &[])[..], more].concat();
        let sent = vec![headers_frame(1, &block.into(), flag::END_STREAM)];
        case(name, sent, 1, &[Connection(code::COMPRESSION_ERROR)])
    };
    vec![
        bad("index that no table has", &[0xff, 0x00]),
        bad("index of nothing", &[0x80]),
        bad(
            "integer without an end",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        bad("literal that is cut off", &[0x00, 0x05, b'a']),
        bad("table above its limit", &[0x3f, 0xe1, 0xff, 0x7f]),
    ]
}

/// What must be ignored, or does no harm.
fn ignored() -> Vec<Case> {
    let asked = headers_frame(1, &call(ECHO, &[]), flag::END_STREAM);
    let answered = |name, before: Bytes| case(name, vec![before, asked.clone()], 1, &[Answer(200)]);
    let dependent = [&[0, 0, 0, 1, 16][..], &call(ECHO, &[])].concat();
    let flags = flag::END_HEADERS | flag::END_STREAM | flag::PRIORITY;
    vec![
        answered(
            "type of frame that nobody knows",
            frame(0xbb, 0xff, 0, b"anything"),
        ),
        answered("PRIORITY", frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 0, 15])),
        answered(
            "setting that nobody knows",
            frame(kind::SETTINGS, 0, 0, &[0xf0, 0, 0, 0, 0, 1]),
        ),
        answered(
            "flag that nobody knows",
            frame(kind::PING, 0x80, 0, &[0; 8]),
        ),
        case(
            "GOAWAY after a request",
            vec![asked.clone(), frame(kind::GOAWAY, 0, 0, &[0; 8])],
            1,
            &[Answer(200)],
        ),
        case(
            "stream that depends on itself",
            vec![frame(kind::HEADERS, flags, 1, &dependent)],
            1,
            // RFC 7540 §5.3.1; RFC 9113 §5.3.2 has priorities ignored.
            &[Stream(code::PROTOCOL_ERROR), Answer(200)],
        ),
    ]
}

fn headers_frame(stream: u32, block: &Bytes, flags: u8) -> Bytes {
    let block = BytesMut::from(&block[..]);
    frame(kind::HEADERS, flag::END_HEADERS | flags, stream, &block)
}

/// Connection errors, as the RFC wants or allows, to which h2 0.4 gives no name of their own.
const LESS_PRECISE: &[&str] = &[
    "DATA after the end of the request",
    "INITIAL_WINDOW_SIZE above its limit",
    "PING of 7 bytes",
    "PRIORITY of 4 bytes",
    "RST_STREAM of 3 bytes",
    "SETTINGS of 5 bytes",
    "SETTINGS that acknowledge and say something",
    "WINDOW_UPDATE of 3 bytes",
    "index of nothing",
    "index that no table has",
    "integer without an end",
    "literal that is cut off",
    "table above its limit",
];
const PATIENCE: Duration = Duration::from_secs(3);
