//! The watch over an open call: four times a second, whatever it waits for, the decision is taken
//! again, so that a revocation, an expiry, a stop or the end of time ends it with its reason.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tonic::Code;

use crate::authenticate::client_of;
use crate::authorize::{check_age, decide};
use crate::call::{Call, Voucher};
use crate::gate::Gate;
use crate::limit::recount;
use crate::refusal::{Reason, Refusal};

/// The watch over one call.
#[derive(Debug)]
pub struct Vigil {
    gate: Arc<Gate>,
    call: Call,
    next: Instant,
    /// The second at which it last looked whether a day has begun that counts the call.
    counted: i64,
    /// When it first saw that the process stops.
    stopping: Option<Instant>,
}

impl Vigil {
    /// Begins the watch over a call.
    #[must_use]
    pub fn over(gate: &Arc<Gate>, call: &Call) -> Self {
        Self {
            gate: Arc::clone(gate),
            call: call.clone(),
            next: Instant::now() + EVERY,
            counted: 0,
            stopping: None,
        }
    }

    /// Waits for something as long as the call may go on.
    ///
    /// # Errors
    ///
    /// The refusal that ends the call.
    pub async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Refusal> {
        tokio::pin!(work);
        loop {
            let now = Instant::now();
            // What is always ready must not keep the watch from its round.
            if self.next <= now {
                self.look().await?;
            } else if let Some(refusal) = self.call.overdue(now) {
                return Err(refusal);
            }
            // The end may be brought forward while the call runs.
            let end = self.call.deadline();
            let wake = end.map_or(self.next, |end| end.min(self.next));
            if let Ok(done) = tokio::time::timeout_at(wake.into(), work.as_mut()).await {
                return Ok(done);
            }
        }
    }

    /// Whether the call may go on.
    ///
    /// # Errors
    ///
    /// The refusal that ends it.
    pub fn check(&mut self) -> Result<(), Refusal> {
        if let Some(violation) = self.call.tally().violation.get() {
            return Err(violation.clone());
        }
        if let Some(refusal) = self.call.overdue(Instant::now()) {
            return Err(refusal);
        }
        if self.is_drained() {
            return Err(self.call.after(Reason::Draining).into());
        }
        // A unary call that the service is carrying out finishes.
        if !self.is_stream() && self.call.is_forwarded() {
            return Ok(());
        }
        still_permitted(&self.gate, &self.call).map_err(|reason| self.told(reason).into())
    }

    async fn look(&mut self) -> Result<(), Refusal> {
        self.next = Instant::now() + EVERY;
        self.check()?;
        let now = self.gate.clock.unix();
        if self.counted != now && self.is_stream() && self.call.is_forwarded() {
            self.counted = now;
            // Boxed: it asks the database, once in a call's day.
            Box::pin(recount(&self.gate, &self.call)).await?;
        }
        Ok(())
    }

    /// Whether the half of the drain is over that is for calls which end by themselves. Where a
    /// successor takes up the sockets, every new connection waits for the last stream: streams are
    /// told at once, and go on there.
    fn is_drained(&mut self) -> bool {
        if !self.gate.tasks.stopping().is_cancelled() {
            return false;
        }
        if self.gate.handed_over && self.is_stream() {
            return true;
        }
        let since = *self.stopping.get_or_insert_with(Instant::now);
        since.elapsed() > Duration::from_secs(self.gate.limits().drain_seconds) / 2
    }

    fn is_stream(&self) -> bool {
        let permit = self.call.permitted();
        permit.is_some_and(|permit| permit.method.streams())
    }

    /// The reason that is told: never that a write may be sent again which may have taken effect.
    fn told(&self, reason: Reason) -> Reason {
        if reason.code() == Code::Unavailable {
            self.call.after(reason)
        } else {
            reason
        }
    }
}

/// Whether an open call may go on under the registry as it is now, and may still be the caller's.
///
/// # Errors
///
/// The reason for which it may not.
pub fn still_permitted(gate: &Gate, call: &Call) -> Result<(), Reason> {
    let (Some(Voucher { claims, kid }), Some(permit)) = (call.voucher(), call.permitted()) else {
        return Ok(());
    };
    let now = gate.clock.unix();
    if claims.exp <= now {
        return Err(Reason::VoucherExpired);
    }
    if !gate.vouchers.knows(&kid) {
        return Err(Reason::VoucherSignature);
    }
    let snapshot = gate.registry.snapshot();
    check_age(gate, &snapshot)?;
    if let Some(peer) = call.peer()
        && client_of(peer, &gate.trust_domain, &snapshot, now)? != claims.client_id
    {
        return Err(Reason::VoucherClient);
    }
    if call.was_decided_at(snapshot.epoch, now, claims.jti) {
        // The decision is a function of these: it would be the same.
        return Ok(());
    }
    let decided = decide(&claims, call.method(), &snapshot, now)?;
    let same = Arc::ptr_eq(&decided.contract, &permit.contract);
    if same && decided.allowed & permit.allowed == permit.allowed {
        call.decided_at(snapshot.epoch, now, claims.jti);
        Ok(())
    } else {
        Err(Reason::FieldNotInPurpose)
    }
}

const EVERY: Duration = Duration::from_millis(250);
