//! The destruction that nobody asks for: at the start, and every night after three in Europe/Rome.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::time::{Instant, MissedTickBehavior};
use varco_runtime::clock::rome;
use varco_runtime::problem::chain;

use super::Retaining;

/// Destroys once a day what has been kept long enough, for ever.
pub async fn follow(retaining: Retaining) {
    let mut ticks = tokio::time::interval_at(Instant::now() + SOON, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = None;
    loop {
        ticks.tick().await;
        let Some(night) = due(retaining.clock.now(), done) else {
            continue;
        };
        match retaining.run().await {
            Ok(()) => done = Some(night),
            Err(error) => {
                let cause = chain(&error);
                tracing::error!(
                    cause,
                    "what has been kept long enough could not be destroyed"
                );
            }
        }
    }
}

/// The night whose turn it is. At the start it is the last one: nobody knows whether it was missed, and what
/// was done is not done again.
fn due(now: Timestamp, done: Option<Date>) -> Option<Date> {
    let now = rome(now);
    let night = if now.hour() >= HOUR {
        now.date()
    } else {
        now.date().yesterday().ok()?
    };
    (done != Some(night)).then_some(night)
}

/// Between two looks at the clock.
const EVERY: Duration = Duration::from_mins(10);
/// The hour of the night, in Europe/Rome.
const HOUR: i8 = 3;
/// After the start, when calls have found their way again.
const SOON: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_night_has_one_turn_and_the_start_makes_up_for_a_missed_one() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let [first, second] = [Date::constant(2026, 6, 30), Date::constant(2026, 7, 1)];

        assert_eq!(due(at("2026-07-01T00:59:59Z"), None), Some(first));
        assert_eq!(due(at("2026-07-01T00:59:59Z"), Some(first)), None);
        assert_eq!(due(at("2026-07-01T01:00:00Z"), Some(first)), Some(second));
        assert_eq!(due(at("2026-07-01T23:00:00Z"), Some(second)), None);
    }
}
