//! How punctual packets are, as a histogram of fixed size.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use serde::Serialize;

/// Upper bounds of the buckets, in milliseconds after the packet was due; negative is early. The last one is open.
const BOUNDS: [i64; 15] = [-200, -100, -50, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000];
const BUCKETS: usize = BOUNDS.len() + 1;

/// How late packets were handed to the socket, since the connection's start.
///
/// Media that is due within the next tick goes out at once, so most packets are up to 100 ms early.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Lateness {
    /// Packets in each bucket. The bounds are -200, -100, -50, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1,000 and 10,000
    /// ms after the packet was due (a packet on a bound lies below it); the last bucket is open.
    pub counts: [u32; BUCKETS],
}

impl Lateness {
    /// Returns the bound, in milliseconds, that the share `quantile` (0 to 1) of the packets kept; `None` without
    /// packets, `i64::MAX` in the open bucket.
    pub fn quantile(&self, quantile: f64) -> Option<i64> {
        let all: u64 = self.counts.iter().copied().map(u64::from).sum();
        let wanted = (quantile.clamp(0.0, 1.0) * all as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        Some(BOUNDS.get(bucket).copied().unwrap_or(i64::MAX))
    }

    /// Adds the packets of another connection.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// The histogram while it is written.
#[derive(Debug, Default)]
pub(crate) struct LatenessCounter([AtomicU32; BUCKETS]);

impl LatenessCounter {
    /// Counts a packet that was handed over `ms` after it was due.
    pub(crate) fn count(&self, ms: i64) {
        let bucket = BOUNDS.iter().position(|bound| ms <= *bound).unwrap_or(BOUNDS.len());
        self.0[bucket].fetch_add(1, Relaxed);
    }

    /// Begins afresh.
    pub(crate) fn reset(&self) {
        self.0.iter().for_each(|count| count.store(0, Relaxed));
    }

    /// What was counted.
    pub(crate) fn read(&self) -> Lateness {
        Lateness { counts: std::array::from_fn(|bucket| self.0[bucket].load(Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_bounds_that_were_kept() {
        let counter = LatenessCounter::default();
        assert_eq!(counter.read().quantile(0.5), None);
        (0..99).for_each(|_| counter.count(-70));
        counter.count(30);
        let lateness = counter.read();
        assert_eq!(lateness.quantile(0.5), Some(-50));
        assert_eq!(lateness.quantile(0.99), Some(-50));
        assert_eq!(lateness.quantile(1.0), Some(50));
    }

    #[test]
    fn what_is_later_than_every_bound_is_counted_too() {
        let counter = LatenessCounter::default();
        counter.count(1_000_000);
        assert_eq!(counter.read().quantile(0.5), Some(i64::MAX));
        let mut sum = counter.read();
        sum.add(&counter.read());
        assert_eq!(sum.counts.iter().sum::<u32>(), 2);
        counter.reset();
        assert_eq!(counter.read(), Lateness::default());
    }
}
