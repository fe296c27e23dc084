//! What a process costs, by what the kernel counts of it.

use std::fs;
use std::time::Duration;

/// Time that the scheduler has given to the process, over all its threads (`schedstat`, first number).
#[must_use]
pub fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let nanoseconds = threads.map(|thread| {
        let stat = fs::read_to_string(thread.unwrap().path().join("schedstat"));
        // A thread may end in between.
        let first = stat
            .ok()
            .and_then(|it| it.split(' ').next()?.parse::<u64>().ok());
        first.unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Memory of the process that is in RAM, in megabytes.
#[must_use]
pub fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<f64>().unwrap() / 1024.0
}

/// Memory of a process, in megabytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// In RAM, with what it shares with others.
    pub resident: f64,
    /// In RAM, of what is shared its part.
    pub proportional: f64,
    /// Of it what no file holds: heap and stacks.
    pub anonymous: f64,
}

/// Memory of the process (`smaps_rollup`).
#[must_use]
pub fn memory(process: u32) -> Memory {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap();
    let of = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<f64>().unwrap() / 1024.0
    };
    Memory {
        resident: of("Rss:"),
        proportional: of("Pss:"),
        anonymous: of("Anonymous:"),
    }
}

/// A percentile of values, which it orders.
#[must_use]
pub fn at(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len() * percent / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or(f64::NAN)
}
