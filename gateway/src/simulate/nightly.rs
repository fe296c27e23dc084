//! The check that nobody asks for: every night, the decisions of the day before are taken again
//! under the registry as it stood, and must come out as they were recorded.
//!
//! A difference means that a record, the history of the registry or the decision itself is not what
//! it was: it is logged, and recorded as a degraded service.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;
use varco_proto::audit::v1::{Record, RecordKind};
use varco_runtime::clock::{midnight, rome};
use varco_runtime::problem::chain;

use super::recorded::{Recorded, Told};
use super::stretch;
use crate::audit::committer::{Register, Unavailable};
use crate::audit::reading::Reading;
use crate::audit::{self, by_time, record};
use crate::authorize::again;
use crate::gate::Gate;
use crate::registry::past::Past;
use crate::registry::snapshot::Snapshot;
use crate::registry::{self, Registry};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Decisions that were taken again.
    pub decisions: u64,
    /// Calls that the registry of then decides in another way than their record says.
    pub different: Vec<Uuid>,
    /// Refusals for what no record tells.
    pub not_redecidable: u64,
}

/// Ways that a check ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The register of accesses cannot be read.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The register of accesses cannot be written.
    #[error(transparent)]
    Record(#[from] Unavailable),
    /// The history of the registry cannot be read.
    #[error(transparent)]
    Registry(#[from] registry::error::Error),
}

/// Checks every day once it has ended, for ever.
pub async fn follow(gate: Arc<Gate>) {
    let mut minutes = tokio::time::interval_at(Instant::now() + MINUTE, MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = None;
    loop {
        minutes.tick().await;
        let Some(day) = due(gate.clock.now(), done) else {
            continue;
        };
        match run(&gate.register, &gate.registry, (day, gate.clock.uuid())).await {
            Ok(_) => done = Some(day),
            Err(error) => {
                let cause = chain(&error);
                tracing::error!(cause, "yesterday's decisions could not be taken again");
            }
        }
    }
}

/// The day to check at a time: yesterday, from two in the morning in Europe/Rome, once.
fn due(now: Timestamp, done: Option<Date>) -> Option<Date> {
    let now = rome(now);
    let yesterday = now.date().yesterday().ok()?;
    (now.hour() >= HOUR && done != Some(yesterday)).then_some(yesterday)
}

/// Takes the decisions of a day again, and leaves the record.
///
/// # Errors
///
/// When register or registry cannot be read, or the record cannot be written.
pub async fn run(
    register: &Register,
    registry: &Registry,
    (day, audit_id): (Date, Uuid),
) -> Result<Checked, Error> {
    let newest = register.reading();
    let end = day.checked_add(1.day()).unwrap_or(day);
    let (from, until) = (midnight(day), midnight(end));
    let checked = check(&newest, registry, (from, until)).await?;
    let (differences, decisions) = (checked.different.len(), checked.decisions);
    if differences > 0 {
        let day = day.to_string();
        tracing::error!(
            day,
            differences,
            decisions,
            "the registry of then decides otherwise than records say"
        );
    } else {
        tracing::info!(decisions, "yesterday's decisions come out as recorded");
    }
    register
        .commit(told(&checked, day, audit_id))
        .await
        .map(|_| checked)
        .map_err(Error::from)
}

/// Takes the decisions of a time again, each under the registry of its epoch.
///
/// # Errors
///
/// When register or registry cannot be read.
pub async fn check(
    newest: &Reading,
    registry: &Registry,
    (from, until): (Timestamp, Timestamp),
) -> Result<Checked, Error> {
    let mut past = Past::of(registry);
    let mut checked = Checked::default();
    let (from, until) = (from.as_microsecond(), until.as_microsecond());
    for reading in newest.back_to(from).await? {
        let mut next = Some(by_time::since(&reading, from).await?);
        while let Some(index) = next {
            let mut page = Vec::new();
            let read = stretch::read(&reading, index, (until, PAGE), |_, told| page.push(told));
            next = read.await?.next;
            checked.take_all(page, &mut past).await?;
        }
    }
    Ok(checked)
}

impl Checked {
    async fn take_all(&mut self, page: Vec<Told>, past: &mut Past) -> Result<(), Error> {
        for told in page {
            match told {
                Told::Decision(recorded) => {
                    let then = past.at(recorded.epoch).await?;
                    self.take(&recorded, &then);
                }
                Told::NotRedecidable => self.not_redecidable += 1,
                Told::Nothing => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, recorded: &Recorded, then: &Snapshot) {
        self.decisions += 1;
        // The decision may have been made in the second after the arrival.
        let mut seconds = [recorded.at, recorded.at + 1].into_iter();
        let as_recorded = |at| {
            let again = again::decide(&recorded.told(), then, at);
            again.is_ok() == recorded.permitted
        };
        if !seconds.any(as_recorded) {
            self.different.push(recorded.audit_id);
        }
    }
}

/// The record of a check: how many differ, and the ids of the first.
fn told(checked: &Checked, day: Date, audit_id: Uuid) -> Record {
    let (differences, decisions) = (checked.different.len(), checked.decisions);
    let mut detail = format!("policy: {differences} differences in {decisions} decisions of {day}");
    for id in checked.different.iter().take(TOLD) {
        let _ = write!(detail, " {id}");
    }
    if differences == 0 {
        return record::reconciliation(audit_id, "OK", detail);
    }
    Record {
        kind: RecordKind::Degraded.into(),
        ..record::reconciliation(audit_id, "DIFFERENT", detail)
    }
}

/// The hour of the night, in Europe/Rome.
const HOUR: i8 = 2;
const MINUTE: Duration = Duration::from_mins(1);
/// Records that are judged at once.
const PAGE: u64 = 1000;
/// Calls that a record names.
const TOLD: usize = 20;

#[cfg(test)]
mod tests;
