//! What-if: the decisions of the past, taken again under another registry.
//!
//! A registry file that an administrator thinks of applying is held against the calls that were
//! really made: which of them it would have refused, and which refused ones it would have let pass.
//! What is compared is the registry as it stands and as it would be, both at the time of each
//! call, so that a file that changes nothing makes no difference, whatever has changed since the
//! call; such calls are counted apart. The same decisions, held against the registry as it stood
//! then, must come out as they were recorded: [`nightly`] looks whether they do.
//!
//! Rates, quotas, fields of messages, evidence and keys are not in records. A refusal for one of
//! them cannot be taken again, and is counted as such.

use std::collections::BTreeMap;

use crate::authorize::again;
use crate::refusal::Reason;
use crate::registry::snapshot::Snapshot;
use crate::registry::supposed::Supposed;

pub mod nightly;
pub mod recorded;
pub mod stretch;
#[cfg(test)]
mod tests;

use recorded::{Recorded, Told};

/// Calls that one office makes with one method for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The office that calls.
    pub office: String,
    /// What for.
    pub purpose: String,
    /// `pkg.Service/Method`.
    pub method: String,
    /// Why they are refused where they are.
    pub reason: &'static str,
}

/// What another registry would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions that were taken again.
    pub decisions: u64,
    /// How many calls would pass that do not now.
    pub newly_allowed: BTreeMap<Row, u64>,
    /// How many calls would be refused that pass now.
    pub newly_denied: BTreeMap<Row, u64>,
    /// Calls that are decided in another way by now, with and without the change.
    pub changed_since: u64,
    /// Refusals for what no record tells.
    pub not_redecidable: u64,
}

impl Tally {
    /// Takes one record in.
    pub fn take(&mut self, told: &Told, supposed: &Supposed) {
        match told {
            Told::Decision(recorded) => self.decide(recorded, supposed),
            Told::NotRedecidable => self.not_redecidable += 1,
            Told::Nothing => {}
        }
    }

    fn decide(&mut self, recorded: &Recorded, Supposed { current, proposed }: &Supposed) {
        self.decisions += 1;
        let (told, at) = (recorded.told(), recorded.at);
        let now = again::decide(&told, current, at);
        let then = again::decide(&told, proposed, at);
        let (rows, reason) = match (now, then) {
            (Ok(()), Err(reason)) => (&mut self.newly_denied, reason),
            (Err(reason), Ok(())) => (&mut self.newly_allowed, reason),
            (now, _) => {
                self.changed_since += u64::from(now.is_ok() != recorded.permitted);
                return;
            }
        };
        *rows.entry(row(recorded, proposed, reason)).or_default() += 1;
    }
}

fn row(recorded: &Recorded, snapshot: &Snapshot, reason: Reason) -> Row {
    let purpose = snapshot.purposes.get(&recorded.purpose);
    let office = purpose.and_then(|it| snapshot.tenants.get(&it.body.consumer));
    Row {
        office: office.map_or_else(String::new, |it| it.name.clone()),
        purpose: purpose.map_or_else(|| recorded.purpose.to_string(), |it| it.name.clone()),
        method: recorded.method.clone(),
        reason: reason.name(),
    }
}
