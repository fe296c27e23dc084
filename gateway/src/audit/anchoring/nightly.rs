//! The anchoring that nobody asks for: every night after one, in Europe/Rome.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::time::{Instant, MissedTickBehavior};
use varco_runtime::clock::rome;
use varco_runtime::problem::chain;

use super::Anchoring;
use crate::audit::record;

/// Anchors once a day, for ever. A place that did not answer is asked again every ten minutes.
pub(super) async fn follow(anchoring: &Anchoring) {
    let mut ticks = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first anchoring of an installation waits for its night; one that was missed is made up for.
    let today = anchoring.clock.today();
    let mut done = anchoring.last_day().is_none().then_some(today);
    let mut told = None;
    loop {
        ticks.tick().await;
        let Some(day) = due(anchoring.clock.now(), done) else {
            continue;
        };
        let Err(error) = anchoring.run().await else {
            done = Some(day);
            continue;
        };
        let cause = chain(&error);
        tracing::warn!(cause, "the register of accesses is not anchored everywhere");
        if told.replace(day) != Some(day) {
            let said = format!("the checkpoint of {day} is not anchored everywhere: {error}");
            let degraded = record::degraded(anchoring.clock.uuid(), said);
            // It is asked again in ten minutes, and so is this.
            let left = anchoring.register.commit(degraded).await;
            told = left.ok().map(|_| day);
        }
    }
}

/// The day whose turn it is.
fn due(now: Timestamp, done: Option<Date>) -> Option<Date> {
    let now = rome(now);
    (now.hour() >= HOUR && done != Some(now.date())).then_some(now.date())
}

const EVERY: Duration = Duration::from_mins(10);
/// The hour of the night, in Europe/Rome.
const HOUR: i8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_one_turn_after_one_in_the_morning() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let day = Date::constant(2026, 11, 29);

        assert_eq!(due(at("2026-11-28T23:59:59Z"), None), None);
        assert_eq!(due(at("2026-11-29T00:00:00Z"), None), Some(day));
        assert_eq!(due(at("2026-11-29T12:00:00Z"), Some(day)), None);
        assert_eq!(
            due(at("2026-11-29T12:00:00Z"), day.yesterday().ok()),
            Some(day)
        );
    }
}
