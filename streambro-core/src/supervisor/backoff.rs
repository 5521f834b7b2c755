//! How long to wait before the next attempt. Pure: no clock, no random source but its seed.

use std::time::Duration;

use crate::{dice::Dice, spec::Times};

/// Each delay by so much longer than the one before. With half of each by chance, doubling would come to eight attempts
/// in the first minute, three times to six at most.
const GROWTH: u32 = 3;

/// Failures beyond this make no delay longer.
const MOST_FAILURES: u32 = 6;

/// Growing delays with jitter.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    dice: Dice,
    failures: u32,
}

impl Backoff {
    /// Begins afresh. Streams with other seeds wait other times.
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), failures: 0 }
    }

    /// The same without failures.
    pub(super) fn afresh(&self) -> Self {
        Self { dice: self.dice, failures: 0 }
    }

    /// The delay after one more failure: between half and all of `backoff_first`, three times as long each time, up to
    /// `backoff_max`; after a refusal that only a human can mend, of `backoff_refused`.
    pub(super) fn next(&mut self, refused: bool, times: &Times) -> Duration {
        let full = if refused {
            times.backoff_refused
        } else {
            let grown = times.backoff_first.saturating_mul(GROWTH.saturating_pow(self.failures));
            grown.min(times.backoff_max)
        };
        self.failures = (self.failures + 1).min(MOST_FAILURES);
        full.mul_f64(0.5 + 0.5 * self.dice.share())
    }

    /// Failures that are not forgiven.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets failures for a connection that was live for so long: all of them after `backoff_reset`, its share of
    /// them before. A line that drops twice an hour for ever is no reason to stay away for a minute each time.
    pub(super) fn forgive(&mut self, lived: Duration, times: &Times) {
        let each = (times.backoff_reset / MOST_FAILURES).as_millis().max(1);
        let forgiven = u32::try_from(lived.as_millis() / each).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_sub(forgiven);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_minute_with_half_of_each_by_chance() {
        let (mut backoff, times) = (Backoff::new(7), Times::default());
        for exponent in 0..40 {
            let full = Duration::from_millis(500 * 3_u64.pow(exponent.min(6))).min(Duration::from_secs(60));
            let delay = backoff.next(false, &times);
            assert!(delay >= full / 2 && delay <= full, "{exponent}: {delay:?} of {full:?}");
        }
        backoff.forgive(times.backoff_reset, &times);
        assert!(backoff.next(false, &times) <= times.backoff_first);
    }

    #[test]
    fn ten_minutes_on_the_air_make_up_for_one_failure() {
        let (mut backoff, times) = (Backoff::new(7), Times::default());
        for _ in 0..1_000 {
            backoff.forgive(Duration::from_secs(600), &times);
            assert!(backoff.next(false, &times) <= times.backoff_first);
        }
        // Less does not: it comes and goes.
        for _ in 0..6 {
            backoff.forgive(Duration::from_secs(599), &times);
            backoff.next(false, &times);
        }
        assert!(backoff.next(false, &times) >= times.backoff_max / 2);
    }

    #[test]
    fn a_refusal_waits_long_at_once() {
        let delay = Backoff::new(1).next(true, &Times::default());
        assert!(delay >= Duration::from_secs(30));
    }

    #[test]
    fn two_streams_do_not_wait_alike() {
        let times = Times::default();
        assert_ne!(Backoff::new(1).next(false, &times), Backoff::new(2).next(false, &times));
    }
}
