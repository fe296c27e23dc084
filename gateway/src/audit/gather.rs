//! Whether the writer waits a moment for others to join a group.
//!
//! A commit costs much the same for one record as for a hundred: it is signed once and flushed once.
//! While calls come one after another within a moment, a short wait lets them share it; a caller that
//! is alone never gains by waiting, and soon does not wait any more.

use std::time::Duration;

/// What the last waits have brought.
#[derive(Debug, Default)]
pub(super) struct Gather {
    /// Waits in a row that brought nobody.
    barren: u32,
    /// Groups since the last wait.
    since: u32,
}

impl Gather {
    /// Whether the next group waits: as long as others have come lately, and now and then to see
    /// whether they do.
    pub(super) fn waits(&mut self) -> bool {
        self.since += 1;
        let waits = self.barren < PATIENCE || self.since >= AGAIN;
        if waits {
            self.since = 0;
        }
        waits
    }

    /// Notes how many records a wait has brought.
    pub(super) fn brought(&mut self, records: usize) {
        self.barren = if records == 0 {
            self.barren.saturating_add(1)
        } else {
            0
        };
    }
}

/// How long a wait is; the timer that ends it counts whole milliseconds, so that it takes up to two.
pub(super) const MOMENT: Duration = Duration::from_millis(1);
/// Waits in a row that may bring nobody.
const PATIENCE: u32 = 8;
/// After so many groups that did not wait, one does.
const AGAIN: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits among so many groups, where each wait brings so many records.
    fn waits(gather: &mut Gather, groups: u32, brings: usize) -> u32 {
        let mut waited = 0;
        for _ in 0..groups {
            if gather.waits() {
                waited += 1;
                gather.brought(brings);
            }
        }
        waited
    }

    #[test]
    fn groups_wait_as_long_as_others_come() {
        assert_eq!(waits(&mut Gather::default(), 100, 1), 100);
    }

    #[test]
    fn lone_caller_soon_waits_no_more_and_is_seldom_asked_to() {
        let mut gather = Gather::default();

        assert_eq!(waits(&mut gather, 8, 0), 8);
        assert_eq!(waits(&mut gather, 160, 0), 10);
    }

    #[test]
    fn company_is_noticed_again() {
        let mut gather = Gather::default();
        let _ = waits(&mut gather, 100, 0);

        let _ = waits(&mut gather, AGAIN, 3);

        assert_eq!(waits(&mut gather, 10, 3), 10);
    }
}
