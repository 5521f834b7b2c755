//! How many failures are left. Pure: time comes in as a value.

use std::{collections::VecDeque, time::Duration};

use crate::spec::Retry;

/// The failures of one leg that still count, never more than end it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    retry: Retry,
    failures: VecDeque<Duration>,
}

impl Budget {
    /// A whole budget.
    pub(super) fn new(retry: Retry) -> Self {
        Self { retry, failures: VecDeque::new() }
    }

    /// Counts a failure. Returns whether that was the last one.
    pub(super) fn spend(&mut self, at: Duration) -> bool {
        let Some((attempts, window)) = self.retry.limit() else { return false };
        self.failures.push_back(at);
        while self.failures.front().is_some_and(|first| at.saturating_sub(*first) > window) {
            self.failures.pop_front();
        }
        self.failures.len() >= attempts
    }

    /// Forgets the failures: a connection was healthy for long.
    pub(super) fn reset(&mut self) {
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn failures_count_as_long_as_the_window_and_no_longer() {
        let mut budget = Budget::new(Retry::budget(3, MINUTE));
        // One in 31 s for a year: there are never three in a minute.
        for n in 0..1_000_000 {
            assert!(!budget.spend(Duration::from_secs(31 * n)), "{n}");
        }
        let last = Duration::from_secs(31 * 999_999);
        assert!(budget.spend(last));
        assert!(budget.failures.len() <= 3);
        budget.reset();
        assert!(!budget.spend(last) && !budget.spend(last) && budget.spend(last));
    }

    #[test]
    fn for_ever_is_for_ever_and_remembers_nothing() {
        let mut budget = Budget::new(Retry::forever());
        assert!((0..100_000).all(|_| !budget.spend(MINUTE)));
        assert_eq!(budget.failures.capacity(), 0);
    }
}
