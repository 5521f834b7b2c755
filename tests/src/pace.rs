//! How fast something is sent, as it is seen from outside.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often what is due goes out.
const TICK: Duration = Duration::from_millis(100);

/// The busiest second of a count that grows, looked at now and then.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<Look>,
    most: f64,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    count: u64,
    /// When it came to this count.
    since: Instant,
}

impl Pace {
    /// Takes note of what the count is now.
    pub fn look(&mut self, at: Instant, count: u64) {
        while let Some(first) = self.seen.pop_front_if(|first| at - first.at > Duration::from_secs(1)) {
            // A second that begins just before a tick has one more of them, or the rest of one that the socket did not take at
            // once; where the host slept, as much as was due since the count grew last.
            let time = (at - first.at + TICK).max(at - first.since);
            self.most = self.most.max((count - first.count) as f64 / time.as_secs_f64());
        }
        let since = self.seen.back().filter(|last| last.count == count).map_or(at, |last| last.since);
        self.seen.push_back(Look { at, count, since });
    }

    /// The most in any second so far, per second.
    #[must_use]
    pub fn most(&self) -> f64 {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ticks at these times bring this many packets; looked at every 20 ms.
    fn most(ticks: &[(u64, u64)], until: u64) -> f64 {
        let (began, mut pace) = (Instant::now(), Pace::default());
        for ms in (0..until).step_by(20) {
            let count = ticks.iter().filter(|(at, _)| *at <= ms).map(|(_, packets)| packets).sum();
            pace.look(began + Duration::from_millis(ms), count);
        }
        pace.most()
    }

    #[test]
    fn a_steady_rate_is_seen_as_it_is_and_a_burst_as_one() {
        let steady: Vec<_> = (0..50).map(|n| (n * 100, 10)).collect();
        assert!((85.0..=105.0).contains(&most(&steady, 5_000)), "{}", most(&steady, 5_000));
        let burst = [&steady[..], &[(2_500, 80)]].concat();
        assert!(most(&burst, 5_000) > 150.0, "{}", most(&burst, 5_000));
    }

    #[test]
    fn a_tick_that_comes_late_and_brings_what_was_due_is_no_burst() {
        let late: Vec<_> =
            (0..50).map(|n| (n * 100, 10)).filter(|(at, _)| !(2_000..2_600).contains(at)).collect();
        let late = [&late[..], &[(2_590, 60)]].concat();
        assert!(most(&late, 5_000) <= 106.0, "{}", most(&late, 5_000));
    }
}
