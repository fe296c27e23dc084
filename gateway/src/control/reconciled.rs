//! What auditors ask of a reconciliation, and what they are told of it.

use uuid::Uuid;
use varco_proto::audit::v1::{
    Comparability, EserviceComparison, ReconcileRequest, ReconcileResponse,
};
use varco_runtime::problem::{Problem, ToStatus as _};

use crate::audit::reconcile::Comparison;
use crate::audit::reconcile::asking::NoLinks;
use crate::audit::reconcile::run::{Error, Outcome};
use crate::audit::reconcile::window::{SECOND, Window};

/// The window that a request asks for, at `now` in microseconds since the Unix epoch.
///
/// # Errors
///
/// When it has not passed, is empty or longer than a day.
pub fn window(asked: &ReconcileRequest, now: i64) -> Result<Window, Problem> {
    let until = match asked.until_unix_s {
        0 => now,
        until => until.saturating_mul(SECOND),
    };
    let from = match asked.from_unix_s {
        0 => until.saturating_sub(HOUR),
        from => from.saturating_mul(SECOND),
    };
    if until > now {
        return Err(Problem::invalid("until_unix_s", "must have passed"));
    }
    if from < 0 || from >= until || until - from > DAY {
        let what = "must be before the end, by a day at most";
        return Err(Problem::invalid("from_unix_s", what));
    }
    Ok(Window { from, until })
}

/// What a reconciliation found.
pub fn told(outcome: &Outcome) -> ReconcileResponse {
    let eservices = outcome.eservices.iter();
    ReconcileResponse {
        from_unix_s: outcome.window.from / SECOND,
        until_unix_s: outcome.window.until / SECOND,
        eservices: eservices
            .map(|(name, found)| eservice(name, found))
            .collect(),
        audit_id: bytes(&outcome.audit_id),
    }
}

fn eservice(name: &str, found: &Result<Comparison, NoLinks>) -> EserviceComparison {
    let comparability = match found {
        Ok(_) => Comparability::Compared,
        Err(NoLinks::NotKept) => Comparability::NotKept,
        Err(NoLinks::Unreachable) => Comparability::Unreachable,
        Err(NoLinks::TooMany) => Comparability::TooMany,
    };
    let named = EserviceComparison {
        eservice: name.to_owned(),
        comparability: comparability.into(),
        ..EserviceComparison::default()
    };
    let Ok(found) = found else {
        return named;
    };
    EserviceComparison {
        calls: found.calls,
        links: found.links,
        links_of_others: found.of_others,
        unknown_but_done: found.unknown_but_done,
        only_in_register_count: count(&found.only_in_register),
        only_in_register: ids(&found.only_in_register),
        only_in_service_count: count(&found.only_in_service),
        only_in_service: ids(&found.only_in_service),
        ..named
    }
}

fn count(ids: &[Uuid]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}

fn ids(ids: &[Uuid]) -> Vec<prost::bytes::Bytes> {
    ids.iter().take(TOLD).map(bytes).collect()
}

fn bytes(id: &Uuid) -> prost::bytes::Bytes {
    prost::bytes::Bytes::copy_from_slice(id.as_bytes())
}

impl Error {
    /// What an auditor is told of a comparison that could not be made.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        match self {
            Self::Audit(error) => error.to_problem(),
            Self::Keys(error) => Problem::internal(error),
            Self::Record(_) => Problem::unavailable(
                "AUDIT_UNAVAILABLE",
                "the register of accesses cannot be written",
                "il registro degli accessi non è scrivibile",
            ),
        }
    }
}

const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3600 * SECOND;
/// Ids of differences that an answer names, for each service and direction.
const TOLD: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000 * SECOND;

    fn asked(from_unix_s: i64, until_unix_s: i64) -> Result<(i64, i64), &'static str> {
        let request = ReconcileRequest {
            from_unix_s,
            until_unix_s,
        };
        let window = window(&request, NOW).map_err(|problem| problem.reason())?;
        Ok((window.from / SECOND, window.until / SECOND))
    }

    #[test]
    fn last_hour_is_compared_unless_another_time_is_asked_for() {
        assert_eq!(asked(0, 0), Ok((996_400, 1_000_000)));
        assert_eq!(asked(0, 900_000), Ok((896_400, 900_000)));
        assert_eq!(asked(913_600, 0), Ok((913_600, 1_000_000)));
    }

    #[test]
    fn time_to_come_no_time_and_more_than_a_day_are_refused() {
        for (from, until) in [
            (0, 1_000_001),
            (500, 500),
            (600, 500),
            (913_599, 0),
            (-1, 500),
            (i64::MIN, i64::MAX),
            (i64::MAX, i64::MIN),
        ] {
            assert!(asked(from, until).is_err(), "{from} {until}");
        }
    }
}
