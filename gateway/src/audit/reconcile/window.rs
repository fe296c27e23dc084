//! A window of time, half open, and how far around it things that belong to it may lie.

use jiff::Timestamp;

/// The instants from `from` on, before `until`, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub from: i64,
    /// First instant after it.
    pub until: i64,
}

impl Window {
    /// Whether an instant lies within it.
    #[must_use]
    pub fn holds(self, at: i64) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// With the time before it in which a call of it may have begun, and as much around it as the
    /// clocks of gateway and services may differ.
    #[must_use]
    pub fn with_margins(self) -> Self {
        Self {
            from: self.from.saturating_sub(LONGEST_CALL + SKEW),
            until: self.until.saturating_add(SKEW),
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |micros| Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
        write!(f, "{} to {}", at(self.from), at(self.until))
    }
}

/// A second in microseconds.
pub const SECOND: i64 = 1_000_000;
/// Services end a call that has not begun to answer after an hour.
const LONGEST_CALL: i64 = 3600 * SECOND;
/// How far clocks may differ, and the clock of a log may step back.
const SKEW: i64 = 300 * SECOND;
