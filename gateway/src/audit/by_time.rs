//! Finding one's way in a log by time.

use varco_proto::audit::v1::Record;

use super::Error;
use super::index::SEGMENT;
use super::reading::Reading;

/// The index of the first record that is not older than an instant, in microseconds since the Unix
/// epoch; the size of the log where all are older.
///
/// # Errors
///
/// When the log cannot be read.
pub async fn since(reading: &Reading, at: i64) -> Result<u64, Error> {
    let size = reading.head().await?.map_or(0, |head| head.size);
    let spans = reading.spans((at, i64::MAX)).await?;
    let mut next = spans.first().map_or(size, |(number, ..)| number * SEGMENT);
    while next < size {
        let page = reading.records(next, PAGE).await?;
        if let Some((index, _)) = page.iter().find(|(_, it)| micros(it) >= at) {
            return Ok(*index);
        }
        next = page.last().map_or(size, |(last, _)| last + 1);
    }
    Ok(size)
}

/// When a record was made, in microseconds since the Unix epoch.
#[must_use]
pub fn micros(record: &Record) -> i64 {
    record.ts_unix_ns.div_euclid(1000)
}

/// Records that are read at once.
const PAGE: u32 = 1024;
