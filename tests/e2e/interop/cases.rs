//! The cases without compression, each as doc/interop-test-descriptions.md of grpc/grpc has it.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status};
use varco_tests::interop::Interop;
use varco_tests::interop::around::{ECHO_INITIAL, ECHO_TRAILING};
use varco_tests::interop::caller::{Call, Caller};
use varco_tests::interop::seen::Seen;
use varco_tests::interop::testing::unimplemented_service_client::UnimplementedServiceClient;
use varco_tests::interop::testing::{
    EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest,
};

/// Their names.
pub const NAMES: &[&str] = &[
    "empty_unary",
    "large_unary",
    "client_streaming",
    "server_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "timeout_on_sleeping_server",
    "cancel_after_begin",
    "cancel_after_first_response",
];

/// A text that metadata cannot carry as it is.
pub const WHITE: &str = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

/// Runs a case, and gives what was seen of its calls.
pub async fn run(case: &str, caller: &Caller, interop: &Interop) -> Vec<Seen> {
    match case {
        "empty_unary" => vec![empty_unary(caller.begin()).await],
        "large_unary" => vec![unary(caller.begin(), Request::new(large())).await],
        "client_streaming" => vec![client_streaming(caller.begin()).await],
        "server_streaming" => vec![server_streaming(caller.begin()).await],
        "ping_pong" => vec![duplex(caller.begin(), turns()).await],
        "empty_stream" => vec![duplex(caller.begin(), Request::new(Vec::new())).await],
        "custom_metadata" => custom_metadata(caller).await,
        "status_code_and_message" => status_code_and_message(caller).await,
        "special_status_message" => vec![special_status_message(caller.begin()).await],
        "unimplemented_method" => vec![unimplemented_method(caller.begin()).await],
        "unimplemented_service" => vec![unimplemented_service(caller.begin()).await],
        "timeout_on_sleeping_server" => vec![timeout(caller.begin(), interop).await],
        "cancel_after_begin" => vec![cancel_after_begin(caller.begin(), interop).await],
        "cancel_after_first_response" => vec![cancel_after_first(caller.begin(), interop).await],
        _ => panic!("{case} is no case"),
    }
}

/// A call of one message for one.
pub async fn unary(mut call: Call, request: Request<SimpleRequest>) -> Seen {
    let answer = call.client().unary_call(request).await;
    let ended = answer.map(|answer| call.received(answer.get_ref().payload.as_ref()));
    call.end(ended)
}

/// What most cases ask with.
pub fn large() -> SimpleRequest {
    SimpleRequest {
        response_size: 314_159,
        payload: Some(zeros(271_828)),
        ..Default::default()
    }
}

/// A payload that compresses well.
pub fn zeros(size: usize) -> Payload {
    Payload {
        body: Bytes::from(vec![0; size]),
        ..Default::default()
    }
}

async fn empty_unary(mut call: Call) -> Seen {
    let answer = call.client().empty_call(Empty {}).await;
    let ended = answer.map(|_| call.happened("answered"));
    call.end(ended)
}

async fn client_streaming(mut call: Call) -> Seen {
    let pieces = TURNS.map(|(_, sent)| StreamingInputCallRequest {
        payload: Some(zeros(sent)),
        ..Default::default()
    });
    let pieces = tokio_stream::iter(pieces);
    let answer = call.client().streaming_input_call(pieces).await;
    let ended = answer.map(|answer| {
        let size = answer.get_ref().aggregated_payload_size;
        call.happened(format!("aggregated {size}"));
    });
    call.end(ended)
}

async fn server_streaming(mut call: Call) -> Seen {
    let request = StreamingOutputCallRequest {
        response_parameters: TURNS.map(|(size, _)| sized(size)).to_vec(),
        ..Default::default()
    };
    let ended = async {
        let answer = call.client().streaming_output_call(request).await?;
        let mut answers = answer.into_inner();
        while let Some(answer) = answers.message().await? {
            call.received(answer.payload.as_ref());
        }
        Ok(())
    };
    let ended = ended.await;
    call.end(ended)
}

/// Sends a message, waits for its answer, and so on; then half-closes.
async fn duplex(mut call: Call, turns: Request<Vec<StreamingOutputCallRequest>>) -> Seen {
    let ended = converse(&mut call, turns).await;
    call.end(ended)
}

async fn converse(
    call: &mut Call,
    turns: Request<Vec<StreamingOutputCallRequest>>,
) -> Result<(), Status> {
    let (metadata, extensions, turns) = turns.into_parts();
    let (say, said) = mpsc::channel(1);
    let request = Request::from_parts(metadata, extensions, ReceiverStream::new(said));
    let answer = call.client().full_duplex_call(request).await?;
    let mut answers = answer.into_inner();
    for turn in turns {
        call.sent(turn.payload.as_ref());
        say.send(turn).await.unwrap();
        match answers.message().await? {
            Some(answer) => call.received(answer.payload.as_ref()),
            None => return Ok(()),
        }
    }
    drop(say);
    while let Some(answer) = answers.message().await? {
        call.received(answer.payload.as_ref());
    }
    Ok(())
}

fn turns() -> Request<Vec<StreamingOutputCallRequest>> {
    Request::new(TURNS.map(|(size, sent)| turn(size, sent)).to_vec())
}

fn turn(size: i32, sent: usize) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        response_parameters: vec![sized(size)],
        payload: Some(zeros(sent)),
        ..Default::default()
    }
}

fn sized(size: i32) -> ResponseParameters {
    ResponseParameters {
        size,
        ..Default::default()
    }
}

async fn custom_metadata(caller: &Caller) -> Vec<Seen> {
    let one = echoing(Request::new(large()));
    let many = echoing(Request::new(vec![turn(314_159, 271_828)]));
    vec![
        unary(caller.begin(), one).await,
        duplex(caller.begin(), many).await,
    ]
}

fn echoing<T>(mut request: Request<T>) -> Request<T> {
    let metadata = request.metadata_mut();
    let initial = "test_initial_metadata_value".parse().unwrap();
    metadata.insert(ECHO_INITIAL, initial);
    let trailing = tonic::metadata::MetadataValue::from_bytes(&[0xab; 3]);
    metadata.insert_bin(ECHO_TRAILING, trailing);
    request
}

async fn status_code_and_message(caller: &Caller) -> Vec<Seen> {
    let status = || status("test status message");
    let one = SimpleRequest {
        response_status: Some(status()),
        ..Default::default()
    };
    let many = StreamingOutputCallRequest {
        response_status: Some(status()),
        ..Default::default()
    };
    vec![
        unary(caller.begin(), Request::new(one)).await,
        duplex(caller.begin(), Request::new(vec![many])).await,
    ]
}

async fn special_status_message(call: Call) -> Seen {
    let request = SimpleRequest {
        response_status: Some(status(WHITE)),
        ..Default::default()
    };
    unary(call, Request::new(request)).await
}

fn status(message: &str) -> EchoStatus {
    EchoStatus {
        code: 2,
        message: message.to_owned(),
    }
}

async fn unimplemented_method(call: Call) -> Seen {
    let answer = call.client().unimplemented_call(Empty {}).await;
    call.end(answer.map(drop))
}

async fn unimplemented_service(call: Call) -> Seen {
    let mut client = UnimplementedServiceClient::new(call.transport());
    let answer = client.unimplemented_call(Empty {}).await;
    call.end(answer.map(drop))
}

/// tonic keeps the time only until an answer begins: after that its caller must, and must cancel,
/// for an open stream of requests keeps a call alive whose answer nobody waits for.
async fn timeout(mut call: Call, interop: &Interop) -> Seen {
    let silent = StreamingOutputCallRequest {
        payload: Some(zeros(27_182)),
        ..Default::default()
    };
    call.sent(silent.payload.as_ref());
    let mut request = Request::new(tokio_stream::StreamExt::chain(
        tokio_stream::iter([silent]),
        tokio_stream::pending(),
    ));
    request.set_timeout(Duration::from_millis(1));
    let cancel = request.cancellation_handle();
    let answered = async {
        let answer = call.client().full_duplex_call(request).await?;
        answer.into_inner().message().await.map(drop)
    };
    let ended = tokio::time::timeout(Duration::from_millis(1), answered).await;
    let ended = ended.unwrap_or_else(|_| Err(Status::deadline_exceeded("the caller's own time")));
    cancel.cancel();
    interop.open(0).await;
    call.end(ended)
}

async fn cancel_after_begin(call: Call, interop: &Interop) -> Seen {
    let mut request = Request::new(tokio_stream::pending());
    let cancel = request.cancellation_handle();
    let mut client = call.client();
    let begun = async {
        // Metadata has been sent, and no message.
        interop.open(1).await;
        cancel.cancel();
    };
    let (answer, ()) = tokio::join!(client.streaming_input_call(request), begun);
    interop.open(0).await;
    call.end(answer.map(drop))
}

async fn cancel_after_first(mut call: Call, interop: &Interop) -> Seen {
    let turn = turn(31_415, 27_182);
    call.sent(turn.payload.as_ref());
    let turns = tokio_stream::StreamExt::chain(tokio_stream::iter([turn]), tokio_stream::pending());
    let mut request = Request::new(turns);
    let cancel = request.cancellation_handle();
    let ended = async {
        let answer = call.client().full_duplex_call(request).await?;
        let mut answers = answer.into_inner();
        let first = answers.message().await?.unwrap_or_default();
        call.received(first.payload.as_ref());
        interop.open(1).await;
        cancel.cancel();
        answers.message().await.map(drop)
    };
    let ended = ended.await;
    interop.open(0).await;
    call.end(ended)
}

/// Sizes asked for and sent, turn by turn.
const TURNS: [(i32, usize); 4] = [(31_415, 27_182), (9, 8), (2653, 1828), (58_979, 45_904)];
