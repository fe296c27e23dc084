//! How long a way that could not be opened rests before it is tried again.

use std::time::Duration;

/// Rests that grow from one failure to the next.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The rest after one more failure; `chance` spreads the gateways out that failed together.
    pub fn after_failure(&mut self, chance: u8) -> Duration {
        let rest = FIRST * 2_u32.pow(self.failures.min(DOUBLINGS));
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

    /// Starts anew after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
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
        let mut backoff = Backoff::default();
        let rests: Vec<u128> = (0..9)
            .map(|_| backoff.after_failure(127).as_millis())
            .collect();
        assert_eq!(rests, [49, 99, 198, 396, 792, 1584, 1980, 1980, 1980]);

        let mut early = Backoff::default();
        let mut late = Backoff::default();
        assert_eq!(early.after_failure(0).as_millis(), 40);
        assert_eq!(late.after_failure(255).as_millis(), 60);

        backoff.reset();
        assert_eq!(backoff.after_failure(127).as_millis(), 49);
    }
}
