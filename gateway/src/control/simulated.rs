//! `SimulatePolicy`: a document held against a stretch of the register of accesses.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use varco_proto::audit::v1::{SimulatePolicyRequest, SimulatePolicyResponse, SimulatedCalls};
use varco_runtime::problem::{Problem, ToStatus as _};

use super::registry_api::{problems, told};
use crate::audit::by_time;
use crate::audit::reading::Reading;
use crate::gate::Gate;
use crate::registry::apply::Mode;
use crate::registry::error::Error;
use crate::registry::supposed::Supposed;
use crate::simulate::{Row, Tally, stretch};

/// What is asked for, in one line.
pub fn describe(asked: &SimulatePolicyRequest) -> String {
    let document = asked.document.as_ref();
    let declared = document.map(|document| told::document(document, true));
    format!(
        "from {}: {}",
        asked.from_index,
        declared.unwrap_or_default()
    )
}

/// Takes the decisions of the next stretch again.
///
/// # Errors
///
/// When the register or the registry cannot be read.
pub async fn answer(
    gate: &Gate,
    asked: SimulatePolicyRequest,
) -> Result<SimulatePolicyResponse, Problem> {
    let document = asked.document.unwrap_or_default();
    let mode = if asked.prune {
        Mode::Prune
    } else {
        Mode::Apply
    };
    let supposed = match gate.registry.supposing(&document, mode) {
        Ok(supposed) => supposed,
        Err(Error::Document(found)) => {
            return Ok(SimulatePolicyResponse {
                problems: found.iter().map(problems::problem).collect(),
                ..SimulatePolicyResponse::default()
            });
        }
        Err(error) => return Err(error.to_problem()),
    };
    let from = asked.from_unix_s.saturating_mul(SECOND);
    let logs = gate.register.reading().back_to(from).await;
    let logs = logs.map_err(|error| error.to_problem())?;
    // The first stretch begins in the first log; a later one where the one before said to go on.
    let mut rest = logs.iter();
    if !asked.from_origin.is_empty() {
        if logs.iter().all(|it| it.log.origin != asked.from_origin) {
            let what = "is no log of this time: take it from the answer before";
            return Err(Problem::invalid("from_origin", what));
        }
        let earlier = logs
            .iter()
            .take_while(|it| it.log.origin != asked.from_origin);
        rest = rest
            .as_slice()
            .get(earlier.count()..)
            .unwrap_or_default()
            .iter();
    }
    let now = gate.clock.now().as_microsecond();
    decided(rest.as_slice(), &supposed, (asked.from_index, from, now)).await
}

/// As many records as fit into the time of a call.
async fn decided(
    logs: &[Reading],
    supposed: &Supposed,
    (first, from, until): (u64, i64, i64),
) -> Result<SimulatePolicyResponse, Problem> {
    let (mut tally, mut left) = (Tally::default(), Left::new());
    let (mut next_index, mut next_origin, mut reached) = (0, String::new(), 0);
    let mut first = first;
    for reading in logs {
        if first == 0 {
            let since = by_time::since(reading, from).await;
            first = since.map_err(|error| error.to_problem())?;
        }
        let mut next = Some(first);
        while let Some(index) = next.filter(|_| left.take()) {
            let bounds = (until, STRETCH);
            let read = stretch::read(reading, index, bounds, |_, told| {
                tally.take(&told, supposed);
            });
            let end = read.await.map_err(|error| error.to_problem())?;
            reached = end.reached.max(reached);
            next = end.next;
        }
        if let Some(index) = next {
            (next_index, next_origin) = (index, reading.log.origin.clone());
            break;
        }
        first = 0;
    }
    Ok(SimulatePolicyResponse {
        epoch: supposed.current.epoch,
        decisions: tally.decisions,
        newly_allowed: calls(&tally.newly_allowed),
        newly_denied: calls(&tally.newly_denied),
        changed_since: tally.changed_since,
        not_redecidable: tally.not_redecidable,
        next_index,
        next_origin,
        reached_unix_s: reached / SECOND,
        problems: Vec::new(),
    })
}

/// What is left of an answer: so many stretches, and so much time.
struct Left {
    stretches: u32,
    began: Instant,
}

impl Left {
    fn new() -> Self {
        let (stretches, began) = (MOST, Instant::now());
        Self { stretches, began }
    }

    fn take(&mut self) -> bool {
        let is_left = self.stretches > 0 && self.began.elapsed() <= LONG;
        self.stretches = self.stretches.saturating_sub(1);
        is_left
    }
}

fn calls(rows: &BTreeMap<Row, u64>) -> Vec<SimulatedCalls> {
    let calls = |(row, count): (&Row, &u64)| SimulatedCalls {
        office: row.office.clone(),
        purpose: row.purpose.clone(),
        method: row.method.clone(),
        reason: row.reason.to_owned(),
        count: *count,
    };
    rows.iter().map(calls).collect()
}

/// An operator's call has half a minute.
const LONG: Duration = Duration::from_secs(10);
/// Stretches in one answer.
const MOST: u32 = 10;
const SECOND: i64 = 1_000_000;
/// Records of a stretch.
const STRETCH: u64 = 10_000;
