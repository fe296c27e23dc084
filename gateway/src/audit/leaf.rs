//! Making leaves: what only the writer of a log knows is added to a record, its details are sealed,
//! its bytes are fixed.

use prost::Message as _;
use varco_proto::audit::v1::{ClockState, Details, Record, RetentionClass};
use varco_runtime::clock::standing::Standing;
use varco_runtime::problem::chain;
use varco_tlog::hash::Hash;

use super::Error;
use super::batch::{self, Batch};
use super::committer::Run;
use super::deposit::Deposit;
use super::glance::Glance;
use super::hold::Hold;
use super::index::tail::Told;
use super::record::DEGRADED;
use super::seal::Sealer;
use crate::points::{self, Point};

/// A group of records whose bytes are fixed, so that trying again writes the same leaves.
pub(super) struct Group {
    /// All but its first index.
    pub(super) batch: Batch,
    /// What the index is told.
    pub(super) told: Vec<Told>,
}

/// Makes the leaves of a run.
pub(super) struct Maker {
    run: Run,
    boot_seq: u64,
    /// How the clock stands.
    standing: Standing,
    sealer: Option<Sealer>,
    /// Records of the writer's own, which go with the next group.
    owed: Vec<Record>,
}

impl Maker {
    pub(super) fn new(run: Run) -> Self {
        Self {
            run,
            boot_seq: 0,
            standing: Standing::Unknown,
            sealer: None,
            owed: Vec::new(),
        }
    }

    /// Learns how the clock stands, for the records that follow.
    pub(super) fn know_clock(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Has a record of the writer's own go with the next group, behind its records.
    pub(super) fn owe(&mut self, record: Record) {
        self.owed.push(record);
    }

    /// Fixes the bytes of a group.
    pub(super) fn make(&mut self, mut deposits: Vec<Deposit>) -> Group {
        if deposits.len() < MOST {
            deposits.extend(self.owed.pop().map(Deposit::from));
        }
        let mut bodies = Vec::with_capacity(deposits.len());
        let mut told = Vec::with_capacity(deposits.len());
        let mut batch = Batch {
            count: u64::try_from(deposits.len()).unwrap_or(u64::MAX),
            newest: i64::MIN,
            ..Batch::default()
        };
        for (deposit, place) in deposits.into_iter().zip(0..) {
            let record = self.complete(deposit, &mut batch, place);
            let body = record.encode_to_vec();
            let leaf = Told::of(&Glance::from(&record), Hash::leaf(&body));
            batch::add_check(&mut batch.checks, &leaf.hash);
            batch.newest = batch.newest.max(leaf.time);
            told.push(leaf);
            bodies.push(body);
        }
        // Their number and their lengths are bounded: see `MOST` and `complete`.
        batch.body = batch::join(bodies.iter().map(Vec::as_slice)).unwrap_or_default();
        Group { batch, told }
    }

    /// Adds what only the writer knows (run, number within it, time) and the commitment to the
    /// sealed details, which go into the batch.
    fn complete(&mut self, deposit: Deposit, batch: &mut Batch, place: u16) -> Record {
        let Deposit { record, details } = deposit;
        self.boot_seq += 1;
        let now = self.run.clock.now();
        let detail = match record.detail.char_indices().nth(MAX_DETAIL) {
            Some((end, _)) => record.detail.get(..end).unwrap_or_default().to_owned(),
            None => record.detail.clone(),
        };
        let (clock_state, clock_error_ms) = of_the_clock(self.standing);
        let mut record = Record {
            schema: 1,
            ts_unix_ns: i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX),
            mono_ns: i64::try_from(self.run.started.elapsed().as_nanos()).unwrap_or(i64::MAX),
            clock_state: clock_state.into(),
            clock_error_ms,
            boot_id: self.run.boot_id.as_bytes().to_vec().into(),
            instance: self.run.instance.clone(),
            boot_seq: self.boot_seq,
            detail,
            ..record
        };
        if record.encoded_len() > MAX_LEAF {
            tracing::error!("a record was too long: it is kept without its lists");
            record.subject_refs.clear();
            record.fields.clear();
            record.on_behalf_of.clear();
            record.evidence_sha256.clear();
            record.flags |= DEGRADED;
            give_up_what_others_said(&mut record);
        }
        if let (Some(details), Some(sealer)) = (details, &mut self.sealer) {
            let class = match record.retention_class() {
                RetentionClass::Unspecified => RetentionClass::A,
                class => class,
            };
            record.set_retention_class(class);
            points::pass(Point::SealBefore);
            match sealer.seal(&record.audit_id, encoded(details, &mut record.flags)) {
                Ok(sealed) => commit_to(&mut record, &sealed, batch, place),
                Err(error) => tracing::error!(cause = chain(&error), "details were not sealed"),
            }
            points::pass(Point::SealAfter);
        }
        record
    }

    /// Whether details need a key that is not there.
    pub(super) fn needs_key(&self, deposits: &[Deposit]) -> bool {
        self.sealer.is_none() && deposits.iter().any(|it| it.details.is_some())
    }

    /// Whether the key in use has done its time.
    pub(super) fn has_spent_key(&self) -> bool {
        self.sealer.as_ref().is_some_and(Sealer::is_spent)
    }

    /// Takes a fresh key, once it is stored as only the DPO can open it.
    pub(super) async fn take_key(&mut self, hold: &mut Hold) -> Result<(), Error> {
        let clock = &self.run.clock;
        let (sealer, key) = Sealer::fresh(&self.run.recipients)?;
        points::pass(Point::KeyBefore);
        hold.keep_key(&key, clock.now().as_microsecond()).await?;
        points::pass(Point::KeyStored);
        self.sealer = Some(sealer);
        Ok(())
    }
}

/// What a record says of the clock.
fn of_the_clock(standing: Standing) -> (ClockState, u32) {
    match standing {
        Standing::Unknown => (ClockState::Unspecified, 0),
        Standing::Synchronised(milliseconds) => (ClockState::Sync, milliseconds),
        Standing::Unsynchronised => (ClockState::Unsync, 0),
    }
}

/// What came from elsewhere has its bounds there; should one fail, the log must not.
fn give_up_what_others_said(record: &mut Record) {
    if record.encoded_len() <= MAX_LEAF {
        return;
    }
    record.anchor = None;
    if let Some(previous) = &mut record.previous {
        previous.lost_checkpoint.clear();
    }
}

fn encoded(mut details: Details, flags: &mut u32) -> Vec<u8> {
    if details.encoded_len() > MAX_LEAF {
        details.subjects.clear();
        details.request.clear();
        *flags |= DEGRADED;
    }
    details.encode_to_vec()
}

fn commit_to(record: &mut Record, sealed: &[u8], batch: &mut Batch, place: u16) {
    use aws_lc_rs::digest::{SHA256, digest};
    record.sealed_sha256 = digest(&SHA256, sealed).as_ref().to_vec().into();
    record.sealed_len = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
    let column = batch::column(record.retention_class());
    if let Some(to) = column.and_then(|column| batch.sealed.get_mut(column)) {
        batch::add_details(to.get_or_insert_default(), place, sealed);
    }
}

const MAX_DETAIL: usize = 2000;
/// Longest leaf, and longest details; an entry of C2SP tlog-tiles has at most 65 535 bytes.
const MAX_LEAF: usize = 60_000;
/// Most records in a group.
const MOST: usize = 256;
