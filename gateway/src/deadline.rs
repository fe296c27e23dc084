//! When a call must have ended: the caller's `grpc-timeout`, under the gateway's own cap.
//!
//! The cap of a stream is set here, that of a unary call once its method is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use varco_runtime::server::office::parse_timeout;

use crate::authorize::{Permit, still_permitted};
use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};

/// Ends a call whose answer has not begun in time.
pub async fn deadline(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    let asked = request
        .headers()
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok());
    let cap = Duration::from_secs(gate.limits.stream_seconds);
    let limit = asked.and_then(parse_timeout).unwrap_or(cap).min(cap);
    call.end_by(Instant::now() + limit);
    let answer = next.run(request);
    tokio::pin!(answer);
    loop {
        // The end may be brought forward, and the permission may end, while the call runs.
        let wake = Instant::now() + RECHECK;
        let wake = call.deadline().map_or(wake, |end| end.min(wake));
        if let Ok(response) = tokio::time::timeout_at(wake.into(), answer.as_mut()).await {
            return response;
        }
        if let Err(reason) = check(&gate, &call) {
            return Refusal::from(reason).into_response();
        }
    }
}

/// Whether a call that has no answer yet may go on.
fn check(gate: &Gate, call: &Call) -> Result<(), Reason> {
    if call.deadline().is_some_and(|end| end <= Instant::now()) {
        return Err(Reason::UpstreamSlow);
    }
    // A unary call that the service is carrying out finishes; an open stream does not.
    let streams =
        |permit: &Permit| permit.method.client_streaming || permit.method.server_streaming;
    match call.permitted() {
        Some(permit) if streams(permit) => still_permitted(gate, call),
        _ => Ok(()),
    }
}

/// How often a waiting call is looked at.
const RECHECK: Duration = Duration::from_millis(250);
