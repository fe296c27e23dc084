//! Whether the wall clock goes as fast as time passes.

use std::time::Instant;

use jiff::Timestamp;
use varco_runtime::clock::Clock;

/// A moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steady {
    wall: Timestamp,
    passed: Instant,
}

impl Steady {
    pub(super) fn new(clock: &Clock) -> Self {
        Self {
            wall: clock.now(),
            passed: Instant::now(),
        }
    }

    /// Seconds by which the wall clock is behind what it should show, when they are too many.
    pub(super) fn back(&self, clock: &Clock) -> Option<i64> {
        let off = self.off(clock);
        (off < -BACK).then_some(-off)
    }

    /// Seconds by which it is ahead, when they are many: it was set, or the machine slept.
    pub(super) fn ahead(&self, clock: &Clock) -> Option<i64> {
        let off = self.off(clock);
        (off > AHEAD).then_some(off)
    }

    fn off(&self, clock: &Clock) -> i64 {
        if clock.is_held() {
            return 0;
        }
        off(
            clock.now().as_second() - self.wall.as_second(),
            self.passed.elapsed().as_secs(),
        )
    }
}

/// How far the wall clock is off, in seconds.
fn off(shown: i64, passed: u64) -> i64 {
    shown - i64::try_from(passed).unwrap_or(i64::MAX)
}

/// A time service steps less than this.
const AHEAD: i64 = 300;
/// No voucher may live longer than this after its end.
const BACK: i64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_off_by_what_it_shows_beyond_what_has_passed() {
        assert_eq!(off(3600, 3600), 0);
        assert_eq!(off(-3590, 10), -3600);
        assert_eq!(off(7200, 3600), 3600);
    }
}
