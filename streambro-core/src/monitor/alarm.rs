//! When something is too much, and when it is no longer. Pure: samples in, changes out.

use serde::Deserialize;

/// An alarm that began ends below this part of its threshold, so that a value on the edge does not ring for ever.
const ENDS_BELOW: f64 = 0.9;

/// What should happen to a stream when an alert about it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertAction {
    /// An event, and nothing else.
    #[default]
    Warn,
    /// Its connections say goodbye and open anew at the same place in the media, which drops all that they held; once
    /// for each alert. Counted as reconnects, with the reason [`OverLimit`](crate::Reason::OverLimit).
    Restart,
    /// It ends, with the reason [`OverLimit`](crate::Reason::OverLimit).
    Stop,
}

/// From when on a stream uses too much, and what to do then.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct Alerts {
    /// Processor time, in percent of one core. Default: 80.
    pub(crate) cpu_percent: f64,
    /// Memory, in bytes. Default: 500,000,000.
    pub(crate) memory_bytes: u64,
    /// So many samples in a row. Default: 1.
    pub(crate) hold: u32,
    /// What to do with the stream. Default: warn.
    pub(crate) action: AlertAction,
}

impl Default for Alerts {
    /// Above 80 % of a core or 500 MB, at the first sample; warn.
    fn default() -> Self {
        Self { cpu_percent: 80.0, memory_bytes: 500_000_000, hold: 1, action: AlertAction::Warn }
    }
}

impl Alerts {
    /// Rings above this processor time, in percent of one core. Default: 80.
    pub fn cpu_percent(mut self, percent: f64) -> Self {
        self.cpu_percent = percent;
        self
    }

    /// Rings above this much memory, in bytes. Default: 500 MB.
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// Rings only after so many samples in a row. Default: 1.
    pub fn hold(mut self, samples: u32) -> Self {
        self.hold = samples;
        self
    }

    /// Chooses what to do with the stream. Default: warn.
    ///
    /// The figures of a natively copied stream are estimates (see [`Usage`](crate::Usage)): restart and stop take them
    /// at their word.
    pub fn action(mut self, action: AlertAction) -> Self {
        self.action = action;
        self
    }
}

/// Watches one value. Told once when it begins to be too much, and once when it ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Alarm {
    above: u32,
    on: bool,
}

impl Alarm {
    /// Takes the next sample: `Some(true)` when an alert begins with it, `Some(false)` when it ends.
    pub(crate) fn observe(&mut self, value: f64, threshold: f64, hold: u32) -> Option<bool> {
        if self.on {
            self.on = value > threshold * ENDS_BELOW;
            return (!self.on).then_some(false);
        }
        self.above = if value > threshold { self.above.saturating_add(1) } else { 0 };
        self.on = self.above >= hold.max(1);
        if self.on {
            self.above = 0;
        }
        self.on.then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn changes(hold: u32, samples: &[f64]) -> Vec<(usize, bool)> {
        let mut alarm = Alarm::default();
        let observe = |(n, value): (usize, &f64)| Some((n, alarm.observe(*value, 80.0, hold)?));
        samples.iter().enumerate().filter_map(observe).collect()
    }

    #[test]
    fn the_defaults_are_those_of_the_mission() {
        let alerts = Alerts::default();
        assert_eq!((alerts.cpu_percent as u64, alerts.memory_bytes, alerts.hold), (80, 500_000_000, 1));
        assert_eq!(alerts.action, AlertAction::Warn);
    }

    #[test]
    fn it_is_told_once_at_the_begin_and_once_at_the_end() {
        assert_eq!(
            changes(1, &[80.0, 81.0, 500.0, 81.0, 10.0, 10.0, 90.0]),
            [(1, true), (4, false), (6, true)]
        );
    }

    #[test]
    fn a_value_on_the_edge_rings_once() {
        assert_eq!(changes(1, &[81.0, 79.0, 81.0, 79.0, 81.0, 72.5]), [(0, true)]);
        assert_eq!(changes(1, &[81.0, 72.0]), [(0, true), (1, false)]);
    }

    #[test]
    fn one_high_sample_is_not_three() {
        assert_eq!(changes(3, &[90.0, 90.0, 10.0, 90.0, 90.0, 90.0, 90.0]), [(5, true)]);
        assert_eq!(changes(0, &[90.0]), [(0, true)]);
    }

    proptest! {
        #[test]
        fn begins_and_ends_take_turns(
            values in proptest::collection::vec(prop_oneof![0.0..200.0, Just(f64::NAN), Just(f64::INFINITY)], 0..80),
            hold in 0_u32..4,
        ) {
            for (n, (_, began)) in changes(hold, &values).into_iter().enumerate() {
                prop_assert_eq!(began, n % 2 == 0);
            }
        }
    }
}
