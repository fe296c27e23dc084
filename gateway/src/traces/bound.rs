//! Which batches go when the store is full: a pure function of what stands there.

use super::store_batches::Weight;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Days.
    pub days: u32,
    /// Bytes of spans.
    pub bytes: u64,
}

impl Bound {
    /// The first of the oldest batches that must go, when all together take so many bytes.
    #[must_use]
    pub fn over<'a>(&self, oldest: &'a [Weight], held: u64, now: i64) -> &'a [Weight] {
        let end = now.saturating_sub(i64::from(self.days) * DAY);
        let mut left = held;
        let stays = |it: &Weight| {
            let stays = it.made >= end && left <= self.bytes;
            left = left.saturating_sub(it.bytes);
            stays
        };
        let place = oldest.iter().position(stays).unwrap_or(oldest.len());
        oldest.split_at(place).0
    }
}

/// Microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn batches(made: &[i64]) -> Vec<Weight> {
        let weight = |made: &i64| Weight {
            id: Uuid::nil(),
            made: made * DAY,
            spans: 1,
            bytes: 10,
        };
        made.iter().map(weight).collect()
    }

    #[test]
    fn oldest_go_until_days_and_bytes_fit() {
        let bound = Bound { days: 3, bytes: 25 };
        let count = |made: &[i64], held: u64, now: i64| {
            let oldest = batches(made);
            bound.over(&oldest, held, now * DAY).len()
        };

        assert_eq!(count(&[1, 2, 3], 25, 4), 0);
        assert_eq!(count(&[1, 2, 3], 25, 5), 1);
        assert_eq!(count(&[1, 2, 3], 26, 4), 1);
        assert_eq!(count(&[1, 2, 3], 36, 4), 2);
        assert_eq!(count(&[1, 2, 3], 30, 90), 3);
        assert_eq!(count(&[], 0, 90), 0);
    }
}
