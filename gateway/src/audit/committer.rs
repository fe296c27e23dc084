//! The way to a log: a record is handed over, and its receipt comes back when it is durable.
//!
//! What is handed over waits in a queue that is bounded by records and by bytes. The one writer
//! (`writer`) takes whatever waits, makes it durable in one commit, and hands the receipts to one
//! task here that gives them out: one wake for a commit, not one for each call.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::HeaderValue;
use prost::Message as _;
use tokio::sync::{Notify, mpsc, oneshot};
use uuid::Uuid;
use varco_runtime::clock::Clock;
use varco_runtime::clock::standing::Standing;
use varco_runtime::secret::dpo::Recipients;
use varco_runtime::store::Db;
use varco_runtime::tasks::Tasks;
use varco_tlog::note::Signer;

use super::deposit::Deposit;
use super::guard::{self, Trouble};
use super::index::tail::Tail;
use super::mark::Mark;
use super::reading::Reading;
use super::store_log::Log;
use super::witnessing::Cosigned;
use super::writer;
use crate::metrics::histogram::Histogram;
use crate::points::{self, Point, Spoiled};

/// Proof that a record is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Index in the log.
    pub index: u64,
    /// Signed checkpoint that covers it.
    pub checkpoint: Arc<str>,
    /// The same as metadata carries it, in base64.
    pub carried: HeaderValue,
}

impl Receipt {
    /// A checkpoint as the receipts of its commit carry it. Where there are several, their answers repeat
    /// it, and it may have a place in the compression tables of connections.
    pub(super) fn carried(checkpoint: &str, several: bool) -> HeaderValue {
        let text = STANDARD_NO_PAD.encode(checkpoint);
        let value = HeaderValue::try_from(text);
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(!several);
        value
    }
}

/// The record could not be made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the register of accesses cannot be written")]
pub struct Unavailable;

/// The way to the writer of a log.
#[derive(Clone, Debug)]
pub struct Register {
    queue: mpsc::UnboundedSender<Waiting>,
    shared: Arc<Shared>,
}

/// What the register and its writer both know.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) db: Db,
    pub(super) index: Db,
    pub(super) log: ArcSwap<Log>,
    pub(super) tail: ArcSwap<RwLock<Tail>>,
    /// Whether the last attempt to make records durable succeeded.
    pub(super) writes: AtomicBool,
    /// How the clock stood when the guard last asked.
    pub(super) standing: ArcSwap<Standing>,
    /// Why nothing is taken.
    closed: guard::Closed,
    /// What witnesses say against the log.
    witness: guard::Closed,
    /// The newest checkpoint that witnesses have cosigned.
    cosigned: ArcSwapOption<Cosigned>,
    /// Records that wait, and their bytes.
    waiting: (AtomicUsize, AtomicUsize),
    /// Told when some have left the queue.
    freed: Notify,
    /// What the writer has made durable.
    pub(super) commits: Commits,
}

/// What has been made durable since the start.
#[derive(Debug, Default)]
pub struct Commits {
    /// Records.
    pub records: AtomicU64,
    /// How long each group of them took, with all attempts.
    pub durations: Histogram,
}

impl Commits {
    /// Notes a group that stands.
    pub(super) fn note(&self, records: usize, took: Duration) {
        let records = u64::try_from(records).unwrap_or(u64::MAX);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.durations.note(took);
    }
}

/// A record on its way.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Boxed: it goes through queues.
    pub(super) deposit: Box<Deposit>,
    pub(super) receipt: Option<oneshot::Sender<Receipt>>,
    bytes: usize,
}

/// What is the same in every record of this run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Code of the comune in the IPA.
    pub ipa: String,
    /// Name of the gateway instance.
    pub instance: String,
    /// UUID of this run.
    pub boot_id: Uuid,
    /// When it began.
    pub started: Instant,
    /// The time.
    pub clock: Clock,
    /// Whom details are sealed to.
    pub recipients: Recipients,
    /// Where the last signed head is marked; none where nothing is to be compared.
    pub mark: Option<Mark>,
}

/// Makes the key of the log under the name of each of its years.
pub type Signers = Box<dyn Fn(&str) -> Result<Signer, crate::Error> + Send + Sync>;

impl Register {
    /// Opens the log of a gateway instance, or begins it, and starts its writer.
    ///
    /// # Errors
    ///
    /// When another writes it, the stored log does not agree with its signed head, or the key is
    /// another.
    pub async fn open(
        (db, index): (Db, Db),
        run: Run,
        signers: Signers,
        tasks: &Tasks,
    ) -> Result<Self, crate::Error> {
        let (queue, waiting) = mpsc::unbounded_channel();
        let shared = writer::start((db, index), run, signers, (waiting, tasks)).await?;
        Ok(Self { queue, shared })
    }

    /// Hands a record over, at once, and gives its receipt when it is durable.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not durable within two seconds.
    pub fn commit<D: Into<Deposit>>(
        &self,
        deposit: D,
    ) -> impl Future<Output = Result<Receipt, Unavailable>> + Send + use<D> {
        let handed_over = if self.shared.closed.load().is_some() {
            Err(Unavailable)
        } else {
            self.hand_over_for_receipt(deposit.into())
        };
        receipt(handed_over)
    }

    /// The same, whatever the guard has found: what it says itself, and the stop.
    ///
    /// # Errors
    ///
    /// [`Unavailable`] when it is not durable within two seconds.
    pub fn commit_in_trouble<D: Into<Deposit>>(
        &self,
        deposit: D,
    ) -> impl Future<Output = Result<Receipt, Unavailable>> + Send + use<D> {
        receipt(self.hand_over_for_receipt(deposit.into()))
    }

    /// Leaves a record that nobody waits for, where the call itself is already gone.
    pub fn leave(&self, deposit: impl Into<Deposit>) {
        if self.hand_over(deposit.into(), None).is_err() {
            tracing::error!("a record of an abandoned call found no place");
        }
    }

    fn hand_over_for_receipt(
        &self,
        deposit: Deposit,
    ) -> Result<oneshot::Receiver<Receipt>, Unavailable> {
        let (receipt, answer) = oneshot::channel();
        self.hand_over(deposit, Some(receipt))?;
        Ok(answer)
    }

    /// Hands a record over at once: a caller that goes away while it waits changes nothing.
    fn hand_over(
        &self,
        deposit: Deposit,
        receipt: Option<oneshot::Sender<Receipt>>,
    ) -> Result<(), Unavailable> {
        let details = deposit
            .details
            .as_ref()
            .map_or(0, prost::Message::encoded_len);
        let bytes = deposit.record.encoded_len() + details;
        let waiting = Waiting {
            deposit: Box::new(deposit),
            receipt,
            bytes,
        };
        self.shared.admit(bytes)?;
        points::pass(Point::QueueBefore);
        let sent = self.queue.send(waiting).map_err(|_| Unavailable);
        points::pass(Point::QueueAfter);
        sent
    }

    /// Whether there is room in the queue for what a call leaves, now or in a moment.
    pub async fn has_room(&self) -> bool {
        if self.shared.has_room() {
            return true;
        }
        let room = async {
            loop {
                let mut freed = std::pin::pin!(self.shared.freed.notified());
                // Before looking, so that nothing is missed in between.
                freed.as_mut().enable();
                if self.shared.has_room() {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(MOMENT, room).await.is_ok()
    }

    /// How many records wait, and how many bytes they are.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let (records, bytes) = &self.shared.waiting;
        let now = Ordering::Relaxed;
        (records.load(now), bytes.load(now))
    }

    /// What has been made durable since the start.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.shared.commits
    }

    /// Whether records are taken, and the last attempt to make some durable succeeded.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.shared.closed.load().is_none() && self.shared.writes.load(Ordering::Relaxed)
    }

    /// Why nothing is taken; none while records are.
    #[must_use]
    pub fn trouble(&self) -> Option<Arc<Trouble>> {
        self.shared.closed.load_full()
    }

    /// Closes the register, or opens it.
    pub(super) fn close(&self, trouble: Option<Trouble>) {
        self.shared.closed.store(trouble.map(Arc::new));
    }

    /// Notes how the clock stands: records say so until it is noted again.
    pub(super) fn note_standing(&self, standing: Standing) {
        self.shared.standing.store(Arc::new(standing));
    }

    /// Notes what witnesses say against the log; the guard closes the register for it.
    pub(super) fn believe_witness(&self, trouble: Option<Trouble>) {
        self.shared.witness.store(trouble.map(Arc::new));
    }

    /// What witnesses say against the log.
    pub(super) fn witness_says(&self) -> Option<Trouble> {
        self.shared.witness.load().as_deref().cloned()
    }

    /// Keeps the newest checkpoint that witnesses have cosigned.
    pub(super) fn keep_cosigned(&self, cosigned: Cosigned) {
        self.shared.cosigned.store(Some(Arc::new(cosigned)));
    }

    /// The newest checkpoint that witnesses have cosigned, since the start.
    #[must_use]
    pub fn cosigned(&self) -> Option<Arc<Cosigned>> {
        self.shared.cosigned.load_full()
    }

    /// The log that is written now.
    #[must_use]
    pub fn log(&self) -> Arc<Log> {
        self.shared.log.load_full()
    }

    /// The log that is written now, to be read with what only its writer holds in memory.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.shared.reading()
    }

    /// The database of the log.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.shared.db
    }

    /// The database of the index.
    #[must_use]
    pub fn index(&self) -> &Db {
        &self.shared.index
    }
}

/// The receipt of what was handed over.
async fn receipt(
    handed_over: Result<oneshot::Receiver<Receipt>, Unavailable>,
) -> Result<Receipt, Unavailable> {
    let answer = handed_over?;
    if points::is_spoiled(Spoiled::DataFirst) {
        return Ok(Receipt {
            index: 0,
            checkpoint: Arc::from(""),
            carried: HeaderValue::from_static(""),
        });
    }
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(Ok(receipt)) => {
            points::pass(Point::ReceiptTaken);
            Ok(receipt)
        }
        _ => Err(Unavailable),
    }
}

impl Shared {
    pub(super) fn new(db: Db, index: Db, (log, tail): (Log, Tail), clock: &Clock) -> Self {
        Self {
            standing: ArcSwap::from_pointee(clock.standing()),
            db,
            index,
            log: ArcSwap::from_pointee(log),
            tail: ArcSwap::from_pointee(RwLock::new(tail)),
            writes: AtomicBool::new(true),
            closed: guard::Closed::empty(),
            witness: guard::Closed::empty(),
            cosigned: ArcSwapOption::empty(),
            waiting: (AtomicUsize::new(0), AtomicUsize::new(0)),
            freed: Notify::new(),
            commits: Commits::default(),
        }
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            db: self.db.clone(),
            index: self.index.clone(),
            log: Log::clone(&self.log.load()),
            tail: self.tail.load_full(),
        }
    }

    /// Takes a place in the queue.
    fn admit(&self, bytes: usize) -> Result<(), Unavailable> {
        let (records, held) = &self.waiting;
        let records_before = records.fetch_add(1, Ordering::Relaxed);
        let bytes_before = held.fetch_add(bytes, Ordering::Relaxed);
        if records_before >= MOST_RECORDS || bytes_before.saturating_add(bytes) > MOST_BYTES {
            self.gone(1, bytes);
            return Err(Unavailable);
        }
        Ok(())
    }

    /// Gives the places of what was taken out of the queue back.
    pub(super) fn leave(&self, taken: &[Waiting]) {
        self.gone(taken.len(), taken.iter().map(|it| it.bytes).sum());
        self.freed.notify_waiters();
    }

    /// Whether another call may begin: the last quarter is for those that have.
    fn has_room(&self) -> bool {
        let (records, held) = &self.waiting;
        records.load(Ordering::Relaxed) < MOST_RECORDS / 4 * 3
            && held.load(Ordering::Relaxed) < MOST_BYTES / 4 * 3
    }

    fn gone(&self, records: usize, bytes: usize) {
        self.waiting.0.fetch_sub(records, Ordering::Relaxed);
        self.waiting.1.fetch_sub(bytes, Ordering::Relaxed);
    }
}

const DEADLINE: Duration = Duration::from_secs(2);
/// How long a call waits for room in the queue before it is sent away.
const MOMENT: Duration = Duration::from_millis(50);
/// Most bytes that wait.
pub const MOST_BYTES: usize = 16 << 20;
/// Most records that wait.
pub const MOST_RECORDS: usize = 4096;

#[cfg(test)]
mod tests;
