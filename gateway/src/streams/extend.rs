//! `varco.gateway.v1.StreamService/ExtendStream`: an open stream goes on with a new voucher.
//!
//! It stands behind the same record and the same authentication as every call.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderMap, HeaderValue};
use http_body_util::{BodyExt as _, Limited};
use prost::Message as _;
use varco_proto::gateway::v1::{ExtendStreamRequest, ExtendStreamResponse};

use crate::authorize::decide;
use crate::call::{Call, Deadline, Voucher};
use crate::gate::Gate;
use crate::minimise::frames::{Frames, frame};
use crate::passing::Passing;
use crate::record::whole;
use crate::refusal::{Reason, Refusal};
use crate::registry::snapshot::Snapshot;
use crate::voucher::Claims;

/// Path of the method.
pub const PATH: &str = "/varco.gateway.v1.StreamService/ExtendStream";

/// Lets an open stream of the caller go on with the voucher of this call.
pub async fn extend(passing: Passing) -> Response {
    let Passing {
        gate,
        call,
        request,
    } = passing;
    match answer(&gate, &call, request).await {
        Ok(answer) => answered(&answer),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    gate: &Gate,
    call: &Call,
    request: Request,
) -> Result<ExtendStreamResponse, Refusal> {
    let voucher = call.voucher().ok_or(Reason::VoucherMissing)?;
    // It needs no place among the open calls: whoever has them all full must be able to go on.
    gate.limiter.rate(voucher.claims.client_id)?;
    call.end_by(Deadline {
        end: Instant::now() + Duration::from_secs(gate.limits().unary_seconds),
        limit: "unary_seconds",
    });
    let asked = read(request.into_body()).await?;
    let audit_id = asked.audit_id.parse();
    let audit_id = audit_id.map_err(|_| malformed("audit_id"))?;
    let stream = gate.streams.find(audit_id).ok_or(Reason::StreamUnknown)?;
    let held = stream.voucher().ok_or(Reason::StreamUnknown)?;
    let (snapshot, now) = (gate.registry.snapshot(), gate.clock.unix());
    fits(&held.claims, &voucher.claims)?;
    permits(&voucher, &stream, &snapshot, now)?;
    call.concern(audit_id);
    let expires = stream.go_on(voucher);
    let ends = stream.deadline();
    let left = ends.map_or(0, |end| {
        end.saturating_duration_since(Instant::now()).as_secs()
    });
    Ok(ExtendStreamResponse {
        voucher_expires_at: expires,
        stream_ends_at: now.saturating_add_unsigned(left),
    })
}

/// Whether a voucher may take the place of the one that opened a stream. Whose stream it is comes
/// first: nobody learns of a stranger's.
fn fits(held: &Claims, new: &Claims) -> Result<(), Reason> {
    if new.client_id != held.client_id || new.sub != held.sub {
        return Err(Reason::StreamUnknown);
    }
    if new.descriptor_id != held.descriptor_id {
        return Err(Reason::VoucherAudience);
    }
    let purpose = (new.purpose_id, new.origin_purpose_id);
    if purpose == (held.purpose_id, held.origin_purpose_id) {
        Ok(())
    } else {
        Err(Reason::VoucherPurpose)
    }
}

fn permits(voucher: &Voucher, stream: &Call, snapshot: &Snapshot, now: i64) -> Result<(), Reason> {
    decide(&voucher.claims, stream.method(), snapshot, now).map(drop)
}

async fn read(body: Body) -> Result<ExtendStreamRequest, Refusal> {
    let body = Limited::new(body, LARGEST).collect().await;
    let body = body.map_err(|_| Reason::MessageTooLarge)?.to_bytes();
    let mut frames = Frames::new(LARGEST);
    frames.push(body);
    let one = frames.take().map_err(|_| Reason::MessageMalformed)?;
    let one = one.ok_or(Reason::MessageMalformed)?;
    if one.compressed || frames.is_open() {
        return Err(Reason::MessageMalformed.into());
    }
    let message = ExtendStreamRequest::decode(one.message());
    message.map_err(|_| Reason::MessageMalformed.into())
}

fn malformed(field: &'static str) -> Refusal {
    Refusal::from(Reason::MessageMalformed).with("field", field)
}

fn answered(answer: &ExtendStreamResponse) -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let mut response = Response::new(whole(frame(&answer.encode_to_vec()), trailers));
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert("content-type", grpc);
    response
}

const LARGEST: usize = 1024;
