//! The end of a log in memory: the tree's right edge, and what is not yet written to the index.
//!
//! The writer of a log keeps one and lets those in its process read it; whoever reads a log of
//! another process builds one from the batches behind the last written segment.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use prost::Message as _;
use varco_proto::audit::v1::Record;
use varco_runtime::store::Db;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::tile::{TileId, Tiles};

use super::segment::{Closed, Posting};
use super::word::{Turn, words};
use super::{SEGMENT, store_index};
use crate::audit::Error;
use crate::audit::batch::Batch;
use crate::audit::edge::Edge;
use crate::audit::glance::Glance;
use crate::audit::store_log::{self, Head, Log};

/// The end of a log.
#[derive(Debug)]
pub struct Tail {
    tiles: Tiles,
    /// Number of the segment that is being filled.
    segment: u64,
    postings: Vec<Posting>,
    oldest: i64,
    newest: i64,
    /// INTENTs that no OUTCOME has followed.
    open: HashMap<[u8; 16], u64>,
    /// Tiles that changed since the last full segment.
    changed: HashMap<(u8, u64), Vec<Hash>>,
    closed: VecDeque<Arc<Closed>>,
}

/// What the index is told of a leaf.
#[derive(Clone, Debug)]
pub struct Told {
    /// Hash of the leaf.
    pub hash: Hash,
    /// Hashes of its words.
    pub words: Vec<u64>,
    /// When the record was made, microseconds since the Unix epoch.
    pub time: i64,
    /// What it opens or ends.
    pub turn: Option<Turn>,
}

impl Told {
    /// What is told of a record whose leaf has that hash.
    #[must_use]
    pub fn of(seen: &Glance<'_>, hash: Hash) -> Self {
        let mut known = Vec::with_capacity(11 + seen.subject_refs.len());
        known.extend(words(seen).map(super::word::Word::hash));
        Self {
            hash,
            words: known,
            time: seen.ts_unix_ns.div_euclid(1000),
            turn: Turn::of(seen),
        }
    }
}

impl Tail {
    /// The end of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::behind(Tiles::new())
    }

    /// Takes up a log behind the segments that are written; the leaves after them follow.
    pub(in crate::audit) async fn at_last_segment(
        db: &Db,
        index: &Db,
        log: &Log,
    ) -> Result<Self, Error> {
        let mut tx = index.read().await?;
        let segments = store_index::segments(&mut tx, log).await?;
        let mut held: HashMap<(u8, u64), Vec<Hash>> = HashMap::new();
        let tiles = loop {
            let read = |tile: TileId| held.get(&(tile.level, tile.index)).cloned().ok_or(tile);
            match Tiles::load(segments * SEGMENT, read) {
                Ok(tiles) => break tiles,
                Err(LoadError::Malformed(error)) => return Err(error.into()),
                Err(LoadError::Read(missing)) => {
                    let hashes = store_index::tile(&mut tx, log, missing).await?;
                    held.insert((missing.level, missing.index), hashes.ok_or(NO_TILE)?);
                }
            }
        };
        let open = store_index::open_at_end(&mut tx, log, segments).await?;
        drop(tx);
        let mut tail = Self::behind(tiles);
        let pruned = match pruned(db, log).await? {
            Pruned::Behind(edge, size) if size > tail.size() => return Self::at_edge(edge, size),
            Pruned::Behind(_, size) => size,
            Pruned::All => return Ok(tail),
        };
        for intent in open.into_iter().filter(|intent| *intent >= pruned) {
            let (id, _) = intent_at(db, log, intent).await?;
            tail.open.insert(id, intent);
        }
        Ok(tail)
    }

    /// Takes up a log whose index was lost behind its destroyed records.
    fn at_edge(edge: Edge, size: u64) -> Result<Self, Error> {
        let tail = Self::behind(edge.tree(size)?);
        Ok(Self {
            changed: edge.0,
            ..tail
        })
    }

    /// The end of a log of which only hashes are left before it; its size is that of full segments.
    #[must_use]
    pub fn behind(tiles: Tiles) -> Self {
        Self {
            segment: tiles.size() / SEGMENT,
            tiles,
            postings: Vec::new(),
            oldest: i64::MAX,
            newest: i64::MIN,
            open: HashMap::new(),
            changed: HashMap::new(),
            closed: VecDeque::new(),
        }
    }

    /// The tree.
    #[must_use]
    pub fn tiles(&self) -> &Tiles {
        &self.tiles
    }

    /// The tree, for whoever lets it grow and gives it back to `extend`, or gives all up.
    #[must_use]
    pub fn take_tiles(&mut self) -> Tiles {
        std::mem::take(&mut self.tiles)
    }

    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tiles.size()
    }

    /// Takes up leaves that are durable, with the tree that they make.
    pub fn extend(&mut self, mut tiles: Tiles, leaves: Vec<Told>) {
        let grown = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        let first = tiles.size().saturating_sub(grown);
        let changed = tiles.take_changed().into_iter();
        self.changed
            .extend(changed.map(|(tile, hashes)| ((tile.level, tile.index), hashes)));
        self.tiles = tiles;
        for (index, leaf) in (first..).zip(leaves) {
            self.take(index, leaf);
        }
    }

    fn take(&mut self, index: u64, leaf: Told) {
        let place = u16::try_from(index % SEGMENT).unwrap_or_default();
        let postings = leaf.words.into_iter().map(|word| Posting { word, place });
        self.postings.extend(postings);
        self.oldest = self.oldest.min(leaf.time);
        self.newest = self.newest.max(leaf.time);
        match leaf.turn {
            Some(Turn::Opens(id)) => drop(self.open.insert(id, index)),
            Some(Turn::Ends(id)) => drop(self.open.remove(&id)),
            None => {}
        }
        if (index + 1).is_multiple_of(SEGMENT) {
            self.close();
        }
    }

    fn close(&mut self) {
        let mut open: Vec<u64> = self.open.values().copied().collect();
        open.sort_unstable();
        self.closed.push_back(Arc::new(Closed {
            number: self.segment,
            postings: std::mem::take(&mut self.postings),
            oldest: std::mem::replace(&mut self.oldest, i64::MAX),
            newest: std::mem::replace(&mut self.newest, i64::MIN),
            open,
            tiles: std::mem::take(&mut self.changed),
        }));
        self.segment += 1;
    }

    /// The oldest full segment that is not written.
    #[must_use]
    pub fn next_closed(&self) -> Option<Arc<Closed>> {
        self.closed.front().cloned()
    }

    /// Forgets a segment that is written.
    pub fn written(&mut self, number: u64) {
        if self.closed.front().is_some_and(|it| it.number == number) {
            self.closed.pop_front();
        }
    }

    /// The number of the first segment that only this holds.
    #[must_use]
    pub fn first_segment(&self) -> u64 {
        self.closed.front().map_or(self.segment, |it| it.number)
    }

    /// Times of the leaves that only this holds, segment by segment: number, oldest, newest.
    #[must_use]
    pub fn spans(&self) -> Vec<(u64, i64, i64)> {
        let closed = self.closed.iter();
        let closed = closed.map(|it| (it.number, it.oldest, it.newest));
        let filling =
            (self.oldest <= self.newest).then_some((self.segment, self.oldest, self.newest));
        closed.chain(filling).collect()
    }

    /// Indices of a word among the leaves that only this holds, ascending.
    #[must_use]
    pub fn indices(&self, word: u64) -> Vec<u64> {
        let found = |number: u64, postings: &[Posting]| {
            let there = postings.iter().filter(|it| it.word == word);
            let index = there.map(|it| number * SEGMENT + u64::from(it.place));
            index.collect::<Vec<u64>>()
        };
        let closed = self.closed.iter();
        let closed = closed.flat_map(|it| found(it.number, &it.postings));
        let mut indices: Vec<u64> = closed.collect();
        indices.extend(found(self.segment, &self.postings));
        indices.dedup();
        indices
    }

    /// Hashes of a tile that only this holds, or of which it holds more.
    #[must_use]
    pub fn tile(&self, tile: TileId) -> Option<Vec<Hash>> {
        let key = (tile.level, tile.index);
        let closed = self.closed.iter().rev().map(|it| &it.tiles);
        let mut newest_first = std::iter::once(&self.changed).chain(closed);
        newest_first
            .find_map(|tiles| tiles.get(&key))
            .filter(|hashes| hashes.len() >= usize::from(tile.width))
            .cloned()
    }

    /// Indices of the INTENTs that no OUTCOME has followed, ascending.
    #[must_use]
    pub fn open(&self) -> Vec<u64> {
        let mut open: Vec<u64> = self.open.values().copied().collect();
        open.sort_unstable();
        open
    }
}

impl Default for Tail {
    fn default() -> Self {
        Self::new()
    }
}

/// What of a log was destroyed.
enum Pruned {
    /// All of it.
    All,
    /// What went before a size.
    Behind(Edge, u64),
}

async fn pruned(db: &Db, log: &Log) -> Result<Pruned, Error> {
    let mut tx = db.read().await?;
    Ok(match store_log::head(&mut tx, log).await? {
        Some(head) if head.is_all_gone() => Pruned::All,
        Some(head) if head.pruned > 0 => {
            Pruned::Behind(Edge::read(&mut tx, log).await?, head.pruned)
        }
        _ => Pruned::Behind(Edge::default(), 0),
    })
}

/// Builds the end of a log as it stands, and compares its tree with the signed head.
///
/// `full` is called whenever segments are full: the log's writer writes them to the index there.
///
/// # Errors
///
/// When the log does not agree with its signed head, or cannot be read.
pub async fn load(
    db: &Db,
    index: &Db,
    log: &Log,
    full: impl AsyncFn(&mut Tail) -> Result<(), Error>,
) -> Result<Tail, Error> {
    let mut tail = Tail::at_last_segment(db, index, log).await?;
    let mut tx = db.read().await?;
    let Some(head) = store_log::head(&mut tx, log).await? else {
        return match store_log::bodies(&mut tx, log, 0, 1).await?.first() {
            None if tail.size() == 0 => Ok(tail),
            None => Err(Error::RolledBack {
                stored: 0,
                known: tail.size(),
            }),
            Some(_) => Err(NO_HEAD),
        };
    };
    if tail.size() > head.size {
        return Err(Error::RolledBack {
            stored: head.size,
            known: tail.size(),
        });
    }
    while tail.size() < head.size {
        let batches = store_log::bodies(&mut tx, log, tail.size(), PAGE).await?;
        take_up(&mut tail, &batches)?;
        full(&mut tail).await?;
    }
    compare(&tail, &head, log)?;
    Ok(tail)
}

fn take_up(tail: &mut Tail, batches: &[Batch]) -> Result<(), Error> {
    let before = tail.size();
    for batch in batches {
        let mut tiles = tail.tiles.clone();
        let mut told = Vec::new();
        for (index, leaf) in batch.leaves()? {
            if index < tail.size() {
                continue;
            }
            let damaged = |what| Error::Damaged { index, what };
            if index != tiles.size() {
                return Err(damaged("a record is missing"));
            }
            let record = Record::decode(leaf).map_err(|_| damaged("the record does not parse"))?;
            let hash = Hash::leaf(leaf);
            tiles.push(hash);
            told.push(Told::of(&Glance::from(&record), hash));
        }
        tail.extend(tiles, told);
    }
    if tail.size() == before {
        return Err(Error::Damaged {
            index: before,
            what: "a record is missing",
        });
    }
    Ok(())
}

fn compare(tail: &Tail, head: &Head, log: &Log) -> Result<(), Error> {
    let signed = Checkpoint::open(&head.note, &log.vkey.parse()?)?;
    if signed.size != head.size || signed.size != tail.size() {
        return Err(Error::Damaged {
            index: signed.size.min(head.size).min(tail.size()),
            what: "the signed head counts other records",
        });
    }
    if tail.tiles.root() != signed.root {
        return Err(Error::Damaged {
            index: 0,
            what: "the tree is not the one that was signed",
        });
    }
    Ok(())
}

/// The call of an INTENT, and the INTENT.
pub(in crate::audit) async fn intent_at(
    db: &Db,
    log: &Log,
    index: u64,
) -> Result<([u8; 16], Record), Error> {
    let damaged = || Error::Damaged {
        index,
        what: "an INTENT is missing",
    };
    let mut tx = db.read().await?;
    let batches = store_log::bodies(&mut tx, log, index, 1).await?;
    let batch = batches.first().ok_or_else(damaged)?;
    let mut leaves = batch.leaves()?;
    let (_, leaf) = leaves.find(|(at, _)| *at == index).ok_or_else(damaged)?;
    let record = Record::decode(leaf).map_err(|_| damaged())?;
    let id = record.audit_id.first_chunk().copied().ok_or_else(damaged)?;
    Ok((id, record))
}

const NO_HEAD: Error = Error::Damaged {
    index: 0,
    what: "records stand without a signed head",
};
const NO_TILE: Error = Error::Damaged {
    index: 0,
    what: "a tile of the index is missing: delete the index, it is built again",
};
/// Batches that are read at once.
const PAGE: u32 = 64;
