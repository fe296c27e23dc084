//! How long the details of records are kept, by class.
//!
//! The record itself stays: it names nobody. What ends is what was sealed beside it. The class
//! follows from what a record is evidence of; ten years are for whoever has to keep the evidence of
//! a call for that long, and no record of today has them.

use varco_proto::audit::v1::{RecordKind, RetentionClass};
use varco_runtime::config::retention::Retention;

/// The class of a record's details.
#[must_use]
pub fn class(kind: RecordKind) -> RetentionClass {
    use RecordKind::{
        AdminAccess, AggregateGarbage, Anchor, Degraded, Deny, Intent, KeyChange, Link, Meta,
        Outcome, PolicyChange, Progress, QuotaWarning, Reconciliation, Retention, Start, Stop,
        TraceSeal, Unspecified, VoucherIssued, VoucherRefused,
    };
    match kind {
        // Who saw what, and who looked at that: as banks keep it (Garante 192/2011).
        Intent | Outcome | Progress | VoucherIssued | AdminAccess | Meta => RetentionClass::A,
        // What did not happen.
        Deny | VoucherRefused | AggregateGarbage | QuotaWarning => RetentionClass::B,
        // What the evidence itself rests on.
        PolicyChange | KeyChange | TraceSeal | Reconciliation | Stop | Start | Link | Anchor
        | Degraded | Retention => RetentionClass::P,
        Unspecified => RetentionClass::Unspecified,
    }
}

/// How many months the details of a class are kept; none for those that are kept as long as their record.
#[must_use]
pub fn months(class: RetentionClass, kept: &Retention) -> Option<u32> {
    match class {
        RetentionClass::A => Some(kept.calls_months),
        RetentionClass::B => Some(kept.refusals_months),
        RetentionClass::C => Some(kept.evidence_months),
        RetentionClass::P | RetentionClass::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_record_has_a_class() {
        let kinds = (1..).map_while(|number| RecordKind::try_from(number).ok());
        let classes: Vec<RetentionClass> = kinds.map(class).collect();

        assert!(classes.len() >= 20, "{}", classes.len());
        assert!(!classes.contains(&RetentionClass::Unspecified));
    }

    #[test]
    fn calls_are_kept_longer_than_refusals_and_changes_for_good() {
        let config = Retention {
            calls_months: 24,
            refusals_months: 6,
            evidence_months: 120,
            record_months: 120,
        };
        let kept = |kind| months(class(kind), &config);

        assert_eq!(kept(RecordKind::Outcome), Some(24));
        assert_eq!(kept(RecordKind::Deny), Some(6));
        assert_eq!(kept(RecordKind::PolicyChange), None);
    }
}
