//! Finding records in a log by their words, in the order of the log.
//!
//! What is asked for is a row of conditions, each met by any of a few words. The index is looked
//! through some segments at a time, so that a word that stands everywhere costs no more memory than
//! one that stands once; every record that it gives is compared with what was asked.

use varco_proto::audit::v1::{
    Entry, Record, RetentionClass, SearchRecordsRequest, SearchRecordsResponse,
};

use super::Error;
use super::glance::Glance;
use super::index::SEGMENT;
use super::index::word::{Word, words};
use super::reading::{Reading, decode};

/// Finds the records that a request asks for.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn search(
    reading: &Reading,
    request: &SearchRecordsRequest,
) -> Result<SearchRecordsResponse, Error> {
    let asked = Asked::of(request);
    let limit = match request.page_size {
        0 => DEFAULT_PAGE,
        size => usize::try_from(size).unwrap_or(MAX_PAGE).min(MAX_PAGE),
    };
    let mut found = Vec::new();
    for (from, to) in windows(reading, &asked, request.from_index).await? {
        let wanted = limit - found.len();
        let more = if asked.conditions.is_empty() {
            scan(reading, &asked, (from, to), wanted).await?
        } else {
            look_up(reading, &asked, (from, to), wanted).await?
        };
        found.extend(more);
        if found.len() >= limit {
            break;
        }
    }
    let next_index = found.last().filter(|_| found.len() >= limit);
    let next_index = next_index.map_or(0, |(index, _)| index + 1);
    let mut entries = Vec::with_capacity(found.len());
    for (index, leaf) in found {
        entries.push(entry(reading, (index, leaf), request.with_details).await?);
    }
    Ok(SearchRecordsResponse {
        entries,
        next_index,
    })
}

/// What a request asks for.
struct Asked<'a> {
    /// Each is met by any of its words.
    conditions: Vec<Vec<Word<'a>>>,
    /// Microseconds since the Unix epoch.
    from: i64,
    before: i64,
}

impl<'a> Asked<'a> {
    fn of(request: &'a SearchRecordsRequest) -> Self {
        let text = |text: &'a String, word: fn(&'a str) -> Word<'a>| {
            let given = Some(text).filter(|text| !text.is_empty());
            given.map(|text| word(text)).into_iter().collect::<Vec<_>>()
        };
        let any = |ids: &'a [prost::bytes::Bytes], word: fn(&'a [u8]) -> Word<'a>| {
            ids.iter().map(|id| word(id)).collect::<Vec<_>>()
        };
        let mut conditions = vec![
            any(&request.audit_ids, Word::Call),
            any(&request.subject_refs, Word::Subject),
            any(&request.trace_ids, Word::Trace),
            text(&request.voucher_jti, Word::Voucher),
            text(&request.purpose_id, Word::Purpose),
            text(&request.client_id, Word::Client),
            text(&request.deny_reason, Word::Reason),
            text(&request.office_code, Word::Office),
            text(&request.method, Word::Method),
            request.kinds.iter().map(|kind| Word::Kind(*kind)).collect(),
        ];
        if !request.actor_ref.is_empty() {
            conditions.push(vec![Word::Actor(&request.actor_ref)]);
        }
        conditions.retain(|words| !words.is_empty());
        let micros = |time: &prost_types::Timestamp| {
            time.seconds
                .saturating_mul(1_000_000)
                .saturating_add(i64::from(time.nanos) / 1000)
        };
        Self {
            conditions,
            from: request.from_time.as_ref().map_or(i64::MIN, micros),
            before: request.to_time.as_ref().map_or(i64::MAX, micros),
        }
    }

    fn is_met_by(&self, record: &Record) -> bool {
        let time = record.ts_unix_ns.div_euclid(1000);
        let seen = Glance::from(record);
        let has = |wanted: &Vec<Word<'_>>| words(&seen).any(|word| wanted.contains(&word));
        (self.from..self.before).contains(&time) && self.conditions.iter().all(has)
    }
}

/// Ranges of indices to look through, one after the other.
async fn windows(
    reading: &Reading,
    asked: &Asked<'_>,
    from: u64,
) -> Result<Vec<(u64, u64)>, Error> {
    let size = reading.head().await?.map_or(0, |head| head.size);
    let (mut first, mut last) = (from / SEGMENT, size.div_ceil(SEGMENT));
    if asked.from > i64::MIN || asked.before < i64::MAX {
        let spans = reading.spans((asked.from, asked.before)).await?;
        first = first.max(spans.first().map_or(last, |(number, ..)| *number));
        last = last.min(spans.last().map_or(first, |(number, ..)| number + 1));
    }
    let mut windows = Vec::new();
    while first < last {
        let end = (first + WINDOW).min(last);
        windows.push(((first * SEGMENT).max(from), (end * SEGMENT).min(size)));
        first = end;
    }
    Ok(windows)
}

/// Finds by the index.
async fn look_up(
    reading: &Reading,
    asked: &Asked<'_>,
    (from, to): (u64, u64),
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let mut candidates: Option<Vec<u64>> = None;
    for words in &asked.conditions {
        let mut indices = Vec::new();
        for word in words {
            indices.extend(reading.indices(*word, (from, to)).await?);
        }
        indices.sort_unstable();
        indices.dedup();
        let both = match candidates {
            None => indices,
            Some(before) => {
                let common = before.into_iter();
                common
                    .filter(|it| indices.binary_search(it).is_ok())
                    .collect()
            }
        };
        if both.is_empty() {
            return Ok(both.into_iter().map(|it| (it, Vec::new())).collect());
        }
        candidates = Some(both);
    }
    let mut found = Vec::new();
    let candidates = candidates.unwrap_or_default();
    for some in candidates.chunks(limit.max(1)) {
        for (index, leaf) in reading.leaves_at(some).await? {
            if found.len() < limit && asked.is_met_by(&decode(index, &leaf)?) {
                found.push((index, leaf));
            }
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// Goes through record by record.
async fn scan(
    reading: &Reading,
    asked: &Asked<'_>,
    (from, to): (u64, u64),
    limit: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let mut found = Vec::new();
    let mut next = from;
    while next < to && found.len() < limit {
        let page = reading.leaves(next, STEP).await?;
        let Some((last, _)) = page.last() else {
            break;
        };
        next = last + 1;
        for (index, leaf) in page {
            let inside = index < to && found.len() < limit;
            if inside && asked.is_met_by(&decode(index, &leaf)?) {
                found.push((index, leaf));
            }
        }
    }
    Ok(found)
}

async fn entry(
    reading: &Reading,
    (index, leaf): (u64, Vec<u8>),
    with_details: bool,
) -> Result<Entry, Error> {
    let mut entry = Entry {
        index,
        leaf: leaf.into(),
        ..Entry::default()
    };
    if with_details {
        let record = decode(index, &entry.leaf)?;
        let class = record.retention_class();
        if class != RetentionClass::Unspecified
            && let Some((details, key)) = reading.details(index, class).await?
        {
            entry.details = details.into();
            entry.details_key = key.into();
        }
    }
    Ok(entry)
}

const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1000;
/// Traces, calls or data subjects that one search may name.
pub const MAX_NAMED: usize = 200;
/// Records that are gone through at once.
const STEP: u32 = 1024;
/// Segments that are looked through at once.
const WINDOW: u64 = 64;
