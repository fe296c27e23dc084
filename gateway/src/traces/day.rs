//! The spans of a day as files that other tools import.
//!
//! OTLP/JSON, one `TracesData` document a line, as the file exporter of OpenTelemetry writes them. One batch is in memory
//! at a time, so that a day may be as long as it likes.

use jiff::civil::Date;
use varco_runtime::config::Config;
use varco_runtime::store::Db;

use super::store_batches::Page;
use super::{Error, otlp_json, window};
use crate::audit::export;

/// Hands over the spans that began on a day in Europe/Rome, a line for each batch, and gives how many there are.
///
/// # Errors
///
/// When the store of spans cannot be read, or a batch in it is damaged.
pub async fn each_line(
    config: &Config,
    day: Date,
    mut take: impl FnMut(String),
) -> Result<u64, Error> {
    let address = &config.gateway.trace_database;
    let db = Db::open_as_it_is(address, &config.folder).await?;
    let (from, before) = export::window(day);
    let (mut after, mut count) = (None, 0);
    loop {
        let page = Page { after, batches: 1 };
        let (spans, last) = window(&db, (from, before - 1), page).await?;
        let Some(last) = last else {
            return Ok(count);
        };
        after = Some(last);
        let scopes = spans.iter().flat_map(|it| &it.scope_spans);
        let found: usize = scopes.map(|scope| scope.spans.len()).sum();
        if found > 0 {
            count += u64::try_from(found).unwrap_or(u64::MAX);
            take(otlp_json::write(spans)?);
        }
    }
}
