//! Issuance: from a request and the registry to the claims of a voucher, or the reason for none.
//!
//! A pure function in steps. The token endpoint stops at the first that fails; *explain* walks the
//! very same list to its end. Nothing here reads a clock, a database or a socket: rates, single use,
//! signing and the record stand around it.

use uuid::Uuid;
use varco_runtime::grant;
use varco_runtime::jose::PublicKey;
use varco_runtime::tls::Peer;

use super::answer::Refusal;
use super::assertion::{Assertion, SKEW};
use super::spender::Once;
use crate::authorize::Eligible;
use crate::json::Object;
use crate::proof::Proof;
use crate::registry::client::Client;
use crate::registry::entry::Entry;
use crate::registry::snapshot::{LiveKey, Snapshot};
use crate::voucher::{AssertionDigest, Claims, Confirmation};

pub mod parts;
pub mod steps;

/// What is asked and what it is judged by.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The client assertion.
    pub assertion: &'a str,
    /// The client, where the request names it beside the assertion.
    pub client_id: Option<&'a str>,
    /// The grant of the call that is served, in an exchange.
    pub grant: Option<&'a str>,
    /// The proofs of possession that came along.
    pub proofs: Vec<&'a str>,
    /// The address that was asked.
    pub htu: &'a str,
    /// Whose certificate the connection has.
    pub peer: Option<&'a Peer>,
    /// What the gateway is called and goes by.
    pub rules: &'a Rules,
    /// Keys that sign grants.
    pub grant_keys: &'a [PublicKey],
    /// The registry.
    pub snapshot: &'a Snapshot,
    /// The time, seconds.
    pub now: i64,
}

/// What a gateway is called and goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Its name as an issuer.
    pub issuer: String,
    /// Audiences of assertions.
    pub audiences: Vec<String>,
    /// Start of every URI in certificates of this comune.
    pub trust_domain: String,
}

/// What a request uses up: its assertion, and its proof where it carries one.
#[derive(Clone, Debug)]
pub struct Spending {
    /// The assertion.
    pub assertion: Once,
    /// The proof.
    pub proof: Option<Once>,
}

/// What the steps have found so far.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    kid: Option<String>,
    key: Option<&'a LiveKey>,
    verified: bool,
    object: Option<Object>,
    assertion: Option<Assertion>,
    digest: Option<AssertionDigest>,
    proof: Option<Proof>,
    found: Option<Eligible<'a>>,
    grant: Option<grant::Claims>,
    act: Option<grant::Actor>,
}

/// One step.
#[derive(Clone, Copy)]
pub struct Step {
    /// Its name in explanations.
    pub name: &'static str,
    /// What it looks at, in English.
    pub english: &'static str,
    /// What it looks at, in Italian.
    pub italian: &'static str,
    /// Takes it.
    run: for<'a> fn(&Case<'a>, &mut Draft<'a>) -> Verdict,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not: all that is wrong, the first being the answer of the token endpoint.
    Failed(Vec<Refusal>),
    /// There is nothing to look at, or what it needs has failed before.
    Skipped,
}

impl Step {
    /// Takes the step.
    pub fn run<'a>(&self, case: &Case<'a>, draft: &mut Draft<'a>) -> Verdict {
        (self.run)(case, draft)
    }
}

/// Finds the registered key that the assertion names. Nothing has verified yet.
///
/// # Errors
///
/// Opaque to the caller.
pub fn recognise<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Result<&'a LiveKey, Refusal> {
    walk(steps::RECOGNISE, case, draft)?;
    draft.key.ok_or_else(Refusal::internal)
}

/// Verifies the assertion's signature.
///
/// # Errors
///
/// Opaque to the caller.
pub fn verify<'a>(case: &Case<'a>, draft: &mut Draft<'a>) -> Result<(), Refusal> {
    walk(steps::VERIFY, case, draft)
}

/// Decides on the request of a client that has proven who it is.
///
/// # Errors
///
/// The precise reason.
pub fn decide<'a>(case: &Case<'a>, draft: &mut Draft<'a>, jti: Uuid) -> Result<Claims, Refusal> {
    if !draft.verified {
        return Err(Refusal::internal());
    }
    walk(steps::DECIDE, case, draft)?;
    draft.voucher(case, jti).ok_or_else(Refusal::internal)
}

fn walk<'a>(list: &[Step], case: &Case<'a>, draft: &mut Draft<'a>) -> Result<(), Refusal> {
    for step in list {
        if let Verdict::Failed(faults) = step.run(case, draft) {
            let first = faults.into_iter().next();
            return Err(first.unwrap_or_else(Refusal::internal));
        }
    }
    Ok(())
}

impl<'a> Draft<'a> {
    /// The `kid` that the assertion names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The client, once its signature has verified.
    #[must_use]
    pub fn client_id(&self) -> Option<Uuid> {
        self.key.filter(|_| self.verified).map(|key| key.client)
    }

    /// The purpose that a verified assertion names.
    #[must_use]
    pub fn purpose_id(&self) -> Option<Uuid> {
        self.assertion.as_ref()?.purpose_id
    }

    /// The grant that is exchanged, once it has verified.
    #[must_use]
    pub fn grant(&self) -> Option<&grant::Claims> {
        self.grant.as_ref()
    }

    /// The live entries under which the client acts.
    #[must_use]
    pub fn found(&self) -> Option<&Eligible<'a>> {
        self.found.as_ref()
    }

    /// What the request uses up.
    #[must_use]
    pub fn spending(&self) -> Option<Spending> {
        let (client, assertion) = (self.client_id()?, self.assertion.as_ref()?);
        let end = assertion.exp?.saturating_add(SKEW);
        Some(Spending {
            assertion: Once::assertion(client, assertion.jti.as_ref()?, end),
            proof: self.proof.as_ref().map(Once::proof),
        })
    }

    fn client(&self, case: &Case<'a>) -> Option<&'a Entry<Client>> {
        let client = case.snapshot.clients.get(&self.client_id()?);
        client.map(AsRef::as_ref)
    }

    /// The claims of a voucher, as far as the steps have found what stands in it.
    #[must_use]
    pub fn voucher(&self, case: &Case<'_>, jti: Uuid) -> Option<Claims> {
        let (client_id, found) = (self.client_id()?, self.found.as_ref()?);
        let descriptor = found.descriptor.entry;
        let thumbprint = case.peer.map(|peer| &peer.thumbprint);
        let jkt = self.proof.as_ref().map(|proof| proof.jkt.as_str());
        let grant = self.grant.as_ref();
        let lifespan = i64::from(descriptor.body.voucher_lifespan);
        // A chain is of one call: what serves it does not outlive it by more than a moment.
        let lifespan = grant.map_or(lifespan, |_| lifespan.min(CHAINED_LIFE));
        let sub = grant.map_or_else(|| client_id.to_string(), |grant| grant.sub.clone());
        let origin = grant.and_then(|grant| {
            let first = grant.purpose_id.parse().ok();
            grant.origin_purpose_id.or(first)
        });
        Some(Claims {
            iss: case.rules.issuer.clone(),
            sub,
            client_id,
            aud: descriptor.body.audience.clone(),
            jti,
            iat: case.now,
            nbf: case.now,
            exp: case.now + lifespan,
            purpose_id: found.purpose.id,
            producer_id: found.producer,
            consumer_id: found.purpose.body.consumer,
            eservice_id: descriptor.body.eservice,
            descriptor_id: descriptor.id,
            client_kid: self.key?.kid.clone(),
            epoch: case.snapshot.epoch,
            cnf: Confirmation::of(thumbprint, jkt),
            digest: self.digest.clone(),
            act: self.act.clone(),
            origin_purpose_id: origin,
            txn: grant.map(|grant| grant.txn),
        })
    }
}

/// Longest life of a voucher that serves somebody else's call, seconds.
const CHAINED_LIFE: i64 = 60;

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Step({})", self.name)
    }
}

#[cfg(test)]
pub(crate) mod tests;
