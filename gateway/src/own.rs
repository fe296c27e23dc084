//! What the data plane answers itself: health, the caller's open streams and, where it is switched
//! on, reflection.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::pb::v1::server_reflection_server::ServerReflectionServer;
use varco_runtime::config;
use varco_runtime::server::Connection;
use varco_runtime::server::answers::Answers;
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

/// Answers the gateway's own methods on the data plane; `calls` answers all others.
pub fn answers(gate: &Arc<Gate>, served: Served, calls: Answers) -> Answers {
    let extend = passing::answers(gate, served, extend_recorded);
    let (services, about) = about(gate);
    let about = Answers::from(about);
    Answers::new(move |request| match request.uri().path() {
        extend::PATH => extend.answer(request),
        path if is_of(&services, path) => about.answer(request),
        _ => calls.answer(request),
    })
}

/// The services that speak of the gateway itself. What they say is nobody's data, so it leaves no record.
fn about(gate: &Arc<Gate>) -> (Vec<&'static str>, Router) {
    let mut names = vec![<HealthServer<Health> as NamedService>::NAME];
    let mut services = Routes::new(HealthServer::new(Health::new(gate)));
    if gate.reflection == config::Reflection::On {
        names.push(<ServerReflectionServer<Reflection> as NamedService>::NAME);
        services = services.add_service(ServerReflectionServer::new(Reflection::new(gate)));
    }
    let known = from_fn_with_state(Arc::clone(gate), known);
    (names, services.into_axum_router().layer(known))
}

/// Whether a path is of one of some services.
fn is_of(services: &[&str], path: &str) -> bool {
    let service = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    service.is_some_and(|(service, _)| services.contains(&service))
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
