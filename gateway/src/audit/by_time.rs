//! Finding one's way in a log by time.

use varco_proto::audit::v1::Record;

use super::Error;
use super::reading::Reading;

/// The index of the first record that is not older than an instant, in microseconds since the Unix
/// epoch: the log is in the order of time, so that a bisection finds it.
///
/// # Errors
///
/// When the log cannot be read.
pub async fn since(reading: &Reading, at: i64) -> Result<u64, Error> {
    let is_before = async |index| -> Result<bool, Error> {
        let found = reading.records(index, 1).await?;
        Ok(found.first().is_some_and(|(_, it)| micros(it) < at))
    };
    // Records before `low` are older; the one at `high` is not, or there is none.
    let (mut low, mut high) = (0_u64, 1_u64);
    while is_before(high).await? {
        low = high + 1;
        high = high.saturating_mul(2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle).await? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// When a record was made, in microseconds since the Unix epoch.
#[must_use]
pub fn micros(record: &Record) -> i64 {
    record.ts_unix_ns / 1000
}
