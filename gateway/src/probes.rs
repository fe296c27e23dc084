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

async fn ready(State(gate): State<Arc<Gate>>) -> (StatusCode, String) {
    let stale =
        gate.registry.snapshot().age() > Duration::from_secs(gate.limits().snapshot_seconds);
    let unready = |what: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{what}\n"));
    if gate.tasks.stopping().is_cancelled() {
        unready("draining")
    } else if stale {
        unready("registry cannot be read")
    } else if let Some(trouble) = gate.register.trouble() {
        unready(&trouble.to_string())
    } else if !gate.register.is_writing() {
        unready("register of accesses cannot be written")
    } else {
        (StatusCode::OK, "ok\n".to_owned())
    }
}
