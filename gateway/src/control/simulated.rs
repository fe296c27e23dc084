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
    let reading = gate.register.reading();
    let first = match asked.from_index {
        0 => by_time::since(&reading, asked.from_unix_s.saturating_mul(SECOND)).await,
        index => Ok(index),
    };
    let first = first.map_err(|error| error.to_problem())?;
    let now = gate.clock.now().as_microsecond();
    decided(&reading, &supposed, (first, now)).await
}

/// As many records as fit into the time of a call.
async fn decided(
    reading: &Reading,
    supposed: &Supposed,
    (first, until): (u64, i64),
) -> Result<SimulatePolicyResponse, Problem> {
    let (mut tally, began) = (Tally::default(), Instant::now());
    let mut end = stretch::End {
        next: Some(first),
        reached: 0,
    };
    let mut left = MOST;
    while let Some(next) = end.next {
        if left == 0 || began.elapsed() > LONG {
            break;
        }
        left -= 1;
        let bounds = (until, STRETCH);
        let read = stretch::read(reading, next, bounds, |_, told| tally.take(&told, supposed));
        end = read.await.map_err(|error| error.to_problem())?;
    }
    Ok(SimulatePolicyResponse {
        epoch: supposed.current.epoch,
        decisions: tally.decisions,
        newly_allowed: calls(&tally.newly_allowed),
        newly_denied: calls(&tally.newly_denied),
        changed_since: tally.changed_since,
        not_redecidable: tally.not_redecidable,
        next_index: end.next.unwrap_or_default(),
        reached_unix_s: end.reached / SECOND,
        problems: Vec::new(),
    })
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
