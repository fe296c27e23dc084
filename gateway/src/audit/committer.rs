//! The one writer of a log: groups what waits, makes it durable, hands out receipts.
//!
//! There is no timer: while one group is being flushed the next gathers. A group that cannot be
//! committed is tried again with the same bytes until it stands, so that nothing handed over is
//! lost; a caller waits at most two seconds for its receipt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prost::Message as _;
use tokio::sync::{Semaphore, mpsc, oneshot};
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::clock::Clock;
use varco_runtime::problem::chain;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::hash::Hash;
use varco_tlog::note::Signer;
use varco_tlog::tile::Tiles;

use super::Error;
use super::deposit::Deposit;
use super::opening;
use super::store_log::{self, Head, Keys, Leaf, Log};

/// Proof that a record is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Index in the log.
    pub index: u64,
    /// Signed checkpoint that covers it.
    pub checkpoint: Arc<str>,
}

/// The record could not be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the register of accesses cannot be written")]
pub struct Unavailable;

/// The way to the committer.
#[derive(Clone, Debug)]
pub struct Register {
    queue: mpsc::Sender<Waiting>,
    log: Log,
    db: Db,
    writes: Arc<AtomicBool>,
    /// Places beside the full queue.
    room: Arc<Semaphore>,
    tasks: Tasks,
}

#[derive(Debug)]
struct Waiting {
    record: Record,
    receipt: Option<oneshot::Sender<Receipt>>,
}

/// What is the same in every record of this run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Name of the gateway instance.
    pub instance: String,
    /// UUID of this run.
    pub boot_id: Uuid,
    /// When it began.
    pub started: Instant,
    /// The time.
    pub clock: Clock,
}

/// A record whose bytes are fixed, so that trying again writes the same leaf.
struct Sealed {
    body: Vec<u8>,
    keys: Keys,
}

struct Committer {
    db: Db,
    log: Log,
    run: Run,
    signer: Signer,
    tiles: Tiles,
    boot_seq: u64,
    writes: Arc<AtomicBool>,
}

impl Register {
    /// Opens the log of a gateway instance, or begins it, and starts its writer.
    ///
    /// # Errors
    ///
    /// When the stored log does not agree with its signed head, or the key is another.
    pub async fn open(
        db: Db,
        run: Run,
        origin: &str,
        signer: impl Fn(&str) -> Result<Signer, crate::Error>,
        tasks: &Tasks,
    ) -> Result<Self, crate::Error> {
        let (log, signer) = opening::open_log(&db, &run, origin, signer).await?;
        let tiles = opening::load(&db, &log).await?;
        opening::check_clock(&db, &log, tiles.size(), &run.clock).await?;
        let writes = Arc::new(AtomicBool::new(true));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let register = Self {
            queue,
            log: log.clone(),
            db: db.clone(),
            writes: Arc::clone(&writes),
            room: Arc::new(Semaphore::new(QUEUE)),
            tasks: tasks.clone(),
        };
        let committer = Committer {
            db,
            log,
            run,
            signer,
            tiles,
            boot_seq: 0,
            writes,
        };
        tasks.spawn(committer.work(waiting));
        Ok(register)
    }

    /// Makes a record durable and gives its receipt.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not durable within two seconds.
    pub async fn commit(&self, deposit: impl Into<Deposit>) -> Result<Receipt, Unavailable> {
        let (receipt, answer) = oneshot::channel();
        if !self.enqueue(Waiting {
            record: deposit.into().record,
            receipt: Some(receipt),
        }) {
            return Err(Unavailable);
        }
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(receipt)) => Ok(receipt),
            _ => Err(Unavailable),
        }
    }

    /// Leaves a record that nobody waits for, where the call itself is already gone.
    pub fn leave(&self, deposit: impl Into<Deposit>) {
        if !self.enqueue(Waiting {
            record: deposit.into().record,
            receipt: None,
        }) {
            tracing::error!("a record of an abandoned call found no place");
        }
    }

    /// Hands a record over at once: a caller that goes away while it waits changes nothing.
    ///
    /// False when queue and waiting room are full, and the record was not taken.
    fn enqueue(&self, waiting: Waiting) -> bool {
        let waiting = match self.queue.try_send(waiting) {
            Ok(()) => return true,
            Err(mpsc::error::TrySendError::Full(waiting)) => waiting,
            Err(mpsc::error::TrySendError::Closed(_)) => return false,
        };
        let Ok(seat) = Arc::clone(&self.room).try_acquire_owned() else {
            return false;
        };
        let queue = self.queue.clone();
        self.tasks.spawn(async move {
            let _seat = seat;
            let _ = queue.send(waiting).await;
        });
        true
    }

    /// Whether the last attempt to make records durable succeeded.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.writes.load(Ordering::Relaxed)
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The database of the log.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }
}

impl Committer {
    async fn work(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            let records: Vec<Waiting> = std::mem::take(&mut group);
            let sealed: Vec<Sealed> = records
                .iter()
                .map(|waiting| self.seal(&waiting.record))
                .collect();
            let (first, checkpoint) = self.make_durable(&sealed).await;
            for (waiting, index) in records.into_iter().zip(first..) {
                let receipt = Receipt {
                    index,
                    checkpoint: Arc::clone(&checkpoint),
                };
                // A caller that went away leaves its record all the same.
                let _ = waiting.receipt.map(|to| to.send(receipt));
            }
        }
    }

    /// Commits a group, again and again until it stands; callers give up by themselves, and the
    /// bounded queue turns new ones away meanwhile.
    async fn make_durable(&mut self, group: &[Sealed]) -> (u64, Arc<str>) {
        loop {
            let before = self.tiles.clone();
            match tokio::time::timeout(FLUSH, self.flush(group)).await {
                Ok(Ok(committed)) => {
                    self.writes.store(true, Ordering::Relaxed);
                    return committed;
                }
                Ok(Err(error)) => {
                    tracing::error!(cause = chain(&error), "records could not be made durable");
                }
                Err(_) => tracing::error!("the register of accesses does not answer"),
            }
            self.writes.store(false, Ordering::Relaxed);
            self.tiles = before;
            tokio::time::sleep(PAUSE).await;
            // A commit whose answer was lost may stand after all.
            if let Ok(Some(committed)) = self.find(group).await {
                return committed;
            }
        }
    }

    /// Looks whether a group stands in the database already, and takes the tree to what does.
    async fn find(&mut self, group: &[Sealed]) -> Result<Option<(u64, Arc<str>)>, Error> {
        let first = self.tiles.size();
        let stored = opening::load(&self.db, &self.log).await?;
        let count = u32::try_from(group.len()).unwrap_or(u32::MAX);
        let mut tx = self.db.read().await?;
        let leaves = store_log::leaves(&mut tx, &self.log.origin, first, count).await?;
        let head = store_log::head(&mut tx, &self.log.origin).await?;
        let same = leaves.len() == group.len()
            && leaves
                .iter()
                .zip(group)
                .all(|(leaf, sealed)| leaf.body == sealed.body);
        self.tiles = stored;
        Ok(head.filter(|_| same).map(|head| (first, head.note.into())))
    }

    /// Commits a group; gives the index of its first record and the signed checkpoint.
    async fn flush(&mut self, group: &[Sealed]) -> Result<(u64, Arc<str>), Error> {
        let first = self.tiles.size();
        let mut tx = self.db.begin().await?;
        for sealed in group {
            let hash = Hash::leaf(&sealed.body);
            let leaf = Leaf {
                index: self.tiles.size(),
                body: sealed.body.clone(),
                hash: hash.as_bytes().to_vec(),
            };
            store_log::append(&mut tx, &self.log.origin, &leaf, &sealed.keys).await?;
            self.tiles.push(hash);
        }
        for (tile, hashes) in self.tiles.take_changed() {
            store_log::keep_tile(&mut tx, &self.log.origin, tile, &hashes).await?;
        }
        let (size, root) = (self.tiles.size(), self.tiles.root());
        let checkpoint = Checkpoint {
            origin: self.log.origin.clone(),
            size,
            root,
        };
        let note = checkpoint.sign(&self.signer)?;
        let head = Head {
            size,
            root: root.as_bytes().to_vec(),
            note: note.clone(),
        };
        store_log::keep_head(&mut tx, &self.log.origin, first, &head).await?;
        tx.commit().await?;
        Ok((first, note.into()))
    }

    /// Adds what only the writer knows (run, number within it, time) and fixes the bytes.
    fn seal(&mut self, record: &Record) -> Sealed {
        self.boot_seq += 1;
        let now = self.run.clock.now();
        let record = Record {
            schema: 1,
            ts_unix_ns: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
            mono_ns: i64::try_from(self.run.started.elapsed().as_nanos()).unwrap_or(i64::MAX),
            boot_id: self.run.boot_id.as_bytes().to_vec().into(),
            instance: self.run.instance.clone(),
            boot_seq: self.boot_seq,
            detail: record.detail.chars().take(MAX_DETAIL).collect(),
            ..record.clone()
        };
        Sealed {
            body: record.encode_to_vec(),
            keys: Keys::of(&record),
        }
    }
}

/// Closes the calls that the process before this one left open.
///
/// # Errors
///
/// When the log cannot be read or written.
pub async fn close_dangling(register: &Register) -> Result<u64, crate::Error> {
    let mut tx = register.db.read().await?;
    let open = store_log::dangling(&mut tx, &register.log.origin).await?;
    drop(tx);
    let intents = open
        .iter()
        .filter_map(|body| Record::decode(body.as_slice()).ok());
    let outcomes = intents.map(|intent| {
        register.commit(Record {
            kind: RecordKind::Outcome.into(),
            ref_audit_id: intent.audit_id.clone(),
            outcome: "UNKNOWN".to_owned(),
            detail: "the gateway stopped before the call ended".to_owned(),
            grpc_status: 2,
            ..intent
        })
    });
    let closed = futures_util::future::try_join_all(outcomes).await?;
    Ok(u64::try_from(closed.len()).unwrap_or(u64::MAX))
}

const DEADLINE: Duration = Duration::from_secs(2);
/// Longest transaction of a group.
const FLUSH: Duration = Duration::from_secs(10);
const GROUP: usize = 512;
const MAX_DETAIL: usize = 2000;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
const QUEUE: usize = 4096;

#[cfg(test)]
mod tests;
