//! A call to the gateway itself while it is open: it has a place among its client's open calls, and
//! ends when the client may call no more.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use uuid::Uuid;
use varco_runtime::tls::Peer;

use crate::authenticate::client_of;
use crate::gate::Gate;
use crate::limit::clients::Place;
use crate::refusal::{Reason, Refusal};

/// An open call.
pub struct Open {
    gate: Arc<Gate>,
    peer: Arc<Peer>,
    audit_id: Uuid,
    _place: Place,
}

impl Open {
    /// Lets the client of a verified certificate in, within its rate and its open calls.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn enter(gate: &Arc<Gate>, peer: &Arc<Peer>, audit_id: Uuid) -> Result<Self, Refusal> {
        let client = client(gate, peer)?;
        Ok(Self {
            gate: Arc::clone(gate),
            peer: Arc::clone(peer),
            audit_id,
            _place: gate.limiter.enter(client)?,
        })
    }

    /// The answer, as long as its client may have it.
    pub fn keep(self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        let mut looks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Body::new(StreamBody::new(stream::unfold(
            (self, Some(body), looks),
            next,
        )))
    }
}

fn client(gate: &Gate, peer: &Peer) -> Result<Uuid, Reason> {
    let (snapshot, now) = (gate.registry.snapshot(), gate.clock.unix());
    client_of(peer, &gate.trust_domain, &snapshot, now)
}

/// What is left of an answer; without its body, nothing.
type Rest = (Open, Option<Body>, Interval);

async fn next((open, body, mut looks): Rest) -> Option<(Result<Frame<Bytes>, axum::Error>, Rest)> {
    let mut body = body?;
    loop {
        tokio::select! {
            frame = body.frame() => return Some((frame?, (open, Some(body), looks))),
            _ = looks.tick() => if let Err(reason) = client(&open.gate, &open.peer) {
                let status = Refusal::from(reason).into_status(open.audit_id);
                let mut trailers = HeaderMap::new();
                let _ = status.add_header(&mut trailers);
                return Some((Ok(Frame::trailers(trailers)), (open, None, looks)));
            },
        }
    }
}

const EVERY: Duration = Duration::from_millis(250);
