//! The reconciliation that nobody asks for: every hour, a little after it has ended.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use varco_runtime::problem::chain;

use super::run::{Outcome, run};
use super::window::{SECOND, Window};
use crate::gate::Gate;

/// Compares every hour that ends, for ever.
pub async fn follow(gate: Arc<Gate>) {
    let mut minutes = tokio::time::interval_at(Instant::now() + MINUTE, MINUTE);
    minutes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = Done::default();
    loop {
        minutes.tick().await;
        let Some(window) = done.due(gate.clock.now().as_microsecond()) else {
            continue;
        };
        match run(&gate, window).await {
            Ok(outcome) => done.note(window, &outcome),
            Err(error) => {
                let cause = chain(&error);
                tracing::error!(cause, "register and services could not be compared");
            }
        }
    }
}

/// What has been done so far.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    /// The hour until which a comparison was made, if only of some services.
    tried: Option<i64>,
    /// The hour before which nothing is left to compare.
    whole: Option<i64>,
}

impl Done {
    /// What is to be compared at a time, once for each hour that ends: what has not been compared
    /// whole since, at most a day of it; at first the last hour.
    fn due(self, now: i64) -> Option<Window> {
        let until = (now - SETTLED).div_euclid(HOUR) * HOUR;
        let from = self.whole.unwrap_or(until - HOUR).max(until - DAY);
        let is_new = self.tried.is_none_or(|tried| tried < until);
        is_new.then_some(Window { from, until })
    }

    /// A service that was away is asked again with the next hour.
    fn note(&mut self, window: Window, outcome: &Outcome) {
        self.tried = Some(window.until);
        let whole = if outcome.is_complete() {
            window.until
        } else {
            window.from
        };
        self.whole = Some(whole);
    }
}

const DAY: i64 = 24 * HOUR;
const HOUR: i64 = 3600 * SECOND;
const MINUTE: Duration = Duration::from_mins(1);
/// How long a change may be under way that its service has given a time already.
const SETTLED: i64 = 120 * SECOND;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use uuid::Uuid;

    use crate::audit::reconcile::Comparison;
    use crate::audit::reconcile::asking::NoLinks;

    /// What comes of a window whose one service answers, or does not.
    fn outcome(window: Window, why: Option<NoLinks>) -> Outcome {
        let found = why.map_or_else(|| Ok(Comparison::default()), Err);
        Outcome {
            audit_id: Uuid::nil(),
            window,
            eservices: BTreeMap::from([("protocollo".to_owned(), found)]),
        }
    }

    #[test]
    fn hour_is_compared_once_when_it_has_ended_and_settled() {
        let mut done = Done::default();
        let ended = Window {
            from: 9 * HOUR,
            until: 10 * HOUR,
        };

        let first = done.due(10 * HOUR + SETTLED);
        done.note(ended, &outcome(ended, None));

        assert_eq!(first, Some(ended));
        assert_eq!(done.due(11 * HOUR + SETTLED - 1), None);
        let next = Window {
            from: 10 * HOUR,
            until: 11 * HOUR,
        };
        assert_eq!(done.due(11 * HOUR + SETTLED), Some(next));
    }

    #[test]
    fn hours_in_which_a_service_was_away_are_made_up_for_to_a_day() {
        let mut done = Done::default();
        let away = done.due(10 * HOUR + SETTLED).unwrap();
        done.note(away, &outcome(away, Some(NoLinks::Unreachable)));

        assert_eq!(done.due(10 * HOUR + SETTLED), None, "not twice an hour");
        assert_eq!(done.due(11 * HOUR + SETTLED).unwrap().from, 9 * HOUR);
        assert_eq!(done.due(100 * HOUR + SETTLED).unwrap().from, 76 * HOUR);
    }

    #[test]
    fn service_that_keeps_no_links_is_not_waited_for() {
        let mut done = Done::default();
        let window = done.due(10 * HOUR + SETTLED).unwrap();

        done.note(window, &outcome(window, Some(NoLinks::NotKept)));

        assert_eq!(done.due(11 * HOUR + SETTLED).unwrap().from, 10 * HOUR);
    }
}
