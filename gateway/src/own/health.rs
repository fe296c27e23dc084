//! Health of the gateway and of the services behind it (grpc.health.v1).

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, future, stream};
use tokio::time::{Interval, MissedTickBehavior};
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_check_response::ServingStatus as Said;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_server};

use crate::gate::Gate;
use crate::registry::descriptor::Upstream;

/// Answers questions about health.
pub struct Health(Arc<Gate>);

impl Health {
    /// Over what the gateway knows.
    pub fn new(gate: &Arc<Gate>) -> Self {
        Self(Arc::clone(gate))
    }
}

#[tonic::async_trait]
impl health_server::Health for Health {
    type WatchStream = stream::BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match status(&self.0, &service).await {
            Some(status) => Ok(Response::new(said(Said::from(status)))),
            None => Err(Status::not_found(
                "no registered e-service has this service",
            )),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let service = request.into_inner().service;
        Ok(Response::new(
            followed(Arc::clone(&self.0), service).boxed(),
        ))
    }
}

/// What is said first, and whatever differs from what was said before, until the gateway stops.
fn followed(
    gate: Arc<Gate>,
    service: String,
) -> impl Stream<Item = Result<HealthCheckResponse, Status>> {
    let stopping = gate.tasks.stopping();
    let mut looks = tokio::time::interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let states = stream::unfold((gate, service, looks), look);
    let mut before = None;
    states
        .filter(move |state| future::ready(before.replace(*state) != Some(*state)))
        .map(|state| Ok(said(state)))
        .take_until(stopping.cancelled_owned())
}

async fn look(
    (gate, service, mut looks): (Arc<Gate>, String, Interval),
) -> Option<(Said, (Arc<Gate>, String, Interval))> {
    looks.tick().await;
    let state = status(&gate, &service).await;
    let state = state.map_or(Said::ServiceUnknown, Said::from);
    Some((state, (gate, service, looks)))
}

/// The health of the gateway itself, or of a service behind it; none of an unknown one.
async fn status(gate: &Gate, service: &str) -> Option<ServingStatus> {
    let stale =
        gate.registry.snapshot().age() > Duration::from_secs(gate.limits().snapshot_seconds);
    let able = !stale && gate.register.is_writing() && !gate.tasks.stopping().is_cancelled();
    if OWN.contains(&service) {
        return Some(serving(able));
    }
    let upstreams = behind(gate, service);
    if upstreams.is_empty() {
        return None;
    }
    let answers = upstreams.iter().map(|to| answers(gate, to));
    let answers = future::join_all(answers).await;
    Some(serving(able && answers.contains(&true)))
}

/// Where a service listens, in every version that serves.
fn behind(gate: &Gate, service: &str) -> Vec<Upstream> {
    let snapshot = gate.registry.snapshot();
    let serving = snapshot.descriptors.values().filter(|it| it.state.serves());
    let of = |method: &String| method.split('/').next() == Some(service);
    serving
        .filter(|it| it.body.methods.iter().any(of))
        .map(|it| it.body.upstream.clone())
        .collect()
}

/// Whether a replica takes calls; one that nobody has called yet is connected to first.
async fn answers(gate: &Gate, to: &Upstream) -> bool {
    let Ok(pool) = gate.upstreams.pool(to) else {
        return false;
    };
    pool.is_serving() || (pool.place().await.is_ok() && pool.is_serving())
}

fn serving(is_able: bool) -> ServingStatus {
    if is_able {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

fn said(status: Said) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}

const EVERY: Duration = Duration::from_secs(1);
const OWN: [&str; 3] = [
    "",
    "grpc.health.v1.Health",
    "varco.gateway.v1.StreamService",
];
