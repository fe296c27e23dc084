//! A stretch of the register of accesses, read for the decisions in it.

use super::recorded::Told;
use crate::audit::Error;
use crate::audit::by_time::micros;
use crate::audit::reading::Reading;

/// Where a stretch ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Where the next one begins; none at the end of the log or of the time asked for.
    pub next: Option<u64>,
    /// When the last record was made, in microseconds since the Unix epoch; 0 when there is none.
    pub reached: i64,
}

/// Reads records from an index on, as far as a time (microseconds since the Unix epoch) and a number
/// of records.
///
/// # Errors
///
/// When the log cannot be read.
pub async fn read(
    reading: &Reading,
    from: u64,
    (until, most): (i64, u64),
    mut take: impl FnMut(u64, Told),
) -> Result<End, Error> {
    let mut end = End::default();
    let mut next = from;
    while next - from < most {
        let page = reading.records(next, PAGE).await?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        for (index, record) in &page {
            if micros(record) >= until {
                return Ok(End { next: None, ..end });
            }
            end.reached = micros(record);
            next = index + 1;
            take(*index, Told::of(record));
        }
        if is_last {
            return Ok(End { next: None, ..end });
        }
    }
    Ok(End {
        next: Some(next),
        ..end
    })
}

/// Records read at once.
const PAGE: u32 = 1000;
