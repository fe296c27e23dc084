//! A unary answer: held whole until its OUTCOME is durable, then released with its receipt.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use varco_proto::audit::v1::{Record, RecordKind};

use super::budget::Share;
use super::keeping::Kept;
use super::{commit_surplus, grpc_status, refuse, span, stamp, unrecorded};
use crate::audit::committer::{Receipt, Unavailable};
use crate::audit::deposit::Deposit;
use crate::call::Call;
use crate::gate::Gate;
use crate::metrics::ending::Ending;
use crate::points::{self, Point};
use crate::refusal::{Reason, Refusal};
use crate::vigil::Vigil;

/// Holds an answer until its OUTCOME is durable.
pub(super) async fn release(gate: &Arc<Gate>, call: &Call, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let mut share = gate.budget.share();
    let held = match hold(gate, call, body, &mut share).await {
        Ok(held) => held,
        Err(refusal) => return refuse(gate, call, refusal).await,
    };
    let status = grpc_status(&held.trailers)
        .or_else(|| grpc_status(&parts.headers))
        .unwrap_or(2);
    let tally = call.tally();
    tally
        .messages
        .store(u64::from(!held.data.is_empty()), Ordering::Relaxed);
    tally.bytes.store(
        u64::try_from(held.data.len()).unwrap_or(u64::MAX),
        Ordering::Relaxed,
    );
    let _ = call.settle();
    let mut ending = Ending::with(gate, call, status);
    points::pass(Point::AnswerHeld);
    let Ok(receipt) = conclude(gate, call, status).await else {
        ending.becomes_unrecorded();
        return unrecorded(gate, call);
    };
    stamp(&mut parts.headers, call, Some(&receipt));
    // What the layers left in the answer, such as the place among open calls, ends with its body.
    let places = std::mem::take(&mut parts.extensions);
    let trailers = Some(held.trailers).filter(|it| !held.data.is_empty() || !it.is_empty());
    let kept = Kept {
        data: held.data,
        trailers,
        share,
        places,
    };
    points::pass(Point::ReleaseBefore);
    Response::from_parts(parts, kept.into_body(&gate.tasks))
}

/// Makes the OUTCOME durable, after what it has no room for.
async fn conclude(gate: &Gate, call: &Call, status: u32) -> Result<Receipt, Unavailable> {
    commit_surplus(gate, call).await?;
    let Deposit { record, details } = call.deposit(RecordKind::Outcome);
    let record = Record {
        grpc_status: status,
        outcome: if status == 0 { "OK" } else { "ERROR" }.to_owned(),
        ..record
    };
    span::commit(gate, call, Deposit { record, details }).await
}

struct Held {
    data: Bytes,
    trailers: HeaderMap,
}

async fn hold(
    gate: &Arc<Gate>,
    call: &Call,
    mut body: Body,
    share: &mut Share,
) -> Result<Held, Refusal> {
    let mut vigil = Vigil::over(gate, call);
    let mut held = BytesMut::new();
    let mut trailers = HeaderMap::new();
    loop {
        let Some(frame) = vigil.wait(body.frame()).await? else {
            return Ok(Held {
                data: held.freeze(),
                trailers,
            });
        };
        let frame = frame.map_err(|_| broken(call))?;
        match frame.into_data() {
            Ok(data) if share.take(data.len()) => held.extend_from_slice(&data),
            Ok(_) => return Err(call.after(Reason::Overloaded).into()),
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
}

/// The answer broke off: for a reason of our own, or because the service went away.
fn broken(call: &Call) -> Refusal {
    match call.tally().violation.get() {
        Some(refusal) => refusal.clone(),
        None => call.after(Reason::UpstreamUnavailable).into(),
    }
}
