//! Walking a playlist: item after item, and what to show while there is none.

use std::sync::Arc;

use super::{Batch, Feed, FeedMark, Fill, Item, Place, begin};
use crate::{
    media::{
        index::{Index, Layer},
        packet::{Sample, Track},
        part::Part,
        program::News,
        timeline::Timeline,
    },
    source::{
        film::{Film, Show},
        roll::{Follow, Played, Roll},
    },
    status::Reason,
};

/// A place in a playlist.
#[derive(Debug)]
pub(super) struct List {
    roll: Arc<Roll>,
    /// What plays, or played last.
    pub(super) played: Arc<Played>,
    /// What of a film that is; `None` for what ffmpeg makes.
    part: Option<Part>,
    state: State,
    /// Where the picture stops; nothing of it is shown from there on.
    exit: Option<Exit>,
    /// The first keyframe of a film: what stands still when the newest cannot be read.
    first: Option<Sample>,
    /// How far the item is, in ticks of its leading track since its first sample.
    ticks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Playing,
    /// It has ended, and what follows has not begun.
    Over,
    /// The picture stands still.
    Holding,
}

/// The first sample that is not shown any more.
#[derive(Clone, Copy, Debug)]
struct Exit {
    dts: i64,
    pts: i64,
}

/// What becomes of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Plays,
    LeftOut,
    /// With it the item is over.
    Over,
}

impl List {
    /// At what was decided last.
    pub(super) fn new(roll: &Arc<Roll>) -> Self {
        let played = roll.head();
        let mut list = Self {
            roll: Arc::clone(roll),
            played: Arc::clone(&played),
            part: None,
            state: State::Over,
            exit: None,
            first: None,
            ticks: 0,
        };
        if !matches!(played.show, Show::Nothing) {
            list.enter(&played);
        }
        list
    }

    /// Goes to an item.
    pub(super) fn enter(&mut self, played: &Arc<Played>) {
        if !Arc::ptr_eq(played, &self.played) {
            self.played = Arc::clone(played);
            self.first = None;
        }
        self.part = match &played.show {
            Show::Clip(clip) => Some(clip.part.clone()),
            Show::Nothing | Show::Tape(_) => None,
        };
        (self.state, self.ticks) = (State::Playing, 0);
        self.exit = self.planned_exit();
    }

    /// The tracks of the film that plays.
    pub(super) fn index(&self) -> Option<&Arc<Index>> {
        self.part.as_ref().map(|part| &part.index)
    }

    /// A film takes over from what ffmpeg made of the item.
    pub(super) fn play_film(&mut self, index: &Arc<Index>) {
        self.part = Some(Part::whole(index, Layer::Both));
        self.ticks = 0;
    }

    pub(super) fn laps(&self) -> u64 {
        self.roll.laps()
    }

    pub(super) fn is_playing(&self) -> bool {
        self.state == State::Playing
    }

    pub(super) fn is_holding(&self) -> bool {
        self.state == State::Holding
    }

    /// The item is over.
    pub(super) fn end(&mut self) {
        self.state = State::Over;
    }

    /// Lets the picture stand still, once the item is over.
    pub(super) fn hold(&mut self, timeline: &mut Timeline) {
        if self.state == State::Over {
            timeline.hold();
            self.state = State::Holding;
        }
    }

    fn planned_exit(&self) -> Option<Exit> {
        let part = self.part.as_ref()?;
        let length = match (&part.index.video, &part.index.audio) {
            (Some(video), _) => video.duration,
            (None, Some(audio)) => audio.duration,
            (None, None) => 0,
        };
        let pts = part.index.leading_pts().saturating_add_unsigned(length);
        part.exit.map(|dts| Exit { dts, pts })
    }

    fn leads(&self, sample: &Sample) -> bool {
        let has_picture = self.index().is_some_and(|index| index.video.is_some());
        (sample.track == Track::Video) == has_picture
    }

    /// What becomes of the next sample.
    pub(super) fn fate(&self, sample: &Sample) -> Fate {
        match self.exit {
            Some(exit) if self.leads(sample) && sample.dts >= exit.pts => Fate::Over,
            // The sound goes on until the last picture has gone.
            Some(exit) if self.leads(sample) && sample.dts >= exit.dts => Fate::LeftOut,
            _ => Fate::Plays,
        }
    }

    /// Asks whether the item ends before a keyframe. Returns after how many ticks, if it does.
    pub(super) fn ends_before(&mut self, key: &Sample) -> Option<u64> {
        // Something of it has been shown.
        if self.ticks == 0 || !self.played.ends_before(key.dts) {
            return None;
        }
        self.exit = Some(Exit { dts: key.dts, pts: key.pts });
        let first = self.index().map_or(0, |index| index.leading_pts());
        Some(key.pts.saturating_sub(first).max(0).unsigned_abs())
    }

    /// What ffmpeg makes has come to its end, whether that is the item's or not.
    pub(super) fn fall(&mut self, reached_ms: u64, at_ms: u64) {
        if let Show::Tape(staged) = &self.played.show
            && let Some((reason, detail)) = staged.fault.get()
        {
            self.roll.failed(&self.played, *reason, detail, reached_ms, at_ms);
        }
        self.state = State::Over;
    }

    /// Takes note of what is shown.
    pub(super) fn shows(&mut self, sample: &Sample) {
        if !self.leads(sample) {
            return;
        }
        let Some(part) = &self.part else { return };
        let index = &part.index;
        let decoded = sample.dts.saturating_sub(index.leading_dts());
        let shown = sample.pts.saturating_sub(index.leading_pts());
        self.ticks = self.ticks.max(decoded.max(shown).max(0).unsigned_abs() + u64::from(sample.duration));
        if sample.key && sample.track == Track::Video {
            self.first.get_or_insert(*sample);
        }
    }

    /// How far the item is, in milliseconds.
    fn reached_ms(&self) -> u64 {
        self.index().map_or(0, |index| index.ms(self.ticks))
    }
}

impl Feed {
    /// Goes on with what follows in the playlist, or holds. `None` to go on.
    pub(super) fn follow(&mut self, until_ms: u64, batch: &mut Batch) -> Option<Fill> {
        let list = self.list.as_mut()?;
        let at_ms = if list.is_holding() { until_ms } else { self.timeline.item_end_ms() };
        match list.roll.after(&list.played, at_ms) {
            Follow::Item(next) => {
                if list.is_holding() && !self.timeline.hold_until(until_ms, None, &mut batch.packets) {
                    self.timeline.skip_to(until_ms);
                }
                if !batch.packets.is_empty() {
                    // They are read by the reader that there is.
                    return Some(Fill::Full);
                }
                let before = match &self.item {
                    Item::Tape(live) => live.whole_program(),
                    _ => list.played.show.program(),
                };
                let news = match (before, next.show.program()) {
                    (Some(before), Some(next)) => before.news(&next),
                    _ => News { video: true, audio: true },
                };
                list.enter(&next);
                if let Some(index) = list.index() {
                    begin(&mut self.timeline, index, self.laps);
                }
                self.item = Item::of(&next.show);
                self.picture = None;
                Some(Fill::Changed(news))
            }
            Follow::Dry if list.is_holding() => {
                let picture = match &self.item {
                    Item::Tape(live) => live.picture(),
                    _ => self.picture,
                };
                let whole = self.timeline.hold_until(until_ms, picture.as_ref(), &mut batch.packets);
                Some(if whole { Fill::Filled } else { Fill::Full })
            }
            Follow::Dry => Some(Fill::Dry),
            Follow::Over => {
                self.ended = true;
                None
            }
        }
    }

    /// Goes to a place in a film from before it was a list of one.
    pub(super) fn seek_film(&mut self, mark: &FeedMark) {
        let (Item::Film(_, cursor), Some(list), Place::Film(place)) =
            (&mut self.item, &mut self.list, &mark.place)
        else {
            return;
        };
        self.timeline = mark.timeline;
        if list.played.is_original() {
            cursor.rewind(place);
            return;
        }
        // Another file has come in its place, and plays where the other one was left.
        self.timeline.cut(list.part.as_ref().map_or(0, |part| part.index.ticks(mark.timeline.reached_ms())));
        self.timeline.end();
        if let Some(index) = list.index() {
            begin(&mut self.timeline, index, self.laps);
        }
    }

    /// Gives up what cannot be read, if something else may follow. Returns whether that is so.
    ///
    /// A film that plays for ever becomes a list of one, which `fallback` brings: it is waited for.
    pub(crate) fn give_up(
        &mut self,
        reason: Reason,
        detail: &str,
        fallback: &dyn Fn(&Film, u64) -> Option<Arc<Roll>>,
    ) -> bool {
        if let (Item::Film(film, _), None, None) = (&self.item, &self.list, self.laps.left) {
            let Some(roll) = fallback(film, self.laps.done) else { return false };
            let mut list = List::new(&roll);
            list.ticks = film.opened.index.ticks(self.timeline.reached_ms());
            self.list = Some(Box::new(list));
        }
        if let Some(sound) = self.sound.as_mut().filter(|sound| sound.last == Layer::Sound) {
            return sound.feed.give_up(reason, detail, &|_, _| None);
        }
        let (Item::Film(..), Some(list)) = (&self.item, &mut self.list) else { return false };
        match list.state {
            State::Playing => {
                let reached_ms = list.reached_ms();
                self.timeline.cut(list.ticks);
                self.timeline.end();
                list.state = State::Over;
                let at_ms = self.timeline.item_end_ms();
                list.roll.failed(&list.played, reason, detail, reached_ms, at_ms);
            }
            // It was the picture that stands still.
            State::Over | State::Holding => {
                let first = list.first.take();
                self.picture = first.filter(|first| self.picture.is_some_and(|newest| newest != *first));
            }
        }
        true
    }
}
