//! Probes for whoever keeps the process running: plain HTTP, no data.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::gate::Gate;

/// `/livez`: the process answers. `/readyz`: it can also decide and record.
pub fn router(gate: Arc<Gate>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(gate)
}

async fn ready(State(gate): State<Arc<Gate>>) -> (StatusCode, &'static str) {
    let stale = gate.registry.snapshot().age() > Duration::from_secs(gate.limits.snapshot_seconds);
    match (gate.tasks.stopping().is_cancelled(), stale) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        (_, true) => (StatusCode::SERVICE_UNAVAILABLE, "registry cannot be read\n"),
        _ => (StatusCode::OK, "ok\n"),
    }
}
