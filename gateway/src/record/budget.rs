//! How many bytes of answers the process holds at once, over all calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The budget of the process.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
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
            left: AtomicUsize::new(bytes),
        })
    }

    /// Bytes that nobody holds.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
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
                left.checked_sub(bytes)
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
        self.budget.left.fetch_add(back, Ordering::Relaxed);
        self.bytes -= back;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
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
}
