//! A place in a stream's media, and the packets that are due from there on.

use std::sync::Arc;

use crate::{
    media::{
        aac,
        cursor::{self, Cursor},
        error::MediaError,
        index::{AudioConfig, Index},
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
    last_key: FeedMark,
    ended: bool,
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
        let last_key = FeedMark { cursor: cursor.mark(), timeline, laps, dts: 0 };
        Self { index: Arc::clone(index), cursor, timeline, laps, last_key, ended: false }
    }

    /// Appends the packets that are due up to `until_ms` to `out`, in decode order, at most about `room` of them.
    ///
    /// # Errors
    /// Those of the file. After `WouldBlock`, fetch and call again: nothing is lost.
    pub(crate) fn fill<R: ReadAt + ?Sized>(
        &mut self,
        reader: &R,
        until_ms: u64,
        room: usize,
        out: &mut Vec<Packet>,
    ) -> Result<Fill, MediaError> {
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
                self.last_key = FeedMark {
                    cursor: self.cursor.mark(),
                    timeline: self.timeline,
                    laps: self.laps,
                    dts: due,
                };
            }
            self.timeline.place(&sample, out);
            self.cursor.advance();
        }
        Ok(Fill::End)
    }

    /// The place just before the newest keyframe that `fill` returned: where a receiver can begin.
    pub(crate) fn last_key(&self) -> &FeedMark {
        &self.last_key
    }

    /// Goes to a remembered place.
    pub(crate) fn seek(&mut self, mark: &FeedMark) {
        self.cursor.rewind(&mark.cursor);
        self.timeline = mark.timeline;
        self.laps = mark.laps;
        self.last_key = mark.clone();
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

/// The audio format of a stream that plays `index`: the file's own, else the one that every platform takes.
pub(crate) fn audio_config_of(index: &Index) -> AudioConfig {
    match index.audio.as_ref().and_then(|audio| audio.configs.first()) {
        Some(config) => config.clone(),
        None => AudioConfig::silent(),
    }
}

fn silence_of(index: &Index) -> Silence {
    let config = audio_config_of(index);
    let frame_samples = match aac::silent_frame(config.channel_config) {
        Some(_) => config.frame_samples,
        // A channel layout we have no silence for: holes stay holes.
        None => 0,
    };
    let sample_rate = std::num::NonZeroU32::new(config.sample_rate).unwrap_or(std::num::NonZeroU32::MIN);
    Silence { frame_samples, sample_rate }
}
