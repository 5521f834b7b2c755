//! What the legs of a stream share, and what they tell.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64},
    },
};

use tokio::{sync::Notify, time::Instant};

use super::playhead::Playhead;
use crate::{
    media::part::Part,
    publish::Dialer,
    source::{Feed, Film, Reel, Roll, Rolls},
    spec::{Repeat, StreamId, Times},
    status::LatenessCounter,
};

/// What all legs of a stream share.
#[derive(Debug)]
pub(crate) struct Road {
    /// The stream's name.
    pub id: StreamId,
    /// What plays.
    pub reel: Reel,
    /// Its file, if it plays one for ever.
    pub file: Option<Arc<Path>>,
    /// The same as a list, since it could not be read.
    pub fallback: OnceLock<Arc<Roll>>,
    /// How often, from its start on.
    pub repeat: Repeat,
    /// What of a film plays first, if it does not begin at its beginning.
    pub part: Option<Part>,
    /// Where it is.
    pub playhead: Arc<Playhead>,
    /// The way to a server.
    pub dialer: Arc<Dialer>,
    /// The time table.
    pub times: Arc<Times>,
    /// What the manager's streams count their ticks from: those that share a wake-up must agree when it is.
    pub epoch: Instant,
    /// What legs report.
    pub signals: Signals,
}

impl Road {
    /// Begins to read what plays.
    pub(super) fn feed(&self) -> Feed {
        match self.fallback.get() {
            Some(roll) => {
                let rolls = Rolls { picture: Arc::clone(roll), sound: None, work: None };
                Feed::new(&Reel::Rolls(rolls), self.repeat)
            }
            None => Feed::starting(&self.reel, self.repeat, self.part.as_ref()),
        }
    }

    /// Makes a list of a film that cannot be read any further, so that it can be waited for; all legs get the same.
    pub(super) fn fall_back(&self, film: &Film, laps: u64) -> Option<Arc<Roll>> {
        let file = self.file.as_ref()?;
        Some(Arc::clone(self.fallback.get_or_init(|| Arc::new(Roll::of_film(film, file, laps)))))
    }
}

/// What legs have reported, for their supervisor to read. A tenth of the memory of a channel, for a few reports a day.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    queue: Mutex<VecDeque<Signal>>,
    ready: Notify,
}

impl Signals {
    pub(super) fn report(&self, leg: usize, kind: SignalKind) {
        self.queue().push_back(Signal { leg, kind });
        self.ready.notify_one();
    }

    /// Waits for the next report. For one reader. Cancel safe.
    pub(crate) async fn next(&self) -> Signal {
        loop {
            let ready = self.ready.notified();
            if let Some(signal) = self.queue().pop_front() {
                return signal;
            }
            ready.await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Signal>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// The source has nothing: the picture stands still.
    Holding,
    /// The source is back.
    Resumed,
    /// Its file cannot be read any further, and is waited for.
    FellBack,
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
    /// Its connection should say goodbye: the destination is not wanted any more.
    pub leave: AtomicBool,
    /// Its connection should be made anew at the next keyframe.
    pub rotate: AtomicBool,
}
