//! How long open calls may go on once the process stops: half of the drain is for those that end by
//! themselves.

use std::time::{Duration, Instant};

use crate::gate::Gate;

/// When a call first saw that the process stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drain {
    since: Option<Instant>,
}

impl Drain {
    /// Whether a call that is still open must end now.
    pub fn is_over(&mut self, gate: &Gate) -> bool {
        if !gate.tasks.stopping().is_cancelled() {
            return false;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        since.elapsed() > Duration::from_secs(gate.limits.drain_seconds) / 2
    }
}
