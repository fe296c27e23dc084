//! Which gateways have died, as far as this one can tell.
//!
//! As in the election of leaders in Kubernetes, nobody's clock is compared with another's: a run is
//! taken for dead when its beat has not changed for a while of this gateway's own time. If that is
//! wrong, it costs the other what it holds, and a little of the day; nothing is given twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The beat of one run of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The run.
    pub holder: String,
    /// A number that changes while it lives.
    pub beat: i64,
}

/// What was seen of the other gateways.
#[derive(Debug, Default)]
pub struct Watch {
    seen: HashMap<String, (i64, Instant)>,
}

impl Watch {
    /// Takes in the beats that were read before `now`; gives those that have stood still for too long.
    pub fn dead(&mut self, beats: Vec<Beat>, now: Instant) -> Vec<Beat> {
        let before = std::mem::take(&mut self.seen);
        let mut dead = Vec::new();
        for it in beats {
            let known = before.get(&it.holder).filter(|(beat, _)| *beat == it.beat);
            let since = known.map_or(now, |(_, since)| *since);
            self.seen.insert(it.holder.clone(), (it.beat, since));
            if now.saturating_duration_since(since) >= DEAD {
                dead.push(it);
            }
        }
        dead
    }
}

/// Ten beats.
pub const DEAD: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(holder: &str, beat: i64) -> Beat {
        Beat {
            holder: holder.to_owned(),
            beat,
        }
    }

    #[test]
    fn run_is_dead_when_its_beat_has_not_changed_for_the_whole_time() {
        let mut watch = Watch::default();
        let start = Instant::now();
        let mut at = |seconds, one, other| {
            let beats = vec![beat("one", one), beat("other", other)];
            watch.dead(beats, start + Duration::from_secs(seconds))
        };

        assert!(at(0, 1, 1).is_empty());
        assert!(at(9, 2, 1).is_empty());
        assert_eq!(at(10, 2, 1), [beat("other", 1)]);
        assert_eq!(at(19, 2, 2), [beat("one", 2)]);
    }

    #[test]
    fn run_that_was_gone_is_watched_anew() {
        let mut watch = Watch::default();
        let start = Instant::now();
        watch.dead(vec![beat("one", 1)], start);
        watch.dead(Vec::new(), start + DEAD);

        let dead = watch.dead(vec![beat("one", 1)], start + DEAD);

        assert!(dead.is_empty());
    }
}
