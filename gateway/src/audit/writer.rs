//! The one writer of a log, on a thread of its own.
//!
//! While one group is being flushed the next gathers, and where calls come close together it waits a
//! moment more for others (`gather`). A group that cannot be committed is tried again with the same bytes until it stands, so that nothing handed over is
//! lost; callers give up by themselves, and the bounded queue turns new ones away meanwhile. Where
//! the disk says that it could not flush, nothing that it says afterwards can be believed: the
//! process ends at once and answers nothing more.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};
use varco_proto::audit::v1::{LogLink, Record};
use varco_runtime::problem::chain;
use varco_runtime::store::{self, Db};
use varco_runtime::tasks::Tasks;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::tile::Tiles;

use super::committer::{Receipt, Run, Shared, Signers, Waiting};
use super::deposit::Deposit;
use super::gather::{self, Gather};
use super::hold::{Hold, Made};
use super::index::keeping;
use super::index::tail::{self, Tail};
use super::leaf::{Group, Maker};
use super::mark;
use super::opening::{self, Current};
use super::{Error, record, store_log};
use crate::points::{self, Point, Spoiled};

/// What stands between two commits.
struct Writer {
    hold: Hold,
    shared: Arc<Shared>,
    run: Run,
    signers: Signers,
    current: Current,
    tiles: Tiles,
    maker: Maker,
    gather: Gather,
    /// Since when records cannot be made durable.
    failing: Option<Instant>,
    full: Arc<Notify>,
    receipts: mpsc::UnboundedSender<Done>,
    tasks: Tasks,
}

/// A commit whose receipts are due.
struct Done {
    first: u64,
    checkpoint: Arc<str>,
    waiting: Vec<Option<oneshot::Sender<Receipt>>>,
}

/// Opens a log and starts its writer; gives what both sides share.
pub(super) async fn start(
    (db, index): (Db, Db),
    run: Run,
    signers: Signers,
    (waiting, tasks): (mpsc::UnboundedReceiver<Waiting>, &Tasks),
) -> Result<Arc<Shared>, crate::Error> {
    let hold = Hold::take(&db, &run.instance).await?;
    let current = opening::open_log(&db, &run, &signers).await?;
    let write = async |tail: &mut Tail| keeping::write_all(&index, &current.log, tail).await;
    let tail = tail::load(&db, &index, &current.log, write).await?;
    opening::check_clock(&db, &current.log, tail.size(), &run.clock).await?;
    let tiles = tail.tiles().clone();
    let shared = Arc::new(Shared::new(
        db,
        index,
        (current.log.clone(), tail),
        &run.clock,
    ));
    if let Some(mark) = &run.mark {
        mark::compare(mark, &shared.reading()).await?;
    }
    let (receipts, due) = mpsc::unbounded_channel();
    tasks.spawn(give_out(due));
    let mut writer = Writer {
        hold,
        shared: Arc::clone(&shared),
        maker: Maker::new(run.clone()),
        gather: Gather::default(),
        run,
        signers,
        current,
        tiles,
        failing: None,
        full: Arc::default(),
        receipts,
        tasks: tasks.clone(),
    };
    writer.index_behind();
    let ended = on_own_thread(writer, waiting)?;
    tasks.spawn(async move { drop(ended.await) });
    Ok(shared)
}

/// Runs the writer on a thread that does nothing else; tells when it has ended.
fn on_own_thread(
    writer: Writer,
    waiting: mpsc::UnboundedReceiver<Waiting>,
) -> Result<oneshot::Receiver<()>, crate::Error> {
    let failed = |error| crate::Error::from(Error::Thread(error));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("audit".to_owned())
        .spawn(move || {
            runtime.block_on(writer.work(waiting));
            let _ = end.send(());
        })
        .map_err(failed)?;
    Ok(ended)
}

/// Gives receipts out where their callers wait: whole commits at a time.
async fn give_out(mut due: mpsc::UnboundedReceiver<Done>) {
    while let Some(done) = due.recv().await {
        let carried = Receipt::carried(&done.checkpoint, done.waiting.len() > 1);
        for (receipt, index) in done.waiting.into_iter().zip(done.first..) {
            let receipt = receipt.map(|to| {
                to.send(Receipt {
                    index,
                    checkpoint: Arc::clone(&done.checkpoint),
                    carried: carried.clone(),
                })
            });
            // A caller that went away leaves its record all the same.
            drop(receipt);
        }
        points::pass(Point::ReceiptsGiven);
    }
}

impl Writer {
    async fn work(mut self, mut queue: mpsc::UnboundedReceiver<Waiting>) {
        if let Some(previous) = self.current.follows.take() {
            let id = self.run.clock.uuid();
            self.write_own(record::continues(id, previous, String::new()))
                .await;
        }
        let mut taken = Vec::new();
        while queue.recv_many(&mut taken, GROUP).await > 0 {
            self.wait_for_others(&mut queue, &mut taken).await;
            let group = std::mem::take(&mut taken);
            self.shared.leave(&group);
            points::pass(Point::GroupTaken);
            self.commit(group).await;
            if self.maker.has_spent_key()
                && let Err(error) = Box::pin(self.maker.take_key(&mut self.hold)).await
            {
                tracing::warn!(cause = chain(&error), "the next key for details is late");
            }
        }
    }

    /// Lets others join a group, where some have lately.
    async fn wait_for_others(
        &mut self,
        queue: &mut mpsc::UnboundedReceiver<Waiting>,
        group: &mut Vec<Waiting>,
    ) {
        let before = group.len();
        if before >= GROUP || !self.gather.waits() {
            return;
        }
        tokio::time::sleep(gather::MOMENT).await;
        while group.len() < GROUP
            && let Ok(waiting) = queue.try_recv()
        {
            group.push(waiting);
        }
        self.gather.brought(group.len() - before);
    }

    /// Makes a group durable and gives its receipts.
    async fn commit(&mut self, group: Vec<Waiting>) {
        if let Some(next) = self.current.next(&self.run) {
            // What is rare is boxed: its future would be moved with that of every commit.
            Box::pin(self.turn_year(next)).await;
        }
        let (deposits, waiting): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|it| (*it.deposit, it.receipt))
            .unzip();
        let (first, checkpoint) = self.write(deposits).await;
        points::pass(Point::ReceiptsBefore);
        let _ = self.receipts.send(Done {
            first,
            checkpoint,
            waiting,
        });
        points::pass(Point::ReceiptsAfter);
    }

    /// Writes a record of the writer's own.
    async fn write_own(&mut self, record: Record) {
        self.write(vec![record.into()]).await;
    }

    /// Makes leaves and makes them durable.
    async fn write(&mut self, deposits: Vec<Deposit>) -> (u64, Arc<str>) {
        while self.maker.needs_key(&deposits) {
            if let Err(error) = Box::pin(self.maker.take_key(&mut self.hold)).await {
                self.failed(&error);
                tokio::time::sleep(PAUSE).await;
                self.hold.forget();
            }
        }
        self.maker.know_clock(**self.shared.standing.load());
        let made = self.maker.make(deposits);
        points::pass(Point::LeavesMade);
        let (records, begun) = (made.told.len(), Instant::now());
        let stands = self.make_durable(made).await;
        self.shared.commits.note(records, begun.elapsed());
        stands
    }

    /// Commits a group, again and again until it stands.
    async fn make_durable(&mut self, mut group: Group) -> (u64, Arc<str>) {
        group.batch.first = self.tiles.size();
        loop {
            match self.append(&group).await {
                Ok((tiles, note)) => return self.stands(group, tiles, note),
                Err(error) => self.failed(&error),
            }
            tokio::time::sleep(PAUSE).await;
            self.hold.forget();
            // A commit whose answer was lost may stand after all.
            match Box::pin(self.find(&group)).await {
                Ok(Some((tiles, note))) => return self.stands(group, tiles, note),
                Ok(None) => {}
                Err(error) => self.failed(&error),
            }
        }
    }

    async fn append(&mut self, group: &Group) -> Result<(Tiles, Arc<str>), Error> {
        let mut tiles = self.tiles.clone();
        group.told.iter().for_each(|leaf| tiles.push(leaf.hash));
        let signed = if points::is_spoiled(Spoiled::Unpushed) {
            &self.tiles
        } else {
            &tiles
        };
        let checkpoint = Checkpoint {
            origin: self.current.log.origin.clone(),
            size: tiles.size(),
            root: signed.root(),
        };
        points::pass(Point::SignBefore);
        let note = checkpoint.sign(&self.current.signer)?;
        points::pass(Point::SignAfter);
        let made = Made {
            log: self.current.log.id,
            batch: &group.batch,
            root: checkpoint.root.as_bytes(),
            note: &note,
        };
        points::pass(Point::CommitBefore);
        match tokio::time::timeout(FLUSH, self.hold.append(&made)).await {
            Ok(done) => done?,
            Err(_) => return Err(Error::Slow),
        }
        points::pass(Point::CommitAfter);
        Ok((tiles, note.into()))
    }

    /// Looks whether a group stands in the database already.
    async fn find(&self, group: &Group) -> Result<Option<(Tiles, Arc<str>)>, Error> {
        let log = &self.current.log;
        let mut tx = self.shared.db.read().await?;
        let head = store_log::head(&mut tx, log).await?;
        let Some(head) = head.filter(|head| head.size > group.batch.first) else {
            return Ok(None);
        };
        let stored = store_log::bodies(&mut tx, log, group.batch.first, 1).await?;
        if head.size != group.batch.end()
            || stored.first().map(|it| &it.body) != Some(&group.batch.body)
        {
            return Err(Error::Rival(self.run.instance.clone()));
        }
        let mut tiles = self.tiles.clone();
        group.told.iter().for_each(|leaf| tiles.push(leaf.hash));
        Ok(Some((tiles, head.note.into())))
    }

    /// Takes a group that stands up into the tail.
    fn stands(&mut self, group: Group, tiles: Tiles, note: Arc<str>) -> (u64, Arc<str>) {
        points::pass(Point::TailBefore);
        self.tiles = tiles.clone();
        // What has been handed to the tail is no change for it any more.
        drop(self.tiles.take_changed());
        let tail = self.shared.tail.load();
        let mut tail = tail.write().unwrap_or_else(PoisonError::into_inner);
        tail.extend(tiles, group.told);
        if tail.next_closed().is_some() {
            self.full.notify_one();
        }
        drop(tail);
        points::pass(Point::TailAfter);
        self.shared.writes.store(true, Ordering::Relaxed);
        if let Some(since) = self.failing.take() {
            let seconds = since.elapsed().as_secs();
            tracing::warn!(seconds, "records are durable again");
            self.maker.owe(record::degraded(
                self.run.clock.uuid(),
                format!("records could not be made durable for {seconds} s"),
            ));
        }
        (group.batch.first, note)
    }

    fn failed(&mut self, error: &Error) {
        if is_unflushed(error) {
            tracing::error!(
                cause = chain(error),
                "the disk could not flush the register of accesses: nothing written since can be \
                 trusted to stay; the process ends, check the disk and start again"
            );
            std::process::exit(UNFLUSHED);
        }
        self.failing.get_or_insert_with(Instant::now);
        self.shared.writes.store(false, Ordering::Relaxed);
        tracing::error!(cause = chain(error), "records could not be made durable");
    }

    /// Ends the log of a year that is over and begins the next one.
    async fn turn_year(&mut self, next: String) {
        points::pass(Point::YearBefore);
        let id = self.run.clock.uuid();
        self.write_own(record::continued_by(id, &next)).await;
        points::pass(Point::YearClosed);
        let previous = self.link();
        loop {
            let begun = opening::begin_log(&self.shared.db, &self.run, &self.signers, &next).await;
            match begun {
                Ok(current) => break self.take_up(current),
                Err(error) => tracing::error!(cause = chain(&error), "the year's log cannot begin"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        points::pass(Point::YearBegun);
        let id = self.run.clock.uuid();
        self.write_own(record::continues(id, previous, String::new()))
            .await;
        points::pass(Point::YearLinked);
    }

    fn link(&self) -> LogLink {
        LogLink {
            origin: self.current.log.origin.clone(),
            size: self.tiles.size(),
            root: self.tiles.root().as_bytes().to_vec().into(),
            vkey: self.current.log.vkey.clone(),
            lost_checkpoint: String::new(),
        }
    }

    fn take_up(&mut self, current: Current) {
        self.current = current;
        self.tiles = Tiles::new();
        let log = Arc::new(self.current.log.clone());
        self.shared.log.store(log);
        let tail = Arc::new(RwLock::new(Tail::new()));
        self.shared.tail.store(tail);
        self.index_behind();
    }

    /// Has the index of the log follow behind.
    fn index_behind(&mut self) {
        self.full = Arc::default();
        let tail = self.shared.tail.load_full();
        let (index, log) = (self.shared.index.clone(), self.current.log.clone());
        let keep = keeping::keep(index, log, tail, Arc::clone(&self.full));
        self.tasks.spawn_until_stop(keep);
    }
}

/// Whether the disk said that it could not flush: `SQLITE_IOERR_FSYNC` and
/// `SQLITE_IOERR_DIR_FSYNC`.
fn is_unflushed(error: &Error) -> bool {
    let Error::Store(store::Error::Statement(sqlx::Error::Database(error))) = error else {
        return false;
    };
    error
        .code()
        .is_some_and(|code| code == "1034" || code == "1290")
}

/// Longest commit of a group.
const FLUSH: Duration = Duration::from_secs(10);
/// Most records in a group, as many as an entry bundle of C2SP tlog-tiles holds.
const GROUP: usize = 256;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(250);
/// Exit status: an error of input or output (`EX_IOERR`).
const UNFLUSHED: i32 = 74;
