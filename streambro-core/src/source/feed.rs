//! A place in a stream's media, and the packets that are due from there on.

mod layers;
mod list;
mod live;

use std::sync::Arc;

use self::{
    layers::Sound,
    list::{Fate, List},
    live::Live,
};
use super::{
    film::{Clip, Film, Reel, Show},
    reader::Reader,
    roll::{Played, Roll},
};
use crate::{
    media::{
        aac,
        cursor::{self, Cursor},
        error::MediaError,
        index::{AudioConfig, Index, Layer},
        packet::{Packet, Sample, Track},
        part::Part,
        program::{News, Program},
        read::ReadAt,
        timeline::{Corrections, Silence, Timeline},
    },
    spec::Repeat,
};

/// What a [`Feed::fill`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Everything due is there.
    Filled,
    /// There is more, but the batch is full.
    Full,
    /// What comes next is not made yet.
    Dry,
    /// What comes next is read by another [reader](Feed::reader), and this must be announced anew.
    Changed(News),
    /// The last lap is over.
    End,
}

/// A place in the stream's media, on one timeline: a file, lap after lap, or what ffmpeg makes of one.
///
/// Each destination has its own, over what is shared, so that none ever waits for another.
#[derive(Debug)]
pub(crate) struct Feed {
    item: Item,
    timeline: Timeline,
    laps: Laps,
    ended: bool,
    /// What follows the item, in a playlist.
    list: Option<Box<List>>,
    /// What is heard, if that is not the item's own sound.
    sound: Option<Box<Sound>>,
    /// The newest keyframe of a film: what stands still when nothing comes.
    picture: Option<Sample>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "of a thousand streams nearly all play files")]
enum Item {
    /// Before the first one of a playlist.
    Nothing,
    Film(Film, Cursor),
    Tape(Box<Live>),
}

/// What is due next. Filled, used up and filled again: its room is kept.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// In decode order.
    pub packets: Vec<Packet>,
    /// The place just before the newest keyframe among them: where a receiver can begin.
    pub key: Option<FeedMark>,
}

#[derive(Clone, Copy, Debug)]
struct Laps {
    /// `None` is for ever.
    left: Option<u32>,
    done: u64,
    /// When the current one began, in milliseconds on the stream's clock.
    began_ms: u64,
}

/// A remembered place. Small; it shares what is on the heap.
#[derive(Clone, Debug)]
pub(crate) struct FeedMark {
    place: Place,
    timeline: Timeline,
    laps: Laps,
    /// Whether it is where an item, or a lap, begins.
    begins: bool,
    /// Which item of a playlist it is in.
    played: Option<Arc<Played>>,
    /// The place in what is heard, if that is another list's.
    sound: Option<Box<Self>>,
    /// The decode time of what comes next, in milliseconds.
    dts: u64,
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "without heap: one is remembered at each keyframe")]
enum Place {
    Film(cursor::Mark),
    Tape(live::Mark),
}

impl FeedMark {
    /// The decode time of what comes next, in milliseconds on the stream's clock.
    pub(crate) fn dts(&self) -> u64 {
        self.dts
    }

    /// How many laps were over there, and how far into the next one it is, in milliseconds.
    pub(crate) fn lap(&self) -> (u64, u64) {
        (self.laps.done, self.dts.saturating_sub(self.laps.began_ms))
    }

    /// Whether it is where an item, or a lap, begins.
    pub(crate) fn begins_item(&self) -> bool {
        self.begins
    }
}

impl Feed {
    /// Begins at the beginning.
    pub(crate) fn new(reel: &Reel, repeat: Repeat) -> Self {
        Self::starting(reel, repeat, None)
    }

    /// Begins with a part of a film, if that is what plays; the next lap is all of it.
    pub(crate) fn starting(reel: &Reel, repeat: Repeat, part: Option<&Part>) -> Self {
        let laps = Laps { left: repeat.laps(), done: 0, began_ms: 0 };
        let (item, timeline) = match reel {
            Reel::Film(film) => {
                let mut timeline = Timeline::new(silence_of(&film.opened.index.audio_config()));
                begin(&mut timeline, part.map_or(&film.opened.index, |part| &part.index), laps);
                (Item::film_from(film.clone(), part.and_then(|part| part.start.as_ref())), timeline)
            }
            Reel::Tape(tape) => (Item::Tape(Box::new(Live::new(tape))), Timeline::new(NO_SILENCE)),
            Reel::Rolls(rolls) => {
                let mut feed = Self::of_roll(&rolls.picture);
                feed.sound = rolls.sound.as_ref().map(|sound| Box::new(Sound::new(Self::of_roll(sound))));
                return feed;
            }
        };
        Self { item, timeline, laps, ended: false, list: None, sound: None, picture: None }
    }

    /// Begins with what was decided last.
    fn of_roll(roll: &Arc<Roll>) -> Self {
        let list = List::new(roll);
        let mut timeline = Timeline::new(roll.format().silence().map_or(NO_SILENCE, silence_of));
        let laps = Laps { left: None, done: 0, began_ms: 0 };
        if let Some(index) = list.index() {
            begin(&mut timeline, index, laps);
        }
        let item = Item::of(&list.played.show);
        Self { item, timeline, laps, ended: false, list: Some(Box::new(list)), sound: None, picture: None }
    }

    /// Adds to `batch` the packets that are due up to `until_ms`, in decode order, at most about `room` of them. The bytes
    /// of those before have been read by now.
    ///
    /// # Errors
    /// Those of the file. After `WouldBlock`, fetch and call again: nothing is lost.
    pub(crate) fn fill<R: ReadAt + ?Sized>(
        &mut self,
        reader: &R,
        until_ms: u64,
        room: usize,
        batch: &mut Batch,
    ) -> Result<Fill, MediaError> {
        match self.sound.take() {
            Some(sound) => self.fill_layers(sound, reader, until_ms, room, batch),
            None => self.fill_one(reader, until_ms, room, batch),
        }
    }

    fn fill_one<R: ReadAt + ?Sized>(
        &mut self,
        reader: &R,
        until_ms: u64,
        room: usize,
        batch: &mut Batch,
    ) -> Result<Fill, MediaError> {
        if let Item::Tape(live) = &self.item {
            live.settle();
        }
        while !self.ended {
            if batch.packets.len() >= room {
                return Ok(Fill::Full);
            }
            let fill = match &mut self.item {
                _ if self.list.as_ref().is_some_and(|list| !list.is_playing()) => {
                    self.follow(until_ms, batch)
                }
                Item::Film(..) => self.step_film(reader, until_ms, batch)?,
                Item::Tape(_) => self.step_tape(until_ms, batch),
                Item::Nothing => Some(Fill::Dry),
            };
            if let Some(fill) = fill {
                return Ok(fill);
            }
        }
        Ok(Fill::End)
    }

    /// Goes to a remembered place.
    pub(crate) fn seek(&mut self, mark: &FeedMark) {
        if self.list.is_some() && mark.played.is_none() {
            return self.seek_film(mark);
        }
        if let (Some(sound), Some(mark)) = (&mut self.sound, &mark.sound) {
            sound.seek(mark);
        }
        if let (Some(list), Some(played)) = (&mut self.list, &mark.played) {
            if !Arc::ptr_eq(&list.played, played) {
                self.item = Item::of(&played.show);
            }
            list.enter(played);
        }
        match (&mark.place, &mut self.item) {
            (Place::Film(place), Item::Film(_, cursor)) => cursor.rewind(place),
            (Place::Film(place), Item::Tape(live)) => {
                let Some(film) = live.film() else { return };
                self.item = Item::film(film);
                return self.seek(&FeedMark { place: Place::Film(*place), ..mark.clone() });
            }
            (Place::Tape(place), Item::Tape(live)) => live.seek(place),
            // A file plays from its tape's end on; nothing leads back.
            (Place::Tape(_), Item::Film(..)) | (_, Item::Nothing) => return,
        }
        self.timeline = mark.timeline;
        self.laps = mark.laps;
        self.ended = false;
    }

    /// The way to the bytes of what comes next.
    pub(crate) fn reader(&self) -> Reader {
        if let Some(sound) = self.sound.as_ref().filter(|sound| sound.turn == Layer::Sound) {
            return sound.feed.reader();
        }
        match &self.item {
            Item::Nothing => Reader::nothing(),
            Item::Film(film, _) => Reader::new(film),
            Item::Tape(live) => Reader::of_tape(live.tape()),
        }
    }

    /// What goes around the frames of what was filled last.
    pub(crate) fn program(&self) -> Option<&Program> {
        if let Some(sound) = self.sound.as_ref().filter(|sound| sound.last == Layer::Sound) {
            return sound.feed.program();
        }
        match &self.item {
            Item::Nothing => None,
            Item::Film(film, _) => match self.list.as_ref().map(|list| &list.played.show) {
                Some(Show::Clip(clip)) => Some(&clip.program),
                _ => Some(&film.opened.program),
            },
            Item::Tape(live) => live.program(),
        }
    }

    /// Lets the picture stand still, in silence, until there is something again: what comes next is not there, and a
    /// receiver waits.
    pub(crate) fn hold(&mut self) {
        match (&mut self.item, &mut self.list) {
            (_, Some(list)) if !list.is_playing() => list.hold(&mut self.timeline),
            (Item::Tape(live), _) => live.hold(&mut self.timeline),
            (Item::Film(..) | Item::Nothing, _) => {}
        }
    }

    /// Passes over everything up to `ms` while the picture stands still, and sends nothing for it.
    pub(crate) fn pass_over_to(&mut self, ms: u64) {
        if self.is_holding() {
            self.timeline.skip_to(ms);
        }
        if let Some(sound) = &mut self.sound {
            sound.feed.pass_over_to(ms);
        }
    }

    /// Whether the picture stands still.
    pub(crate) fn is_holding(&self) -> bool {
        let list_holds = self.list.as_deref().is_some_and(List::is_holding);
        list_holds || matches!(&self.item, Item::Tape(live) if live.is_holding())
    }

    /// How often the source has begun again.
    pub(crate) fn laps_done(&self) -> u64 {
        self.list.as_deref().map_or(self.laps.done, List::laps)
    }

    /// What the timeline did to the media so far.
    pub(crate) fn corrections(&self) -> Corrections {
        if let Some(sound) = &self.sound {
            return sound.feed.corrections();
        }
        self.timeline.corrections()
    }

    /// Where the current lap ends, in milliseconds on the stream's clock.
    pub(crate) fn lap_end_ms(&self) -> u64 {
        self.timeline.item_end_ms()
    }

    /// Places the next sample of a file, or ends its lap. `None` to go on.
    fn step_film<R: ReadAt + ?Sized>(
        &mut self,
        reader: &R,
        until_ms: u64,
        batch: &mut Batch,
    ) -> Result<Option<Fill>, MediaError> {
        let Item::Film(film, cursor) = &mut self.item else { return Ok(None) };
        let Batch { packets: out, key } = batch;
        let Some(sample) = cursor.peek(reader)? else {
            return Ok(self.end_lap(until_ms, out));
        };
        match self.list.as_ref().map_or(Fate::Plays, |list| list.fate(&sample)) {
            Fate::Plays => {}
            Fate::LeftOut => {
                cursor.advance();
                return Ok(None);
            }
            Fate::Over => return Ok(self.end_lap(until_ms, out)),
        }
        let due = self.timeline.due_ms(&sample);
        if due > until_ms {
            self.timeline.fill(until_ms, out);
            return Ok(Some(Fill::Filled));
        }
        let index = self.list.as_ref().and_then(|list| list.index()).unwrap_or(&film.opened.index);
        if index.is_entrance(&sample) {
            let begins = sample.dts <= index.leading_dts();
            if let Some(ticks) = self.list.as_mut().and_then(|list| list.ends_before(&sample)) {
                self.timeline.cut(ticks);
                return Ok(None);
            }
            let place = Place::Film(cursor.mark());
            let played = self.list.as_ref().map(|list| Arc::clone(&list.played));
            self.picture = Some(sample).filter(|sample| sample.track == Track::Video);
            *key = Some(FeedMark {
                place,
                timeline: self.timeline,
                laps: self.laps,
                begins,
                played,
                sound: None,
                dts: due,
            });
        }
        if let Some(list) = &mut self.list {
            list.shows(&sample);
        }
        self.timeline.place(&sample, out);
        cursor.advance();
        Ok(None)
    }

    /// Ends a lap once it is over, and begins the next of a file.
    fn end_lap(&mut self, until_ms: u64, out: &mut Vec<Packet>) -> Option<Fill> {
        if self.timeline.item_end_ms() > until_ms {
            self.timeline.fill(until_ms, out);
            return Some(Fill::Filled);
        }
        // Where nothing follows, until the last picture has gone; else until the first of the next lap.
        let end = if self.laps.left == Some(1) { u64::MAX } else { self.timeline.item_end_ms() };
        self.timeline.fill(end, out);
        self.laps.began_ms = self.timeline.item_end_ms();
        self.timeline.end();
        if let Some(list) = &mut self.list {
            list.end();
            return None;
        }
        self.laps.left = self.laps.left.map(|left| left.saturating_sub(1));
        if self.laps.left == Some(0) {
            self.ended = true;
            return None;
        }
        self.laps.done += 1;
        if let Item::Film(film, cursor) = &mut self.item {
            cursor.restart();
            begin(&mut self.timeline, &film.opened.index, self.laps);
        }
        None
    }
}

impl Item {
    fn film(film: Film) -> Self {
        Self::film_from(film, None)
    }

    fn film_from(film: Film, start: Option<&cursor::Mark>) -> Self {
        let mut cursor = Cursor::new(Arc::clone(&film.opened.index));
        if let Some(start) = start {
            cursor.rewind(start);
        }
        Self::Film(film, cursor)
    }

    fn of(show: &Show) -> Self {
        match show {
            Show::Nothing => Self::Nothing,
            Show::Clip(clip) => Self::clip(clip),
            Show::Tape(staged) => Self::Tape(Box::new(Live::new(&staged.tape))),
        }
    }

    fn clip(clip: &Clip) -> Self {
        let mut cursor = Cursor::of(Arc::clone(&clip.film.opened.index), clip.part.layer);
        if let Some(start) = &clip.part.start {
            cursor.rewind(start);
        }
        Self::Film(clip.film.clone(), cursor)
    }
}

/// Begins an item, the last one if no other lap is left.
fn begin(timeline: &mut Timeline, index: &Index, laps: Laps) {
    timeline.begin(index);
    if laps.left == Some(1) {
        timeline.last();
    }
}

/// Before anything is known there is nothing to fill.
const NO_SILENCE: Silence = Silence { frame_samples: 0, sample_rate: std::num::NonZeroU32::MIN };

fn silence_of(config: &AudioConfig) -> Silence {
    let frame_samples = match aac::silent_frame(config.channel_config) {
        Some(_) => config.frame_samples,
        // A channel layout we have no silence for: holes stay holes.
        None => 0,
    };
    let sample_rate = std::num::NonZeroU32::new(config.sample_rate).unwrap_or(std::num::NonZeroU32::MIN);
    Silence { frame_samples, sample_rate }
}
