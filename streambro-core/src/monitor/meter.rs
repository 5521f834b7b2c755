//! Whose part of the process's work is whose. Pure: figures in, figures out.

use std::time::Duration;

use crate::status::Usage;

/// What the process used in an interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    /// How long the interval was.
    pub over: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Memory to be shared out, in bytes: what it holds now beyond what it held before there was any stream.
    pub memory_bytes: u64,
    /// When the interval ended.
    pub unix_ms: u64,
}

/// What one stream handed to the network in the same interval.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// Bytes.
    pub bytes: u64,
    /// How long of the interval it was there.
    pub over: Duration,
}

/// Shares out what the process used by the bytes that each stream moved. One that moved nothing used nothing.
pub(crate) fn shares(spent: &Spent, moved: &[Moved]) -> Vec<Usage> {
    let all: f64 = moved.iter().map(|moved| moved.bytes as f64).sum();
    let cpu = percent(spent.cpu, spent.over);
    let usage = |moved: &Moved| {
        let share = if moved.bytes == 0 { 0.0 } else { moved.bytes as f64 / all };
        let memory = (spent.memory_bytes as f64 * share) as u64;
        let usage = Usage::new(cpu * share, memory, rate(moved.bytes, moved.over), spent.unix_ms);
        Usage { estimated: true, ..usage }
    };
    moved.iter().map(usage).collect()
}

/// Processor time in percent of one core.
pub(crate) fn percent(cpu: Duration, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { cpu.as_secs_f64() / over.as_secs_f64() * 100.0 }
}

/// Bits per second.
pub(crate) fn rate(bytes: u64, over: Duration) -> u64 {
    if over.is_zero() { 0 } else { (bytes as f64 * 8.0 / over.as_secs_f64()) as u64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    fn spent(cpu_ms: u64, memory_bytes: u64) -> Spent {
        Spent { over: INTERVAL, cpu: Duration::from_millis(cpu_ms), memory_bytes, unix_ms: 7 }
    }

    fn moved(bytes: u64) -> Moved {
        Moved { bytes, over: INTERVAL }
    }

    #[test]
    fn three_quarters_of_the_bytes_are_three_quarters_of_the_work() {
        let usage = shares(&spent(1_200, 8_000_000), &[moved(3_000_000), moved(1_000_000), moved(0)]);
        let percents: Vec<_> = usage.iter().map(|usage| usage.cpu_percent.to_bits()).collect();
        assert_eq!(percents, [3.0_f64, 1.0, 0.0].map(f64::to_bits));
        assert_eq!(usage.iter().map(|u| u.memory_bytes).collect::<Vec<_>>(), [6_000_000, 2_000_000, 0]);
        assert_eq!(usage.iter().map(|u| u.bits_per_second).collect::<Vec<_>>(), [800_000, 266_666, 0]);
        assert!(usage.iter().all(|usage| usage.estimated && usage.sampled_unix_ms == 7));
    }

    #[test]
    fn a_stream_that_came_late_has_the_rate_of_its_own_time() {
        let late = Moved { bytes: 1_000_000, over: Duration::from_secs(2) };
        assert_eq!(shares(&spent(0, 0), &[late])[0].bits_per_second, 4_000_000);
    }

    #[test]
    fn an_interval_of_nothing_divides_nothing() {
        let none = Spent { over: Duration::ZERO, ..spent(5, 5) };
        let usage = shares(&none, &[Moved { bytes: 0, over: Duration::ZERO }])[0];
        assert_eq!((usage.cpu_percent.to_bits(), usage.memory_bytes, usage.bits_per_second), (0, 0, 0));
        assert!(shares(&none, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn the_shares_are_never_more_than_the_whole(
            bytes in proptest::collection::vec(any::<u64>(), 1..20),
            cpu_ms in 0_u64..1_000_000,
            memory in 0_u64..(1 << 40),
        ) {
            let moved: Vec<_> = bytes.iter().copied().map(moved).collect();
            let usage = shares(&spent(cpu_ms, memory), &moved);
            let cpu: f64 = usage.iter().map(|usage| usage.cpu_percent).sum();
            prop_assert!(cpu <= percent(Duration::from_millis(cpu_ms), INTERVAL) * 1.000_001);
            let held: u64 = usage.iter().map(|usage| usage.memory_bytes).sum();
            prop_assert!(held <= memory + 1);
        }
    }
}
