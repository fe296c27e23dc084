//! What services say of their own health (grpc.health.v1), asked every few seconds.
//!
//! A service that does not know the question is taken to be well.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http::header::{CONTENT_TYPE, TE};
use http_body_util::{BodyExt as _, Limited};
use prost::Message as _;
use tonic_health::pb::HealthCheckResponse;
use tonic_health::pb::health_check_response::ServingStatus;

use super::endpoint::Endpoint;
use super::pool::{Place, Pool};
use crate::minimise::frames::{Frames, frame};

/// Asks the replicas of a pool for as long as somebody holds it.
pub async fn follow(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(held) = pool.upgrade() else {
            return;
        };
        let endpoints = held.endpoints();
        drop(held);
        join_all(endpoints.iter().map(ask)).await;
    }
}

async fn ask(endpoint: &Arc<Endpoint>) {
    let Some(place) = Place::on(endpoint) else {
        return;
    };
    if let Ok(answer) = tokio::time::timeout(PATIENCE, serves(&place)).await {
        endpoint.says(answer);
    } else {
        endpoint.says(false);
    }
}

/// Whether a replica does not say that it is unwell.
async fn serves(place: &Place) -> bool {
    let request = Request::post(CHECK)
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .body(Body::from(frame(&[])));
    let Some(answer) = request.ok().and_then(|request| place.send(request).ok()) else {
        return true;
    };
    // A connection that broke off is the keeper's business.
    let Ok(answer) = answer.await else {
        return true;
    };
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    status(body).is_none_or(|status| status == ServingStatus::Serving)
}

/// The status in the body of an answer; none where it holds no message of that kind.
fn status(body: Bytes) -> Option<ServingStatus> {
    let mut frames = Frames::new(LARGEST);
    frames.push(body);
    let one = frames.take().ok()??;
    let answer = HealthCheckResponse::decode(one.message()).ok()?;
    ServingStatus::try_from(answer.status).ok()
}

const CHECK: &str = "/grpc.health.v1.Health/Check";
const EVERY: Duration = Duration::from_secs(5);
const LARGEST: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_in_a_whole_message_counts() {
        let says = |status: ServingStatus| {
            let answer = HealthCheckResponse {
                status: status.into(),
            };
            frame(&answer.encode_to_vec())
        };

        assert_eq!(
            status(says(ServingStatus::Serving)),
            Some(ServingStatus::Serving)
        );
        let unwell = says(ServingStatus::NotServing);
        assert_eq!(status(unwell.clone()), Some(ServingStatus::NotServing));
        assert_eq!(status(unwell.slice(..6)), None);
        assert_eq!(status(Bytes::new()), None);
    }
}
