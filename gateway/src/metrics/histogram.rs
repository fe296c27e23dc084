//! How long things took, counted in a few fixed buckets.
//!
//! Noting one is two additions to atomic numbers: calls do it, and never wait for whoever reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Durations, by bucket.
#[derive(Debug, Default)]
pub struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    /// Microseconds: nanoseconds of many streams at once would not last for a gateway's life.
    sum: AtomicU64,
}

/// The same as numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many were within each bound and above the one before; the last, above all of them.
    pub counts: [u64; BOUNDS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

impl Histogram {
    /// Notes a duration.
    pub fn note(&self, took: Duration) {
        let place = BOUNDS.partition_point(|bound| *bound < took);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// The numbers of now.
    #[must_use]
    pub fn read(&self) -> Spread {
        Spread {
            counts: std::array::from_fn(|place| {
                let count = self.counts.get(place);
                count.map_or(0, |count| count.load(Ordering::Relaxed))
            }),
            sum: Duration::from_micros(self.sum.load(Ordering::Relaxed)),
        }
    }
}

impl Spread {
    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The greatest duration of each bucket: from what a call costs without its service to the longest
/// unary call that a gateway allows by default.
pub const BOUNDS: [Duration; 12] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_itself_belongs_to_its_bucket() {
        let histogram = Histogram::default();

        histogram.note(BOUNDS[3]);
        histogram.note(BOUNDS[3] + Duration::from_nanos(1));
        histogram.note(Duration::MAX);

        let spread = histogram.read();
        assert_eq!((spread.counts[3], spread.counts[4]), (1, 1));
        assert_eq!((spread.counts[12], spread.count()), (1, 3));
    }
}
