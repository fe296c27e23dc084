//! Probes for whoever keeps the process running, and metrics for whoever watches over it: plain HTTP,
//! no personal data.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::gate::Gate;
use crate::metrics::metrics;

/// `/livez`: the process answers. `/readyz`: it can also decide and record. `/metrics`: how it does.
pub fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(gate)
}

async fn ready(State(gate): State<Arc<Gate>>) -> (StatusCode, String) {
    match readiness(&gate) {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

/// Whether a gateway can decide and record.
///
/// # Errors
///
/// What it waits for, in a sentence.
pub fn readiness(gate: &Gate) -> Result<(), String> {
    let patience = Duration::from_secs(gate.limits().snapshot_seconds);
    let stale = gate.registry.snapshot().age() > patience;
    if gate.tasks.stopping().is_cancelled() {
        Err("draining".to_owned())
    } else if stale {
        Err("registry cannot be read".to_owned())
    } else if let Some(trouble) = gate.register.trouble() {
        Err(trouble.to_string())
    } else if !gate.register.is_writing() {
        Err("register of accesses cannot be written".to_owned())
    } else {
        Ok(())
    }
}
