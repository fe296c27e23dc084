//! The outermost layer of decisions: every call leaves its record before its answer.
//!
//! It stands outside the checks, so that refusals are recorded too. A unary answer is held until
//! its OUTCOME is durable; of a stream nothing is released that a durable record does not cover.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;
use varco_proto::audit::v1::{Decision, Record, RecordKind};
use varco_runtime::metadata::{GRPC_ACCEPT_ENCODING, GRPC_STATUS};

use crate::audit::committer::{Receipt, Unavailable};
use crate::audit::deposit::Deposit;
use crate::call::Call;
use crate::encoding::ACCEPTED;
use crate::forward::once;
use crate::gate::Gate;
use crate::metrics::ending::Ending;
use crate::passing::Passing;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};

pub mod budget;
mod counted;
pub mod keeping;
mod span;
mod stream;
mod unary;

/// Records a call, whatever becomes of it, before its answer leaves.
pub async fn record<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (gate, call) = (Arc::clone(&passing.gate), passing.call.clone());
    span::begin(&call);
    points::pass(Point::CallBegun);
    if gate.register.trouble().is_some() {
        // Nothing was begun, and no record could say that it was.
        let _ = call.settle();
        drop(Ending::unrecorded(&gate, &call));
        return unrecorded(&gate, &call);
    }
    if !gate.register.has_room().await {
        // Records come faster than the disk takes them: what has begun goes first.
        let _ = call.settle();
        drop(Ending::refused(&gate, &call, Reason::Overloaded));
        return overloaded(&call);
    }
    let _abandoned = Abandoned {
        gate: Arc::clone(&gate),
        call: call.clone(),
    };
    let mut response = next(passing).await;
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        refuse(&gate, &call, refusal).await
    } else if is_open_stream(&call, &response) {
        stream::release(&gate, &call, response)
    } else {
        unary::release(&gate, &call, response).await
    }
}

/// Whether messages follow; an answer of trailers alone is as a unary one.
fn is_open_stream(call: &Call, response: &Response) -> bool {
    let streaming = call
        .permitted()
        .is_some_and(|permit| permit.method.server_streaming);
    streaming && grpc_status(response.headers()).is_none()
}

/// Answers a refusal after its record is durable; without the record, only that is said.
async fn refuse(gate: &Gate, call: &Call, refusal: Refusal) -> Response {
    if refusal.reason.is_forgery() {
        gate.forgers.count(call.peer());
    }
    if let Some(counted) = counted::refused(gate, call, &refusal) {
        let _ = call.settle();
        drop(Ending::refused(gate, call, refusal.reason));
        return told(call, refusal, None, counted);
    }
    call.withdraw_answer();
    let surplus = commit_surplus(gate, call).await;
    let denial = denial(call, &refusal);
    let _ = call.settle();
    let mut ending = Ending::refused(gate, call, refusal.reason);
    points::pass(Point::RefusalBefore);
    let Ok(receipt) = surplus.and(span::commit(gate, call, denial).await) else {
        ending.becomes_unrecorded();
        return unrecorded(gate, call);
    };
    points::pass(Point::RefusalAfter);
    told(call, refusal, Some(&receipt), call.audit_id())
}

/// The answer to a refusal, under the id of its record: its own, or the one that counts many.
fn told(call: &Call, refusal: Refusal, receipt: Option<&Receipt>, id: Uuid) -> Response {
    let reason = refusal.reason;
    let mut response = refusal.into_status(id).into_http();
    let headers = response.headers_mut();
    stamp(headers, call, receipt);
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert(AUDIT_ID, id);
    }
    if reason == Reason::EncodingUnsupported {
        headers.insert(GRPC_ACCEPT_ENCODING, ACCEPTED);
    }
    response
}

/// Makes durable whom a call has named beyond what its next record has room for.
async fn commit_surplus(gate: &Gate, call: &Call) -> Result<(), Unavailable> {
    let surplus = call.surplus().into_iter();
    let commits = surplus.map(|deposit| gate.register.commit(deposit));
    futures_util::future::try_join_all(commits).await.map(drop)
}

/// The record of a refusal: a DENY, or the OUTCOME of a call that had begun.
fn denial(call: &Call, refusal: &Refusal) -> Deposit {
    let kind = if call.is_intended() {
        RecordKind::Outcome
    } else {
        RecordKind::Deny
    };
    let Deposit { record, details } = call.deposit(kind);
    let record = Record {
        decision: Decision::Deny.into(),
        deny_reason: refusal.reason.name().to_owned(),
        grpc_status: status_number(refusal.reason.code()),
        outcome: "REFUSED".to_owned(),
        policy_epoch: refusal.epoch.unwrap_or(record.policy_epoch),
        ..record
    };
    Deposit { record, details }
}

/// The answer when the record could not be made durable: nothing of the call leaves.
fn unrecorded(gate: &Gate, call: &Call) -> Response {
    let refusal = unavailable(gate, call);
    let mut response = refusal.into_status(call.audit_id()).into_http();
    stamp(response.headers_mut(), call, None);
    response
}

/// The answer to a call that was not begun, for which no record finds room.
fn overloaded(call: &Call) -> Response {
    let refusal = Refusal::from(Reason::Overloaded);
    let mut response = refusal.into_status(call.audit_id()).into_http();
    stamp(response.headers_mut(), call, None);
    response
}

/// The refusal of what cannot be recorded, with the cause where the guard knows it.
fn unavailable(gate: &Gate, call: &Call) -> Refusal {
    let refusal = Refusal::from(call.after(Reason::AuditUnavailable));
    match gate.register.trouble() {
        Some(trouble) => refusal.with("cause", trouble.name()),
        None => refusal,
    }
}

/// Puts the receipt and the state of the quota into an answer's metadata.
fn stamp(headers: &mut HeaderMap, call: &Call, receipt: Option<&Receipt>) {
    let mut put = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    put(AUDIT_ID, once(call.audit_id().to_string()));
    if let Some(receipt) = receipt {
        put(AUDIT_INDEX, once(receipt.index.to_string()));
        put(AUDIT_CHECKPOINT, Some(receipt.carried.clone()));
    }
    if let Some(quota) = call.quota() {
        // Calls of the same second share all but what remains.
        put(LIMIT, Some(quota.limit.into()));
        put(REMAINING, once(quota.remaining.to_string()));
        put(RESET, Some(quota.reset.into()));
    }
    if let Some(permit) = call.permitted() {
        let withheld = call
            .tally()
            .withheld
            .load(std::sync::atomic::Ordering::Relaxed);
        if withheld != 0 {
            let names = permit.contract.names(withheld).join(",");
            put(WITHHELD, HeaderValue::try_from(names).ok());
        }
    }
}

const AUDIT_CHECKPOINT: HeaderName = HeaderName::from_static("varco-audit-checkpoint-bin");
const AUDIT_ID: HeaderName = HeaderName::from_static("varco-audit-id");
const AUDIT_INDEX: HeaderName = HeaderName::from_static("varco-audit-index");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const WITHHELD: HeaderName = HeaderName::from_static("varco-withheld");

/// The number of the code of a call that was given up.
fn cancelled() -> u32 {
    status_number(tonic::Code::Cancelled)
}

/// The number of a gRPC code (0 to 16).
fn status_number(code: tonic::Code) -> u32 {
    i32::from(code).unsigned_abs()
}

/// The `grpc-status` of headers or trailers.
fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.get(&GRPC_STATUS)?.to_str().ok()?.parse().ok()
}

/// Leaves the last record of a call whose caller went away before any other was claimed.
struct Abandoned {
    gate: Arc<Gate>,
    call: Call,
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        // An open stream is settled by its relay.
        if self.call.is_relayed() || !self.call.settle() {
            return;
        }
        drop(Ending::with(&self.gate, &self.call, cancelled()));
        if counted::abandoned(&self.gate, &self.call) {
            return;
        }
        self.call.withdraw_answer();
        for surplus in self.call.surplus() {
            self.gate.register.leave(surplus);
        }
        self.gate.register.leave(given_up(&self.call));
    }
}

/// The last record of a call that its caller gave up.
fn given_up(call: &Call) -> Deposit {
    let unknown = call.after(Reason::Draining) == Reason::OutcomeUnknown;
    let Deposit { record, details } = call.deposit(RecordKind::Outcome);
    let record = Record {
        grpc_status: cancelled(),
        outcome: if unknown { "UNKNOWN" } else { "CANCELLED" }.to_owned(),
        ..record
    };
    Deposit { record, details }
}

/// A body that carries trailers after one piece of data.
pub(crate) fn whole(data: bytes::Bytes, trailers: HeaderMap) -> Body {
    use futures_util::stream;
    use http_body::Frame;
    let frames = [Frame::data(data), Frame::trailers(trailers)];
    let frames = stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
    Body::new(http_body_util::StreamBody::new(frames))
}
