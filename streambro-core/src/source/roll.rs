//! A playlist on the air: what has been decided, what comes next, and what became of it.
//!
//! Every leg walks the same chain of [`Played`] items, each at its own pace; the one that comes to the end first lets the
//! next one begin. Nobody waits for anybody, and what the last leg has left behind is gone.

mod played;
mod record;

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub(super) use self::played::Played;
use self::record::Records;
use super::{
    film::{Clip, Film, Show},
    place::ListPlace,
    rundown::{Rundown, Slot},
};
use crate::{
    error::{Error, ErrorKind, Result},
    media::part::Part,
    plan::{Format, Work},
    spec::{AtEnd, Edit, Item, ItemId, OnFailure, Playlist, Repeat},
    status::{AsRun, ItemEnd, PlaylistItem, PlaylistStatus, Reason},
};

/// The first wait when nothing of a list can be played, and the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An item that played for so long before it failed was not broken from the start, in milliseconds.
const SOUND_MS: u64 = 10_000;

/// The playlists of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Rolls {
    /// What is seen; and heard, unless another one is.
    pub(crate) picture: Arc<Roll>,
    /// What is heard.
    pub(crate) sound: Option<Arc<Roll>>,
    /// How ffmpeg makes it, where it does.
    pub(crate) work: Option<Work>,
}

impl Rolls {
    /// Each of them.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Arc<Roll>> {
        [Some(&self.picture), self.sound.as_ref()].into_iter().flatten()
    }
}

/// A playlist on the air.
#[derive(Debug)]
pub(crate) struct Roll {
    format: Format,
    on_failure: OnFailure,
    at_end: AtEnd,
    state: Mutex<State>,
    /// Something else comes next: for who opens it.
    wants: Notify,
    /// What comes next is wanted sooner: for the same.
    hurries: Notify,
    /// Something has begun, ended or failed: for who tells it.
    tells: Notify,
}

#[derive(Debug)]
struct State {
    rundown: Rundown,
    /// What was decided last.
    head: Arc<Played>,
    /// What can begin, once it is its turn.
    ready: Option<Ready>,
    /// What failed on the way, and goes on from there once it can.
    again: Option<Wanted>,
    /// Items that failed one after the other.
    failures: u32,
    trouble: Option<(Reason, String)>,
    records: Records,
    over: bool,
}

#[derive(Debug)]
struct Ready {
    wanted: Wanted,
    show: Show,
}

/// What should play next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) slot: Slot,
    /// How far into the item it begins, in milliseconds: 0 unless it has failed there.
    pub(crate) skip_ms: u64,
}

impl Wanted {
    /// An item that is in no list yet.
    pub(crate) fn new(item: &Item) -> Self {
        Self { slot: Slot { id: ItemId(u64::MAX), item: Arc::new(item.clone()) }, skip_ms: 0 }
    }
}

/// What follows an item.
#[derive(Debug)]
pub(super) enum Follow {
    /// This.
    Item(Arc<Played>),
    /// Nothing yet.
    Dry,
    /// Nothing more.
    Over,
}

impl Roll {
    /// Stands before the first item.
    pub(crate) fn new(list: &Playlist, rundown: Rundown, format: Format) -> Self {
        let state = State {
            rundown,
            head: Played::new(Show::Nothing),
            ready: None,
            again: None,
            failures: 0,
            trouble: None,
            records: Records::default(),
            over: false,
        };
        Self {
            format,
            on_failure: list.on_failure,
            at_end: list.at_end,
            state: Mutex::new(state),
            wants: Notify::new(),
            hurries: Notify::new(),
            tells: Notify::new(),
        }
    }

    /// The same when this plays first, from somewhere in it on: what comes next is what followed it.
    pub(crate) fn resuming(self, again: Option<Wanted>) -> Self {
        self.state().again = again;
        self
    }

    /// Where it is when the stream's clock is at `media_ms`, and what it has become.
    pub(crate) fn place(&self, media_ms: u64) -> ListPlace {
        let state = self.state();
        let playing = state.records.unfinished(media_ms).map(|(slot, played_ms)| Wanted {
            slot: slot.clone(),
            skip_ms: state.head.show.skip_ms() + played_ms,
        });
        ListPlace { rundown: state.rundown.clone(), playing: state.again.clone().or(playing) }
    }

    /// What becomes of items that cannot be played.
    pub(crate) fn on_failure(&self) -> OnFailure {
        self.on_failure
    }

    /// What every item must look and sound like.
    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    /// What one destination is sent, at most, as far as that is known: of what plays, and of what comes next.
    pub(crate) fn bits_per_second(&self) -> u64 {
        let state = self.state();
        let shows = [Some(&state.head.show), state.ready.as_ref().map(|ready| &ready.show)];
        let rates = shows.into_iter().flatten().map(Show::bits_per_second);
        rates.max().unwrap_or(0)
    }

    /// A film that plays for ever already, as a list of one: what cannot be read any further is waited for.
    pub(crate) fn of_film(film: &Film, file: &Path, laps: u64) -> Self {
        let list = Playlist::new([file]).on_failure(OnFailure::Hold);
        let format = Format::of([&*film.opened.index]);
        let mut rundown = Rundown::new(&list, Repeat::Forever).after(laps);
        let slot = rundown.advance();
        let part = Part::whole(&film.opened.index, format.layer());
        let clip = Clip::new(film.clone(), part, 0, &format);
        let roll = Self::new(&list, rundown, format);
        {
            let mut state = roll.state();
            state.head = Played::original(Show::Clip(Box::new(clip)));
            if let Some(slot) = slot {
                state.records.begin(slot, 0);
            }
        }
        roll
    }

    /// Whether there is something to send.
    pub(crate) fn has_begun(&self) -> bool {
        let state = self.state();
        !matches!(state.head.show, Show::Nothing) || state.ready.is_some()
    }

    /// How much of what plays is left when the stream's clock is at `media_ms`, in milliseconds; `None` where nobody knows,
    /// and 0 where somebody waits already.
    pub(crate) fn left_ms(&self, media_ms: u64) -> Option<u64> {
        let state = self.state();
        match state.records.playing() {
            Some((_, began_ms)) if !state.head.is_cut() => {
                let end = began_ms.saturating_add(state.head.show.length_ms()?);
                Some(end.saturating_sub(media_ms))
            }
            _ => Some(0),
        }
    }

    /// Whether nothing more will ever play.
    pub(crate) fn is_over(&self) -> bool {
        self.state().over
    }

    /// What was decided last.
    pub(super) fn head(&self) -> Arc<Played> {
        Arc::clone(&self.state().head)
    }

    /// What follows an item that has ended at `at_ms` on the stream's clock. Who asks first lets it begin.
    pub(super) fn after(&self, played: &Arc<Played>, at_ms: u64) -> Follow {
        let mut state = self.state();
        if let Some(next) = played.next.get() {
            return Follow::Item(Arc::clone(next));
        }
        if state.finish(at_ms) {
            // Else it would wait for legs that have moved on, and the next one for it.
            state.head.show.retire();
            self.tells.notify_one();
        }
        let Some(wanted) = state.wanted() else {
            if self.at_end == AtEnd::Finish || state.over {
                state.over = true;
                return Follow::Over;
            }
            if state.trouble.is_none() {
                let detail = "nothing follows in the playlist: add something".to_owned();
                state.trouble = Some((Reason::ListEnded, detail));
                self.tells.notify_one();
            }
            return Follow::Dry;
        };
        let Some(ready) = state.ready.take_if(|ready| ready.wanted == wanted) else {
            self.hurries.notify_one();
            return Follow::Dry;
        };
        if state.again.take().is_none() {
            state.rundown.advance();
        }
        let next = Played::new(ready.show);
        // Under the lock nobody else has.
        let _ = played.next.set(Arc::clone(&next));
        state.head = Arc::clone(&next);
        state.trouble = None;
        state.records.begin(wanted.slot, at_ms);
        drop(state);
        self.wants.notify_one();
        self.tells.notify_one();
        Follow::Item(next)
    }

    /// Takes note that an item cannot be read any further than `reached_ms` of it.
    pub(super) fn failed(
        &self,
        played: &Arc<Played>,
        reason: Reason,
        detail: &str,
        reached_ms: u64,
        at_ms: u64,
    ) {
        let mut state = self.state();
        let playing = state.records.playing().map(|(slot, _)| slot.clone());
        let (true, Some(slot)) = (Arc::ptr_eq(played, &state.head), playing) else {
            // Another leg was there before.
            return;
        };
        state.records.end(at_ms, ItemEnd::Failed { reason, detail: detail.to_owned() });
        state.head.show.retire();
        state.failures = if reached_ms >= SOUND_MS { 1 } else { state.failures + 1 };
        state.trouble = Some((reason, detail.to_owned()));
        if self.on_failure == OnFailure::Hold {
            state.again = Some(Wanted { slot, skip_ms: played.show.skip_ms() + reached_ms });
        }
        drop(state);
        self.wants.notify_one();
        self.tells.notify_one();
    }

    /// Waits until something should be opened, and says how long to wait before that. For one caller. Cancel safe.
    pub(crate) async fn wanted(&self) -> (Wanted, Duration) {
        loop {
            let changed = self.wants.notified();
            {
                let mut state = self.state();
                let wanted = state.wanted();
                if let Some(wanted) = wanted.filter(|wanted| !state.is_ready(wanted)) {
                    state.ready = None;
                    return (wanted, self.patience(&state));
                }
            }
            changed.await;
        }
    }

    /// Waits until something else should be opened. For the same caller. Cancel safe.
    pub(crate) async fn wants_other(&self, than: &Wanted) {
        loop {
            let changed = self.wants.notified();
            if self.state().wanted().as_ref() != Some(than) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until what comes next may be wanted sooner. For the same caller. Cancel safe.
    pub(crate) async fn hurries(&self) {
        self.hurries.notified().await;
    }

    fn patience(&self, state: &State) -> Duration {
        let free = match self.on_failure {
            OnFailure::Skip => u32::try_from(state.rundown.slots().len()).unwrap_or(u32::MAX),
            OnFailure::Hold => 1,
        };
        match state.failures.checked_sub(free) {
            None => Duration::ZERO,
            Some(more) => FIRST_WAIT.saturating_mul(1 << more.min(8)).min(LONGEST_WAIT),
        }
    }

    /// Hands in what was opened.
    pub(crate) fn offer(&self, wanted: Wanted, show: Show) {
        let mut state = self.state();
        if state.wanted().as_ref() == Some(&wanted) {
            state.ready = Some(Ready { wanted, show });
        }
        let first = matches!(state.head.show, Show::Nothing);
        drop(state);
        if first {
            self.tells.notify_one();
        }
    }

    /// Hands in that it could not be opened.
    pub(crate) fn refuse(&self, wanted: &Wanted, reason: Reason, detail: &str, at_ms: u64) {
        let mut state = self.state();
        if state.wanted().as_ref() != Some(wanted) {
            return;
        }
        state.failures += 1;
        state.trouble = Some((reason, detail.to_owned()));
        if self.on_failure == OnFailure::Skip {
            state.again = None;
            state.rundown.pass_over();
            let end = ItemEnd::Failed { reason, detail: detail.to_owned() };
            state.records.miss(wanted.slot.clone(), at_ms, end);
            // Nobody comes to ask what follows when nothing has ever begun.
            let first = matches!(state.head.show, Show::Nothing);
            state.over |= first && self.at_end == AtEnd::Finish && state.wanted().is_none();
        }
        drop(state);
        self.wants.notify_one();
        self.tells.notify_one();
    }

    /// Changes the list.
    ///
    /// # Errors
    /// Those of [`Rundown::edit`].
    pub(crate) fn edit(&self, expected: Option<u64>, edits: &[Edit]) -> Result<u64> {
        let mut state = self.state();
        if state.over {
            let detail = "the playlist has ended, and the stream ends with it; start it again";
            return Err(Error::new(ErrorKind::Ended, "playlist", detail));
        }
        let version = state.rundown.edit(expected, edits)?;
        if edits.iter().any(Edit::cuts) {
            state.head.cut();
            self.hurries.notify_one();
            state.again = None;
        }
        // What is waited for may be gone, or another one wanted before it.
        let stays = |again: &Wanted| state.rundown.slots().contains(&again.slot) && !state.rundown.is_cued();
        if !state.again.as_ref().is_none_or(stays) {
            state.again = None;
        }
        if edits.iter().any(|edit| !edit.added().is_empty()) {
            // Whoever adds something has looked at it.
            state.failures = 0;
        }
        drop(state);
        self.wants.notify_one();
        Ok(version)
    }

    /// The stream has ended: what plays ends with it.
    pub(crate) fn close(&self, at_ms: u64) {
        let mut state = self.state();
        state.over = true;
        if state.records.playing().is_some() {
            state.records.end(at_ms, ItemEnd::Stopped);
        }
    }

    /// Waits until there is something to tell. For one caller. Cancel safe.
    pub(crate) async fn tells(&self) {
        self.tells.notified().await;
    }

    /// Takes what is to be told: items that have begun, and again when they have ended.
    pub(crate) fn take_told(&self) -> VecDeque<AsRun> {
        self.state().records.take_told()
    }

    /// Why the picture stands still, if it does.
    pub(crate) fn trouble(&self) -> Option<(Reason, String)> {
        self.state().trouble.clone()
    }

    /// How often the list has begun again.
    pub(crate) fn laps(&self) -> u64 {
        self.state().rundown.laps_done()
    }

    /// What is known of it now.
    pub(crate) fn status(&self) -> PlaylistStatus {
        let state = self.state();
        let items = state.rundown.slots().iter();
        PlaylistStatus {
            version: state.rundown.version(),
            now: state.records.latest(),
            next: state.wanted().map(|wanted| wanted.slot.id),
            items: items.map(|slot| PlaylistItem { id: slot.id, item: (*slot.item).clone() }).collect(),
        }
    }

    /// What became of the latest items, oldest first; the last one may be playing.
    pub(crate) fn as_run(&self) -> Vec<AsRun> {
        self.state().records.all()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// What should play next; `None` when nothing does.
    fn wanted(&self) -> Option<Wanted> {
        if self.over {
            return None;
        }
        self.again.clone().or_else(|| Some(Wanted { slot: self.rundown.upcoming()?.clone(), skip_ms: 0 }))
    }

    fn is_ready(&self, wanted: &Wanted) -> bool {
        self.ready.as_ref().is_some_and(|ready| ready.wanted == *wanted)
    }

    /// Ends the head, if it has not ended. Returns whether that is news.
    fn finish(&mut self, at_ms: u64) -> bool {
        if self.records.playing().is_none() {
            return false;
        }
        self.failures = 0;
        self.records.end(at_ms, if self.head.was_cut() { ItemEnd::Skipped } else { ItemEnd::Finished });
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole at every instant, whatever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
