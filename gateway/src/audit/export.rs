//! The register of accesses as files that other tools read.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use varco_proto::audit::v1::Record;
use varco_runtime::clock;
use varco_runtime::config::Config;
use varco_runtime::secret;

use super::reading::{self, Reading, decode};
use super::{Error, index, store_log};

pub mod ndjson;
pub mod pack;
pub mod tiles;
pub mod tracing;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// Where.
    pub folder: PathBuf,
}

/// A record with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The log.
    pub origin: String,
    /// Index in it.
    pub index: u64,
    /// The record.
    pub record: Record,
}

/// Hands over every record of a day in Europe/Rome, log by log in their order.
///
/// # Errors
///
/// When a log cannot be read, or what takes the records fails.
pub async fn each_of_day(
    config: &Config,
    day: Date,
    mut take: impl FnMut(Placed) -> Result<(), Error>,
) -> Result<(), Error> {
    let db = reading::open_db(config).await?;
    let behind = index::open_to_read(config).await?;
    let mut tx = db.read().await?;
    let logs = store_log::logs(&mut tx).await?;
    drop(tx);
    for log in logs {
        let reading = Reading::of(db.clone(), behind.clone(), log).await?;
        each_in(&reading, window(day), &mut take).await?;
    }
    Ok(())
}

/// Microseconds of the Unix epoch between which a day in Europe/Rome lies.
#[must_use]
pub fn window(day: Date) -> (i64, i64) {
    let start = |day| clock::midnight(day).as_microsecond();
    let next = day.tomorrow().map_or(i64::MAX, start);
    (start(day), next)
}

/// Hands over every record of a log that was made in a window of time, in the order of the log.
///
/// # Errors
///
/// When the log cannot be read, or what takes the records fails.
pub async fn each_in(
    reading: &Reading,
    (from, before): (i64, i64),
    take: &mut impl FnMut(Placed) -> Result<(), Error>,
) -> Result<(), Error> {
    let spans = reading.spans((from, before)).await?;
    let (Some((first, ..)), Some((last, ..))) = (spans.first(), spans.last()) else {
        return Ok(());
    };
    let (mut next, end) = (first * index::SEGMENT, (last + 1) * index::SEGMENT);
    while next < end {
        let leaves = reading.leaves(next, STEP).await?;
        let Some((last, _)) = leaves.last() else {
            break;
        };
        next = last + 1;
        for (index, leaf) in leaves {
            let record = decode(index, &leaf)?;
            if (from..before).contains(&record.ts_unix_ns.div_euclid(1000)) {
                take(Placed {
                    origin: reading.log.origin.clone(),
                    index,
                    record,
                })?;
            }
        }
    }
    Ok(())
}

fn put(to: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let path = to.join(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::Folder(folder.to_owned(), e))?;
    }
    Ok(secret::write_public(&path, bytes)?)
}

/// Records that are read at once.
const STEP: u32 = 1024;
