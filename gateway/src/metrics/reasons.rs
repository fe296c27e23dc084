//! Refusals by their reason: of calls, and of requests for vouchers.
//!
//! Reasons are the gateway's own words, so their number is that of the places in the code that
//! refuse. Those of calls are all shown from the start, and so are those of vouchers that the gateway
//! itself is the cause of: an alert sees the first refusal too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::refusal::Reason;

/// Refused calls.
#[derive(Debug)]
pub struct Refusals([AtomicU64; Reason::ALL.len()]);

/// What came of requests for vouchers.
#[derive(Debug)]
pub struct Vouchers(Mutex<Asked>);

/// The same as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Vouchers issued.
    pub issued: u64,
    /// Requests refused, by the reason that the record has.
    pub refused: BTreeMap<&'static str, u64>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Default for Vouchers {
    fn default() -> Self {
        let refused = OURS.into_iter().map(|reason| (reason, 0)).collect();
        Self(Mutex::new(Asked { issued: 0, refused }))
    }
}

impl Refusals {
    /// Counts a refusal.
    pub fn count(&self, reason: Reason) {
        // The list of all reasons is in the order of the variants.
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All reasons, and how often each was given.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Reason::ALL.iter().map(|it| it.name()).zip(counts)
    }
}

impl Vouchers {
    /// Counts a voucher that was issued.
    pub fn issued(&self) {
        self.held().issued += 1;
    }

    /// Counts a request that was refused.
    pub fn refused(&self, reason: &'static str) {
        *self.held().refused.entry(reason).or_default() += 1;
    }

    /// The numbers of now.
    #[must_use]
    pub fn read(&self) -> Asked {
        self.held().clone()
    }

    fn held(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reasons for no voucher of which the gateway is the cause.
const OURS: [&str; 4] = [
    "AUDIT_UNAVAILABLE",
    "INTERNAL",
    "REGISTRY_UNAVAILABLE",
    "SNAPSHOT_STALE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_counts_under_its_own_name() {
        let refusals = Refusals::default();

        for (place, reason) in (1..).zip(Reason::ALL) {
            (0..place).for_each(|_| refusals.count(*reason));
        }

        let expected = Reason::ALL.iter().map(|it| it.name()).zip(1..);
        assert!(refusals.read().eq(expected));
    }

    #[test]
    fn reasons_for_no_voucher_are_counted_as_they_come() {
        let vouchers = Vouchers::default();

        vouchers.issued();
        vouchers.refused("RATE");
        vouchers.refused("RATE");

        let asked = vouchers.read();
        assert_eq!((asked.issued, asked.refused["RATE"]), (1, 2));
        assert_eq!(asked.refused["INTERNAL"], 0);
    }
}
