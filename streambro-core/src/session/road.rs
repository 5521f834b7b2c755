//! What the legs of a stream share, and what they tell.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::mpsc;

use super::playhead::Playhead;
use crate::{
    publish::{Dialer, Program},
    source::Disk,
    spec::{Repeat, StreamId, Times},
    status::LatenessCounter,
    survey::Opened,
};

/// What all legs of a stream share.
#[derive(Debug)]
pub(crate) struct Road {
    /// The stream's name.
    pub id: StreamId,
    /// What plays.
    pub opened: Arc<Opened>,
    /// How often.
    pub repeat: Repeat,
    /// The threads of the device it is on.
    pub disk: Arc<Disk>,
    /// What receivers must be told of it.
    pub program: Program,
    /// Where it is.
    pub playhead: Arc<Playhead>,
    /// The way to a server.
    pub dialer: Arc<Dialer>,
    /// The time table.
    pub times: Times,
    /// Where legs report to.
    pub signals: mpsc::UnboundedSender<Signal>,
}

/// Something a leg reports while it runs. At most a few for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Which leg.
    pub leg: usize,
    /// What.
    pub kind: SignalKind,
}

/// What a leg reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalKind {
    /// Publishing was accepted.
    Publishing,
    /// See [`Phase::Live`](crate::status::Phase::Live).
    Live,
    /// It is behind.
    Lagging,
    /// It is no longer behind.
    CaughtUp,
}

impl Road {
    pub(super) fn signal(&self, leg: usize, kind: SignalKind) {
        // Without a supervisor nobody needs to know.
        let _ = self.signals.send(Signal { leg, kind });
    }
}

/// A leg's figures, written by its task and read by whoever asks.
#[derive(Debug, Default)]
pub(crate) struct LegCounters {
    /// Its place in the spec.
    pub leg: usize,
    /// Bytes handed to sockets.
    pub bytes: AtomicU64,
    /// Bytes acknowledged on this connection.
    pub acked: AtomicU64,
    /// Media messages handed over whole.
    pub packets: AtomicU64,
    /// How late the latest packet was.
    pub late_ms: AtomicU64,
    /// How late the latest-ever packet of this connection was.
    pub max_late_ms: AtomicU64,
    /// How punctual the packets of this connection were.
    pub lateness: LatenessCounter,
    /// Times that lag was given up.
    pub skips: AtomicU64,
}
