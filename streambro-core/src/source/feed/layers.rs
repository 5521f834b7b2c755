//! The picture of one playlist and the sound of another, each at its own pace, on one clock.

use super::{Batch, Feed, FeedMark, Fill, Item, Place};
use crate::media::{error::MediaError, index::Layer, program::News, read::ReadAt};

/// A sound without an end in sight is one that is silent: after so long, in milliseconds.
const SILENT_AFTER_MS: u64 = 1_000;

/// The sound beneath a picture that has none of its own.
#[derive(Debug)]
pub(super) struct Sound {
    pub(super) feed: Feed,
    /// Whose packets come next, and with which reader.
    pub(super) turn: Layer,
    /// Whose packets came last.
    pub(super) last: Layer,
    /// How far the picture has been filled, in milliseconds.
    seen_until: u64,
    /// The same of the sound.
    heard_until: u64,
    /// The picture has nothing for where it is asked to come to.
    dry: bool,
}

impl Sound {
    pub(super) fn new(feed: Feed) -> Self {
        Self { feed, turn: Layer::Picture, last: Layer::Picture, seen_until: 0, heard_until: 0, dry: false }
    }

    /// Goes to a remembered place, together with the picture.
    pub(super) fn seek(&mut self, mark: &FeedMark) {
        self.feed.seek(mark);
        (self.turn, self.last) = (Layer::Picture, Layer::Picture);
        (self.seen_until, self.heard_until, self.dry) = (0, 0, false);
    }
}

impl Feed {
    /// As [`fill`](Self::fill), one layer after the other: what is in a batch is read by one reader.
    pub(super) fn fill_layers<R: ReadAt + ?Sized>(
        &mut self,
        mut sound: Box<Sound>,
        reader: &R,
        until_ms: u64,
        room: usize,
        batch: &mut Batch,
    ) -> Result<Fill, MediaError> {
        sound.last = sound.turn;
        let fill = match sound.turn {
            Layer::Sound => {
                let fill = sound.fill(reader, until_ms, room, batch);
                // Where the picture begins a receiver can begin.
                batch.key = None;
                fill
            }
            _ => {
                let before = sound.feed.mark();
                let fill = self.fill_one(reader, until_ms, room, batch);
                if let Some(key) = &mut batch.key {
                    key.sound = before.map(Box::new);
                }
                fill
            }
        };
        let fill = fill.map(|fill| sound.turn_over(fill, until_ms));
        self.sound = Some(sound);
        fill
    }

    /// The place where it is.
    fn mark(&self) -> Option<FeedMark> {
        let Item::Film(_, cursor) = &self.item else { return None };
        let played = self.list.as_ref().map(|list| std::sync::Arc::clone(&list.played));
        let (place, timeline, laps) = (Place::Film(cursor.mark()), self.timeline, self.laps);
        let dts = self.timeline.item_end_ms();
        Some(FeedMark { place, timeline, laps, begins: false, played, sound: None, dts })
    }
}

impl Sound {
    fn fill<R: ReadAt + ?Sized>(
        &mut self,
        reader: &R,
        until_ms: u64,
        room: usize,
        batch: &mut Batch,
    ) -> Result<Fill, MediaError> {
        let fill = self.feed.fill_one(reader, until_ms, room, batch)?;
        let late = until_ms.saturating_sub(self.feed.lap_end_ms()) > SILENT_AFTER_MS;
        if fill != Fill::Dry || !late {
            return Ok(fill);
        }
        self.feed.hold();
        self.feed.fill_one(reader, until_ms, room, batch)
    }

    /// Lets the other layer come next, once this one has come as far as it should, or can.
    fn turn_over(&mut self, fill: Fill, until_ms: u64) -> Fill {
        let picture = self.turn == Layer::Picture;
        match fill {
            Fill::Full | Fill::Changed(_) => return fill,
            Fill::End if picture => return fill,
            Fill::Filled | Fill::Dry | Fill::End => {}
        }
        if picture {
            self.dry = fill == Fill::Dry;
            if !self.dry {
                self.seen_until = until_ms;
            }
            if self.heard_until < until_ms {
                self.turn = Layer::Sound;
                return Fill::Changed(News::default());
            }
        } else {
            self.heard_until = until_ms;
            if self.dry || self.seen_until < until_ms {
                self.turn = Layer::Picture;
            }
            if !self.dry && self.seen_until < until_ms {
                return Fill::Changed(News::default());
            }
        }
        if self.dry { Fill::Dry } else { Fill::Filled }
    }
}
