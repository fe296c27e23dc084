//! What the service does with messages.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use futures_util::{Stream, TryStreamExt as _};
use tokio::sync::watch;
use tonic::{Code, Request, Response, Status, Streaming};

use super::around::Flags;
use super::testing::test_service_server::TestService;
use super::testing::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingInputCallResponse, StreamingOutputCallRequest,
    StreamingOutputCallResponse,
};

/// The service, which counts its open calls.
#[derive(Clone, Default)]
pub struct Service {
    open: Arc<watch::Sender<usize>>,
}

impl Service {
    /// How many calls with a stream of requests are open.
    #[must_use]
    pub fn open(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    fn enter(&self) -> Open {
        self.open.send_modify(|open| *open += 1);
        Open(Arc::clone(&self.open))
    }
}

/// A call that counts as open until it is dropped.
struct Open(Arc<watch::Sender<usize>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

#[tonic::async_trait]
impl TestService for Service {
    type StreamingOutputCallStream =
        Pin<Box<dyn Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send>>;
    type FullDuplexCallStream = Self::StreamingOutputCallStream;
    type HalfDuplexCallStream = Self::StreamingOutputCallStream;

    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let flags = flags(&request);
        let asked = request.into_inner();
        expect(asked.expect_compressed.as_ref(), &flags)?;
        echo(asked.response_status)?;
        flags.leave(wanted(asked.response_compressed.as_ref()));
        Ok(Response::new(SimpleResponse {
            payload: Some(payload(asked.response_size)?),
            ..Default::default()
        }))
    }

    async fn cacheable_unary_call(
        &self,
        _: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        Err(Status::unimplemented("answers here are not for caches"))
    }

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Self::StreamingOutputCallStream>, Status> {
        let flags = flags(&request);
        Ok(Response::new(answers(request.into_inner(), flags).boxed()))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let _open = self.enter();
        let flags = flags(&request);
        let mut pieces = request.into_inner();
        let mut sum: usize = 0;
        while let Some(piece) = pieces.message().await? {
            expect(piece.expect_compressed.as_ref(), &flags)?;
            sum = sum.saturating_add(piece.payload.map_or(0, |payload| payload.body.len()));
        }
        let sum = i32::try_from(sum).map_err(|_| Status::out_of_range("too many bytes"))?;
        Ok(Response::new(StreamingInputCallResponse {
            aggregated_payload_size: sum,
        }))
    }

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::FullDuplexCallStream>, Status> {
        let open = self.enter();
        let flags = flags(&request);
        let answers = request.into_inner().flat_map(move |asked| {
            let _held = &open;
            match asked {
                Ok(asked) => answers(asked, flags.clone()).boxed(),
                Err(status) => stream::iter([Err(status)]).boxed(),
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::HalfDuplexCallStream>, Status> {
        let _open = self.enter();
        let flags = flags(&request);
        let asked: Vec<_> = request.into_inner().try_collect().await?;
        let answers = stream::iter(asked).flat_map(move |asked| answers(asked, flags.clone()));
        Ok(Response::new(answers.boxed()))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("by definition"))
    }
}

fn flags<T>(request: &Request<T>) -> Flags {
    let flags = request.extensions().get::<Flags>();
    flags.cloned().unwrap_or_default()
}

/// Refuses a message that was to come compressed and did not, or the other way round.
fn expect(expected: Option<&BoolValue>, flags: &Flags) -> Result<(), Status> {
    let came = flags.came();
    if expected.is_some_and(|expected| Some(expected.value) != came) {
        return Err(Status::invalid_argument("the flag is not the expected one"));
    }
    Ok(())
}

fn wanted(compressed: Option<&BoolValue>) -> bool {
    compressed.is_some_and(|compressed| compressed.value)
}

/// Ends the call with the status that was asked for, if one was.
fn echo(status: Option<EchoStatus>) -> Result<(), Status> {
    match status {
        Some(EchoStatus { code, message }) if code != 0 => {
            Err(Status::new(Code::from_i32(code), message))
        }
        _ => Ok(()),
    }
}

/// The messages that one request asks for.
fn answers(
    asked: StreamingOutputCallRequest,
    flags: Flags,
) -> impl Stream<Item = Result<StreamingOutputCallResponse, Status>> + Send {
    let refused = echo(asked.response_status);
    let wanted = if refused.is_ok() {
        asked.response_parameters
    } else {
        Vec::new()
    };
    let messages = stream::iter(wanted).then(move |parameters| answer(parameters, flags.clone()));
    stream::iter(refused.err()).map(Err).chain(messages)
}

async fn answer(
    parameters: ResponseParameters,
    flags: Flags,
) -> Result<StreamingOutputCallResponse, Status> {
    let interval = parameters.interval_us.try_into().unwrap_or_default();
    if interval > 0 {
        tokio::time::sleep(Duration::from_micros(interval)).await;
    }
    let payload = payload(parameters.size)?;
    flags.leave(wanted(parameters.compressed.as_ref()));
    Ok(StreamingOutputCallResponse {
        payload: Some(payload),
        ..Default::default()
    })
}

fn payload(size: i32) -> Result<Payload, Status> {
    let size = usize::try_from(size).ok().filter(|size| *size <= LARGEST);
    let size = size.ok_or_else(|| Status::invalid_argument("the size is negative or too large"))?;
    Ok(Payload {
        body: Bytes::from(vec![0; size]),
        ..Default::default()
    })
}

/// Bytes of the largest payload.
const LARGEST: usize = 16 << 20;
