//! What happened: numbered events, pulled by whoever wants them.

mod bus;

use serde::Serialize;

pub(crate) use bus::Bus;
pub use bus::Subscription;

use crate::{
    spec::StreamId,
    status::{LegPhase, Phase, Reason},
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Its number in this manager. A gap is a loss.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Which stream; `None` for `Missed`.
    pub stream: Option<StreamId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum EventKind {
    /// The stream is in another phase. One event per change.
    Phase {
        /// Where it was.
        from: Phase,
        /// Where it is.
        to: Phase,
        /// Why, where that is not obvious.
        reason: Option<Reason>,
        /// The same in words. Never a key.
        detail: String,
    },
    /// A destination is in another phase. One event per change.
    Leg {
        /// Its place in the spec, from 0.
        leg: usize,
        /// Where it is.
        phase: LegPhase,
        /// Why, where that is not obvious.
        reason: Option<Reason>,
        /// The same in words. Never a key.
        detail: String,
        /// When the next attempt is, in milliseconds from now.
        retry_in_ms: Option<u64>,
    },
    /// The reader was slow: the oldest `count` events are lost.
    Missed {
        /// How many.
        count: u64,
    },
}
