//! A streamed answer: PROGRESS is durable before what it covers, the OUTCOME before the trailers.
//!
//! While one record is being flushed, the messages that arrive gather for the next. Four times a
//! second, whatever the stream waits for, the decision is taken again, so that a revocation, an
//! expiry or the end of time ends an open stream with its reason.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use jiff::civil::Date;
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;
use varco_proto::audit::v1::{Decision, Record, RecordKind};

use super::{grpc_status, stamp, status_number};
use crate::authorize::still_permitted;
use crate::call::Call;
use crate::drain::Drain;
use crate::gate::Gate;
use crate::limit::recount;
use crate::minimise::frames;
use crate::refusal::{Reason, Refusal};

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
    let released = StreamBody::new(ReceiverStream::new(receiver));
    Response::from_parts(parts, Body::new(released))
}

struct Relay {
    gate: Arc<Gate>,
    call: Call,
    pieces: mpsc::Sender<Result<Frame<Bytes>, CutOff>>,
    again: Interval,
    /// The day on whose quota the stream counts.
    counted: Date,
    drain: Drain,
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
    fn new(
        gate: Arc<Gate>,
        call: Call,
        pieces: mpsc::Sender<Result<Frame<Bytes>, CutOff>>,
    ) -> Self {
        let mut again = tokio::time::interval(RECHECK);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            counted: gate.clock.today(),
            gate,
            call,
            pieces,
            again,
            drain: Drain::default(),
        }
    }

    async fn run(mut self, body: Body) {
        let end = self.relay(body).await;
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
        let record = Record {
            grpc_status: status,
            outcome: outcome.to_owned(),
            deny_reason: reason.to_owned(),
            decision: decision.into(),
            ..self.call.record(RecordKind::Outcome)
        };
        let _ = self.call.settle();
        let receipt = self.gate.register.commit(record).await;
        let mut trailers = match (end, &receipt) {
            (End::Gone, Ok(_)) => return,
            (End::Trailers(trailers), Ok(_)) => trailers,
            (End::Refused(refusal), Ok(_)) => status_trailers(refusal, &self.call),
            (_, Err(_)) => {
                let reason = self.call.after(Reason::AuditUnavailable);
                status_trailers(reason.into(), &self.call)
            }
        };
        stamp(&mut trailers, &self.call, receipt.ok().as_ref());
        let last = self.pieces.send(Ok(Frame::trailers(trailers)));
        if tokio::time::timeout(STALLED, last).await.is_err() {
            let _ = self.pieces.try_send(Err(CutOff));
        }
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
            if !data.is_empty()
                && let Err(end) = self.pass(data).await
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
        let pieces = self.pieces.clone();
        self.permitted(async {
            tokio::select! {
                frame = body.frame() => Some(frame),
                () = pieces.closed() => None,
            }
        })
        .await?
        .ok_or(End::Gone)
    }

    /// Makes PROGRESS durable once there is room, then lets the data go.
    async fn pass(&mut self, data: Bytes) -> Result<(), End> {
        let pieces = self.pieces.clone();
        let room = self
            .permitted(tokio::time::timeout(STALLED, pieces.reserve()))
            .await?;
        let Ok(Ok(room)) = room else {
            return Err(End::Gone);
        };
        let tally = self.call.tally();
        tally
            .messages
            .fetch_add(frames::count(&data), Ordering::Relaxed);
        let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        tally.bytes.fetch_add(bytes, Ordering::Relaxed);
        let progress = Record {
            outcome: "OPEN".to_owned(),
            ..self.call.record(RecordKind::Progress)
        };
        if self.gate.register.commit(progress).await.is_err() {
            return Err(End::Refused(
                self.call.after(Reason::AuditUnavailable).into(),
            ));
        }
        self.check()?;
        room.send(Ok(Frame::data(data)));
        Ok(())
    }

    /// Waits for something as long as the stream may go on.
    async fn permitted<T>(&mut self, work: impl Future<Output = T>) -> Result<T, End> {
        tokio::pin!(work);
        let end = self.call.deadline();
        let end = end.unwrap_or_else(|| Instant::now() + STALLED);
        loop {
            tokio::select! {
                biased;
                _ = self.again.tick() => {
                    self.check()?;
                    let recounted = recount(&self.gate, &self.call, &mut self.counted).await;
                    recounted.map_err(End::Refused)?;
                }
                () = tokio::time::sleep_until(end.into()), if end > Instant::now() => self.check()?,
                done = &mut work => return Ok(done),
            }
        }
    }

    fn check(&mut self) -> Result<(), End> {
        if let Some(violation) = self.call.tally().violation.get() {
            return Err(End::Refused(violation.clone()));
        }
        if let Some(refusal) = self.call.overdue(Instant::now()) {
            return Err(End::Refused(refusal));
        }
        if self.drain.is_over(&self.gate) {
            return Err(End::Refused(self.call.after(Reason::Draining).into()));
        }
        still_permitted(&self.gate, &self.call).map_err(|reason| End::Refused(reason.into()))
    }

    fn broken(&self) -> Refusal {
        let violation = self.call.tally().violation.get().cloned();
        violation.unwrap_or_else(|| self.call.after(Reason::UpstreamUnavailable).into())
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
const RECHECK: Duration = Duration::from_millis(250);
/// How long a caller may leave what was released to it unread.
const STALLED: Duration = Duration::from_secs(30);
