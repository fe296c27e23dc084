//! The decision: may this caller call this method now?
//!
//! Pure functions over the registry's snapshot. The token endpoint asks the first half of the same
//! question, so that what is refused here is refused there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::Response;
use uuid::Uuid;

use crate::call::{Call, Deadline};
use crate::gate::Gate;
use crate::passing::Passing;
use crate::refusal::{Reason, Refusal};
use crate::registry::agreement::Agreement;
use crate::registry::client::{Client, ClientKind};
use crate::registry::contract::{Contract, Method};
use crate::registry::descriptor::Upstream;
use crate::registry::entry::{Entry, State as Live};
use crate::registry::eservice::Eservice;
use crate::registry::load;
use crate::registry::purpose::Purpose;
use crate::registry::rule::{self, Rule};
use crate::registry::snapshot::{LiveDescriptor, LiveKey, Snapshot};
use crate::registry::tenant::Tenant;
use crate::voucher::Claims;

pub mod again;
pub mod grounds;

use grounds::Grounds;

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
    /// The e-service.
    pub eservice_id: Uuid,
    /// Calls a day of the purpose.
    pub daily_calls: u64,
    /// What the version asks of calls of this method.
    pub rule: Rule,
    /// Place of that rule among the version's; none where none names the method.
    pub rule_place: Option<usize>,
    /// Calls a day of the office on the e-service.
    pub daily_per_consumer: u64,
    /// Calls a day of everybody on the e-service.
    pub daily_total: u64,
    /// Epoch of the registry that decided.
    pub epoch: u64,
    /// What of it decided.
    pub grounds: Grounds,
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
    pub descriptor: LiveDescriptor<'a>,
    /// Who offers the e-service.
    pub producer: Uuid,
}

/// What a client's leave to act for a purpose rests on, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The client is registered and active.
    Client,
    /// The key is the client's, active and not past its end.
    Key,
    /// The purpose is active and valid now.
    Purpose,
    /// The tenant that the purpose belongs to is active.
    Consumer,
    /// The purpose names the client.
    Link,
    /// The agreement is active.
    Agreement,
    /// The e-service and the tenant that offers it are active.
    Eservice,
    /// The version that the agreement is on serves.
    Descriptor,
}

/// What the registry holds of each part.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    client: Option<&'a Entry<Client>>,
    key: Option<&'a LiveKey>,
    consumer: Option<&'a Entry<Tenant>>,
    purpose: Option<&'a Entry<Purpose>>,
    agreement: Option<&'a Entry<Agreement>>,
    eservice: Option<&'a Entry<Eservice>>,
    producer: Option<&'a Entry<Tenant>>,
    descriptor: Option<LiveDescriptor<'a>>,
    now: i64,
}

impl<'a> Parts<'a> {
    /// Looks everything up that a client with this key would act under for a purpose.
    #[must_use]
    pub fn of(
        (client, kid): (Uuid, &str),
        purpose: Uuid,
        snapshot: &'a Snapshot,
        now: i64,
    ) -> Self {
        let purpose = snapshot.purposes.get(&purpose).map(Arc::as_ref);
        let of = purpose.map(|it| &it.body);
        let eservice = of.and_then(|it| snapshot.eservices.get(&it.eservice));
        let agreement = of.and_then(|it| snapshot.agreement(it.consumer, it.eservice));
        let tenant = |id: Uuid| snapshot.tenants.get(&id).map(Arc::as_ref);
        Self {
            client: snapshot.clients.get(&client).map(Arc::as_ref),
            key: snapshot
                .keys
                .get(kid)
                .filter(|key| key.client == client)
                .map(Arc::as_ref),
            consumer: of.and_then(|it| tenant(it.consumer)),
            purpose,
            agreement,
            eservice: eservice.map(Arc::as_ref),
            producer: eservice.and_then(|it| tenant(it.body.producer)),
            descriptor: agreement.and_then(|it| snapshot.descriptor(it.body.descriptor)),
            now,
        }
    }

    /// Whether there is anything to look at: without a purpose nothing that rests on it is known,
    /// without an agreement no version is.
    #[must_use]
    pub fn knows(&self, part: Part) -> bool {
        match part {
            Part::Client | Part::Key | Part::Purpose => true,
            Part::Descriptor => self.agreement.is_some(),
            _ => self.purpose.is_some(),
        }
    }

    /// Whether one part stands.
    ///
    /// # Errors
    ///
    /// The reason for which it does not.
    pub fn check(&self, part: Part) -> Result<(), Reason> {
        match part {
            Part::Client => {
                let client = self.client.ok_or(Reason::ClientUnknown)?;
                let serves = client.body.kind == ClientKind::Consumer;
                let live = client.state == Live::Active && serves;
                live.then_some(()).ok_or(Reason::ClientSuspended)
            }
            Part::Key => {
                let live = self.key.is_some_and(|key| key.signs_at(self.now));
                live.then_some(()).ok_or(Reason::KeyRevoked)
            }
            Part::Consumer => live(self.consumer, Reason::ClientSuspended),
            Part::Purpose => self.check_purpose(),
            Part::Link => {
                let (Some(client), Some(purpose)) = (self.client, self.purpose) else {
                    return Err(Reason::PurposeSuspended);
                };
                let linked = purpose.body.content.clients.contains(&client.id)
                    && client.body.consumer == purpose.body.consumer;
                linked.then_some(()).ok_or(Reason::PurposeSuspended)
            }
            Part::Agreement => live(self.agreement, Reason::AgreementSuspended),
            Part::Eservice => live(self.eservice, Reason::EserviceSuspended)
                .and(live(self.producer, Reason::EserviceSuspended)),
            Part::Descriptor => {
                let serves = self.descriptor.is_some_and(|it| it.entry.state.serves());
                serves.then_some(()).ok_or(Reason::EserviceSuspended)
            }
        }
    }

    /// Whether all of them stand.
    ///
    /// # Errors
    ///
    /// The first reason for which they do not.
    pub fn eligible(&self) -> Result<Eligible<'a>, Reason> {
        self.eligible_by(Part::ALL.into_iter())
    }

    /// Whether some of them stand, and the entries there are.
    fn eligible_by(&self, mut parts: impl Iterator<Item = Part>) -> Result<Eligible<'a>, Reason> {
        parts.try_for_each(|part| self.check(part))?;
        let eservice = self.eservice.ok_or(Reason::EserviceSuspended)?;
        Ok(Eligible {
            client: self.client.ok_or(Reason::ClientUnknown)?,
            purpose: self.purpose.ok_or(Reason::PurposeExpired)?,
            agreement: self.agreement.ok_or(Reason::AgreementSuspended)?,
            descriptor: self.descriptor.ok_or(Reason::EserviceSuspended)?,
            producer: eservice.body.producer,
        })
    }

    fn check_purpose(&self) -> Result<(), Reason> {
        let purpose = self.purpose.ok_or(Reason::PurposeExpired)?;
        if purpose.state.is_final() || !purpose.body.is_valid_at(self.now) {
            return Err(Reason::PurposeExpired);
        }
        live(Some(purpose), Reason::PurposeSuspended)
    }
}

impl<'a> Eligible<'a> {
    /// The method, when the version has it and the purpose includes it.
    fn method(&self, method: &str, snapshot: &Snapshot) -> Result<&'a Method, Reason> {
        if !snapshot.methods.contains(method) {
            return Err(Reason::MethodUnknown);
        }
        let is_it = |known: &String| known == method;
        if !self.descriptor.entry.body.methods.iter().any(is_it) {
            return Err(Reason::VoucherAudience);
        }
        if !self.purpose.body.content.methods.iter().any(is_it) {
            return Err(Reason::MethodNotInPurpose);
        }
        let compiled = self.descriptor.contract.methods.get(method);
        compiled.ok_or(Reason::MethodUnknown)
    }
}

impl Part {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Client,
        Self::Key,
        Self::Purpose,
        Self::Consumer,
        Self::Link,
        Self::Agreement,
        Self::Eservice,
        Self::Descriptor,
    ];
}

/// Whether a client with this key may act for a purpose at a time (Unix seconds): the question of
/// issuance.
///
/// # Errors
///
/// The first reason against it.
pub fn eligible<'a>(
    client_id: Uuid,
    kid: &str,
    purpose_id: Uuid,
    snapshot: &'a Snapshot,
    now: i64,
) -> Result<Eligible<'a>, Reason> {
    Parts::of((client_id, kid), purpose_id, snapshot, now).eligible()
}

/// Whether whoever began a chain still may do what it began for, and whoever passed it on still
/// stands: what is done on behalf of others ends with them.
///
/// # Errors
///
/// The first reason for which they do not.
pub fn chain_stands<'a>(
    (client, purpose): (&str, Option<Uuid>),
    mut before: impl Iterator<Item = &'a str>,
    snapshot: &Snapshot,
    now: i64,
) -> Result<(), Reason> {
    let known = |id: &str| id.parse().ok().and_then(|id| snapshot.clients.get(&id));
    before.try_for_each(|id| live(known(id).map(Arc::as_ref), Reason::ClientSuspended))?;
    let client = known(client).ok_or(Reason::ClientSuspended)?;
    let purpose = purpose.ok_or(Reason::PurposeExpired)?;
    // Its key is not known here: it signed for another voucher.
    let parts = Parts::of((client.id, ""), purpose, snapshot, now);
    let mut all = Part::ALL.into_iter().filter(|part| *part != Part::Key);
    all.try_for_each(|part| parts.check(part))
}

/// Whether the holder of a verified voucher may call a method at a time (Unix seconds).
///
/// # Errors
///
/// The first reason against it.
pub fn decide(
    claims: &Claims,
    method: &str,
    snapshot: &Snapshot,
    now: i64,
) -> Result<Permit, Reason> {
    let found = eligible(
        claims.client_id,
        &claims.client_kid,
        claims.purpose_id,
        snapshot,
        now,
    )?;
    let descriptor = found.descriptor.entry;
    if descriptor.id != claims.descriptor_id || descriptor.body.audience != claims.aud {
        return Err(Reason::VoucherAudience);
    }
    let compiled = found.method(method, snapshot)?;
    let purpose = &found.purpose.body;
    if let Some(act) = &claims.act {
        if !purpose.content.chained {
            return Err(Reason::MethodNotInPurpose);
        }
        let origin = (claims.sub.as_str(), claims.origin_purpose_id);
        chain_stands(origin, act.clients().skip(1), snapshot, now)?;
    }
    let contract = found.descriptor.contract;
    let office = snapshot
        .tenants
        .get(&purpose.consumer)
        .map(|tenant| tenant.name.clone());
    let daily = load::limits(purpose, &descriptor.body, snapshot, now);
    Ok(Permit {
        method: compiled.clone(),
        allowed: contract.mask(&purpose.content.data_classes),
        contract: Arc::clone(contract),
        upstream: descriptor.body.upstream.clone(),
        audience: descriptor.body.audience.clone(),
        client_id: claims.client_id,
        consumer_id: purpose.consumer,
        office: office.unwrap_or_default(),
        purpose_id: claims.purpose_id,
        legal_basis: purpose.legal_basis.clone(),
        agreement_id: found.agreement.id,
        eservice_id: descriptor.body.eservice,
        daily_calls: purpose.content.daily_calls,
        rule: rule::of(&descriptor.body.rules, method),
        rule_place: rule::place(&descriptor.body.rules, method),
        daily_per_consumer: daily.per_consumer,
        daily_total: daily.total,
        epoch: snapshot.epoch,
        grounds: Grounds::of(&found, snapshot),
    })
}

/// Lets a call on only when the decision allows it.
pub async fn authorize<F>(passing: Passing, next: impl FnOnce(Passing) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let Passing { gate, call, .. } = &passing;
    let snapshot = gate.registry.snapshot();
    let now = gate.clock.unix();
    let decided = check_age(gate, &snapshot).and_then(|()| {
        let claims = call.claims().ok_or(Reason::VoucherMissing)?;
        let permit = decide(&claims, call.method(), &snapshot, now)?;
        call.decided_at(snapshot.epoch, now, claims.jti);
        Ok(permit)
    });
    match decided {
        Ok(permit) => {
            let permit = Arc::new(permit);
            call.permit(Arc::clone(&permit));
            bound(gate, call, &permit);
            next(passing).await
        }
        Err(reason) => Refusal::from(reason).at(snapshot.epoch).into_response(),
    }
}

/// Gives a call its time by its method, and a stream its place among the open ones.
fn bound(gate: &Gate, call: &Call, permit: &Permit) {
    let within = |seconds: u64, limit| {
        let end = Instant::now() + Duration::from_secs(seconds);
        call.end_by(Deadline { end, limit });
    };
    if let Some(seconds) = permit.rule.seconds {
        within(seconds.into(), "seconds of the method");
    }
    if permit.method.streams() {
        gate.streams.register(call);
    } else {
        within(gate.limits().unary_seconds, "unary_seconds");
    }
}

/// A registry that could not be read for too long decides nothing.
///
/// # Errors
///
/// `SNAPSHOT_STALE`.
pub fn check_age(gate: &Gate, snapshot: &Snapshot) -> Result<(), Reason> {
    let limit = Duration::from_secs(gate.limits().snapshot_seconds);
    if snapshot.age() > limit {
        Err(Reason::SnapshotStale)
    } else {
        Ok(())
    }
}

fn live<T>(entry: Option<&Entry<T>>, otherwise: Reason) -> Result<(), Reason> {
    let active = entry.is_some_and(|entry| entry.state == Live::Active);
    active.then_some(()).ok_or(otherwise)
}

#[cfg(test)]
pub(crate) mod tests;
