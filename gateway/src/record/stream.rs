//! A streamed answer: PROGRESS is durable before what it covers, the OUTCOME before the trailers.
//!
//! While one record is being flushed, the messages that arrive gather for the next. Four times a
//! second the decision is taken again, so that a revocation, an expiry or the end of time ends an
//! open stream with its reason.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use varco_proto::audit::v1::{Decision, Record, RecordKind};

use super::{grpc_status, stamp, status_number};
use crate::authorize::decide;
use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};

/// Releases a streamed answer piece by piece, each behind its record.
pub(super) fn release(gate: &Arc<Gate>, call: &Call, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    stamp(&mut parts.headers, call, None);
    let (pieces, receiver) = mpsc::channel(2);
    let relay = Relay {
        gate: Arc::clone(gate),
        call: call.clone(),
        pieces,
    };
    // What the layers left in the answer, such as the place among open calls, ends with the relay.
    let kept = std::mem::take(&mut parts.extensions);
    gate.tasks.spawn(async move {
        let _kept = kept;
        relay.run(body).await;
    });
    Response::from_parts(
        parts,
        Body::new(StreamBody::new(ReceiverStream::new(receiver))),
    )
}

struct Relay {
    gate: Arc<Gate>,
    call: Call,
    pieces: mpsc::Sender<Result<Frame<Bytes>, Infallible>>,
}

/// How a stream ended.
enum End {
    /// With the service's trailers.
    Trailers(HeaderMap),
    /// For a reason of the gateway.
    Refused(Refusal),
    /// The caller went away.
    Gone,
}

impl Relay {
    async fn run(self, body: Body) {
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
        let receipt = self.gate.register.commit(record).await;
        let mut trailers = match (end, &receipt) {
            (_, Err(_)) => status_trailers(Reason::AuditUnavailable.into(), &self.call),
            (End::Trailers(trailers), Ok(_)) => trailers,
            (End::Refused(refusal), Ok(_)) => status_trailers(refusal, &self.call),
            (End::Gone, Ok(_)) => return,
        };
        stamp(&mut trailers, &self.call, receipt.ok().as_ref());
        let _ = self.pieces.send(Ok(Frame::trailers(trailers))).await;
    }

    async fn relay(&self, mut body: Body) -> End {
        loop {
            let first = match self.wait(&mut body).await {
                Ok(Some(frame)) => frame,
                // Every gRPC answer ends with trailers.
                Ok(None) => return End::Refused(self.broken()),
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

    /// The next frame; meanwhile the caller may go away and the permission may end.
    async fn wait(&self, body: &mut Body) -> Result<Option<Frame<Bytes>>, End> {
        let mut again = tokio::time::interval(RECHECK);
        again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                frame = body.frame() => return match frame {
                    None => Ok(None),
                    Some(Ok(frame)) => Ok(Some(frame)),
                    Some(Err(_)) => Err(End::Refused(self.broken())),
                },
                () = self.pieces.closed() => return Err(End::Gone),
                _ = again.tick() => self.still_permitted()?,
            }
        }
    }

    /// Makes PROGRESS durable, then lets the data go.
    async fn pass(&self, data: Bytes) -> Result<(), End> {
        let tally = self.call.tally();
        tally.messages.fetch_add(messages(&data), Ordering::Relaxed);
        tally.bytes.fetch_add(
            u64::try_from(data.len()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        let progress = Record {
            outcome: "OPEN".to_owned(),
            ..self.call.record(RecordKind::Progress)
        };
        if self.gate.register.commit(progress).await.is_err() {
            return Err(End::Refused(Reason::AuditUnavailable.into()));
        }
        self.pieces
            .send(Ok(Frame::data(data)))
            .await
            .map_err(|_| End::Gone)
    }

    fn still_permitted(&self) -> Result<(), End> {
        if self
            .call
            .deadline()
            .is_some_and(|end| end <= Instant::now())
        {
            return Err(End::Refused(Reason::UpstreamSlow.into()));
        }
        let Some(claims) = self.call.claims() else {
            return Ok(());
        };
        if claims.exp <= self.gate.clock.unix() {
            return Err(End::Refused(Reason::VoucherExpired.into()));
        }
        let decided = decide(claims, self.call.method(), &self.gate.registry.snapshot());
        decided
            .map(|_| ())
            .map_err(|reason| End::Refused(reason.into()))
    }

    fn broken(&self) -> Refusal {
        let violation = self.call.tally().violation.get().cloned();
        violation.unwrap_or_else(|| Reason::UpstreamUnavailable.into())
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
            futures_util::FutureExt::now_or_never(body.frame())
                .flatten()
                .and_then(Result::ok)
        } else {
            None
        };
    }
    (data.freeze(), None)
}

/// How many length-prefixed messages a piece holds; pieces are whole messages.
fn messages(mut data: &[u8]) -> u64 {
    let mut count = 0;
    while let Some((header, rest)) = data.split_first_chunk::<5>() {
        let [_, a, b, c, d] = *header;
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        count += 1;
        data = rest.get(length..).unwrap_or_default();
    }
    count
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
