//! A streamed answer: PROGRESS is durable before what it covers, the OUTCOME before the trailers.
//!
//! While one record is being flushed, the messages that arrive gather for the next. A vigil is kept
//! over the stream, whatever it waits for.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, future, stream};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use varco_proto::audit::v1::{Decision, Record, RecordKind};

use super::keeping::{PIECE, STALLED};
use super::{commit_surplus, grpc_status, span, stamp, status_number, unavailable};
use crate::audit::deposit::Deposit;
use crate::call::Call;
use crate::gate::Gate;
use crate::metrics::ending::Ending;
use crate::minimise::frames;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};
use crate::vigil::Vigil;

/// Releases a streamed answer piece by piece, each behind its record.
pub(super) fn release(gate: &Arc<Gate>, call: &Call, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    stamp(&mut parts.headers, call, None);
    let (pieces, receiver) = mpsc::channel(1);
    let relay = Relay::new(Arc::clone(gate), call.clone(), pieces);
    call.relay();
    // What the layers left in the answer, such as the place among open calls, ends with the relay.
    let places = std::mem::take(&mut parts.extensions);
    gate.tasks.spawn(async move {
        let _places = places;
        relay.run(body).await;
    });
    // Whoever reads on after the trailers, or after the caller was given up, finds no clean end.
    let pieces = ReceiverStream::new(receiver).map(|piece| Ok(*piece));
    let released = pieces.chain(stream::once(future::ready(Err(CutOff))));
    let released = StreamBody::new(released);
    Response::from_parts(parts, Body::new(released))
}

/// Boxed: a channel has room for 32 of them from its beginning, and idle streams are many.
type Piece = Box<Frame<Bytes>>;
type Pieces = mpsc::Sender<Piece>;

struct Relay {
    gate: Arc<Gate>,
    call: Call,
    pieces: Pieces,
    vigil: Vigil,
}

/// The stream ended without trailers: whoever reads it must see that it was cut.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the stream was cut off")]
struct CutOff;

/// How a stream ended.
enum End {
    /// With the service's trailers.
    Trailers(HeaderMap),
    /// For a reason of the gateway.
    Refused(Refusal),
    /// The caller went away, or reads nothing.
    Gone,
}

impl Relay {
    fn new(gate: Arc<Gate>, call: Call, pieces: Pieces) -> Self {
        Self {
            vigil: Vigil::over(&gate, &call),
            gate,
            call,
            pieces,
        }
    }

    async fn run(mut self, body: Body) {
        let end = self.relay(body).await;
        // Boxed: a stream is idle for long and ends once.
        Box::pin(self.end(end)).await;
    }

    async fn end(self, end: End) {
        let (status, outcome, reason) = match &end {
            End::Trailers(trailers) => match grpc_status(trailers).unwrap_or(2) {
                0 => (0, "OK", ""),
                status => (status, "ERROR", ""),
            },
            End::Refused(refusal) => (
                status_number(refusal.reason.code()),
                "ENDED",
                refusal.reason.name(),
            ),
            End::Gone => (status_number(tonic::Code::Cancelled), "CANCELLED", ""),
        };
        let decision = if reason.is_empty() {
            Decision::Permit
        } else {
            Decision::Deny
        };
        let surplus = commit_surplus(&self.gate, &self.call).await;
        let Deposit { record, details } = self.call.deposit(RecordKind::Outcome);
        let record = Record {
            grpc_status: status,
            outcome: outcome.to_owned(),
            deny_reason: reason.to_owned(),
            decision: decision.into(),
            ..record
        };
        let _ = self.call.settle();
        let mut ending = match &end {
            End::Refused(it) => Ending::refused(&self.gate, &self.call, it.reason),
            End::Trailers(_) | End::Gone => Ending::with(&self.gate, &self.call, status),
        };
        points::pass(Point::OutcomeBefore);
        let outcome = Deposit { record, details };
        let receipt = surplus.and(span::commit(&self.gate, &self.call, outcome).await);
        if receipt.is_err() {
            ending.becomes_unrecorded();
        }
        drop(ending);
        let mut trailers = match (end, &receipt) {
            (End::Gone, Ok(_)) => return,
            (End::Trailers(trailers), Ok(_)) => trailers,
            (End::Refused(refusal), Ok(_)) => status_trailers(refusal, &self.call),
            (_, Err(_)) => status_trailers(unavailable(&self.gate, &self.call), &self.call),
        };
        stamp(&mut trailers, &self.call, receipt.ok().as_ref());
        points::pass(Point::TrailersBefore);
        let last = self.pieces.send(Box::new(Frame::trailers(trailers)));
        let _ = tokio::time::timeout(STALLED, last).await;
        points::pass(Point::TrailersAfter);
    }

    async fn relay(&mut self, mut body: Body) -> End {
        loop {
            let first = match self.next(&mut body).await {
                Ok(Some(Ok(frame))) => frame,
                // Every gRPC answer ends with trailers.
                Ok(Some(Err(_)) | None) => return End::Refused(self.broken()),
                Err(end) => return end,
            };
            let (data, trailers) = gather(first, &mut body);
            // Boxed: what it needs is not held while nothing comes.
            if !data.is_empty()
                && let Err(end) = Box::pin(self.pass(data)).await
            {
                return end;
            }
            if let Some(trailers) = trailers {
                return End::Trailers(trailers);
            }
        }
    }

    /// The next frame of the service, unless the caller goes away.
    async fn next(
        &mut self,
        body: &mut Body,
    ) -> Result<Option<Result<Frame<Bytes>, axum::Error>>, End> {
        let next = async {
            tokio::select! {
                frame = body.frame() => Some(frame),
                () = self.pieces.closed() => None,
            }
        };
        self.vigil.wait(next).await?.ok_or(End::Gone)
    }

    /// Makes PROGRESS durable once there is room, then lets the data go.
    async fn pass(&mut self, mut data: Bytes) -> Result<(), End> {
        let mut room = room(&mut self.vigil, &self.pieces).await?;
        let tally = self.call.tally();
        tally
            .messages
            .fetch_add(frames::count(&data), Ordering::Relaxed);
        let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        let surplus = commit_surplus(&self.gate, &self.call).await;
        points::pass(Point::ProgressBefore);
        let progress = self.call.deposit(RecordKind::Progress);
        if surplus.is_err() || self.gate.register.commit(progress).await.is_err() {
            let reason = self.call.after(Reason::AuditUnavailable);
            return Err(Refusal::from(reason).into());
        }
        points::pass(Point::ProgressAfter);
        self.vigil.check()?;
        loop {
            points::pass(Point::PieceBefore);
            let piece = data.split_to(data.len().min(PIECE));
            room.send(Box::new(Frame::data(piece)));
            points::pass(Point::PieceAfter);
            if data.is_empty() {
                return Ok(());
            }
            room = self::room(&mut self.vigil, &self.pieces).await?;
        }
    }

    fn broken(&self) -> Refusal {
        let violation = self.call.tally().violation.get().cloned();
        violation.unwrap_or_else(|| self.call.after(Reason::UpstreamUnavailable).into())
    }
}

/// Room for a piece, which the caller makes by reading.
async fn room<'p>(vigil: &mut Vigil, pieces: &'p Pieces) -> Result<mpsc::Permit<'p, Piece>, End> {
    match vigil
        .wait(tokio::time::timeout(STALLED, pieces.reserve()))
        .await?
    {
        Ok(Ok(room)) => Ok(room),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Joins what is ready now, at most 256 KiB.
fn gather(first: Frame<Bytes>, body: &mut Body) -> (Bytes, Option<HeaderMap>) {
    let mut data = BytesMut::new();
    let mut next = Some(first);
    while let Some(frame) = next {
        match frame.into_data() {
            Ok(piece) => data.extend_from_slice(&piece),
            Err(frame) => {
                return (
                    data.freeze(),
                    Some(frame.into_trailers().unwrap_or_default()),
                );
            }
        }
        next = if data.len() < GATHERED {
            let ready = futures_util::FutureExt::now_or_never(body.frame());
            ready.flatten().and_then(Result::ok)
        } else {
            None
        };
    }
    (data.freeze(), None)
}

fn status_trailers(refusal: Refusal, call: &Call) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let _ = refusal
        .into_status(call.audit_id())
        .add_header(&mut trailers);
    trailers
}

const GATHERED: usize = 256 * 1024;
