//! How a call ends, counted once, whatever becomes of whoever waits for its answer.

use crate::call::Call;
use crate::gate::Gate;
use crate::metrics::calls::{Ended, Kind, Purpose};
use crate::refusal::Reason;

/// The end of a call, which counts when it is dropped: also where its caller goes away while the
/// record is on its way, for that record stands all the same.
#[derive(Debug)]
#[must_use]
pub struct Ending<'a> {
    gate: &'a Gate,
    call: &'a Call,
    status: u32,
    reason: Option<Reason>,
}

impl<'a> Ending<'a> {
    /// A call that ends with the number of a gRPC code.
    pub fn with(gate: &'a Gate, call: &'a Call, status: u32) -> Self {
        Self {
            gate,
            call,
            status,
            reason: None,
        }
    }

    /// A call that is refused.
    pub fn refused(gate: &'a Gate, call: &'a Call, reason: Reason) -> Self {
        Self {
            gate,
            call,
            status: reason.number(),
            reason: Some(reason),
        }
    }

    /// A call whose record could not be made durable.
    pub fn unrecorded(gate: &'a Gate, call: &'a Call) -> Self {
        Self::refused(gate, call, call.after(Reason::AuditUnavailable))
    }

    /// Says after all that the record could not be made durable.
    pub fn becomes_unrecorded(&mut self) {
        let reason = self.call.after(Reason::AuditUnavailable);
        (self.status, self.reason) = (reason.number(), Some(reason));
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let (metrics, call) = (&self.gate.metrics, self.call);
        if let Some(reason) = self.reason {
            metrics.refusals.count(reason);
        }
        let claims = call.claims();
        let purpose = claims.map_or(Purpose::None, |claims| Purpose::Of(claims.purpose_id));
        let ended = Ended {
            method: call.method(),
            purpose,
            status: self.status,
            took: call.permitted().map(|permit| {
                let streams = permit.method.streams();
                let kind = if streams { Kind::Stream } else { Kind::Unary };
                (kind, call.age())
            }),
        };
        let registry = &self.gate.registry;
        let is_known = |purpose| registry.snapshot().purposes.contains_key(&purpose);
        metrics.calls.count(ended, is_known);
    }
}
