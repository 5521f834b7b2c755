//! What time it is, as a value.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// One look at both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// The wall clock.
    pub(crate) wall: Timestamp,
    /// What has passed.
    pub(crate) passed: Duration,
}

/// 2020: a clock before that was never set, as after a boot without a battery or a network.
const PLAUSIBLE: Timestamp = Timestamp::constant(1_577_836_800, 0);

impl Now {
    /// Whether the wall clock shows the time at all.
    pub(crate) fn is_plausible(self) -> bool {
        self.wall >= PLAUSIBLE
    }

    /// What will have passed when the wall clock shows `at`, if nobody sets it meanwhile. What is over is now.
    pub(crate) fn passed_at(self, at: Timestamp) -> Duration {
        self.passed.saturating_add(at.duration_since(self.wall).max(SignedDuration::ZERO).unsigned_abs())
    }
}
