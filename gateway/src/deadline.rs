//! When a call must have ended: the caller's `grpc-timeout`, under the gateway's own cap.
//!
//! The cap of a stream is set here, that of a unary call once its method is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use varco_runtime::server::office::parse_timeout;

use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};

/// Ends a call whose answer has not begun in time.
pub async fn deadline(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate.clock);
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
        // The end may be brought forward while the call runs.
        let end = call.deadline().unwrap_or_else(|| Instant::now() + cap);
        match tokio::time::timeout_at(end.into(), answer.as_mut()).await {
            Ok(response) => return response,
            Err(_) if call.deadline().is_some_and(|now| now <= Instant::now()) => {
                return Refusal::from(Reason::UpstreamSlow).into_response();
            }
            Err(_) => {}
        }
    }
}
