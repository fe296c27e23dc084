//! What a record tells of a decision on a call.

use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};

use crate::authorize::again;
use crate::refusal::Reason;

/// What a record is to a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A decision that the registry alone has made.
    Decision(Recorded),
    /// A refusal for something that no record tells.
    NotRedecidable,
    /// No decision on a call, or not the last record of one.
    Nothing,
}

/// A decision of the registry on a call with a verified voucher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The call.
    pub audit_id: Uuid,
    /// The client.
    pub client: Uuid,
    /// What for.
    pub purpose: Uuid,
    /// `pkg.Service/Method`.
    pub method: String,
    /// In a chain, the clients on whose behalf.
    pub before: Vec<String>,
    /// When the call arrived, in seconds since the Unix epoch.
    pub at: i64,
    /// Epoch of the registry that decided.
    pub epoch: u64,
    /// Whether it let the call pass.
    pub permitted: bool,
}

impl Recorded {
    /// The call, as a decision asks for it.
    #[must_use]
    pub fn told(&self) -> again::Told<'_> {
        again::Told {
            client: self.client,
            purpose: self.purpose,
            method: &self.method,
            before: &self.before,
        }
    }
}

impl Told {
    /// Reads a record: each call counts once, by the record that ends it.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        // Only what the registry has permitted names an agreement, whatever became of it later.
        let permitted = !record.agreement_id.is_empty();
        let undecided = match record.kind() {
            RecordKind::Outcome => Self::Nothing,
            RecordKind::Deny => Self::NotRedecidable,
            _ => return Self::Nothing,
        };
        let is_registrys = match record.kind() {
            RecordKind::Outcome => permitted,
            // What ends a chain may be what its first client no longer may.
            _ => !permitted && is_registrys(&record.deny_reason) && record.on_behalf_of.is_empty(),
        };
        if !is_registrys || record.policy_epoch == 0 {
            return undecided;
        }
        decision(record, permitted).map_or(undecided, Self::Decision)
    }
}

fn decision(record: &Record, permitted: bool) -> Option<Recorded> {
    Some(Recorded {
        audit_id: Uuid::from_slice(&record.audit_id).ok()?,
        client: record.client_id.parse().ok()?,
        purpose: record.purpose_id.parse().ok()?,
        method: record.method.clone(),
        before: record.on_behalf_of.clone(),
        at: arrival(record),
        epoch: record.policy_epoch,
        permitted,
    })
}

/// When the call of a record arrived, in seconds since the Unix epoch: the record was made later by
/// its latency.
fn arrival(record: &Record) -> i64 {
    let latency = i64::try_from(record.latency_us).unwrap_or(i64::MAX);
    let latency = latency.saturating_mul(1000);
    record.ts_unix_ns.saturating_sub(latency).div_euclid(SECOND)
}

/// Whether a reason rests on the registry and on nothing that records leave out: a key, the version
/// of a voucher, a method that nobody knows.
fn is_registrys(reason: &str) -> bool {
    let reasons = [
        Reason::AgreementSuspended,
        Reason::ClientSuspended,
        Reason::EserviceSuspended,
        Reason::MethodNotInPurpose,
        Reason::PurposeExpired,
        Reason::PurposeSuspended,
    ];
    reasons.iter().any(|known| known.name() == reason)
}

/// In nanoseconds.
const SECOND: i64 = 1_000_000_000;
