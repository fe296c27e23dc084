//! What the kernel knows of this process, under the names that all Prometheus clients give it.
//!
//! Read from `/proc` (proc(5)) when somebody asks; what another system does not tell is left out.

use std::fs;

/// The process, as far as the kernel tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Seconds of CPU used, by the process and for it.
    pub cpu_seconds: Option<f64>,
    /// Bytes in memory.
    pub resident_bytes: Option<u64>,
    /// When it started, in seconds since the Unix epoch.
    pub started: Option<f64>,
    /// Files and sockets that are open.
    pub open_files: Option<u64>,
    /// How many may be.
    pub most_files: Option<u64>,
}

/// Asks the kernel.
#[must_use]
pub fn read() -> Process {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (stat, system) = (text("/proc/self/stat"), text("/proc/stat"));
    let open = fs::read_dir("/proc/self/fd").ok();
    // One of them is the folder that is being read.
    let open = open.map(|open| open.count().saturating_sub(1));
    Process {
        cpu_seconds: cpu_seconds(&stat),
        resident_bytes: resident_bytes(&text("/proc/self/status")),
        started: started(&stat, &system),
        open_files: open.and_then(|open| u64::try_from(open).ok()),
        most_files: most_files(&text("/proc/self/limits")),
    }
}

/// A field of `/proc/self/stat` by its number in proc(5). The name of the program, in parentheses,
/// may hold anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(number - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, UTIME)? + field(stat, STIME)?) / TICKS)
}

fn started(stat: &str, system: &str) -> Option<f64> {
    let mut lines = system.lines();
    let boot = lines.find_map(|line| line.strip_prefix("btime "))?;
    let boot: f64 = boot.trim().parse().ok()?;
    Some(boot + field(stat, STARTTIME)? / TICKS)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let told = lines.find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = told.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn most_files(limits: &str) -> Option<u64> {
    let mut lines = limits.lines();
    let told = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    told.split_whitespace().next()?.parse().ok()
}

const STARTTIME: usize = 22;
const STIME: usize = 15;
const UTIME: usize = 14;
/// Ticks in a second: `USER_HZ`, which is part of Linux' interface and 100 wherever we run.
const TICKS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "42 (var) co) S 1 42 42 0 -1 4194560 1 2 3 4 150 50 6 7 20 0 9 0 1250 9 10 11";

    #[test]
    fn name_of_the_program_does_not_shift_the_fields() {
        assert_eq!(cpu_seconds(STAT), Some(2.0));
        assert_eq!(started(STAT, "cpu 1 2\nbtime 1000\n"), Some(1012.5));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn memory_and_files_are_read_from_their_lines() {
        let status = "Name:\tvarco\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        let limits = "Limit                Soft Limit  Hard Limit  Units\n\
                      Max open files            1024        4096        files\n";

        assert_eq!(resident_bytes(status), Some(2048 * 1024));
        assert_eq!(most_files(limits), Some(1024));
        let unlimited = limits.replace("1024", "unlimited");
        assert_eq!(most_files(&unlimited), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn kernel_tells_everything_of_this_process() {
        let process = read();

        assert!(process.resident_bytes.unwrap() > 1 << 20);
        assert!(process.open_files.unwrap() > 2);
        assert!(process.started.unwrap() > 1e9);
        assert!(process.cpu_seconds.unwrap() >= 0.0);
    }
}
