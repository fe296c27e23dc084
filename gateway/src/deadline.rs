//! When a call must have ended: the caller's `grpc-timeout`, under the gateway's own cap.
//!
//! The cap of a stream is set here, that of a unary call once its method is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use http::HeaderMap;
use varco_runtime::metadata::GRPC_TIMEOUT;
use varco_runtime::server::office::parse_timeout;

use crate::call::Deadline;
use crate::passing::Passing;
use crate::refusal::{Reason, Refusal};
use crate::vigil::Vigil;

/// Ends a call whose answer has not begun in time.
pub async fn deadline<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let (gate, call) = (Arc::clone(&passing.gate), passing.call.clone());
    match asked(passing.request.headers()) {
        Ok(asked) => {
            let cap = Duration::from_secs(gate.limits().stream_seconds);
            call.end_by(within(cap, "stream_seconds"));
            if let Some(asked) = asked {
                call.end_by(within(asked.min(cap), "grpc-timeout"));
            }
        }
        Err(refusal) => return refusal.into_response(),
    }
    // Boxed: what the call is from here on is kept once, and not moved with every layer outside.
    let rest = Box::pin(next(passing));
    let answer = Vigil::over(&gate, &call).wait(rest).await;
    answer.unwrap_or_else(Refusal::into_response)
}

/// The time that the caller gives.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get(&GRPC_TIMEOUT) else {
        return Ok(None);
    };
    let asked = value.to_str().ok().and_then(parse_timeout);
    let malformed = || Refusal::from(Reason::MetadataInvalid).with("field", GRPC_TIMEOUT.as_str());
    asked.map(Some).ok_or_else(malformed)
}

fn within(time: Duration, limit: &'static str) -> Deadline {
    Deadline {
        end: Instant::now() + time,
        limit,
    }
}
