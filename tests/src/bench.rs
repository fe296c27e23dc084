//! What benchmarks share: a comune whose gateway runs in a process of its own, a service behind it,
//! calls in loops, and what the kernel counts of a process.

#![expect(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark reads its settings from the environment, says when its service is ready and fails by panicking"
)]

use std::path::PathBuf;
use std::time::Duration;

pub mod crowd;
pub mod figure;
pub mod filling;
pub mod fleet;
pub mod held;
pub mod line;
pub mod load;
pub mod meter;
pub mod service;
pub mod town;
pub mod upstream;

/// A path in the folder that holds what is built.
#[must_use]
pub fn beside(path: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(3).unwrap().join(path)
}

/// How long one measurement lasts: `VARCO_BENCH_SECONDS`, or four seconds.
#[must_use]
pub fn seconds() -> Duration {
    Duration::from_secs(setting_of("VARCO_BENCH_SECONDS", 4))
}

/// A number of the environment, or the usual one.
#[must_use]
pub fn setting_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |value| value.parse().unwrap())
}
