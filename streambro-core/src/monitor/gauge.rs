//! What the monitor knows of one run. Goes with the run, so that nothing is left of streams that have ended.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{alarm::Alarm, alarm::Alerts, meter::Moved};
use crate::status::{Resource, Usage};

/// The figures of one run, written by the monitor and read by whoever asks.
#[derive(Debug)]
pub(crate) struct Gauge(Mutex<Reading>);

#[derive(Debug)]
struct Reading {
    bytes: u64,
    at: Instant,
    usage: Option<Usage>,
    /// The child that was there at the last sample, by pid and start, and the processor time that it had used.
    child: Option<((u32, u64), u64)>,
    cpu: Alarm,
    memory: Alarm,
}

/// An alert that begins or ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// What of.
    pub what: Resource,
    /// In the resource's unit.
    pub value: f64,
    /// What it is measured against.
    pub threshold: f64,
    /// Or ended.
    pub began: bool,
}

impl Default for Gauge {
    fn default() -> Self {
        Self(Mutex::new(Reading {
            bytes: 0,
            at: Instant::now(),
            usage: None,
            child: None,
            cpu: Alarm::default(),
            memory: Alarm::default(),
        }))
    }
}

impl Gauge {
    /// What was used over the last interval, if one is over.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.reading().usage
    }

    /// What the run has moved since the last call, or since it began; `bytes` is its sum so far.
    pub(crate) fn advance(&self, bytes: u64, now: Instant) -> Moved {
        let mut reading = self.reading();
        let moved = Moved {
            bytes: bytes.saturating_sub(reading.bytes),
            over: now.saturating_duration_since(reading.at),
        };
        (reading.bytes, reading.at) = (bytes, now);
        moved
    }

    /// What the run's child, by pid and start, has used since the last sample, in milliseconds of processor time; `used` is
    /// its sum so far. One that is new has used all of it since.
    pub(crate) fn advance_child(&self, child: (u32, u64), used: u64) -> u64 {
        let before = self.reading().child.replace((child, used));
        let before = before.filter(|(known, _)| *known == child).map_or(0, |(_, used)| used);
        used.saturating_sub(before)
    }

    /// Shows what was used.
    pub(crate) fn show(&self, usage: Usage) {
        self.reading().usage = Some(usage);
    }

    /// Says which alerts begin or end with what was used.
    pub(crate) fn judge(&self, usage: &Usage, alerts: &Alerts) -> impl Iterator<Item = Change> + use<> {
        let mut reading = self.reading();
        let mut observe = |alarm: fn(&mut Reading) -> &mut Alarm, what, value, threshold| {
            let began = alarm(&mut reading).observe(value, threshold, alerts.hold)?;
            Some(Change { what, value, threshold, began })
        };
        let (memory, most) = (usage.memory_bytes as f64, alerts.memory_bytes as f64);
        let changes = [
            observe(|reading| &mut reading.cpu, Resource::Cpu, usage.cpu_percent, alerts.cpu_percent),
            observe(|reading| &mut reading.memory, Resource::Memory, memory, most),
        ];
        changes.into_iter().flatten()
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        // Plain figures: whole at every instant.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_counts_from_the_last_sample_and_another_from_its_start() {
        let gauge = Gauge::default();
        assert_eq!(gauge.advance_child((7, 1), 300), 300);
        assert_eq!(gauge.advance_child((7, 1), 450), 150);
        // The same number, another process.
        assert_eq!(gauge.advance_child((7, 2), 40), 40);
        assert_eq!(gauge.advance_child((8, 3), 5), 5);
    }
}
