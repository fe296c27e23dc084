//! What the span of a call is told of its record, so that who sees the one finds the other.
//!
//! Ids, the decision and its reason; nothing else of a record leaves for those who collect spans.

use std::time::{Duration, Instant};

use varco_proto::audit::v1::{Decision, Record};

use crate::audit::committer::{Receipt, Unavailable};
use crate::audit::deposit::Deposit;
use crate::call::Call;
use crate::gate::Gate;

/// Names the span of a call that begins.
pub(super) fn begin(call: &Call) {
    let span = call.span();
    if let Some(method) = call.known_method() {
        span.name(method);
    }
    // The address itself would say at which desk somebody sits.
    span.set("varco.peer.zone", call.zone());
}

/// Makes the last record of a call durable and tells its span.
///
/// # Errors
///
/// When the record cannot be made durable.
pub(super) fn commit(
    gate: &Gate,
    call: &Call,
    deposit: Deposit,
) -> impl Future<Output = Result<Receipt, Unavailable>> + Send {
    let is_collected = call.span().is_collected();
    if is_collected {
        tell(call, &deposit.record);
    }
    let begun = Instant::now();
    let committed = gate.register.commit(deposit);
    async move {
        let receipt = committed.await?;
        if is_collected {
            told(gate, call, &receipt, begun.elapsed());
        }
        Ok(receipt)
    }
}

/// Tells the span where the record stands, and how long that took.
fn told(gate: &Gate, call: &Call, receipt: &Receipt, took: Duration) {
    let span = call.span();
    span.set("varco.audit.barrier_ms", took.as_secs_f64() * 1000.0);
    span.set("varco.audit.origin", gate.register.log().origin.clone());
    span.set(
        "varco.audit.index",
        i64::try_from(receipt.index).unwrap_or(i64::MAX),
    );
}

fn tell(call: &Call, record: &Record) {
    let span = call.span();
    let decision = match record.decision() {
        Decision::Permit => "permit",
        Decision::Deny => "deny",
        Decision::Unspecified => "none",
    };
    span.set("varco.decision", decision);
    for (key, value) in [
        ("varco.deny.reason", &record.deny_reason),
        ("varco.client.id", &record.client_id),
        ("varco.eservice.id", &record.eservice_id),
        ("varco.purpose.id", &record.purpose_id),
    ] {
        if !value.is_empty() {
            span.set(key, value.clone());
        }
    }
    let epoch = i64::try_from(record.policy_epoch).unwrap_or(i64::MAX);
    span.set("varco.policy.epoch", epoch);
}
