//! Refusals that are counted instead of being recorded one by one.
//!
//! The first refusals of somebody in a minute leave a record each. Those above them are counted by
//! their sort, and each sort leaves one record with its count when the minute is over or the gateway
//! stops: a flood neither fills the register nor goes unseen. [`Windows`] decides, without I/O;
//! [`Counting`] writes. A process that is killed loses the counts of its last minute, never one of
//! the records before them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};

use super::committer::Register;
use super::retention;
use crate::token::rate::Peer;

/// Whose refusals are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// All those for whom there was no room.
    Anyone,
    /// A client that is known.
    Client(Uuid),
    /// Who is not, or not yet.
    Peer(Peer),
}

/// What is the same in all refusals of one record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sort {
    /// How it ended, in one word.
    pub outcome: &'static str,
    /// Reason of the refusal; empty where the caller gave up.
    pub reason: &'static str,
    /// `jti` of the voucher, once it had verified.
    pub voucher: Option<Uuid>,
}

/// The refusals of the last minute, of everybody.
#[derive(Debug)]
pub struct Windows {
    each: u32,
    of: HashMap<Sender, Window>,
    /// Records that are to be written.
    ended: Vec<Record>,
    /// Counts that are held, in windows and among what has ended.
    held: usize,
}

/// The refusals of a sender since the first one, for a minute.
#[derive(Debug)]
struct Window {
    since: Instant,
    single: u32,
    counted: HashMap<Sort, Record>,
}

/// Counts refusals and writes what was counted.
#[derive(Debug)]
pub struct Counting {
    windows: Mutex<Windows>,
    writing: tokio::sync::Mutex<()>,
}

impl Windows {
    /// Windows that leave so many refusals of a sender and a minute to records of their own.
    #[must_use]
    pub fn new(each: u32) -> Self {
        Self {
            each,
            of: HashMap::new(),
            ended: Vec::new(),
            held: 0,
        }
    }

    /// Counts a refusal that is one too many, and gives the id of the record that will tell of it;
    /// none where it is to leave a record of its own. Where it is the first of its sort, `record`
    /// is what its own would say, and `id` the id of the one that counts.
    pub fn count(
        &mut self,
        (sender, sort): (&Sender, Sort),
        (id, now): (Uuid, Instant),
        record: impl FnOnce() -> Record,
    ) -> Option<Uuid> {
        let place = self.place(sender);
        let window = self
            .of
            .entry(place.clone())
            .or_insert_with(|| Window::from(now));
        if window.is_over(now) && self.ended.len() < MOST {
            let over = std::mem::replace(window, Window::from(now));
            self.ended.extend(over.counted.into_values());
        }
        if window.single < self.each {
            window.single += 1;
            return None;
        }
        let has_room = self.held < MOST || window.counted.contains_key(&sort);
        let (place, sort) = if has_room {
            (place, sort)
        } else {
            // Too many different ones: told apart by how they ended alone.
            let voucher = None;
            (Sender::Anyone, Sort { voucher, ..sort })
        };
        let anyones = place == Sender::Anyone;
        let window = self.of.entry(place).or_insert_with(|| Window::from(now));
        let held = &mut self.held;
        let counted = window.counted.entry(sort).or_insert_with(|| {
            *held += 1;
            first(record(), id, anyones)
        });
        counted.records_count += 1;
        Uuid::from_slice(&counted.audit_id).ok()
    }

    /// Ends the windows whose minute is over.
    pub fn end(&mut self, now: Instant) {
        // While nothing can be written, minutes are longer: what waits stays bounded.
        if self.ended.len() < MOST {
            let over = self.of.extract_if(|_, window| window.is_over(now));
            let counted = over.flat_map(|(_, window)| window.counted.into_values());
            self.ended.extend(counted);
        }
    }

    /// Ends all windows.
    pub fn end_all(&mut self) {
        let counted = self
            .of
            .drain()
            .flat_map(|(_, window)| window.counted.into_values());
        self.ended.extend(counted);
    }

    /// Forgets the records that were written: `written` says it of each, from the first that had ended.
    pub fn forget(&mut self, written: &[bool]) {
        let before = self.ended.len();
        let mut written = written.iter();
        self.ended.retain(|_| written.next() != Some(&true));
        self.held = self.held.saturating_sub(before - self.ended.len());
    }

    fn place(&self, sender: &Sender) -> Sender {
        if self.of.len() < MOST || self.of.contains_key(sender) {
            return sender.clone();
        }
        Sender::Anyone
    }
}

impl Window {
    fn from(now: Instant) -> Self {
        Self {
            since: now,
            single: 0,
            counted: HashMap::new(),
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= MINUTE
    }
}

impl Counting {
    /// Leaves so many refusals of a sender and a minute to records of their own.
    #[must_use]
    pub fn new(each: u32) -> Self {
        Self {
            windows: Mutex::new(Windows::new(each)),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Leaves so many from now on.
    pub fn allow(&self, each: u32) {
        self.windows().each = each;
    }

    /// As [`Windows::count`].
    pub fn count(
        &self,
        refused: (&Sender, Sort),
        id: Uuid,
        record: impl FnOnce() -> Record,
    ) -> Option<Uuid> {
        self.windows().count(refused, (id, Instant::now()), record)
    }

    /// Writes what was counted when its minute is over, for ever.
    pub async fn keep(&self, register: &Register) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.windows().end(Instant::now());
            self.write(register).await;
        }
    }

    /// Writes all that was counted.
    pub async fn close(&self, register: &Register) {
        self.windows().end_all();
        self.write(register).await;
        let left = self.windows().ended.len();
        if left > 0 {
            tracing::error!(left, "counts of refusals could not be recorded");
        }
    }

    async fn write(&self, register: &Register) {
        // One at a time: none may be written twice.
        let _writing = self.writing.lock().await;
        loop {
            let ended = self
                .windows()
                .ended
                .iter()
                .take(AT_ONCE)
                .cloned()
                .collect::<Vec<_>>();
            if ended.is_empty() {
                return;
            }
            let commits = ended.into_iter().map(|record| register.commit(record));
            let written: Vec<bool> = join_all(commits).await.iter().map(Result::is_ok).collect();
            // Of those that others failed beside, none is written again.
            self.windows().forget(&written);
            if written.contains(&false) {
                return;
            }
        }
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The record that counts refusals, after the first of them; that of anyone's names nobody.
fn first(of: Record, id: Uuid, anyones: bool) -> Record {
    let kind = RecordKind::AggregateGarbage;
    let told = Record {
        kind: kind.into(),
        audit_id: id.as_bytes().to_vec().into(),
        retention_class: retention::class(kind).into(),
        decision: of.decision,
        deny_reason: of.deny_reason,
        grpc_status: of.grpc_status,
        http_status: of.http_status,
        outcome: of.outcome,
        detail: of.detail,
        ..Record::default()
    };
    if anyones {
        return told;
    }
    Record {
        client_id: of.client_id,
        client_cert_sha256: of.client_cert_sha256,
        peer_ip_class: of.peer_ip_class,
        eservice_id: of.eservice_id,
        producer_id: of.producer_id,
        purpose_id: of.purpose_id,
        voucher_jti: of.voucher_jti,
        voucher_iss: of.voucher_iss,
        voucher_kid: of.voucher_kid,
        voucher_exp: of.voucher_exp,
        ..told
    }
}

const MINUTE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_secs(1);
/// Senders that are told apart, and counts that are held: beyond them all are one.
const MOST: usize = 4096;
/// Records that are written at once.
const AT_ONCE: usize = 256;

#[cfg(test)]
mod tests;
