//! How long the register of accesses is kept: a section of its own, for whoever answers for it.

use std::ops::RangeInclusive;

use serde::Deserialize;

/// Months after which parts of the register of accesses are destroyed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Sealed details of calls, vouchers, and of whoever looked at records.
    pub calls_months: u32,
    /// Sealed details of refusals.
    pub refusals_months: u32,
    /// Sealed details of evidence that has to be kept for longer.
    pub evidence_months: u32,
    /// Records themselves.
    pub record_months: u32,
}

impl Retention {
    /// Refuses what would keep nothing, or records shorter than what is sealed beside them, by its key.
    ///
    /// # Errors
    ///
    /// Says which key, and what it may be.
    pub(super) fn check(&self) -> Result<(), String> {
        let months = [
            ("calls_months", self.calls_months),
            ("refusals_months", self.refusals_months),
            ("evidence_months", self.evidence_months),
            ("record_months", self.record_months),
        ];
        let (least, most) = (MONTHS.start(), MONTHS.end());
        if let Some((key, _)) = months.iter().find(|(_, it)| !MONTHS.contains(it)) {
            return Err(format!(
                "gateway.retention.{key} must lie between {least} and {most}"
            ));
        }
        match months.iter().find(|(_, it)| *it > self.record_months) {
            Some((key, longer)) => Err(format!(
                "gateway.retention.record_months must not be less than {key} ({longer}): details go with their record"
            )),
            None => Ok(()),
        }
    }
}

/// A hundred years are as good as for ever.
const MONTHS: RangeInclusive<u32> = 1..=1200;

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Retention = Retention {
        calls_months: 24,
        refusals_months: 6,
        evidence_months: 120,
        record_months: 120,
    };

    #[test]
    fn nothing_is_kept_for_no_time() {
        let none = Retention {
            refusals_months: 0,
            ..KEPT
        };

        assert_eq!(KEPT.check(), Ok(()));
        assert!(none.check().unwrap_err().contains("refusals_months"));
    }

    #[test]
    fn records_are_kept_as_long_as_what_is_sealed_beside_them() {
        let short = Retention {
            record_months: 60,
            ..KEPT
        };

        assert!(short.check().unwrap_err().contains("evidence_months"));
    }
}
