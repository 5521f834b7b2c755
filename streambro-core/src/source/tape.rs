//! What ffmpeg makes, on its way to the legs: a short stretch of media that grows at one end and goes at the other.
//!
//! The writer is held back as long as the legs have enough before them; no leg ever holds it back, for it is the
//! stream's clock that moves them. What lies behind is kept from the keyframe at which a leg would begin again.

mod store;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use self::store::Store;
use super::film::Film;
use crate::media::{
    index::{AudioConfig, Index, Layout, VideoConfig},
    packet::Sample,
    program::Program,
};

/// How far the writer may be ahead: enough to start another ffmpeg in place of one that died, and to seek with it.
const AHEAD_MS: u64 = 8_000;
const AHEAD_BYTES: u64 = 16 << 20;
/// How far a leg may be behind another before it loses what it has not sent yet: as long as lag is caught up.
const BEHIND_MS: u64 = 10_000;
/// What is kept for a leg that comes back; a group of pictures that is larger is not.
const BEHIND_BYTES: u64 = 16 << 20;

/// The same in frames, both ahead and behind: eight seconds are a thousand at most, and small ones count as well.
const MOST_FRAMES: u64 = 16_384;
/// Different configurations of a track.
const MAX_CONFIGS: usize = 64;

/// A stretch of encoded media, shared by the legs of one stream.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    state: Mutex<State>,
    /// The legs have moved on.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The run that made the first entry, unless its begin is still there.
    run: Option<Run>,
    /// The run that writes.
    writes: Option<Arc<Index>>,
    store: Store,
    /// The number behind the furthest entry that a leg has taken.
    taken: u64,
    /// The newest keyframe that a leg has taken up.
    kept: u64,
    /// How much was written, in milliseconds of the leading track.
    written_ms: u64,
    taken_ms: u64,
    taken_bytes: u64,
    /// Legs that read it.
    readers: usize,
    /// Every configuration there has been, in the order of `Sample::config`.
    video: Vec<VideoConfig>,
    audio: Vec<AudioConfig>,
    film: Option<Film>,
    closed: bool,
    /// What takes the place of sound that is not there, if not the usual silence.
    silence: Option<AudioConfig>,
    /// Nobody listens.
    sink: bool,
}

/// One thing after another.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A run of ffmpeg begins, or is described anew: it has another configuration.
    Begin(Run),
    /// A frame. `ms` is where it lies on the tape.
    Sample { sample: Sample, ms: u64 },
    /// What a run made ends, after so many milliseconds of its leading track; with `lap`, because its source has.
    End { ticks: u64, lap: bool },
    /// From here on a file plays, and nothing more comes.
    Play(Film),
    /// Nothing more comes.
    Over,
}

/// What a run of ffmpeg makes, as far as that is known.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Its tracks.
    pub(super) index: Arc<Index>,
    /// What goes around its frames.
    pub(super) program: Arc<Program>,
}

/// What is at a place of a tape.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// This.
    Entry(Entry),
    /// Nothing yet.
    Dry,
    /// It is gone; what is left begins here, in what this run made.
    Gone(u64, Option<Run>),
}

impl Tape {
    /// One that keeps nothing and holds nobody back.
    pub(crate) fn sink() -> Self {
        let tape = Self::default();
        tape.state().sink = true;
        tape
    }

    /// One whose silence sounds like this.
    pub(crate) fn with_silence(silence: &AudioConfig) -> Self {
        let tape = Self::default();
        tape.state().silence = Some(silence.clone());
        tape
    }

    /// Takes over a configuration. Returns its number, unless there are too many.
    pub(super) fn configure_video(&self, config: VideoConfig) -> Option<u16> {
        let mut state = self.state();
        let before = state.video.len();
        let number = known(&mut state.video, config);
        if state.video.len() > before {
            state.describe();
        }
        number
    }

    /// The same for sound.
    pub(super) fn configure_audio(&self, config: AudioConfig) -> Option<u16> {
        let mut state = self.state();
        let before = state.audio.len();
        let number = known(&mut state.audio, config);
        if state.audio.len() > before {
            state.describe();
        }
        number
    }

    /// Begins what one run of ffmpeg makes, from `index`, whose configurations are replaced by those of the tape.
    pub(super) fn begin(&self, index: Index) {
        let mut state = self.state();
        if !state.sink {
            state.writes = Some(Arc::new(index));
            state.describe();
        }
    }

    /// Appends a frame. Its offset is set here.
    pub(super) fn append(&self, mut sample: Sample, payload: &[u8], leads: bool) {
        let mut state = self.state();
        if state.sink {
            return;
        }
        sample.offset = state.store.end();
        state.store.append(payload);
        if leads {
            state.written_ms += u64::from(sample.duration);
        }
        let ms = state.written_ms;
        state.entries.push_back(Entry::Sample { sample, ms });
    }

    /// Ends what one run made.
    pub(super) fn end(&self, ticks: u64, lap: bool) {
        let mut state = self.state();
        state.writes = None;
        if !state.sink {
            state.entries.push_back(Entry::End { ticks, lap });
        }
    }

    /// Lets a file go on where the tape ends. Nothing can be appended any more.
    pub(crate) fn play(&self, film: Film) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true) {
            state.film = Some(film.clone());
            state.entries.push_back(Entry::Play(film));
        }
    }

    /// Declares that nothing more comes.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.closed, true) {
            state.entries.push_back(Entry::Over);
        }
    }

    /// Waits until there is room for more. Cancel safe.
    pub(super) async fn room(&self) {
        loop {
            let moved = self.room.notified();
            if self.state().has_room() {
                return;
            }
            moved.await;
        }
    }

    /// How much is on it that no leg has taken yet, in milliseconds.
    pub(crate) fn ahead_ms(&self) -> u64 {
        let state = self.state();
        state.written_ms - state.taken_ms
    }

    /// Whether nothing more can be appended.
    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    /// Whether a file goes on where it ends.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.state().film.is_some()
    }

    /// Bytes that it holds.
    pub(crate) fn held(&self) -> u64 {
        self.state().store.held()
    }

    /// Whether bytes at `offset` are still there.
    pub(super) fn holds(&self, offset: u64) -> bool {
        self.state().store.holds(offset)
    }

    /// What goes around its first frames, as long as they are there.
    pub(super) fn first_program(&self) -> Option<Arc<Program>> {
        match self.state().entries.front() {
            Some(Entry::Begin(run)) => Some(Arc::clone(&run.program)),
            _ => None,
        }
    }

    /// The file that plays after it, once there is one.
    pub(super) fn film(&self) -> Option<Film> {
        self.state().film.clone()
    }

    /// Looks at a place.
    pub(super) fn look(&self, at: u64) -> Look {
        let state = self.state();
        let Some(place) = at.checked_sub(state.first) else {
            return Look::Gone(state.first, state.run.clone());
        };
        let entry = usize::try_from(place).ok().and_then(|place| state.entries.get(place));
        entry.map_or(Look::Dry, |entry| Look::Entry(entry.clone()))
    }

    /// A leg begins to read.
    pub(super) fn enter(&self) {
        self.state().readers += 1;
    }

    /// A leg reads no more. Once a file plays and the last leg has gone over to it, nothing is held any more.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        state.readers -= 1;
        if state.readers == 0
            && state.film.is_some()
            && state.taken == state.first + state.entries.len() as u64
        {
            let last = state.taken - 1;
            state.forget_before(last);
            state.entries.shrink_to_fit();
            state.store.clear();
        }
    }

    /// Takes note that a leg has passed everything before `at`, which moves the writer on, and would begin again at the
    /// keyframe at `key`.
    pub(super) fn pass(&self, at: u64, key: u64) {
        let mut state = self.state();
        state.kept = state.kept.max(key);
        if at <= state.taken {
            return;
        }
        for number in state.taken.max(state.first)..at {
            if let Some(Entry::Sample { sample, ms }) = state.entry(number) {
                let (end, ms) = (sample.offset + u64::from(sample.len), *ms);
                state.taken_bytes = state.taken_bytes.max(end);
                state.taken_ms = state.taken_ms.max(ms);
            }
        }
        state.taken = at;
        state.prune();
        let room = state.has_room();
        drop(state);
        if room {
            self.room.notify_one();
        }
    }

    /// Fills `buf` with what stands at `offset`.
    ///
    /// # Errors
    /// `NotFound` when it is gone.
    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.state().store.read(buf, offset)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whole at every instant, whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Says what the run that writes makes, with every configuration that there has been.
    fn describe(&mut self) {
        let Some(run) = &self.writes else { return };
        let mut index =
            Index { video: run.video.clone(), audio: run.audio.clone(), layout: Layout::default() };
        if let Some(video) = &mut index.video {
            video.configs.clone_from(&self.video);
        }
        if let Some(audio) = &mut index.audio {
            audio.configs.clone_from(&self.audio);
        }
        let silence = self.silence.clone().filter(|_| index.audio.is_none());
        let silence = silence.unwrap_or_else(|| index.audio_config());
        let program = Arc::new(Program::new(&index, &silence));
        self.entries.push_back(Entry::Begin(Run { index: Arc::new(index), program }));
    }

    fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    fn has_room(&self) -> bool {
        let ahead = self.first + self.entries.len() as u64 - self.taken.max(self.first);
        self.written_ms - self.taken_ms < AHEAD_MS
            && self.store.end() - self.taken_bytes < AHEAD_BYTES
            && ahead < MOST_FRAMES
    }

    /// Lets go of what nobody begins with any more, and of what is too much.
    fn prune(&mut self) {
        let mut from = self.kept.min(self.taken);
        // Others may still have to send it.
        while self.readers > 1
            && from > self.first
            && self.entry(from - 1).is_some_and(|entry| entry.ms().saturating_add(BEHIND_MS) >= self.taken_ms)
        {
            from -= 1;
        }
        // A group of pictures that is larger than what may be kept.
        let mut next = from;
        while next < self.taken
            && let Some(entry) = self.entry(next)
        {
            let far = self.taken - next > MOST_FRAMES;
            match entry.bytes_to(self.taken_bytes) {
                Some(bytes) if bytes > BEHIND_BYTES || far => from = next + 1,
                // What follows it decides.
                None => {}
                Some(_) => break,
            }
            next += 1;
        }
        self.forget_before(from);
    }

    fn forget_before(&mut self, number: u64) {
        while self.first < number
            && let Some(entry) = self.entries.pop_front()
        {
            self.first += 1;
            if let Entry::Begin(run) = entry {
                self.run = Some(run);
            }
        }
        let next = self.entries.iter().find_map(|entry| match entry {
            Entry::Sample { sample, .. } => Some(sample.offset),
            _ => None,
        });
        self.store.let_go(next.unwrap_or_else(|| self.store.end()));
    }
}

impl Entry {
    /// How much was before it.
    fn ms(&self) -> u64 {
        match self {
            Self::Sample { ms, .. } => *ms,
            _ => u64::MAX,
        }
    }

    /// How far it lies before `end`; `None` for what has no bytes.
    fn bytes_to(&self, end: u64) -> Option<u64> {
        match self {
            Self::Sample { sample, .. } => Some(end.saturating_sub(sample.offset)),
            _ => None,
        }
    }
}

/// The number of a configuration, new or known; `None` when there are too many.
fn known<C: PartialEq>(configs: &mut Vec<C>, config: C) -> Option<u16> {
    let at = match configs.iter().position(|known| *known == config) {
        Some(at) => at,
        None if configs.len() == MAX_CONFIGS => return None,
        None => {
            configs.push(config);
            configs.len() - 1
        }
    };
    u16::try_from(at).ok()
}
