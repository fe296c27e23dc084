//! The decision: may this caller call this method now?
//!
//! Pure functions over the registry's snapshot. The token endpoint asks the first half of the same
//! question, so that what is refused here is refused there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::{Reason, Refusal};
use crate::registry::contract::{Contract, Method};
use crate::registry::entry::{Agreement, Client, Purpose, State as Live, Upstream};
use crate::registry::snapshot::{Entry, LiveDescriptor, Snapshot};
use crate::voucher::Claims;

/// What an authorised call may do.
#[derive(Debug)]
pub struct Permit {
    /// The method.
    pub method: Method,
    /// Its contract.
    pub contract: Arc<Contract>,
    /// Classes of data that may pass.
    pub allowed: u64,
    /// Where the service listens.
    pub upstream: Upstream,
    /// The service's own audience.
    pub audience: String,
    /// The client.
    pub client_id: Uuid,
    /// The office that calls.
    pub consumer_id: Uuid,
    /// The office's code in the IPA.
    pub office: String,
    /// What for.
    pub purpose_id: Uuid,
    /// The rule of law, or the task.
    pub legal_basis: String,
    /// The agreement.
    pub agreement_id: Uuid,
    /// Calls a day of the purpose.
    pub daily_calls: u64,
    /// Epoch of the registry that decided.
    pub epoch: u64,
}

/// The live entries under which a client acts for a purpose.
#[derive(Clone, Copy, Debug)]
pub struct Eligible<'a> {
    /// The client.
    pub client: &'a Entry<Client>,
    /// The purpose.
    pub purpose: &'a Entry<Purpose>,
    /// The agreement.
    pub agreement: &'a Entry<Agreement>,
    /// The descriptor, with its contract.
    pub descriptor: &'a LiveDescriptor,
    /// Who offers the e-service.
    pub producer: Uuid,
}

/// Whether a client with this key may act for a purpose: the question of issuance.
///
/// # Errors
///
/// The first reason against it.
pub fn eligible<'a>(
    client_id: Uuid,
    kid: &str,
    purpose_id: Uuid,
    snapshot: &'a Snapshot,
) -> Result<Eligible<'a>, Reason> {
    let client = snapshot
        .clients
        .get(&client_id)
        .ok_or(Reason::ClientUnknown)?;
    live(client.state, Reason::ClientSuspended)?;
    if !client.body.keys.iter().any(|key| key.kid == kid) {
        return Err(Reason::KeyRevoked);
    }
    let purpose = snapshot
        .purposes
        .get(&purpose_id)
        .ok_or(Reason::PurposeExpired)?;
    if purpose.state == Live::Archived {
        return Err(Reason::PurposeExpired);
    }
    live(purpose.state, Reason::PurposeSuspended)?;
    if !purpose.body.clients.contains(&client_id) {
        return Err(Reason::PurposeSuspended);
    }
    let key = (purpose.body.consumer, purpose.body.eservice);
    let agreement = snapshot
        .agreements
        .get(&key)
        .ok_or(Reason::AgreementSuspended)?;
    live(agreement.state, Reason::AgreementSuspended)?;
    let tenant = snapshot.tenants.get(&purpose.body.consumer);
    live(
        tenant.map_or(Live::Archived, |tenant| tenant.state),
        Reason::ClientSuspended,
    )?;
    let eservice = snapshot
        .eservices
        .get(&purpose.body.eservice)
        .ok_or(Reason::EserviceSuspended)?;
    live(eservice.state, Reason::EserviceSuspended)?;
    let descriptor = snapshot
        .descriptors
        .get(&agreement.body.descriptor)
        .ok_or(Reason::EserviceSuspended)?;
    live(descriptor.entry.state, Reason::EserviceSuspended)?;
    Ok(Eligible {
        client,
        purpose,
        agreement,
        descriptor,
        producer: eservice.body.producer,
    })
}

/// Whether the holder of a verified voucher may call a method.
///
/// # Errors
///
/// The first reason against it.
pub fn decide(claims: &Claims, method: &str, snapshot: &Snapshot) -> Result<Permit, Reason> {
    let found = eligible(
        claims.client_id,
        &claims.client_kid,
        claims.purpose_id,
        snapshot,
    )?;
    let descriptor = &found.descriptor.entry;
    if descriptor.id != claims.descriptor_id || descriptor.body.audience != claims.aud {
        return Err(Reason::VoucherAudience);
    }
    if !snapshot.methods.contains(method) {
        return Err(Reason::MethodUnknown);
    }
    if !descriptor.body.methods.iter().any(|known| known == method) {
        return Err(Reason::VoucherAudience);
    }
    let purpose = &found.purpose.body;
    if !purpose.methods.iter().any(|allowed| allowed == method) {
        return Err(Reason::MethodNotInPurpose);
    }
    let contract = &found.descriptor.contract;
    let compiled = contract.methods.get(method).ok_or(Reason::MethodUnknown)?;
    let office = snapshot
        .tenants
        .get(&purpose.consumer)
        .map(|tenant| tenant.name.clone());
    Ok(Permit {
        method: compiled.clone(),
        allowed: contract.mask(&purpose.data_classes),
        contract: Arc::clone(contract),
        upstream: descriptor.body.upstream.clone(),
        audience: descriptor.body.audience.clone(),
        client_id: claims.client_id,
        consumer_id: purpose.consumer,
        office: office.unwrap_or_default(),
        purpose_id: claims.purpose_id,
        legal_basis: purpose.legal_basis.clone(),
        agreement_id: found.agreement.id,
        daily_calls: purpose.daily_calls,
        epoch: snapshot.epoch,
    })
}

/// Lets a call on only when the decision allows it.
pub async fn authorize(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let call = Call::of(&request, &gate);
    let snapshot = gate.registry.snapshot();
    let decided = check_age(&gate, &snapshot).and_then(|()| {
        let claims = call.claims().ok_or(Reason::VoucherMissing)?;
        decide(claims, call.method(), &snapshot)
    });
    match decided {
        Ok(permit) => {
            if !permit.method.server_streaming && !permit.method.client_streaming {
                call.end_by(Instant::now() + Duration::from_secs(gate.limits.unary_seconds));
            }
            call.permit(Arc::new(permit));
            next.run(request).await
        }
        Err(reason) => Refusal::from(reason).into_response(),
    }
}

/// Whether an open call may go on under the registry as it is now.
///
/// # Errors
///
/// The reason for which it may not.
pub fn still_permitted(gate: &Gate, call: &Call) -> Result<(), Reason> {
    let (Some(claims), Some(permit)) = (call.claims(), call.permitted()) else {
        return Ok(());
    };
    if claims.exp <= gate.clock.unix() {
        return Err(Reason::VoucherExpired);
    }
    let snapshot = gate.registry.snapshot();
    check_age(gate, &snapshot)?;
    let now = decide(claims, call.method(), &snapshot)?;
    let same = Arc::ptr_eq(&now.contract, &permit.contract);
    if same && now.allowed & permit.allowed == permit.allowed {
        Ok(())
    } else {
        Err(Reason::FieldNotInPurpose)
    }
}

/// A registry that could not be read for too long decides nothing.
fn check_age(gate: &Gate, snapshot: &Snapshot) -> Result<(), Reason> {
    let limit = Duration::from_secs(gate.limits.snapshot_seconds);
    if snapshot.age() > limit {
        Err(Reason::SnapshotStale)
    } else {
        Ok(())
    }
}

fn live(state: Live, otherwise: Reason) -> Result<(), Reason> {
    if state == Live::Active {
        Ok(())
    } else {
        Err(otherwise)
    }
}

#[cfg(test)]
pub(crate) mod tests;
