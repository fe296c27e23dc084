//! The index in its database.

use varco_runtime::on;
use varco_runtime::store::{self, Tx};
use varco_tlog::hash::Hash;
use varco_tlog::tile::TileId;

use super::SEGMENT;
use super::segment::{self, Closed};
use crate::audit::Error;
use crate::audit::store_log::Log;
use crate::points::{self, Point};

/// How many segments are written.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn segments(tx: &mut Tx, log: &Log) -> Result<u64, Error> {
    let (count,): (i64,) = on!(tx, |db| sqlx::query_as(SEGMENTS)
        .bind(log.id)
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(count.cast_unsigned())
}

/// Indices of the INTENTs that were open at the end of the last of so many segments.
///
/// # Errors
///
/// When the database cannot be read.
pub(super) async fn open_at_end(tx: &mut Tx, log: &Log, segments: u64) -> Result<Vec<u64>, Error> {
    let Some(last) = segments.checked_sub(1) else {
        return Ok(Vec::new());
    };
    let (open,): (Vec<u8>,) = on!(tx, |db| sqlx::query_as(OPEN)
        .bind(log.id)
        .bind(last.cast_signed())
        .fetch_one(db)
        .await)
    .map_err(store::Error::from)?;
    Ok(indices(&open))
}

/// Writes a full segment; one that stands already is the same, whoever wrote it.
///
/// # Errors
///
/// When the database cannot be written.
pub(super) async fn keep(tx: &mut Tx, log: &Log, closed: &Closed) -> Result<(), Error> {
    for ((level, index), hashes) in &closed.tiles {
        let data: Vec<u8> = hashes.iter().flat_map(|it| *it.as_bytes()).collect();
        on!(tx, |db| sqlx::query(KEEP_TILE)
            .bind(log.id)
            .bind(i64::from(*level))
            .bind(index.cast_signed())
            .bind(data.as_slice())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))
        .map_err(store::Error::from)?;
    }
    points::pass(Point::SegmentHalf);
    for (page, data) in segment::pages(closed.postings.clone()) {
        on!(tx, |db| sqlx::query(KEEP_POSTING)
            .bind(log.id)
            .bind(i64::from(page))
            .bind(closed.number.cast_signed())
            .bind(data.as_slice())
            .execute(db)
            .await
            .map(|done| done.rows_affected()))
        .map_err(store::Error::from)?;
    }
    let open = numbers(&closed.open);
    on!(tx, |db| sqlx::query(KEEP_SEGMENT)
        .bind(log.id)
        .bind(closed.number.cast_signed())
        .bind(closed.oldest)
        .bind(closed.newest)
        .bind(open.as_slice())
        .execute(db)
        .await
        .map(|done| done.rows_affected()))
    .map_err(store::Error::from)?;
    Ok(())
}

/// Forgets by what the records of the segments before one were found. Their hashes and times stay: proofs of
/// what comes after need the ones, the way by time the others.
///
/// # Errors
///
/// When the database cannot be written.
pub async fn forget(tx: &mut Tx, log: &Log, before: u64) -> Result<(), Error> {
    on!(tx, |db| sqlx::query(FORGET)
        .bind(log.id)
        .bind(before.cast_signed())
        .execute(db)
        .await
        .map(drop))
    .map_err(store::Error::from)?;
    Ok(())
}

/// The stored hashes of a tile, at least as many as its width; none when they are not there.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn tile(tx: &mut Tx, log: &Log, tile: TileId) -> Result<Option<Vec<Hash>>, Error> {
    let found: Option<(Vec<u8>,)> = on!(tx, |db| sqlx::query_as(TILE)
        .bind(log.id)
        .bind(i64::from(tile.level))
        .bind(tile.index.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    let Some((data,)) = found else {
        return Ok(None);
    };
    let hashes: &[[u8; 32]] = data.as_chunks().0;
    let hashes = hashes.iter().map(|it| Hash::from(*it)).collect::<Vec<_>>();
    Ok((hashes.len() >= usize::from(tile.width)).then_some(hashes))
}

/// Indices of a word in written segments, ascending.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn places(
    tx: &mut Tx,
    log: &Log,
    word: u64,
    (first, end): (u64, u64),
) -> Result<Vec<u64>, Error> {
    let rows: Vec<(i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(POSTINGS)
        .bind(log.id)
        .bind(i64::from(segment::page_of(word)))
        .bind(first.cast_signed())
        .bind(end.cast_signed())
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let found = |(number, page): (i64, Vec<u8>)| {
        let start = number.cast_unsigned() * SEGMENT;
        let places = segment::places(&page, word).into_iter();
        places.map(move |it| start + u64::from(it))
    };
    Ok(rows.into_iter().flat_map(found).collect())
}

/// Times of the written segments that reach into a window: number, oldest, newest, in
/// microseconds since the Unix epoch.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn spans(
    tx: &mut Tx,
    log: &Log,
    (from, to): (i64, i64),
) -> Result<Vec<(u64, i64, i64)>, Error> {
    let rows: Vec<(i64, i64, i64)> = on!(tx, |db| sqlx::query_as(SPANS)
        .bind(log.id)
        .bind(from)
        .bind(to)
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let span = |(number, oldest, newest): (i64, i64, i64)| (number.cast_unsigned(), oldest, newest);
    Ok(rows.into_iter().map(span).collect())
}

/// Whether a written segment says what its records say; of INTENTs below `pruned` no record is left to say it.
///
/// # Errors
///
/// When the database cannot be read.
pub async fn check_segment(
    tx: &mut Tx,
    log: &Log,
    computed: &Closed,
    pruned: u64,
) -> Result<bool, Error> {
    let row: Option<(i64, i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(SEGMENT_AT)
        .bind(log.id)
        .bind(computed.number.cast_signed())
        .fetch_optional(db)
        .await)
    .map_err(store::Error::from)?;
    let known = row.map(|(oldest, newest, open)| (oldest, newest, indices(&open)));
    let known = known.map(|(oldest, newest, mut open)| {
        open.retain(|index| *index >= pruned);
        (oldest, newest, open)
    });
    if known != Some((computed.oldest, computed.newest, computed.open.clone())) {
        return Ok(false);
    }
    let found: Vec<(i64, Vec<u8>)> = on!(tx, |db| sqlx::query_as(PAGES)
        .bind(log.id)
        .bind(computed.number.cast_signed())
        .fetch_all(db)
        .await)
    .map_err(store::Error::from)?;
    let expected = segment::pages(computed.postings.clone());
    let expected = expected
        .into_iter()
        .map(|(page, data)| (i64::from(page), data));
    Ok(expected.eq(found))
}

fn indices(numbers: &[u8]) -> Vec<u64> {
    let numbers: &[[u8; 8]] = numbers.as_chunks().0;
    numbers.iter().map(|it| u64::from_be_bytes(*it)).collect()
}

fn numbers(indices: &[u64]) -> Vec<u8> {
    indices.iter().flat_map(|it| it.to_be_bytes()).collect()
}

const FORGET: &str = "DELETE FROM posting WHERE log = $1 AND segment < $2";
const KEEP_POSTING: &str = "INSERT INTO posting (log, page, segment, data) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (log, page, segment) DO NOTHING";
const KEEP_SEGMENT: &str = "INSERT INTO segment (log, idx, oldest, newest, open) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (log, idx) DO NOTHING";
const KEEP_TILE: &str = "INSERT INTO tile (log, level, idx, data) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (log, level, idx) DO UPDATE SET data = excluded.data";
const OPEN: &str = "SELECT open FROM segment WHERE log = $1 AND idx = $2";
/// One question for all pages of a segment: the key of a page begins with its number.
const PAGES: &str = "WITH RECURSIVE pages(page) AS \
     (SELECT 0 UNION ALL SELECT page + 1 FROM pages WHERE page < 255) \
     SELECT posting.page, posting.data FROM pages JOIN posting \
     ON posting.log = $1 AND posting.page = pages.page AND posting.segment = $2 ORDER BY posting.page";
const POSTINGS: &str = "SELECT segment, data FROM posting WHERE log = $1 AND page = $2 \
     AND segment >= $3 AND segment < $4 ORDER BY segment";
const SEGMENT_AT: &str = "SELECT oldest, newest, open FROM segment WHERE log = $1 AND idx = $2";
const SEGMENTS: &str = "SELECT COALESCE(MAX(idx) + 1, 0) FROM segment WHERE log = $1";
const SPANS: &str = "SELECT idx, oldest, newest FROM segment WHERE log = $1 \
     AND newest >= $2 AND oldest <= $3 ORDER BY idx";
const TILE: &str = "SELECT data FROM tile WHERE log = $1 AND level = $2 AND idx = $3";
