//! What is: phases, reasons and figures, as data.

mod encoding;
mod lateness;
mod playlist;
mod reason;
mod severity;
mod usage;

use serde::{Deserialize, Serialize};

pub use encoding::{Encoding, EncodingState, SandboxLevel};
pub use lateness::Lateness;
pub(crate) use lateness::LatenessCounter;
pub use playlist::{AsRun, ItemEnd, PlaylistItem, PlaylistStatus};
pub use reason::Reason;
pub use severity::Severity;
pub use usage::{Resource, Usage};

use crate::spec::{Airing, StreamId, StreamSpec};

/// Where a stream is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Phase {
    /// It waits for its time.
    Scheduled,
    /// It waits for a place.
    Queued,
    /// Its source is being opened.
    Preparing,
    /// It connects for the first time.
    Starting,
    /// Every destination is on the air: publishing was accepted, the first keyframe was acknowledged by the peer's
    /// TCP, and the connection was still open a second later. RTMP itself acknowledges nothing.
    Live,
    /// It is on the air, but lags, or some destinations are not.
    Degraded,
    /// It is on the air with a picture that stands still, because the source has none.
    Holding,
    /// No destination is on the air; it connects again.
    Reconnecting,
    /// It says goodbye.
    Stopping,
    /// It is over; the reason says why.
    Ended,
}

impl Phase {
    /// Returns the name that JSON, C, Python and the documentation use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Preparing => "preparing",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Degraded => "degraded",
            Self::Holding => "holding",
            Self::Reconnecting => "reconnecting",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }

    /// Whether a viewer sees something.
    pub fn is_on_air(self) -> bool {
        matches!(self, Self::Live | Self::Degraded | Self::Holding)
    }
}

/// Where one destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LegPhase {
    /// It resolves, connects and shakes hands.
    Connecting,
    /// Publishing was accepted; media flows, but is not yet known to arrive.
    Publishing,
    /// See [`Phase::Live`].
    Live,
    /// Live, but behind by more than two seconds.
    Lagging,
    /// It waits for the next attempt.
    Waiting,
    /// It rests until it is enabled again.
    Disabled,
    /// It is over.
    Ended,
}

impl LegPhase {
    /// Whether nothing of it is under way.
    pub(crate) fn is_at_rest(self) -> bool {
        matches!(self, Self::Waiting | Self::Disabled | Self::Ended)
    }

    /// Returns the name that JSON, C, Python and the documentation use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Publishing => "publishing",
            Self::Live => "live",
            Self::Lagging => "lagging",
            Self::Waiting => "waiting",
            Self::Disabled => "disabled",
            Self::Ended => "ended",
        }
    }
}

/// A stream as it was at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct StreamStatus {
    /// Its name.
    pub id: StreamId,
    /// Its user, if it was given one.
    pub user: Option<String>,
    /// Where it is in its life.
    pub phase: Phase,
    /// Why, where that is not obvious.
    pub reason: Option<Reason>,
    /// The same in words, with what the system or the server said. Never a key.
    pub detail: String,
    /// Its place in the queue, from 1, while it waits for a place.
    pub queue_position: Option<usize>,
    /// How far the stream's clock is, in milliseconds of media since the start; it stands while no one is connected.
    pub media_ms: u64,
    /// How often the source has begun again.
    pub laps: u64,
    /// Silent audio frames inserted where the source has none.
    pub silent_frames: u64,
    /// Audio frames left out at joints.
    pub trimmed_frames: u64,
    /// Bytes handed to all sockets, protocol overhead included, TLS not.
    pub bytes: u64,
    /// When it started, in milliseconds since 1970; 0 while it waits for its time.
    pub started_unix_ms: u64,
    /// What it used over the monitor's last interval; `None` before the first, after its end and without a monitor.
    pub usage: Option<Usage>,
    /// What ffmpeg does for it; `None` for what is copied natively, and before the source is open.
    pub encoding: Option<Encoding>,
    /// When it is on the air, if it has a schedule.
    pub schedule: Option<ScheduleStatus>,
    /// Its destinations in the order of the spec.
    pub legs: Vec<LegStatus>,
}

/// When a stream is on the air.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ScheduleStatus {
    /// What is on.
    pub now: Option<Airing>,
    /// What comes next.
    pub next: Option<Airing>,
}

impl StreamStatus {
    /// A stream that waits for its time.
    pub(crate) fn waiting(id: StreamId, spec: &StreamSpec, schedule: Option<ScheduleStatus>) -> Self {
        let legs = spec.destinations.iter().enumerate();
        Self {
            id,
            user: spec.user.clone(),
            phase: Phase::Scheduled,
            reason: None,
            detail: String::new(),
            queue_position: None,
            media_ms: 0,
            laps: 0,
            silent_frames: 0,
            trimmed_frames: 0,
            bytes: 0,
            started_unix_ms: 0,
            usage: None,
            encoding: None,
            schedule,
            legs: legs.map(|(leg, destination)| LegStatus::waiting(leg, destination.label())).collect(),
        }
    }
}

/// One destination of a stream as it was at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LegStatus {
    /// Its number: its place in the spec, from 0, and what `add_destination` returned. That of one that was removed may be
    /// given again.
    pub leg: usize,
    /// What may be shown of the URL.
    pub destination: String,
    /// Where it is.
    pub phase: LegPhase,
    /// Why the last connection ended or the last attempt failed; `None` before that and once live again.
    pub reason: Option<Reason>,
    /// The same in words. Never a key.
    pub detail: String,
    /// Connection attempts since the start.
    pub attempts: u64,
    /// Times it went live again after having been live.
    pub reconnects: u64,
    /// Bytes handed to the socket since the start, protocol overhead included, TLS not.
    pub bytes: u64,
    /// Bytes the peer's TCP has acknowledged on this connection, TLS included. Sampled about once a second.
    pub acked_bytes: u64,
    /// Media messages handed over since the start.
    pub packets: u64,
    /// How late the latest packet was handed over, in milliseconds; 0 when early.
    pub late_ms: u64,
    /// The latest a packet of this connection ever was, in milliseconds.
    pub max_late_ms: u64,
    /// How punctual the packets of this connection were.
    pub lateness: Lateness,
    /// Times that lag was given up: the clock moved, or content was skipped to a keyframe.
    pub skips: u64,
}

impl LegStatus {
    fn waiting(leg: usize, destination: String) -> Self {
        Self {
            leg,
            destination,
            phase: LegPhase::Waiting,
            reason: None,
            detail: String::new(),
            attempts: 0,
            reconnects: 0,
            bytes: 0,
            acked_bytes: 0,
            packets: 0,
            late_ms: 0,
            max_late_ms: 0,
            lateness: Lateness::default(),
            skips: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        use LegPhase as L;
        use Phase as P;
        let phases = [
            P::Scheduled,
            P::Queued,
            P::Preparing,
            P::Starting,
            P::Live,
            P::Degraded,
            P::Holding,
            P::Reconnecting,
            P::Stopping,
            P::Ended,
        ];
        for phase in phases {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
        for phase in [L::Connecting, L::Publishing, L::Live, L::Lagging, L::Waiting, L::Disabled, L::Ended] {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
