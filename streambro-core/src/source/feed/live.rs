//! Walking a tape: entry after entry, and what to show while there is none.

use std::sync::Arc;

use super::{Batch, Feed, FeedMark, Fill, Item, Place, begin, silence_of};
use crate::{
    media::{
        packet::{Packet, Sample, Track},
        program::Program,
        timeline::Timeline,
    },
    source::{
        film::Film,
        tape::{Entry, Look, Run, Tape},
    },
};

/// A place on a tape.
#[derive(Debug)]
pub(super) struct Live {
    tape: Arc<Tape>,
    /// The number of the next entry.
    at: u64,
    /// That of the newest keyframe.
    key: u64,
    state: State,
    /// What the current run of ffmpeg makes.
    run: Option<Run>,
    /// The newest keyframe: what stands still when nothing comes.
    picture: Option<Sample>,
    /// How far the current item is, in ticks of its leading track since its first sample.
    ticks: u64,
    /// Decode and presentation time of the item's first sample.
    first: i64,
    first_pts: i64,
}

/// A remembered place.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    at: u64,
    run: Option<Run>,
    first: i64,
    first_pts: i64,
    ticks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between two items.
    Between,
    /// In the middle of one.
    Playing,
    /// The picture stands still.
    Holding,
    /// What comes next depends on what is gone, until a keyframe comes.
    Searching,
}

impl Live {
    /// At its beginning.
    pub(super) fn new(tape: &Arc<Tape>) -> Self {
        tape.enter();
        Self {
            tape: Arc::clone(tape),
            at: 0,
            key: 0,
            state: State::Between,
            run: None,
            picture: None,
            ticks: 0,
            first: 0,
            first_pts: 0,
        }
    }

    pub(super) fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    pub(super) fn film(&self) -> Option<Film> {
        self.tape.film()
    }

    pub(super) fn program(&self) -> Option<&Program> {
        self.run.as_ref().map(|run| &*run.program)
    }

    pub(super) fn is_holding(&self) -> bool {
        self.state == State::Holding
    }

    /// The same as [`program`](Self::program), shared.
    pub(super) fn whole_program(&self) -> Option<Arc<Program>> {
        self.run.as_ref().map(|run| Arc::clone(&run.program))
    }

    /// The newest keyframe, as long as it is there.
    pub(super) fn picture(&self) -> Option<Sample> {
        self.picture.filter(|picture| self.tape.holds(picture.offset))
    }

    /// How far the item is, in milliseconds.
    fn reached_ms(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.index.ms(self.ticks))
    }

    pub(super) fn seek(&mut self, mark: &Mark) {
        self.at = mark.at;
        self.key = mark.at;
        self.run.clone_from(&mark.run);
        (self.first, self.first_pts, self.ticks) = (mark.first, mark.first_pts, mark.ticks);
        self.state = State::Playing;
    }

    /// Begins to hold, unless nothing has been shown yet.
    pub(super) fn hold(&mut self, timeline: &mut Timeline) {
        if self.state == State::Holding || self.run.is_none() {
            return;
        }
        self.leave_item(timeline);
        timeline.hold();
        self.state = State::Holding;
    }

    /// Ends the item where it is.
    fn leave_item(&mut self, timeline: &mut Timeline) {
        if self.state == State::Playing {
            timeline.cut(self.ticks);
            timeline.end();
        }
        self.state = State::Between;
    }

    /// Begins an item with `sample` if none is under way; what was before is at an end at `until_ms`.
    fn enter_item(
        &mut self,
        sample: &Sample,
        until_ms: u64,
        timeline: &mut Timeline,
        laps: &mut super::Laps,
        out: &mut Vec<Packet>,
    ) {
        let Some(run) = &self.run else { return };
        let index = match self.state {
            State::Playing => return,
            State::Between => Arc::clone(&run.index),
            State::Holding | State::Searching => {
                // What is left of the time without a source.
                if !timeline.hold_until(until_ms, None, out) {
                    timeline.skip_to(until_ms);
                }
                if self.state == State::Holding {
                    // Nothing of the lap went by meanwhile.
                    laps.began_ms += timeline.item_length_ms();
                }
                Arc::new(run.index.beginning_with(sample))
            }
        };
        begin(timeline, &index, *laps);
        (self.first, self.first_pts) = (index.leading_dts(), index.leading_pts());
        self.ticks = 0;
        self.state = State::Playing;
    }

    /// Tells the tape how far it is. Only when what was filled before has been read: the tape lets go of the rest.
    pub(super) fn settle(&self) {
        self.tape.pass(self.at, self.key);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.tape.leave();
    }
}

impl Feed {
    /// Takes the next entry of a tape. `None` to go on.
    pub(super) fn step_tape(&mut self, until_ms: u64, batch: &mut Batch) -> Option<Fill> {
        let Item::Tape(live) = &mut self.item else { return None };
        match live.tape.look(live.at) {
            Look::Dry if self.list.as_ref().is_some_and(|list| list.played.ends_here()) => {
                live.leave_item(&mut self.timeline);
                self.list.as_mut()?.end();
                None
            }
            Look::Dry if live.state == State::Holding => {
                let whole = self.timeline.hold_until(until_ms, live.picture().as_ref(), &mut batch.packets);
                Some(if whole { Fill::Filled } else { Fill::Full })
            }
            Look::Dry => Some(Fill::Dry),
            Look::Gone(first, run) => {
                live.hold(&mut self.timeline);
                self.timeline.skip_to(until_ms);
                live.run = run.or_else(|| live.run.take());
                live.picture = None;
                live.state = State::Searching;
                live.at = first;
                None
            }
            Look::Entry(Entry::Begin(_)) if !batch.packets.is_empty() => {
                // What goes around them is that of the run before.
                Some(Fill::Full)
            }
            Look::Entry(Entry::Begin(run)) => {
                if live.run.is_none() && self.list.is_none() {
                    // The stream's silence is that of its first sound.
                    self.timeline = Timeline::new(silence_of(&run.index.audio_config()));
                }
                live.run = Some(run);
                live.at += 1;
                None
            }
            Look::Entry(Entry::Sample { sample, .. }) => self.take(&sample, until_ms, batch),
            Look::Entry(Entry::End { ticks, lap }) => self.end_run(ticks, lap, until_ms, batch),
            Look::Entry(Entry::Play(film)) => {
                if live.run.is_none() && self.list.is_none() {
                    self.timeline = Timeline::new(silence_of(&film.opened.index.audio_config()));
                }
                if matches!(live.state, State::Holding | State::Searching) {
                    // What is left of the time without a source.
                    if !self.timeline.hold_until(until_ms, None, &mut batch.packets) {
                        self.timeline.skip_to(until_ms);
                    }
                }
                if !batch.packets.is_empty() {
                    // They are read by the reader that there is.
                    return Some(Fill::Full);
                }
                live.leave_item(&mut self.timeline);
                let dts = self.timeline.item_end_ms();
                live.at += 1;
                live.settle();
                begin(&mut self.timeline, &film.opened.index, self.laps);
                if let Some(list) = &mut self.list {
                    list.play_film(&film.opened.index);
                }
                let news =
                    live.program().map(|program| program.news(&film.opened.program)).unwrap_or_default();
                self.item = Item::film(film);
                if let Item::Film(_, cursor) = &self.item {
                    // The tape is gone as soon as everybody is here: nobody may be led back to it.
                    let place = Place::Film(cursor.mark());
                    batch.key = Some(FeedMark {
                        place,
                        timeline: self.timeline,
                        laps: self.laps,
                        begins: true,
                        played: self.list.as_ref().map(|list| Arc::clone(&list.played)),
                        sound: None,
                        dts,
                    });
                }
                Some(Fill::Changed(news))
            }
            Look::Entry(Entry::Over) => {
                live.leave_item(&mut self.timeline);
                live.at += 1;
                match &mut self.list {
                    Some(list) => list.fall(live.reached_ms(), self.timeline.item_end_ms()),
                    None => self.ended = true,
                }
                None
            }
        }
    }

    fn take(&mut self, sample: &Sample, until_ms: u64, batch: &mut Batch) -> Option<Fill> {
        let Item::Tape(live) = &mut self.item else { return None };
        let Some(run) = live.run.clone() else {
            // Its begin is gone.
            live.at += 1;
            return None;
        };
        let entrance = run.index.is_entrance(sample);
        if matches!(live.state, State::Holding | State::Searching) && !entrance {
            live.at += 1;
            return None;
        }
        live.enter_item(sample, until_ms, &mut self.timeline, &mut self.laps, &mut batch.packets);
        let due = self.timeline.due_ms(sample);
        if due > until_ms {
            self.timeline.fill(until_ms, &mut batch.packets);
            return Some(Fill::Filled);
        }
        if entrance
            && live.ticks > 0
            && let Some(list) = self.list.as_mut().filter(|list| list.played.ends_before(sample.dts))
        {
            self.timeline.cut(sample.pts.saturating_sub(live.first_pts).max(0).unsigned_abs());
            self.timeline.end();
            live.state = State::Between;
            list.end();
            return None;
        }
        if entrance {
            let ticks = sample.dts.saturating_sub(live.first).max(0).unsigned_abs();
            let place = Place::Tape(Mark {
                at: live.at,
                run: live.run.clone(),
                first: live.first,
                first_pts: live.first_pts,
                ticks,
            });
            batch.key = Some(FeedMark {
                place,
                timeline: self.timeline,
                laps: self.laps,
                begins: ticks == 0,
                played: self.list.as_ref().map(|list| Arc::clone(&list.played)),
                sound: None,
                dts: due,
            });
            live.picture = Some(*sample).filter(|sample| sample.track == Track::Video);
            live.key = live.at;
        }
        let leads = sample.track == Track::Video || run.index.video.is_none();
        if leads {
            // Decoded or shown, whichever is later.
            let decoded = sample.dts.saturating_sub(live.first);
            let shown = sample.pts.saturating_sub(live.first_pts);
            let passed = decoded.max(shown).max(0).unsigned_abs();
            live.ticks = live.ticks.max(passed + u64::from(sample.duration));
        }
        self.timeline.place(sample, &mut batch.packets);
        live.at += 1;
        None
    }

    fn end_run(&mut self, ticks: u64, lap: bool, until_ms: u64, batch: &mut Batch) -> Option<Fill> {
        let Item::Tape(live) = &mut self.item else { return None };
        if live.state == State::Playing {
            // A run that was entered in its middle is shorter by what was passed over.
            let skipped = live.run.as_ref().map_or(0, |run| live.first - run.index.leading_dts());
            self.timeline.cut(ticks.saturating_sub(skipped.max(0).unsigned_abs()));
            if lap {
                if let Some(fill) = self.end_lap(until_ms, &mut batch.packets) {
                    return Some(fill);
                }
            } else {
                let end = self.timeline.item_end_ms();
                self.timeline.fill(end.min(until_ms), &mut batch.packets);
                if end > until_ms {
                    return Some(Fill::Filled);
                }
                self.timeline.end();
            }
        } else if lap {
            self.skip_lap();
        }
        if let Item::Tape(live) = &mut self.item {
            live.state = if live.state == State::Playing { State::Between } else { live.state };
            live.at += 1;
        }
        None
    }

    /// Counts a lap whose end was not played.
    fn skip_lap(&mut self) {
        if let Some(list) = &mut self.list {
            return list.end();
        }
        self.laps.began_ms = self.timeline.item_end_ms();
        self.laps.left = self.laps.left.map(|left| left.saturating_sub(1));
        self.ended = self.laps.left == Some(0);
        self.laps.done += u64::from(!self.ended);
    }
}
