//! Whether a replica of a service is left alone for a while because its calls keep failing.

use std::time::{Duration, Instant};

/// How the calls of one replica have gone of late.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fitness {
    /// Failures since the last success.
    failures: u32,
    /// How often it was left alone since it last did well.
    ejections: u32,
    out_until: Option<Instant>,
}

impl Fitness {
    /// Notes a call that the replica answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Notes a call that it did not carry out; says whether it is left alone from now on.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures < MOST_FAILURES || self.is_out(now) {
            return false;
        }
        self.failures = 0;
        self.ejections = (self.ejections + 1).min(MOST_EJECTIONS);
        self.out_until = Some(now + REST * self.ejections);
        true
    }

    /// Whether it is left alone at a time.
    #[must_use]
    pub fn is_out(&self, now: Instant) -> bool {
        self.out_until.is_some_and(|until| now < until)
    }
}

const MOST_EJECTIONS: u32 = 12;
const MOST_FAILURES: u32 = 5;
const REST: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_that_fails_five_times_in_a_row_rests_longer_each_time() {
        let start = Instant::now();
        let mut fitness = Fitness::default();
        let fail = |fitness: &mut Fitness, now| (0..5).map(|_| fitness.failed(now)).collect();

        let out: Vec<bool> = fail(&mut fitness, start);
        assert_eq!(out, [false, false, false, false, true]);
        assert!(fitness.is_out(start + Duration::from_millis(4999)));
        assert!(!fitness.is_out(start + Duration::from_secs(5)));

        let later = start + Duration::from_secs(6);
        let _: Vec<bool> = fail(&mut fitness, later);
        assert!(fitness.is_out(later + Duration::from_millis(9999)));
        assert!(!fitness.is_out(later + Duration::from_secs(10)));
    }

    #[test]
    fn one_success_is_enough_to_start_anew() {
        let now = Instant::now();
        let mut fitness = Fitness::default();
        for _ in 0..4 {
            assert!(!fitness.failed(now));
        }

        fitness.succeeded();

        assert!(!fitness.failed(now));
        assert!(!fitness.is_out(now));
    }
}
