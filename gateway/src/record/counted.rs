//! Which refusals are counted instead of being recorded one by one, when they come too often.
//!
//! Only those of calls of which nothing was begun: no INTENT stands for them, no service has seen
//! them, and no message has named anybody. How any other call ended is evidence of its own, however
//! many there are.

use uuid::Uuid;
use varco_proto::audit::v1::Record;

use super::{denial, given_up};
use crate::audit::counting::Sort;
use crate::audit::deposit::Deposit;
use crate::call::Call;
use crate::gate::Gate;
use crate::refusal::Refusal;

/// Counts a refusal that is one too many; gives the id of the record that will tell of it.
pub(super) fn refused(gate: &Gate, call: &Call, refusal: &Refusal) -> Option<Uuid> {
    let reason = refusal.reason.name();
    let id = count(gate, call, ("REFUSED", reason), || denial(call, refusal))?;
    call.span().set("varco.deny.reason", reason);
    Some(id)
}

/// Counts a call that its caller gave up; false where it is to leave a record of its own.
pub(super) fn abandoned(gate: &Gate, call: &Call) -> bool {
    count(gate, call, ("CANCELLED", ""), || given_up(call)).is_some()
}

fn count(
    gate: &Gate,
    call: &Call,
    (outcome, reason): (&'static str, &'static str),
    own: impl FnOnce() -> Deposit,
) -> Option<Uuid> {
    if !call.is_unbegun() {
        return None;
    }
    let sort = Sort {
        outcome,
        reason,
        voucher: call.claims().map(|claims| claims.jti),
    };
    let from = gate.clock.now();
    gate.counting
        .count((&call.sender(), sort), gate.clock.uuid(), || Record {
            detail: format!("from {from:.3}"),
            ..own().record
        })
}
