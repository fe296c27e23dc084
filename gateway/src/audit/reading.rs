//! Reading a log, beside the process that writes it or in it.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use prost::Message as _;
use varco_proto::audit::v1::{Record, RetentionClass};
use varco_runtime::config::Config;
use varco_runtime::store::Db;
use varco_tlog::error::LoadError;
use varco_tlog::hash::Hash;
use varco_tlog::tile::TileId;

use super::batch::Batch;
use super::index::tail::{self, Tail};
use super::index::{self, SEGMENT, word::Word};
use super::seal::KeyId;
use super::store_log::{self, Head, Log};
use super::{Error, MIGRATIONS};

/// A log, open to be read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The database of its records.
    pub db: Db,
    /// The database of its index.
    pub index: Db,
    /// Its name and key.
    pub log: Log,
    /// What is not yet written to the index.
    pub tail: Arc<RwLock<Tail>>,
}

/// Opens the register of accesses to read it beside the process that writes it.
///
/// # Errors
///
/// When there is none.
pub async fn open_db(config: &Config) -> Result<Db, Error> {
    let address = &config.gateway.audit_database;
    Ok(match address.strip_prefix("sqlite:") {
        Some(file) => Db::open_to_read(&config.folder.join(file)).await?,
        None => Db::open(address, &config.folder, MIGRATIONS).await?,
    })
}

/// The log of that name, or the newest of the configured instance.
///
/// # Errors
///
/// When there is none.
pub async fn log(db: &Db, config: &Config, origin: Option<&str>) -> Result<Log, Error> {
    let mut tx = db.read().await?;
    let log = match origin {
        Some(origin) => store_log::log(&mut tx, origin).await?,
        None => store_log::log_of(&mut tx, &config.gateway.instance).await?,
    };
    let name = origin.unwrap_or(&config.gateway.instance);
    log.ok_or_else(|| Error::NoLog(name.to_owned()))
}

impl Reading {
    /// Opens a log beside the process that writes it: the one of that name, or the newest of the
    /// configured instance.
    ///
    /// # Errors
    ///
    /// When there is none, or it does not agree with its signed head.
    pub async fn open(config: &Config, origin: Option<&str>) -> Result<Self, Error> {
        let db = open_db(config).await?;
        let log = log(&db, config, origin).await?;
        let index = index::open_to_read(config).await?;
        Self::of(db, index, log).await
    }

    /// Opens a log of a database.
    ///
    /// # Errors
    ///
    /// When it does not agree with its signed head.
    pub async fn of(db: Db, index: Db, log: Log) -> Result<Self, Error> {
        let head = store_log::head(&mut db.read().await?, &log).await?;
        let tail = if head.is_some_and(|head| head.is_all_gone()) {
            // Nothing is left of it that could be taken up.
            Tail::at_last_segment(&db, &index, &log).await?
        } else {
            tail::load(&db, &index, &log, async |_: &mut Tail| Ok(())).await?
        };
        Ok(Self {
            db,
            index,
            log,
            tail: Arc::new(RwLock::new(tail)),
        })
    }

    /// This log, and those of the same instance before it that hold records since an instant (microseconds since
    /// the Unix epoch), oldest first.
    ///
    /// # Errors
    ///
    /// When a log cannot be read.
    pub async fn back_to(&self, at: i64) -> Result<Vec<Self>, Error> {
        let mut found = vec![self.clone()];
        let before = store_log::logs_before(&mut self.db.read().await?, &self.log).await?;
        for log in before {
            let older = Self::of(self.db.clone(), self.index.clone(), log).await?;
            if older.spans((at, i64::MAX)).await?.is_empty() {
                break;
            }
            found.push(older);
        }
        found.reverse();
        Ok(found)
    }

    /// The signed head.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn head(&self) -> Result<Option<Head>, Error> {
        let mut tx = self.db.read().await?;
        store_log::head(&mut tx, &self.log).await
    }

    /// The leaf at an index, byte for byte.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub async fn leaf(&self, at: u64) -> Result<Vec<u8>, Error> {
        let mut tx = self.db.read().await?;
        let batches = store_log::bodies(&mut tx, &self.log, at, 1).await?;
        let batch = batches.first().ok_or(Error::OutOfRange)?;
        let leaf = batch.leaves()?.find(|(index, _)| *index == at);
        leaf.map(|(_, leaf)| leaf.to_vec()).ok_or(Error::OutOfRange)
    }

    /// The record at an index.
    ///
    /// # Errors
    ///
    /// When it is not there or does not parse.
    pub async fn record(&self, at: u64) -> Result<Record, Error> {
        decode(at, &self.leaf(at).await?)
    }

    /// Leaves from an index on, in order, at most `limit`; fewer only at the end of the log.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut next = from;
        while found.len() < limit {
            let mut tx = self.db.read().await?;
            let batches = store_log::bodies(&mut tx, &self.log, next, PAGE).await?;
            drop(tx);
            for batch in &batches {
                let leaves = batch.leaves()?.filter(|(index, _)| *index >= next);
                found.extend(leaves.map(|(index, leaf)| (index, leaf.to_vec())));
            }
            let Some(end) = batches.last().map(Batch::end).filter(|end| *end > next) else {
                break;
            };
            next = end;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Records from an index on, in order, at most `limit`; fewer only at the end of the log.
    ///
    /// # Errors
    ///
    /// When the database cannot be read or a record does not parse.
    pub async fn records(&self, from: u64, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
        let leaves = self.leaves(from, limit).await?;
        let record = |(index, leaf): (u64, Vec<u8>)| Ok((index, decode(index, &leaf)?));
        leaves.into_iter().map(record).collect()
    }

    /// Runs a computation over tiles, reading each tile that it asks for.
    ///
    /// # Errors
    ///
    /// When a tile is missing or malformed, or the index cannot be read.
    pub async fn over_tiles<T>(
        &self,
        mut compute: impl FnMut(
            &mut dyn FnMut(TileId) -> Result<Vec<Hash>, TileId>,
        ) -> Result<T, LoadError<TileId>>,
    ) -> Result<T, Error> {
        let mut held = std::collections::HashMap::new();
        loop {
            let mut read = |tile: TileId| held.get(&tile).cloned().ok_or(tile);
            match compute(&mut read) {
                Ok(done) => return Ok(done),
                Err(LoadError::Malformed(error)) => return Err(error.into()),
                Err(LoadError::Read(missing)) => {
                    let hashes = self.tile(missing).await?;
                    held.insert(missing, hashes);
                }
            }
        }
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    ///
    /// When it is missing.
    pub async fn tile(&self, tile: TileId) -> Result<Vec<Hash>, Error> {
        let late = self.tail().tile(tile);
        let found = match late {
            Some(found) => Some(found),
            // What is written is forgotten in memory after it, so it is found here.
            None => index::tile(&mut self.index.read().await?, &self.log, tile).await?,
        };
        let mut hashes = found.ok_or(Error::Damaged {
            index: tile.index << (8 * (u32::from(tile.level) + 1)).min(63),
            what: "a tile of the tree is missing",
        })?;
        hashes.truncate(usize::from(tile.width));
        Ok(hashes)
    }

    /// Indices of a word in a range of the log, ascending.
    ///
    /// # Errors
    ///
    /// When the index cannot be read.
    pub async fn indices(&self, word: Word<'_>, (from, to): (u64, u64)) -> Result<Vec<u64>, Error> {
        let hash = word.hash();
        let (bound, late) = {
            let tail = self.tail();
            (tail.first_segment(), tail.indices(hash))
        };
        let (first, last) = (from / SEGMENT, to.div_ceil(SEGMENT).min(bound));
        let mut found = Vec::new();
        if first < last {
            let mut tx = self.index.read().await?;
            found = index::places(&mut tx, &self.log, hash, (first, last)).await?;
        }
        found.extend(late);
        found.retain(|index| (from..to).contains(index));
        Ok(found)
    }

    /// Times of the segments that reach into a window, ascending: number, oldest, newest, in
    /// microseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// When the index cannot be read.
    pub async fn spans(&self, (from, to): (i64, i64)) -> Result<Vec<(u64, i64, i64)>, Error> {
        let (bound, late) = {
            let tail = self.tail();
            (tail.first_segment(), tail.spans())
        };
        let mut tx = self.index.read().await?;
        let mut spans = index::spans(&mut tx, &self.log, (from, to)).await?;
        spans.retain(|(number, ..)| *number < bound);
        let late = late.into_iter();
        spans.extend(late.filter(|(_, oldest, newest)| *newest >= from && *oldest <= to));
        Ok(spans)
    }

    /// The leaves at some indices, ascending; what is not there is left out.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn leaves_at(&self, indices: &[u64]) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let mut tx = self.db.read().await?;
        let mut found = Vec::with_capacity(indices.len());
        let mut held: Option<Batch> = None;
        for index in indices {
            let here = held.as_ref().is_some_and(|it| it.holds(*index));
            if !here {
                let batches = store_log::bodies(&mut tx, &self.log, *index, 1).await?;
                held = batches.into_iter().find(|it| it.holds(*index));
            }
            if let Some(batch) = &held {
                let leaf = batch.leaves()?.find(|(at, _)| at == index);
                found.extend(leaf.map(|(at, leaf)| (at, leaf.to_vec())));
            }
        }
        Ok(found)
    }

    /// The sealed details of the record at an index and their key, while they are there.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn details(
        &self,
        at: u64,
        class: RetentionClass,
    ) -> Result<Option<(Vec<u8>, Vec<u8>)>, Error> {
        let mut tx = self.db.read().await?;
        let batches = store_log::batches(&mut tx, &self.log, at, 1).await?;
        let Some(batch) = batches.first() else {
            return Ok(None);
        };
        let details = batch.details(class)?;
        let Some((_, sealed)) = details.into_iter().find(|(index, _)| *index == at) else {
            return Ok(None);
        };
        let Some(id) = KeyId::named_by(sealed) else {
            return Ok(None);
        };
        let key = store_log::seal_key(&mut tx, id).await?;
        Ok(key.map(|key| (sealed.to_vec(), key)))
    }

    /// Asks the end of the log.
    pub(super) fn over_tail<T>(&self, ask: impl FnOnce(&Tail) -> T) -> T {
        ask(&self.tail())
    }

    fn tail(&self) -> RwLockReadGuard<'_, Tail> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a leaf as a record.
///
/// # Errors
///
/// [`Error::Damaged`] when it does not parse.
pub fn decode(index: u64, leaf: &[u8]) -> Result<Record, Error> {
    Record::decode(leaf).map_err(|_| Error::Damaged {
        index,
        what: "the record does not parse",
    })
}

/// Batches that are read at once.
const PAGE: u32 = 16;
