//! Only the fields that the purpose allows: requests are checked, answers are reduced.
//!
//! Messages are walked on the wire, one by one as they pass; nothing is decoded into structs. A
//! request that sets a field outside the purpose is refused, because dropping a filter silently
//! would widen the question.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use crate::authorize::Permit;
use crate::call::Call;
use crate::encoding::Encoding;
use crate::forward::outgoing::Whole;
use crate::gate::Gate;
use crate::passing::Passing;
use crate::record::budget::Share;
use crate::refusal::{Reason, Refusal};

pub mod details;
pub mod frames;
pub mod walk;
pub mod walked;

use walked::{Direction, Messages, Walked};

/// Checks the request's messages and reduces those of the answer.
pub async fn minimise<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Passing {
        gate,
        call,
        request,
    } = passing;
    let Some(permit) = call.permitted().cloned() else {
        return Refusal::from(Reason::VoucherMissing).into_response();
    };
    let Ok(encoding) = Encoding::of(request.headers()) else {
        return Refusal::from(Reason::EncodingUnsupported).into_response();
    };
    let request = match check_request(&gate, &call, (&permit, encoding), request).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let passing = Passing {
        gate: Arc::clone(&gate),
        call: call.clone(),
        request,
    };
    let mut response = next(passing).await;
    details::reduce(response.headers_mut());
    // A stream that broke the rule on its way was cut off; the caller is told why.
    if let Some(refusal) = call.tally().violation.get() {
        return refusal.clone().into_response();
    }
    if response.extensions().get::<Refusal>().is_some() {
        return response;
    }
    let Ok(encoding) = Encoding::of(response.headers()) else {
        return Refusal::from(call.after(Reason::AnswerInvalid)).into_response();
    };
    let messages = messages(&gate, &permit, (Direction::Answer, encoding));
    response.map(|body| Body::new(Walked::new(body, call, permit, messages)))
}

/// A single message is read and checked before anything is forwarded; a stream as it passes.
async fn check_request(
    gate: &Gate,
    call: &Call,
    (permit, encoding): (&Arc<Permit>, Encoding),
    request: Request,
) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    let messages = messages(gate, permit, (Direction::Request, encoding));
    let walked = Walked::new(body, call.clone(), Arc::clone(permit), messages);
    let walked = Body::new(walked);
    if permit.method.client_streaming {
        return Ok(Request::from_parts(parts, walked));
    }
    let mut share = gate.budget.share();
    let message = read(walked, call, &mut share).await?;
    let share = Arc::new(share);
    parts.extensions.insert(Whole { message, share });
    Ok(Request::from_parts(parts, Body::empty()))
}

/// Reads a whole request within the budget; its one message has been walked already.
async fn read(mut body: Body, call: &Call, share: &mut Share) -> Result<Bytes, Refusal> {
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let violation = call.tally().violation.get().cloned();
            return Err(violation.unwrap_or_else(|| Reason::RequestBroken.into()));
        };
        if let Ok(data) = frame.into_data() {
            if !share.take(data.len()) {
                return Err(Reason::Overloaded.into());
            }
            held.extend_from_slice(&data);
        }
    }
    Ok(held.freeze())
}

fn messages(gate: &Gate, permit: &Permit, (way, encoding): (Direction, Encoding)) -> Messages {
    let largest = gate.limits().message_bytes;
    let own = permit.rule.message_bytes.map(usize::try_from);
    let streamed = match way {
        Direction::Answer => permit.method.server_streaming,
        Direction::Request => permit.method.client_streaming,
    };
    Messages {
        way,
        encoding,
        streamed,
        largest: own
            .and_then(Result::ok)
            .map_or(largest, |own| own.min(largest)),
        share: gate.budget.share(),
    }
}
