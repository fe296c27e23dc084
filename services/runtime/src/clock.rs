//! Time and identifiers as arguments.
//!
//! Nothing else reads the wall clock (a clippy ban sees to it), so that a test decides what day
//! it is. Days of register, publication and quota are days in Europe/Rome.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use uuid::Uuid;

pub mod standing;

use standing::Standing;

/// The source of the current time and of time-ordered identifiers.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since the Unix epoch when the clock is held still.
    held: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// Follows the system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Stands still at `now` until it is moved.
    #[must_use]
    pub fn fixed(now: Timestamp) -> Self {
        Self {
            held: Some(Arc::new(AtomicI64::new(now.as_microsecond()))),
        }
    }

    /// Whether it stands still until it is moved.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Moves a fixed clock; a system clock stays as it is.
    pub fn set(&self, now: Timestamp) {
        if let Some(held) = &self.held {
            held.store(now.as_microsecond(), Ordering::SeqCst);
        }
    }

    /// The current instant.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.held {
            Some(held) => Timestamp::from_microsecond(held.load(Ordering::SeqCst))
                .unwrap_or(Timestamp::UNIX_EPOCH),
            None => Timestamp::now(),
        }
    }

    /// Whether a time service keeps it right, as the kernel knows; a system call.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if self.is_held() {
            // Whoever holds it says what time it is, not the kernel.
            return Standing::Unknown;
        }
        Standing::ask()
    }

    /// Seconds since the Unix epoch, as JWT writes them (RFC 7519 §2).
    #[must_use]
    pub fn unix(&self) -> i64 {
        self.now().as_second()
    }

    /// The current day in Europe/Rome.
    #[must_use]
    pub fn today(&self) -> Date {
        day(self.now())
    }

    /// A new identifier that sorts by time (RFC 9562 §5.7).
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes identifiers"
    )]
    pub fn uuid(&self) -> Uuid {
        if self.held.is_none() {
            Uuid::now_v7()
        } else {
            let now = self.now();
            let seconds = u64::try_from(now.as_second()).unwrap_or(0);
            let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
            Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
        }
    }
}

/// The day of an instant in Europe/Rome.
#[must_use]
pub fn day(instant: Timestamp) -> Date {
    rome(instant).date()
}

/// An instant as the clocks of Europe/Rome show it.
#[must_use]
pub fn rome(instant: Timestamp) -> Zoned {
    instant.to_zoned(TimeZone::get("Europe/Rome").unwrap_or(TimeZone::UTC))
}

/// The first instant of a day in Europe/Rome.
#[must_use]
pub fn midnight(day: Date) -> Timestamp {
    let zone = TimeZone::get("Europe/Rome").unwrap_or(TimeZone::UTC);
    day.to_zoned(zone)
        .map_or(Timestamp::MIN, |zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_changes_at_midnight_in_rome() {
        let before: Timestamp = "2026-07-01T21:59:59Z".parse().unwrap();
        let after: Timestamp = "2026-07-01T22:00:00Z".parse().unwrap();

        assert_eq!(day(before).to_string(), "2026-07-01");
        assert_eq!(day(after).to_string(), "2026-07-02");
        assert_eq!(midnight(day(after)), after);
    }

    #[test]
    fn fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed("2026-01-01T00:00:00Z".parse().unwrap());
        let first = clock.now();

        clock.set("2026-01-02T00:00:00Z".parse().unwrap());

        assert_eq!(first.to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(clock.now().to_string(), "2026-01-02T00:00:00Z");
    }
}
