//! How long a way that could not be opened rests before it is tried again.

use std::time::{Duration, Instant};

/// Rests that grow from one failure to the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
    last: Option<Instant>,
}

impl Backoff {
    /// The rest after one more failure; `chance` spreads the gateways out that failed together.
    pub fn after_failure(&mut self, now: Instant, chance: u8) -> Duration {
        let rest = FIRST * 2_u32.pow(self.failures.min(DOUBLINGS));
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        // Between four and six fifths of it.
        let spread = 80 + u32::from(chance) * 40 / u32::from(u8::MAX);
        rest.min(LONGEST) * spread / 100
    }

    /// Whether the last attempt failed too.
    #[must_use]
    pub fn is_growing(&self) -> bool {
        self.failures > 0
    }

    /// Starts anew because a way works that was opened at a time, unless one has failed since.
    pub fn works(&mut self, opened: Instant) {
        if self.last.is_none_or(|failed| failed < opened) {
            *self = Self::default();
        }
    }
}

const DOUBLINGS: u32 = 6;
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_up_to_two_seconds_and_are_spread_by_a_fifth() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        let rests: Vec<u128> = (0..9)
            .map(|_| backoff.after_failure(now, 127).as_millis())
            .collect();
        assert_eq!(rests, [49, 99, 198, 396, 792, 1584, 1980, 1980, 1980]);

        let mut early = Backoff::default();
        let mut late = Backoff::default();
        assert_eq!(early.after_failure(now, 0).as_millis(), 40);
        assert_eq!(late.after_failure(now, 255).as_millis(), 60);
    }

    #[test]
    fn only_a_way_opened_after_the_last_failure_ends_the_rests() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::default();
        backoff.after_failure(start + second, 127);

        backoff.works(start);
        assert_eq!(
            backoff.after_failure(start + second, 127).as_millis(),
            99,
            "one of before"
        );

        backoff.works(start + second * 2);
        assert!(!backoff.is_growing());
        assert_eq!(
            backoff.after_failure(start + second * 3, 127).as_millis(),
            49
        );
    }
}
