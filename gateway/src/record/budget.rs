//! How many bytes of answers the process holds at once, over all calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// The budget of the process.
#[derive(Debug)]
pub struct Budget {
    size: AtomicUsize,
    /// Below nothing where the budget was made smaller than what is held.
    left: AtomicI64,
}

/// A part of the budget; dropped, it is given back.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            size: AtomicUsize::new(bytes),
            left: AtomicI64::new(signed(bytes)),
        })
    }

    /// Makes it a budget of so many bytes; what is held stays held.
    pub fn resize(&self, bytes: usize) {
        let before = self.size.swap(bytes, Ordering::Relaxed);
        let more = signed(bytes).saturating_sub(signed(before));
        self.left.fetch_add(more, Ordering::Relaxed);
    }

    /// Bytes that nobody holds.
    #[must_use]
    pub fn left(&self) -> usize {
        usize::try_from(self.left.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// An empty share.
    #[must_use]
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    /// Takes more; false when the budget does not have it.
    pub fn take(&mut self, bytes: usize) -> bool {
        let taken = self
            .budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                (left >= signed(bytes)).then(|| left - signed(bytes))
            });
        self.bytes += if taken.is_ok() { bytes } else { 0 };
        taken.is_ok()
    }

    /// Makes it so many bytes, more or less than before; false when the budget does not have them.
    pub fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes {
            return self.take(bytes - self.bytes);
        }
        self.shrink(bytes);
        true
    }

    /// Gives back what is above so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let back = self.bytes.saturating_sub(bytes);
        self.budget.left.fetch_add(signed(back), Ordering::Relaxed);
        self.bytes -= back;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget
            .left
            .fetch_add(signed(self.bytes), Ordering::Relaxed);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_back_when_they_end() {
        let budget = Budget::new(10);
        let mut one = budget.share();

        assert!(one.take(8));
        assert!(!budget.share().take(3));
        assert!(one.resize(9));
        assert!(!one.resize(11));
        assert!(one.resize(2));
        one.shrink(9);
        assert!(budget.share().take(8));
        drop(one);
        assert!(budget.share().take(10));
    }

    #[test]
    fn smaller_budget_gives_nothing_until_enough_came_back() {
        let budget = Budget::new(10);
        let mut one = budget.share();
        assert!(one.take(8));

        budget.resize(4);

        assert!(!budget.share().take(1));
        one.shrink(3);
        assert!(budget.share().take(1));
        assert!(!budget.share().take(2));
        drop(one);
        assert!(budget.share().take(4));
        assert!(!budget.share().take(5));
        budget.resize(10);
        assert!(budget.share().take(10));
    }
}
