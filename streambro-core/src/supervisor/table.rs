//! Which phase may follow which. Data: the state machine goes no other way, and its tests go every one.

use crate::status::{LegPhase, Phase};

/// A stream's ways, from its begin. [`Phase::Scheduled`] and [`Phase::Queued`] lie before that.
///
/// What a stream is follows from its legs, and from whether it is still wanted: once it is [`Phase::Stopping`] there is
/// one way left, and after [`Phase::Ended`] none.
#[rustfmt::skip]
pub(super) const STREAM: &[(Phase, Phase)] = &[
    (Phase::Preparing, Phase::Starting),
    // Stopped before it began.
    (Phase::Preparing, Phase::Ended),
    (Phase::Starting, Phase::Live),
    // The first of several legs is live.
    (Phase::Starting, Phase::Degraded),
    (Phase::Starting, Phase::Stopping),
    // Stopped between two attempts, or out of retries.
    (Phase::Starting, Phase::Ended),
    (Phase::Live, Phase::Degraded),
    (Phase::Live, Phase::Reconnecting),
    (Phase::Live, Phase::Stopping),
    // The film is over.
    (Phase::Live, Phase::Ended),
    (Phase::Degraded, Phase::Live),
    (Phase::Degraded, Phase::Reconnecting),
    (Phase::Degraded, Phase::Stopping),
    (Phase::Degraded, Phase::Ended),
    (Phase::Reconnecting, Phase::Live),
    (Phase::Reconnecting, Phase::Degraded),
    (Phase::Reconnecting, Phase::Stopping),
    (Phase::Reconnecting, Phase::Ended),
    // The source has nothing, and is back.
    (Phase::Live, Phase::Holding),
    (Phase::Degraded, Phase::Holding),
    (Phase::Holding, Phase::Live),
    (Phase::Holding, Phase::Degraded),
    (Phase::Holding, Phase::Reconnecting),
    (Phase::Holding, Phase::Stopping),
    (Phase::Holding, Phase::Ended),
    (Phase::Stopping, Phase::Ended),
];

/// A leg's ways.
#[rustfmt::skip]
pub(super) const LEG: &[(LegPhase, LegPhase)] = &[
    (LegPhase::Waiting, LegPhase::Connecting),
    // Stopped between two attempts.
    (LegPhase::Waiting, LegPhase::Ended),
    (LegPhase::Connecting, LegPhase::Publishing),
    (LegPhase::Connecting, LegPhase::Waiting),
    (LegPhase::Connecting, LegPhase::Ended),
    (LegPhase::Publishing, LegPhase::Live),
    (LegPhase::Publishing, LegPhase::Waiting),
    (LegPhase::Publishing, LegPhase::Ended),
    (LegPhase::Live, LegPhase::Lagging),
    (LegPhase::Live, LegPhase::Waiting),
    (LegPhase::Live, LegPhase::Ended),
    (LegPhase::Lagging, LegPhase::Live),
    (LegPhase::Lagging, LegPhase::Waiting),
    (LegPhase::Lagging, LegPhase::Ended),
    // Not wanted any more while the stream goes on, and wanted again.
    (LegPhase::Waiting, LegPhase::Disabled),
    (LegPhase::Connecting, LegPhase::Disabled),
    (LegPhase::Publishing, LegPhase::Disabled),
    (LegPhase::Live, LegPhase::Disabled),
    (LegPhase::Lagging, LegPhase::Disabled),
    (LegPhase::Ended, LegPhase::Disabled),
    (LegPhase::Disabled, LegPhase::Connecting),
    // Given up, and asked for again.
    (LegPhase::Ended, LegPhase::Connecting),
    (LegPhase::Disabled, LegPhase::Ended),
];

/// Whether a stream may go from one phase to the other.
pub(super) fn stream_may(from: Phase, to: Phase) -> bool {
    STREAM.contains(&(from, to))
}

/// Whether a leg may go from one phase to the other.
pub(super) fn leg_may(from: LegPhase, to: LegPhase) -> bool {
    LEG.contains(&(from, to))
}
