//! What the official descriptions ask a client to assert.

use tonic::Code;
use varco_tests::interop::around::{ECHO_INITIAL, ECHO_TRAILING};
use varco_tests::interop::seen::Seen;

use super::cases::WHITE;

/// Cases that end by whoever speaks first (client, gateway or service), each in its own words, and
/// the one that the gateway answers itself, for the file registers no such service.
pub const TOLD_BY_WHOEVER_IS_FIRST: &[&str] = &[
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "unimplemented_service",
];

/// Asserts that a case gave what its description asks for.
pub fn check(case: &str, seen: &[Seen]) {
    let expected = expected(case);
    assert_eq!(seen.len(), expected.len(), "{case}: {seen:#?}");
    for (seen, expected) in seen.iter().zip(expected) {
        let code = Code::from_i32(seen.code);
        assert_eq!(code, expected.code, "{case}: {seen:#?}");
        assert_eq!(seen.events, expected.events, "{case}: {seen:#?}");
        if let Some(message) = expected.message {
            assert_eq!(seen.message, message, "{case}");
        }
        // grpcio does not show the flags of messages.
        if let (Some(seen), Some(expected)) = (&seen.compressed, expected.compressed) {
            assert_eq!(seen, expected, "{case}");
        }
        if case == "custom_metadata" {
            assert_eq!(seen.initial[ECHO_INITIAL], "test_initial_metadata_value");
            assert_eq!(seen.trailing[ECHO_TRAILING], "q6ur", "not 0xababab");
        }
    }
}

/// What one call of a case must give.
struct Expected {
    code: Code,
    events: Vec<&'static str>,
    message: Option<&'static str>,
    compressed: Option<&'static [bool]>,
}

impl Expected {
    fn new(code: Code, events: &[&'static str]) -> Self {
        Self {
            code,
            events: events.to_vec(),
            message: None,
            compressed: None,
        }
    }

    fn saying(self, message: &'static str) -> Self {
        let message = Some(message);
        Self { message, ..self }
    }

    fn compressed(self, flags: &'static [bool]) -> Self {
        let compressed = Some(flags);
        Self { compressed, ..self }
    }
}

fn ok(events: &[&'static str]) -> Expected {
    Expected::new(Code::Ok, events)
}

fn expected(case: &str) -> Vec<Expected> {
    let sizes = [
        "received 31415",
        "received 9",
        "received 2653",
        "received 58979",
    ];
    let unknown = |events: &[&'static str]| Expected::new(Code::Unknown, events);
    match case {
        "empty_unary" => vec![ok(&["answered"])],
        "large_unary" => vec![ok(&[LARGE])],
        "client_streaming" => vec![ok(&["aggregated 74922"])],
        "server_streaming" => vec![ok(&sizes)],
        "ping_pong" => vec![ok(PING_PONG)],
        "empty_stream" => vec![ok(&[])],
        "custom_metadata" => vec![ok(&[LARGE]), ok(&["sent 271828", LARGE])],
        "status_code_and_message" => vec![
            unknown(&[]).saying("test status message"),
            unknown(&["sent 0"]).saying("test status message"),
        ],
        "special_status_message" => vec![unknown(&[]).saying(WHITE)],
        "unimplemented_method" | "unimplemented_service" => {
            vec![Expected::new(Code::Unimplemented, &[])]
        }
        "timeout_on_sleeping_server" => {
            vec![Expected::new(Code::DeadlineExceeded, &["sent 27182"])]
        }
        "cancel_after_begin" => vec![Expected::new(Code::Cancelled, &[])],
        "cancel_after_first_response" => {
            let events = ["sent 27182", "received 31415"];
            vec![Expected::new(Code::Cancelled, &events)]
        }
        _ => compressed(case),
    }
}

fn compressed(case: &str) -> Vec<Expected> {
    let probe = || Expected::new(Code::InvalidArgument, &[]);
    match case {
        "client_compressed_unary" => vec![probe(), ok(&[LARGE]), ok(&[LARGE])],
        "server_compressed_unary" => vec![
            ok(&[LARGE]).compressed(&[true]),
            ok(&[LARGE]).compressed(&[false]),
        ],
        "client_compressed_streaming" => vec![probe(), ok(&["aggregated 73086"])],
        "server_compressed_streaming" => {
            let events = ["received 31415", "received 92653"];
            vec![ok(&events).compressed(&[true, false])]
        }
        _ => panic!("{case} is no case"),
    }
}

const LARGE: &str = "received 314159";
const PING_PONG: &[&str] = &[
    "sent 27182",
    "received 31415",
    "sent 8",
    "received 9",
    "sent 1828",
    "received 2653",
    "sent 45904",
    "received 58979",
];
