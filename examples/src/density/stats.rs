//! The benchmark's arithmetic.

use streambro_core::Lateness;

/// The bounds of [`Lateness`], in milliseconds.
const BOUNDS: [f64; 15] =
    [-200.0, -100.0, -50.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 10_000.0];

/// The value that the share `quantile` of sorted values does not exceed.
#[must_use]
pub fn percentile(sorted: &[f64], quantile: f64) -> Option<f64> {
    let at = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted.get(at.max(1) - 1).copied()
}

/// The lateness, in milliseconds, that the share `quantile` of the packets did not exceed: within its bucket as if
/// packets were spread evenly there. `None` without packets; in the open bucket its lower bound.
#[must_use]
pub fn lateness(lateness: &Lateness, quantile: f64) -> Option<f64> {
    let all: u64 = lateness.counts.iter().copied().map(u64::from).sum();
    let wanted = (quantile * all as f64).ceil().max(1.0);
    let mut below = 0.0;
    for (bucket, count) in lateness.counts.iter().enumerate() {
        let count = f64::from(*count);
        if below + count >= wanted && count > 0.0 {
            let (low, high) = (bucket.checked_sub(1).map(|at| BOUNDS[at]), BOUNDS.get(bucket).copied());
            return match (low, high) {
                (Some(low), Some(high)) => Some(low + (high - low) * (wanted - below) / count),
                (bound, None) | (None, bound) => bound,
            };
        }
        below += count;
    }
    None
}

/// The most of `times`, in milliseconds, that any one second saw.
#[must_use]
pub fn busiest_second(times: &[u64]) -> usize {
    let mut times = times.to_vec();
    times.sort_unstable();
    let until = |from: u64| times.partition_point(|time| *time < from + 1_000);
    times.iter().enumerate().map(|(at, from)| until(*from) - at).max().unwrap_or(0)
}

/// What one more takes: the growth from `few` to `many` over the `more` that came.
#[must_use]
pub fn slope(few: u64, many: u64, more: usize) -> Option<f64> {
    (more > 0).then(|| (many as f64 - few as f64) / more as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(50.0));
        assert_eq!(percentile(&values, 0.99), Some(99.0));
        assert_eq!(percentile(&values, 1.0), Some(100.0));
        assert_eq!(percentile(&[7.0], 0.5), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn the_bounds_are_those_of_the_library() {
        for (bucket, bound) in BOUNDS.iter().enumerate() {
            let mut one = Lateness::default();
            one.counts[bucket] = 1;
            assert_eq!(one.quantile(1.0).map(|bound| bound as f64), Some(*bound));
        }
        assert_eq!(Lateness::default().counts.len(), BOUNDS.len() + 1);
    }

    #[test]
    fn lateness_lies_within_its_bucket() {
        let mut sum = Lateness::default();
        assert_eq!(lateness(&sum, 0.5), None);
        // 90 between -100 and -50, 10 between 0 and 1.
        (sum.counts[2], sum.counts[4]) = (90, 10);
        assert_eq!(lateness(&sum, 0.45), Some(-75.0));
        assert_eq!(lateness(&sum, 0.9), Some(-50.0));
        assert_eq!(lateness(&sum, 0.95), Some(0.5));
        sum.counts[15] = 100;
        assert_eq!(lateness(&sum, 1.0), Some(10_000.0));
    }

    #[test]
    fn the_busiest_second_is_found_wherever_it_begins() {
        assert_eq!(busiest_second(&[]), 0);
        assert_eq!(busiest_second(&[5_000]), 1);
        // Three within 999 ms, across the full second; exactly 1,000 ms later is another second.
        assert_eq!(busiest_second(&[2_499, 900, 1_500, 1_899]), 3);
        assert_eq!(busiest_second(&[0, 1_000, 2_000]), 1);
    }

    #[test]
    fn a_slope_needs_two_points() {
        assert_eq!(slope(1_000, 10_000, 90), Some(100.0));
        assert_eq!(slope(1_000, 1_000, 0), None);
    }
}
