//! The cases with compression (gzip), each as the official descriptions have it.

use tonic::Request;
use tonic::codec::CompressionEncoding::Gzip;
use varco_tests::interop::caller::{Call, Caller};
use varco_tests::interop::seen::Seen;
use varco_tests::interop::testing::{
    BoolValue, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest,
};

use super::cases::{large, unary, zeros};

/// Their names.
pub const NAMES: &[&str] = &[
    "client_compressed_unary",
    "server_compressed_unary",
    "client_compressed_streaming",
    "server_compressed_streaming",
];

/// Runs a case, and gives what was seen of its calls.
pub async fn run(case: &str, caller: &Caller) -> Vec<Seen> {
    match case {
        "client_compressed_unary" => client_compressed_unary(caller).await,
        "server_compressed_unary" => vec![
            server_compressed_unary(caller.begin(), true).await,
            server_compressed_unary(caller.begin(), false).await,
        ],
        "client_compressed_streaming" => client_compressed_streaming(caller).await,
        "server_compressed_streaming" => vec![server_compressed_streaming(caller.begin()).await],
        _ => panic!("{case} is no case"),
    }
}

async fn client_compressed_unary(caller: &Caller) -> Vec<Seen> {
    let expecting = |value| {
        Request::new(SimpleRequest {
            expect_compressed: Some(BoolValue { value }),
            ..large()
        })
    };
    let mut compressed = caller.begin();
    let mut client = compressed.client().send_compressed(Gzip);
    let answer = client.unary_call(expecting(true)).await;
    let ended = answer.map(|answer| compressed.received(answer.get_ref().payload.as_ref()));
    vec![
        unary(caller.begin(), expecting(true)).await,
        compressed.end(ended),
        unary(caller.begin(), expecting(false)).await,
    ]
}

async fn server_compressed_unary(mut call: Call, value: bool) -> Seen {
    let request = SimpleRequest {
        response_compressed: Some(BoolValue { value }),
        ..large()
    };
    let mut client = call.client().accept_compressed(Gzip);
    let answer = client.unary_call(request).await;
    let ended = answer.map(|answer| call.received(answer.get_ref().payload.as_ref()));
    call.end(ended)
}

async fn client_compressed_streaming(caller: &Caller) -> Vec<Seen> {
    let (compressed, plain) = (piece(27_182, true), piece(45_904, false));
    let whole = caller.begin().compressing(&[true, false]);
    vec![
        upload(caller.begin(), vec![compressed.clone()]).await,
        upload(whole, vec![compressed, plain]).await,
    ]
}

async fn upload(mut call: Call, pieces: Vec<StreamingInputCallRequest>) -> Seen {
    let pieces = tokio_stream::iter(pieces);
    let answer = call.client().streaming_input_call(pieces).await;
    let ended = answer.map(|answer| {
        let size = answer.get_ref().aggregated_payload_size;
        call.happened(format!("aggregated {size}"));
    });
    call.end(ended)
}

fn piece(size: usize, value: bool) -> StreamingInputCallRequest {
    StreamingInputCallRequest {
        payload: Some(zeros(size)),
        expect_compressed: Some(BoolValue { value }),
    }
}

async fn server_compressed_streaming(mut call: Call) -> Seen {
    let sized = |size, value| ResponseParameters {
        size,
        compressed: Some(BoolValue { value }),
        ..Default::default()
    };
    let request = StreamingOutputCallRequest {
        response_parameters: vec![sized(31_415, true), sized(92_653, false)],
        ..Default::default()
    };
    let ended = async {
        let mut client = call.client().accept_compressed(Gzip);
        let mut answers = client.streaming_output_call(request).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            call.received(answer.payload.as_ref());
        }
        Ok(())
    };
    let ended = ended.await;
    call.end(ended)
}
