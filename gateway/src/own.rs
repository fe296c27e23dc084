//! What the data plane answers itself: health, the caller's open streams and, where it is switched
//! on, reflection.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb::v1::server_reflection_server::ServerReflectionServer;
use varco_runtime::config;
use varco_runtime::server::Connection;
use varco_runtime::telemetry::served::Served;

use crate::authenticate::authenticate;
use crate::call::Call;
use crate::deadline::deadline;
use crate::gate::Gate;
use crate::passing::{self, Passing};
use crate::record::record;
use crate::refusal::{Reason, Refusal};
use crate::streams::extend::{self, extend};

mod health;
mod open;
mod reflection;

use health::Health;
use open::Open;
use reflection::Reflection;

/// The gateway's own methods on the data plane.
pub fn router(gate: &Arc<Gate>, served: Served) -> Router {
    let extend = passing::serve(gate, served, extend_recorded);
    let streams = Router::new().route_service(extend::PATH, extend);
    let mut about = Routes::new(HealthServer::new(Health::new(gate)));
    if gate.reflection == config::Reflection::On {
        about = about.add_service(ServerReflectionServer::new(Reflection::new(gate)));
    }
    let known = from_fn_with_state(Arc::clone(gate), known);
    // What these say is nobody's data, so it leaves no record.
    about
        .into_axum_router()
        .reset_fallback()
        .layer(known)
        .merge(streams)
}

/// The life of a call to `ExtendStream`: the first layers of every call.
async fn extend_recorded(call: Passing) -> Response {
    record(call, |call| {
        deadline(call, |call| authenticate(call, extend))
    })
    .await
}

/// Lets only registered clients ask.
async fn known(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let connection = request.extensions().get::<Connection>();
    let peer = connection.and_then(|connection| connection.peer.clone());
    let audit_id = Call::begin(&request, &gate).audit_id();
    let peer = peer.ok_or_else(|| Refusal::from(Reason::ClientUnknown));
    match peer.and_then(|peer| Open::enter(&gate, &peer, audit_id)) {
        Ok(open) => next.run(request).await.map(|body| open.keep(body)),
        Err(refusal) => refusal.into_status(audit_id).into_http(),
    }
}
