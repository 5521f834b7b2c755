//! One leg of a stream, as far as decisions about it go. Pure.

use std::time::Duration;

use super::{backoff::Backoff, budget::Budget};
use crate::{
    spec::Retry,
    status::{LegPhase, Reason},
};

/// What is wanted of a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Which of those that had its number.
    pub(super) serial: u32,
    /// Whether it shall be on the air.
    pub(super) on: bool,
    /// Whether it was taken away: then it counts no more, once it has said goodbye.
    pub(super) gone: bool,
    /// How often that was asked for: once more, and one that was given up is called again.
    pub(super) asked: u32,
    /// How long it stays away when its connection is made anew.
    pub(super) pause: Duration,
}

/// The state of one leg.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) phase: LegPhase,
    pub(super) reason: Option<Reason>,
    pub(super) detail: String,
    pub(super) attempts: u64,
    pub(super) reconnects: u64,
    /// Whether it has been live, in this connection or an earlier one.
    pub(super) ever_live: bool,
    pub(super) outlook: Outlook,
    /// Whether its picture stands still, because the source has none.
    pub(super) holding: bool,
    pub(super) live_since: Option<Duration>,
    /// When it was last live.
    pub(super) lost_at: Option<Duration>,
    pub(super) backoff: Backoff,
    pub(super) budget: Budget,
}

impl Leg {
    pub(super) fn new(seed: u64, retry: Retry) -> Self {
        Self {
            phase: LegPhase::Waiting,
            reason: None,
            detail: String::new(),
            attempts: 0,
            reconnects: 0,
            ever_live: false,
            outlook: Outlook { on: true, ..Outlook::default() },
            holding: false,
            live_since: None,
            lost_at: None,
            backoff: Backoff::new(seed),
            budget: Budget::new(retry),
        }
    }

    /// Failures that weigh on it: an odd number goes the other way, where there is one.
    pub(super) fn failures(&self) -> u32 {
        self.backoff.failures()
    }

    /// Whether it ran out of retries.
    pub(super) fn is_given_up(&self) -> bool {
        self.phase == LegPhase::Ended && self.reason == Some(Reason::RetriesExhausted)
    }

    /// Whether its last end is why the stream is not what it should be.
    pub(super) fn is_failing(&self) -> bool {
        match self.phase {
            LegPhase::Live | LegPhase::Lagging | LegPhase::Disabled => false,
            LegPhase::Ended => self.is_given_up(),
            _ => self.reason.is_some(),
        }
    }
}

/// What the end of a connection means.
pub(super) enum Fate {
    /// This leg is done.
    Over,
    /// No leg can go on.
    StreamOver,
    /// Connect again.
    Again(Pace),
}

pub(super) enum Pace {
    /// Planned or asked for: no failure.
    AtOnce,
    Soon,
    /// Only a human can mend it.
    Slowly,
}

pub(super) fn fate(reason: Reason) -> Fate {
    match reason {
        Reason::Finished | Reason::Stopped | Reason::ShutDown | Reason::ScheduleEnded => Fate::Over,
        Reason::SourceTruncated | Reason::SourceInvalid => Fate::StreamOver,
        Reason::Rotated | Reason::ReconnectRequested | Reason::OverLimit | Reason::Disabled => {
            Fate::Again(Pace::AtOnce)
        }
        Reason::BadKey
        | Reason::AuthRequired
        | Reason::BadApp
        | Reason::RejectedEarly
        | Reason::NotAllowed
        | Reason::TlsFailed => Fate::Again(Pace::Slowly),
        _ => Fate::Again(Pace::Soon),
    }
}
