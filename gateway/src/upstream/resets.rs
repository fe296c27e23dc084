//! How many calls may be reset on a connection before its service has looked at them.
//!
//! A service that stands still for a while reads requests and their resets together when it goes
//! on, and gives the whole connection up when there are too many of them (20 for hyper and tonic).
//! Only an answer shows that it reads: since the last one that began, at most seven calls without an
//! answer are reset. A service that stops while its last answers are on their way finds twice as
//! many, and six health checks that were not waited for before its silent connection ends: 20.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// The resets on one connection since its last answer began.
#[derive(Debug, Default)]
pub struct Resets {
    count: AtomicU32,
    answered: Notify,
}

impl Resets {
    /// Counts one more reset; says whether it may be.
    pub fn take(&self) -> bool {
        let one_more = |count| (count < MOST).then_some(count + 1);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        self.count.fetch_update(set, fetch, one_more).is_ok()
    }

    /// Waits until one more may be, and counts it.
    pub async fn wait(&self) {
        loop {
            let answered = self.answered.notified();
            if self.take() {
                return;
            }
            answered.await;
        }
    }

    /// Notes that an answer has begun.
    pub fn answered(&self) {
        if self.count.swap(0, Ordering::Relaxed) > 0 {
            self.answered.notify_waiters();
        }
    }
}

const MOST: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn few_calls_are_reset_between_two_answers() {
        let resets = Resets::default();
        assert!((0..MOST).all(|_| resets.take()));
        assert!(!resets.take());
        let mut waiting = Box::pin(resets.wait());
        assert_eq!((&mut waiting).now_or_never(), None);

        resets.answered();

        assert_eq!(waiting.now_or_never(), Some(()));
        assert!((1..MOST).all(|_| resets.take()));
        assert!(!resets.take());
    }
}
