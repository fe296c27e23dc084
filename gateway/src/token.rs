//! The token endpoint: a client assertion comes in, a voucher goes out (RFC 6749, 7523, PDND).
//!
//! What is wrong before the signature has verified is told to nobody; what is wrong after it is
//! told precisely. No voucher leaves without its durable record, and the record of a refusal always
//! has the precise reason.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use governor::{DefaultKeyedRateLimiter, Quota};
use uuid::Uuid;
use varco_proto::audit::v1::{Decision, Record, RecordKind};
use varco_runtime::jose::PublicKey;
use varco_runtime::server::Connection;
use varco_runtime::tls::Peer;

use crate::authenticate::client_of;
use crate::authorize::eligible;
use crate::call::zone;
use crate::gate::Gate;
use crate::registry::snapshot::Snapshot;
use crate::voucher::{Claims, Confirmation};

pub mod answer;
pub mod assertion;
mod metadata;
mod spent;

use answer::{Issued, Refusal};
use assertion::Assertion;

/// The token endpoint's own parts.
#[derive(Clone)]
pub struct Endpoint {
    gate: Arc<Gate>,
    audiences: Arc<[String]>,
    by_peer: Arc<DefaultKeyedRateLimiter<IpAddr>>,
    by_client: Arc<DefaultKeyedRateLimiter<Uuid>>,
    turned_away: Arc<TurnedAway>,
}

impl Endpoint {
    /// Makes the endpoint; `assertion_audience` is taken beside the issuer and the token address.
    #[must_use]
    pub fn new(gate: Arc<Gate>, assertion_audience: &str) -> Self {
        let issuer = gate.vouchers.issuer().to_owned();
        let token_url = format!("{issuer}{PATH}");
        let rate = std::num::NonZeroU32::new(gate.limits.tokens_per_second)
            .unwrap_or(std::num::NonZeroU32::MIN);
        Self {
            audiences: [assertion_audience.to_owned(), issuer, token_url].into(),
            by_peer: Arc::new(DefaultKeyedRateLimiter::keyed(Quota::per_second(rate))),
            by_client: Arc::new(DefaultKeyedRateLimiter::keyed(Quota::per_second(rate))),
            turned_away: Arc::default(),
            gate,
        }
    }

    /// Its pages.
    pub fn router(self) -> Router {
        Router::new()
            .route(PATH, post(token))
            .route("/.well-known/jwks.json", get(metadata::jwks))
            .route(
                "/.well-known/oauth-authorization-server",
                get(metadata::server),
            )
            .route("/keys/{kid}", get(metadata::key))
            .layer(DefaultBodyLimit::max(MAX_FORM))
            .with_state(self)
    }

    /// Issues a voucher, or says why not.
    async fn issue(&self, asked: &mut Asked, form: &[u8]) -> Result<Issued, Refusal> {
        let form = assertion::Form::parse(form)?;
        let snapshot = self.gate.registry.snapshot();
        if snapshot.age() > STALE {
            return Err(Refusal::unavailable("SNAPSHOT_STALE"));
        }
        let (key, client_id) = key_of(&form, &snapshot)?;
        let claims = assertion::verify(&form, &key)?;
        asked.client_id = Some(client_id);
        if self.by_client.check_key(&client_id).is_err() {
            return Err(Refusal::too_many());
        }
        let claims = assertion::parse(claims)?;
        asked.purpose_id = claims.purpose_id;
        let legacy = snapshot
            .clients
            .get(&client_id)
            .is_some_and(|client| client.body.legacy);
        let now = self.gate.clock.unix();
        let purpose_id = assertion::check(&claims, client_id, &form, &self.audiences, legacy, now)?;
        self.check_peer(asked, client_id, &snapshot)?;
        let voucher = self.voucher(&claims, client_id, key.kid(), purpose_id, asked, &snapshot)?;
        spent::spend(&self.gate, client_id, &claims.jti, claims.exp).await?;
        let token = self
            .gate
            .vouchers
            .sign(&voucher)
            .map_err(|_| Refusal::internal())?;
        asked.issued = Some(voucher.clone());
        Ok(Issued::bearer(token, voucher.exp - voucher.iat))
    }

    /// Refuses a peer over its rate, without a record of its own.
    fn turn_away(&self, zone: &str) -> Response {
        let id = self.gate.clock.uuid();
        if let Some(count) = self.turned_away.count() {
            // A quiet moment to forget peers that have gone.
            self.by_peer.retain_recent();
            self.by_client.retain_recent();
            self.gate.register.leave(Record {
                kind: RecordKind::AggregateGarbage.into(),
                audit_id: id.as_bytes().to_vec().into(),
                peer_ip_class: zone.to_owned(),
                records_count: count,
                decision: Decision::Deny.into(),
                deny_reason: "RATE".to_owned(),
                outcome: "REFUSED".to_owned(),
                ..Default::default()
            });
        }
        Refusal::too_many().into_response(id)
    }

    /// A client that presents a certificate presents its own.
    fn check_peer(
        &self,
        asked: &Asked,
        client_id: Uuid,
        snapshot: &Snapshot,
    ) -> Result<(), Refusal> {
        let Some(peer) = &asked.peer else {
            return Ok(());
        };
        match client_of(peer, &self.gate.trust_domain, snapshot) {
            Some(holder) if holder == client_id => Ok(()),
            _ => Err(Refusal::client("CERTIFICATE_OF_ANOTHER_CLIENT")),
        }
    }

    fn voucher(
        &self,
        assertion: &Assertion,
        client_id: Uuid,
        kid: &str,
        purpose_id: Uuid,
        asked: &Asked,
        snapshot: &Snapshot,
    ) -> Result<Claims, Refusal> {
        let found = eligible(client_id, kid, purpose_id, snapshot)
            .map_err(|reason| Refusal::unauthorized(reason.name()))?;
        let descriptor = &found.descriptor.entry;
        let now = self.gate.clock.unix();
        Ok(Claims {
            iss: self.gate.vouchers.issuer().to_owned(),
            sub: client_id.to_string(),
            client_id,
            aud: descriptor.body.audience.clone(),
            jti: self.gate.clock.uuid(),
            iat: now,
            nbf: now,
            exp: now + i64::from(descriptor.body.voucher_lifespan),
            purpose_id,
            producer_id: found.producer,
            consumer_id: found.purpose.body.consumer,
            eservice_id: descriptor.body.eservice,
            descriptor_id: descriptor.id,
            client_kid: kid.to_owned(),
            epoch: snapshot.epoch,
            cnf: asked
                .peer
                .as_ref()
                .map(|peer| Confirmation::to(&peer.thumbprint)),
            digest: assertion.digest.clone(),
        })
    }
}

/// Requests over the rate of their peer, which leave one record a minute with their number: a
/// stranger cannot fill the register.
#[derive(Debug, Default)]
struct TurnedAway {
    count: AtomicU64,
    told: Mutex<Option<Instant>>,
}

impl TurnedAway {
    /// Counts one; gives the number to record when a minute has passed.
    fn count(&self) -> Option<u64> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| told.elapsed() < MINUTE) {
            return None;
        }
        *told = Some(Instant::now());
        Some(self.count.swap(0, Ordering::Relaxed))
    }
}

/// What counts as one peer: an IPv4 address, or the /64 of an IPv6 one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
        IpAddr::V4(v4) => IpAddr::V4(v4),
    }
}

/// What is known of a request for a voucher, for its record.
struct Asked {
    id: Uuid,
    peer: Option<Arc<Peer>>,
    zone: &'static str,
    client_id: Option<Uuid>,
    purpose_id: Option<Uuid>,
    issued: Option<Claims>,
}

async fn token(State(endpoint): State<Endpoint>, request: Request) -> Response {
    let connection = request.extensions().get::<Connection>().cloned();
    let address = connection
        .as_ref()
        .map(|connection| connection.address.ip());
    let mut asked = Asked {
        id: endpoint.gate.clock.uuid(),
        peer: connection.and_then(|connection| connection.peer),
        zone: address.map_or("unknown", zone),
        client_id: None,
        purpose_id: None,
        issued: None,
    };
    if address.is_some_and(|address| endpoint.by_peer.check_key(&network(address)).is_err()) {
        return endpoint.turn_away(asked.zone);
    }
    let (headers, form) = read(request).await;
    let outcome = match (form, check_headers(&headers)) {
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        (Ok(form), Ok(())) => endpoint.issue(&mut asked, &form).await,
    };
    answer(&endpoint, asked, outcome).await
}

async fn read(request: Request) -> (HeaderMap, Result<Bytes, Refusal>) {
    let (parts, body) = request.into_parts();
    let read = axum::body::to_bytes(body, MAX_FORM).await;
    (
        parts.headers,
        read.map_err(|_| Refusal::request("the form is larger than 16 KiB")),
    )
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if kind.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Err(Refusal::request(
            "content-type must be application/x-www-form-urlencoded",
        ));
    }
    // A proof that is not looked at must not look as if it were.
    if headers.contains_key("dpop") {
        return Err(Refusal::proof("DPOP_NOT_OFFERED"));
    }
    Ok(())
}

/// The registered key that an assertion names, and its client.
fn key_of(form: &assertion::Form, snapshot: &Snapshot) -> Result<(PublicKey, Uuid), Refusal> {
    let kid = form
        .kid()
        .ok_or_else(|| Refusal::unauthenticated("ASSERTION_MALFORMED"))?;
    let live = snapshot
        .keys
        .get(&kid)
        .ok_or_else(|| Refusal::unauthenticated("KEY_UNKNOWN"))?;
    Ok((live.key.clone(), live.client))
}

/// Records what happened and only then answers.
async fn answer(endpoint: &Endpoint, asked: Asked, outcome: Result<Issued, Refusal>) -> Response {
    let record = record(&asked, &outcome, &endpoint.gate);
    if endpoint.gate.register.commit(record).await.is_err() {
        return Refusal::unavailable("AUDIT_UNAVAILABLE").into_response(asked.id);
    }
    match outcome {
        Ok(issued) => issued.into_response(asked.id),
        Err(refusal) => refusal.into_response(asked.id),
    }
}

fn record(asked: &Asked, outcome: &Result<Issued, Refusal>, gate: &Gate) -> Record {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let mut record = Record {
        audit_id: asked.id.as_bytes().to_vec().into(),
        client_id: text(asked.client_id),
        purpose_id: text(asked.purpose_id),
        client_cert_sha256: asked
            .peer
            .as_ref()
            .map(|peer| peer.thumbprint.to_vec().into())
            .unwrap_or_default(),
        peer_ip_class: asked.zone.to_owned(),
        policy_epoch: gate.registry.snapshot().epoch,
        ..Default::default()
    };
    match outcome {
        Ok(_) => {
            record.kind = RecordKind::VoucherIssued.into();
            record.decision = Decision::Permit.into();
            "OK".clone_into(&mut record.outcome);
            record.http_status = 200;
        }
        Err(refusal) => {
            record.kind = RecordKind::VoucherRefused.into();
            record.decision = Decision::Deny.into();
            "REFUSED".clone_into(&mut record.outcome);
            refusal.precise.clone_into(&mut record.deny_reason);
            record.http_status = u32::from(refusal.status.as_u16());
        }
    }
    if let Some(voucher) = &asked.issued {
        record.voucher_jti = voucher.jti.to_string();
        record.voucher_iss.clone_from(&voucher.iss);
        record.voucher_exp = voucher.exp;
        record.eservice_id = voucher.eservice_id.to_string();
        record.producer_id = voucher.producer_id.to_string();
        record.voucher_kid = outcome.as_ref().map(Issued::kid).unwrap_or_default();
    }
    record
}

/// Path of the endpoint.
pub const PATH: &str = "/token.oauth2";
const MAX_FORM: usize = 16 * 1024;
/// Age of the registry past which no voucher is issued.
const STALE: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_mins(1);
