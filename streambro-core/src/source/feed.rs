//! A place in a stream's media, and the packets that are due from there on.

use std::sync::Arc;

use crate::{
    media::{
        aac,
        cursor::{self, Cursor},
        error::MediaError,
        index::Index,
        packet::{Packet, Track},
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
    /// The last lap is over.
    End,
}

/// A place in the stream's media: one file, lap after lap, on one timeline.
///
/// Each destination has its own, over the shared index, so that none ever waits for another.
#[derive(Debug)]
pub(crate) struct Feed {
    index: Arc<Index>,
    cursor: Cursor,
    timeline: Timeline,
    laps: Laps,
    ended: bool,
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
}

/// A remembered place. Small, without heap.
#[derive(Clone, Debug)]
pub(crate) struct FeedMark {
    cursor: cursor::Mark,
    timeline: Timeline,
    laps: Laps,
    /// The decode time of what comes next, in milliseconds.
    dts: u64,
}

impl FeedMark {
    /// The decode time of what comes next, in milliseconds on the stream's clock.
    pub(crate) fn dts(&self) -> u64 {
        self.dts
    }
}

impl Feed {
    /// Begins at the beginning.
    pub(crate) fn new(index: &Arc<Index>, repeat: Repeat) -> Self {
        let cursor = Cursor::new(Arc::clone(index));
        let mut timeline = Timeline::new(silence_of(index));
        timeline.begin(index);
        let laps = Laps { left: repeat.laps(), done: 0 };
        if laps.left == Some(1) {
            timeline.last();
        }
        Self { index: Arc::clone(index), cursor, timeline, laps, ended: false }
    }

    /// Adds to `batch` the packets that are due up to `until_ms`, in decode order, at most about `room` of them.
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
        let Batch { packets: out, key } = batch;
        while !self.ended {
            if out.len() >= room {
                return Ok(Fill::Full);
            }
            let Some(sample) = self.cursor.peek(reader)? else {
                if self.timeline.item_end_ms() > until_ms {
                    self.timeline.fill(until_ms, out);
                    return Ok(Fill::Filled);
                }
                // Where nothing follows, until the last picture has gone; else until the first of the next lap.
                let end = if self.laps.left == Some(1) { u64::MAX } else { self.timeline.item_end_ms() };
                self.timeline.fill(end, out);
                self.next_lap();
                continue;
            };
            let due = self.timeline.due_ms(&sample);
            if due > until_ms {
                self.timeline.fill(until_ms, out);
                return Ok(Fill::Filled);
            }
            if sample.key && (sample.track == Track::Video || self.index.video.is_none()) {
                *key = Some(FeedMark {
                    cursor: self.cursor.mark(),
                    timeline: self.timeline,
                    laps: self.laps,
                    dts: due,
                });
            }
            self.timeline.place(&sample, out);
            self.cursor.advance();
        }
        Ok(Fill::End)
    }

    /// Goes to a remembered place.
    pub(crate) fn seek(&mut self, mark: &FeedMark) {
        self.cursor.rewind(&mark.cursor);
        self.timeline = mark.timeline;
        self.laps = mark.laps;
        self.ended = false;
    }

    /// How often the source has begun again.
    pub(crate) fn laps_done(&self) -> u64 {
        self.laps.done
    }

    /// What the timeline did to the media so far.
    pub(crate) fn corrections(&self) -> Corrections {
        self.timeline.corrections()
    }

    /// Where the current lap ends, in milliseconds on the stream's clock.
    pub(crate) fn lap_end_ms(&self) -> u64 {
        self.timeline.item_end_ms()
    }

    fn next_lap(&mut self) {
        self.timeline.end();
        self.laps.left = self.laps.left.map(|left| left.saturating_sub(1));
        if self.laps.left == Some(0) {
            self.ended = true;
            return;
        }
        self.laps.done += 1;
        self.cursor.restart();
        self.timeline.begin(&self.index);
        if self.laps.left == Some(1) {
            self.timeline.last();
        }
    }
}

fn silence_of(index: &Index) -> Silence {
    let config = index.audio_config();
    let frame_samples = match aac::silent_frame(config.channel_config) {
        Some(_) => config.frame_samples,
        // A channel layout we have no silence for: holes stay holes.
        None => 0,
    };
    let sample_rate = std::num::NonZeroU32::new(config.sample_rate).unwrap_or(std::num::NonZeroU32::MIN);
    Silence { frame_samples, sample_rate }
}
