//! Who calls: the TLS peer is a registered client, and the voucher is its own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use uuid::Uuid;
use varco_runtime::tls::Peer;

use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};
use crate::registry::snapshot::Snapshot;
use crate::voucher::{Claims, Confirmation};

/// Lets a call on only when its peer and its voucher are known and belong together.
pub async fn authenticate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    if !is_grpc(&request) {
        return Refusal::from(Reason::MethodUnknown).into_response();
    }
    if let Err(reason) = catch_up(&gate, request.headers()).await {
        return Refusal::from(reason).into_response();
    }
    match check(&gate, &call, request.headers()) {
        Ok(claims) => {
            call.vouch(claims);
            next.run(request).await
        }
        Err(reason) => Refusal::from(reason).into_response(),
    }
}

/// A voucher that was issued on a newer registry makes this gateway read it first.
async fn catch_up(gate: &Gate, headers: &HeaderMap) -> Result<(), Reason> {
    let Ok(token) = bearer(headers) else {
        return Ok(());
    };
    let Ok(claims) = gate.vouchers.judge(token, gate.clock.unix()) else {
        // Another gateway may have published the key a moment ago.
        gate.keys.look_for(token).await;
        return Ok(());
    };
    if claims.epoch <= gate.registry.snapshot().epoch {
        return Ok(());
    }
    gate.registry
        .catch_up(claims.epoch)
        .await
        .map_err(|_| Reason::SnapshotStale)
}

/// Whether a request is a gRPC call at all.
fn is_grpc(request: &Request) -> bool {
    let kind = request
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    request.method() == http::Method::POST
        && kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}

/// The client of a verified certificate: by its URI, or by its thumbprint in the registry.
///
/// # Errors
///
/// When it is no client's, or the certificate has been revoked.
pub fn client_of(peer: &Peer, trust_domain: &str, snapshot: &Snapshot) -> Result<Uuid, Reason> {
    let known = snapshot.certificate(&peer.thumbprint);
    if snapshot.is_revoked(&peer.thumbprint) {
        return Err(Reason::KeyRevoked);
    }
    let named = peer
        .named(&format!("{trust_domain}/client/"))
        .and_then(|id| id.parse().ok());
    named
        .or_else(|| known.and_then(|entry| entry.body.client))
        .filter(|id| snapshot.clients.contains_key(id))
        .ok_or(Reason::ClientUnknown)
}

fn check(gate: &Gate, call: &Call, headers: &HeaderMap) -> Result<Arc<Claims>, Reason> {
    if metadata_size(headers) > MAX_METADATA {
        return Err(Reason::MetadataTooLarge);
    }
    let peer = call.peer().ok_or(Reason::ClientUnknown)?;
    let client = client_of(peer, &gate.trust_domain, &gate.registry.snapshot())?;
    call.identify(client);
    let verdict = gate.vouchers.verdict(bearer(headers)?, gate.clock.unix())?;
    call.signed_by(verdict.kid);
    let claims = verdict.claims;
    if claims.client_id != client {
        return Err(Reason::VoucherClient);
    }
    let bound_elsewhere = claims
        .cnf
        .as_ref()
        .is_some_and(|cnf| *cnf != Confirmation::to(&peer.thumbprint));
    if bound_elsewhere {
        return Err(Reason::VoucherBinding);
    }
    Ok(claims)
}

/// The voucher of an `authorization: Bearer` (RFC 6750 §2.1).
fn bearer(headers: &HeaderMap) -> Result<&str, Reason> {
    let mut values = headers.get_all("authorization").iter();
    let value = values.next().ok_or(Reason::VoucherMissing)?;
    if values.next().is_some() {
        return Err(Reason::VoucherMalformed);
    }
    let text = value.to_str().map_err(|_| Reason::VoucherMalformed)?;
    let (scheme, token) = text.split_once(' ').ok_or(Reason::VoucherMalformed)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token)
    } else {
        Err(Reason::VoucherMalformed)
    }
}

/// Size of the metadata as HTTP/2 counts it (RFC 9113 §6.5.2).
fn metadata_size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .sum()
}

const MAX_METADATA: usize = 16 * 1024;
