//! Keeping as long as the law has it, and no longer: what is sealed beside records is destroyed by its
//! class, and records themselves when they are old enough.
//!
//! The record of a destruction is durable before anything goes, in the log that is written at the time,
//! also for logs of years that are over. What then goes, goes in small slices, since on SQLite commits
//! of records wait for each. A process that is killed in between goes on where it was. The tree is never
//! touched: proofs of what remains still hold.

use jiff::ToSpan as _;
use varco_proto::audit::v1::{Retention as Destroyed, RetentionClass};
use varco_runtime::clock::{Clock, rome};
use varco_runtime::config::retention::Retention;
use varco_runtime::store::Db;

use super::batch::CLASSES;
use super::committer::Register;
use super::edge::Edge;
use super::index::{self, SEGMENT};
use super::reading::Reading;
use super::store_log::{self, Log};
use super::{Error, by_time, record, retention};

pub mod daily;
mod keys;
mod slices;
mod state;
#[cfg(test)]
mod tests;

use state::State;

/// Destroys what a gateway instance has kept long enough.
#[derive(Clone, Debug)]
pub struct Retaining {
    register: Register,
    clock: Clock,
    instance: String,
    kept: Retention,
}

/// A part of a log that is destroyed by itself: the details of a class, or records where it has none.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    log: &'a Log,
    class: RetentionClass,
}

impl Retaining {
    /// Over the logs of the instance that writes a register.
    #[must_use]
    pub fn of(register: &Register, clock: &Clock, (instance, kept): (&str, Retention)) -> Self {
        Self {
            register: register.clone(),
            clock: clock.clone(),
            instance: instance.to_owned(),
            kept,
        }
    }

    /// Destroys what has been kept long enough by now, and goes on with what was begun before.
    ///
    /// # Errors
    ///
    /// When a log cannot be read, or the record of a destruction cannot be made durable; then nothing
    /// goes that no record speaks of.
    pub async fn run(&self) -> Result<(), crate::Error> {
        let db = self.register.db();
        let logs = store_log::logs_of(&mut db.read().await?, &self.instance).await?;
        for log in logs {
            self.keep(self.reading(log).await?).await?;
        }
        // A key waits for its first details: that of an idle gateway is not taken from it.
        let before = self.months_ago(self.kept.calls_months);
        Ok(keys::destroy(db, before).await?)
    }

    async fn reading(&self, log: Log) -> Result<Reading, Error> {
        let current = self.register.reading();
        if current.log == log {
            return Ok(current);
        }
        Reading::of(current.db, current.index, log).await
    }

    async fn keep(&self, reading: Reading) -> Result<(), crate::Error> {
        if reading.head().await?.is_none() {
            return Ok(());
        }
        let log = &reading.log;
        for class in CLASSES {
            if let Some(months) = retention::months(class, &self.kept) {
                let bound = details_before(&reading, self.months_ago(months)).await?;
                self.destroy(Part { log, class }, bound).await?;
            }
        }
        let bound = self.records_before(&reading).await?;
        let class = RetentionClass::Unspecified;
        self.destroy(Part { log, class }, bound).await
    }

    /// Brings a part up to a bound: the record first.
    async fn destroy(&self, part: Part<'_>, bound: u64) -> Result<(), crate::Error> {
        let db = self.register.db();
        let mut state = State::of(db, part).await?;
        if bound <= state.recorded.max(state.done) {
            // Nothing has grown old since.
        } else if state.has_any(db, part, bound).await? {
            if part.class == RetentionClass::Unspecified {
                self.tell_again(part.log, bound).await?;
            }
            state = self.tell(part, bound).await?;
        } else if state.recorded <= state.done {
            return Ok(state::done(db, part, bound).await?);
        }
        if state.recorded > state.done {
            self.carry_out(part, state).await?;
        }
        Ok(())
    }

    /// Makes the record of a destruction durable, and notes where it stands.
    async fn tell(&self, part: Part<'_>, before: u64) -> Result<State, crate::Error> {
        let mut what = Destroyed {
            before_index: before,
            // Named also where it is the log that holds the record: a year may end in between.
            origin: part.log.origin.clone(),
            ..Destroyed::default()
        };
        what.set_class(part.class);
        let told = record::destroyed(self.clock.uuid(), what);
        let receipt = self.register.commit(told).await?;
        Ok(State::told(self.register.db(), part, (before, &receipt)).await?)
    }

    /// What the records below a bound say of destructions is said again before they go.
    async fn tell_again(&self, holder: &Log, bound: u64) -> Result<(), crate::Error> {
        for (log, class, before) in state::told_in(self.register.db(), holder, bound).await? {
            self.tell(Part { log: &log, class }, before).await?;
        }
        Ok(())
    }

    async fn carry_out(&self, part: Part<'_>, state: State) -> Result<(), Error> {
        let db = self.register.db();
        tracing::info!(
            log = part.log.origin,
            class = part.class.as_str_name(),
            before = state.recorded,
            "what has been kept long enough is destroyed"
        );
        if part.class != RetentionClass::Unspecified {
            return slices::destroy_details(db, part, (state.done, state.recorded)).await;
        }
        self.carry_out_records(part, state.recorded).await?;
        state::done(db, part, state.recorded).await
    }

    async fn carry_out_records(&self, part: Part<'_>, before: u64) -> Result<(), Error> {
        let db = self.register.db();
        let reading = self.reading(part.log.clone()).await?;
        let size = reading.head().await?.map_or(0, |head| head.size);
        // From the end of a log nothing goes on.
        let edge = if before < size {
            Edge::at(before, &reading).await?
        } else {
            Edge::default()
        };
        let is_all = slices::give_up(db, part, (before, &edge)).await?;
        match db {
            // There a log has a table of its own, which goes at once.
            Db::Postgres(_) if is_all => slices::drop_all(db, part).await?,
            _ => slices::destroy_records(db, part, before).await?,
        }
        let mut tx = self.register.index().begin().await?;
        index::forget(&mut tx, part.log, before / SEGMENT).await?;
        Ok(tx.commit().await?)
    }

    /// The index before which records have been kept long enough: that of a full segment, whose hashes are
    /// in the index, or the end of a log that is over.
    async fn records_before(&self, reading: &Reading) -> Result<u64, Error> {
        let at = self.months_ago(self.kept.record_months);
        let size = reading.head().await?.map_or(0, |head| head.size);
        let bound = by_time::since(reading, at).await?;
        if bound == size && reading.log != *self.register.log() {
            return Ok(size);
        }
        let mut tx = reading.index.read().await?;
        let written = index::segments(&mut tx, &reading.log).await?;
        Ok((bound / SEGMENT).min(written) * SEGMENT)
    }

    /// So many months ago by the calendar of Europe/Rome, in microseconds since the Unix epoch.
    fn months_ago(&self, months: u32) -> i64 {
        let then = rome(self.clock.now()).checked_sub(i64::from(months).months());
        then.map_or(i64::MIN, |then| then.timestamp().as_microsecond())
    }
}

/// The index before which commits are older than an instant, whole.
async fn details_before(reading: &Reading, at: i64) -> Result<u64, Error> {
    let bound = by_time::since(reading, at).await?;
    let mut tx = reading.db.read().await?;
    let batches = store_log::bodies(&mut tx, &reading.log, bound, 1).await?;
    let split = batches.iter().find(|batch| batch.holds(bound));
    Ok(split.map_or(bound, |batch| batch.first))
}
