//! Where a stream is in its media: the place, and the clock that moves it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    source::{Feed, FeedMark, FilePlace},
    spec::{Resume, Times},
};

/// A leg that connects this soon after a keyframe was due begins with that one and catches up. The destinations of a
/// stream never connect at the same instant, and all shall have the first picture.
const JUST_NOW: Duration = Duration::from_secs(1);

/// A receiver is this far behind the newest keyframe at most; what is beyond that was late, or never came. Milliseconds.
const MOST_SINCE_KEYFRAME_MS: u64 = 5_000;

/// One stream's place in its media, shared by its legs.
///
/// It moves while at least one leg is connected. With none it stands, so that a film goes on where it stopped, unless it
/// is to keep to the clock.
#[derive(Debug)]
pub(crate) struct Playhead {
    times: Arc<Times>,
    resume: Resume,
    state: Mutex<State>,
    laps: AtomicU64,
    silent: AtomicU64,
    trimmed: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// While it moves: which instant is which millisecond of the stream's clock.
    anchor: Option<Anchor>,
    legs: usize,
    /// The newest keyframe that a leg has taken up; `None` is the beginning.
    place: Option<FeedMark>,
    /// How far it was when it stopped.
    stood_at: u64,
    /// Where in its file the run began.
    began: FilePlace,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: Instant,
    ms: u64,
}

/// How a leg enters the stream. Times are milliseconds on the stream's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where its feed now is.
    pub at: u64,
    /// While others are on the air and well past that place: it begins with the first keyframe from here on.
    pub skip_to: Option<u64>,
}

impl Playhead {
    /// At the beginning.
    pub(crate) fn new(times: &Arc<Times>, resume: Resume) -> Self {
        Self {
            times: Arc::clone(times),
            resume,
            state: Mutex::default(),
            laps: AtomicU64::new(0),
            silent: AtomicU64::new(0),
            trimmed: AtomicU64::new(0),
        }
    }

    /// The run begins there in its file.
    pub(crate) fn begin_at(&self, place: FilePlace) {
        self.state().began = place;
    }

    /// Where it is in its file.
    pub(crate) fn file_place(&self, now: Instant) -> FilePlace {
        let state = self.state();
        let Some(place) = &state.place else { return state.began };
        let (laps, keyframe_ms) = place.lap();
        if self.resume == Resume::Item {
            return FilePlace { laps: state.began.laps + laps, ms: 0 };
        }
        let before = if laps == 0 { state.began.ms } else { 0 };
        let since = state.ms_at(now, &self.times).saturating_sub(place.dts()).min(MOST_SINCE_KEYFRAME_MS);
        FilePlace { laps: state.began.laps + laps, ms: before + keyframe_ms + since }
    }

    /// Connects a leg: moves its feed to the stream's place.
    pub(crate) fn join(&self, feed: &mut Feed, now: Instant) -> Entry {
        let mut state = self.state();
        if let Some(place) = &state.place {
            feed.seek(place);
        }
        state.legs += 1;
        let ms = state.place.as_ref().map_or(0, FeedMark::dts);
        match state.anchor.map(|anchor| anchor.ms_at(now, &self.times)) {
            Some(media) if media > ms + self.times.media_ms(JUST_NOW) => {
                return Entry { at: ms, skip_to: Some(media) };
            }
            Some(_) => {}
            None => state.anchor = Some(Anchor { at: now, ms }),
        }
        Entry { at: ms, skip_to: None }
    }

    /// Disconnects a leg. With the last one the playhead stops.
    pub(crate) fn leave(&self, now: Instant) {
        let mut state = self.state();
        state.legs -= 1;
        if state.legs == 0 && self.resume != Resume::WallClock {
            state.stood_at = state.ms_at(now, &self.times);
            state.anchor = None;
        }
    }

    /// Where the stream's clock is, in milliseconds.
    pub(crate) fn media_ms(&self, now: Instant) -> u64 {
        self.state().ms_at(now, &self.times)
    }

    /// Takes note of a keyframe that a leg has taken up, if it has, and of what its feed has done.
    pub(crate) fn passed(&self, key: Option<FeedMark>, feed: &Feed) {
        if let Some(key) = key {
            if self.resume == Resume::Item && !key.begins_item() {
                return self.count(feed);
            }
            let mut state = self.state();
            if state.place.as_ref().is_none_or(|place| place.dts() < key.dts()) {
                state.place = Some(key);
            }
        }
        self.count(feed);
    }

    fn count(&self, feed: &Feed) {
        // Those of the leg that is furthest: one that has come back goes over the same ground again.
        let corrections = feed.corrections();
        self.laps.fetch_max(feed.laps_done(), Relaxed);
        self.silent.fetch_max(corrections.silence, Relaxed);
        self.trimmed.fetch_max(corrections.trimmed, Relaxed);
    }

    /// Gives up lag: a lone leg moves the clock back to `ms`, where it is. Returns whether it could.
    pub(crate) fn fall_back(&self, ms: u64, now: Instant) -> bool {
        let mut state = self.state();
        if state.legs > 1 {
            return false;
        }
        state.anchor = Some(Anchor { at: now, ms });
        true
    }

    /// Laps begun again, silent frames, trimmed frames.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        (self.laps.load(Relaxed), self.silent.load(Relaxed), self.trimmed.load(Relaxed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every instant, whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ms_at(&self, now: Instant, times: &Times) -> u64 {
        self.anchor.map_or(self.stood_at, |anchor| anchor.ms_at(now, times))
    }
}

impl Anchor {
    fn ms_at(self, now: Instant, times: &Times) -> u64 {
        self.ms + times.media_ms(now.saturating_duration_since(self.at))
    }
}
