//! Finding records in the register of accesses.

use varco_proto::audit::v1::{Entry, SearchRecordsRequest, SearchRecordsResponse};
use varco_runtime::on;
use varco_runtime::store::{self, Db};

use super::Error;
use super::store_log::Log;

/// Finds the records that a request asks for, in the order of the log.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn search(
    db: &Db,
    log: &Log,
    request: &SearchRecordsRequest,
) -> Result<SearchRecordsResponse, Error> {
    let limit = match request.page_size {
        0 => DEFAULT_PAGE,
        size => size.min(MAX_PAGE),
    };
    let mut entries = Vec::new();
    if request.trace_ids.is_empty() {
        entries = page(db, log, request, None, limit).await?;
    }
    for trace_id in &request.trace_ids {
        entries.extend(page(db, log, request, Some(trace_id.to_vec()), limit).await?);
    }
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() >= limit;
    entries.truncate(limit);
    let next_index = entries
        .last()
        .filter(|_| more)
        .map_or(0, |last| last.index + 1);
    Ok(SearchRecordsResponse {
        entries,
        next_index,
    })
}

async fn page(
    db: &Db,
    log: &Log,
    request: &SearchRecordsRequest,
    trace_id: Option<Vec<u8>>,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mut tx = db.read().await?;
    let rows: Vec<(i64, Vec<u8>)> = on!(&mut tx, |db| sqlx::query_as(match trace_id {
        Some(_) => BY_TRACE,
        None => ALL,
    })
    .bind(&log.origin)
    .bind(request.from_index.cast_signed())
    .bind(given(&request.client_id))
    .bind(given(&request.purpose_id))
    .bind(given(&request.method))
    .bind(i64::from(limit))
    .bind(trace_id.clone().unwrap_or_default())
    .fetch_all(db)
    .await)
    .map_err(store::Error::from)?;
    let entry = |(index, body): (i64, Vec<u8>)| Entry {
        index: index.cast_unsigned(),
        leaf: body.into(),
    };
    Ok(rows.into_iter().map(entry).collect())
}

const ALL: &str = "SELECT idx, body FROM entry WHERE origin = $1 AND idx >= $2 \
     AND ($3 IS NULL OR client_id = $3) AND ($4 IS NULL OR purpose_id = $4) \
     AND ($5 IS NULL OR method = $5) AND $7 = $7 ORDER BY idx LIMIT $6";
const BY_TRACE: &str = "SELECT idx, body FROM entry WHERE origin = $1 AND idx >= $2 \
     AND ($3 IS NULL OR client_id = $3) AND ($4 IS NULL OR purpose_id = $4) \
     AND ($5 IS NULL OR method = $5) AND trace_id = $7 ORDER BY idx LIMIT $6";
const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;
/// Traces that one search may name.
pub const MAX_TRACES: usize = 200;
