//! When a call must have ended: the caller's `grpc-timeout`, under the gateway's own cap.
//!
//! The cap of a stream is set here, that of a unary call once its method is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use jiff::civil::Date;
use varco_runtime::server::office::parse_timeout;

use crate::authorize::still_permitted;
use crate::call::{Call, Deadline};
use crate::drain::Drain;
use crate::gate::Gate;
use crate::limit::recount;
use crate::refusal::{Reason, Refusal};

/// Ends a call whose answer has not begun in time.
pub async fn deadline(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    match asked(request.headers()) {
        Ok(asked) => {
            let cap = Duration::from_secs(gate.limits.stream_seconds);
            call.end_by(within(cap, "stream_seconds"));
            if let Some(asked) = asked {
                call.end_by(within(asked.min(cap), "grpc-timeout"));
            }
        }
        Err(refusal) => return refusal.into_response(),
    }
    let answer = next.run(request);
    tokio::pin!(answer);
    let (mut counted, mut drain) = (gate.clock.today(), Drain::default());
    loop {
        // The end may be brought forward, and the permission may end, while the call runs.
        let wake = Instant::now() + RECHECK;
        let wake = call.deadline().map_or(wake, |end| end.min(wake));
        if let Ok(response) = tokio::time::timeout_at(wake.into(), answer.as_mut()).await {
            return response;
        }
        if drain.is_over(&gate) {
            return Refusal::from(call.after(Reason::Draining)).into_response();
        }
        if let Err(refusal) = check(&gate, &call, &mut counted).await {
            return refusal.into_response();
        }
    }
}

/// The time that the caller gives.
fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get(TIMEOUT) else {
        return Ok(None);
    };
    let asked = value.to_str().ok().and_then(parse_timeout);
    let malformed = || Refusal::from(Reason::MetadataInvalid).with("field", TIMEOUT);
    asked.map(Some).ok_or_else(malformed)
}

fn within(time: Duration, limit: &'static str) -> Deadline {
    Deadline {
        end: Instant::now() + time,
        limit,
    }
}

/// Whether a call that has no answer yet may go on.
async fn check(gate: &Gate, call: &Call, counted: &mut Date) -> Result<(), Refusal> {
    if let Some(refusal) = call.overdue(Instant::now()) {
        return Err(refusal);
    }
    // A unary call that the service is carrying out finishes; an open stream does not.
    if call
        .permitted()
        .is_some_and(|permit| permit.method.streams())
    {
        still_permitted(gate, call)?;
        recount(gate, call, counted).await?;
    }
    Ok(())
}

const TIMEOUT: &str = "grpc-timeout";
/// How often a waiting call is looked at.
const RECHECK: Duration = Duration::from_millis(250);
