//! The machine: clock, disk space, how long a durable write takes.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use varco_runtime::clock;
use varco_runtime::clock::standing::Standing;
use varco_runtime::config::Config;

use super::Finding;
use crate::clock_check;

/// Whether the clock can be right.
pub fn clock(config: &Config, now: Timestamp) -> Finding {
    match clock_check::check_against(config, now) {
        Ok(()) => {
            let shown = clock::rome(now)
                .strftime("%Y-%m-%d %H:%M:%S %Z")
                .to_string();
            Finding::ok("clock", shown)
        }
        Err(failure) => Finding::fail("clock", failure.to_string(), "see `timedatectl`"),
    }
}

/// Whether a time service keeps the clock right: every record says it.
pub fn standing(standing: Standing) -> Finding {
    let check = "clock synchronised";
    let remedy = "see that the machine's time service (NTP) runs, `timedatectl` tells";
    match standing {
        Standing::Synchronised(error) => Finding::ok(check, format!("to within {error} ms")),
        Standing::Unsynchronised => Finding::warn(check, "the clock is not synchronised", remedy),
        Standing::Unknown => Finding::warn(check, "the system does not say", remedy),
    }
}

/// How much room the data folder has.
pub fn space(config: &Config) -> Finding {
    let check = "disk space";
    let remedy = "free some space, or move the data folder to a larger disk";
    let free = match rustix::fs::statvfs(folder(config)) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize) / MEBIBYTE,
        Err(error) => return Finding::fail(check, error.to_string(), "check the data folder"),
    };
    let detail = format!("{free} MiB free");
    match free {
        0..SCARCE => Finding::fail(check, detail, remedy),
        SCARCE..AMPLE => Finding::warn(check, detail, remedy),
        _ => Finding::ok(check, detail),
    }
}

/// How long the disk takes to make four kibibytes durable: every call waits for that once or twice.
pub fn sync_time(config: &Config) -> Finding {
    let check = "durable write";
    match median_sync(folder(config)) {
        Ok(median) => {
            let detail = format!(
                "{:.1} ms (median of {WRITES})",
                median.as_secs_f64() * 1000.0
            );
            if median > SLOW {
                let remedy = "keep the data folder on a local SSD: calls wait for these writes";
                return Finding::warn(check, detail, remedy);
            }
            Finding::ok(check, detail)
        }
        Err(error) => {
            let remedy = "choose a data folder that this user may write to";
            Finding::fail(check, error.to_string(), remedy)
        }
    }
}

fn median_sync(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let mut file = File::create_new(&path)?;
    let mut write = || {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        Ok(start.elapsed())
    };
    let measured: io::Result<Vec<Duration>> = (0..WRITES).map(|_| write()).collect();
    std::fs::remove_file(&path)?;
    let mut sorted = measured?;
    sorted.sort_unstable();
    Ok(sorted.get(WRITES / 2).copied().unwrap_or_default())
}

fn folder(config: &Config) -> &Path {
    if config.folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &config.folder
    }
}

const MEBIBYTE: u64 = 1024 * 1024;
const SCARCE: u64 = 100;
const AMPLE: u64 = 1024;
const WRITES: usize = 20;
const SLOW: Duration = Duration::from_millis(20);
