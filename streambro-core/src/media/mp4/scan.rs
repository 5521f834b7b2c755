//! What opening finds out of the tables: where an edit begins and ends, and what lies between.

use super::edits::{Edit, rescale};
use super::tables::{Place, Tables, Windows};
use crate::media::error::MediaError;
use crate::media::packet::Track;
use crate::media::read::ReadAt;

/// What the samples of a track are together, in the time of their media.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) samples: u64,
    pub(crate) first_dts: i64,
    pub(crate) first_composition: i32,
    pub(crate) min_composition: i32,
    pub(crate) duration: u64,
}

impl Totals {
    /// Adds `count` samples that follow each other alike.
    pub(crate) fn add(&mut self, count: u32, dts: i64, composition: i32, duration: u32) {
        if count == 0 {
            return;
        }
        if self.samples == 0 {
            self.first_dts = dts;
            self.first_composition = composition;
            self.min_composition = composition;
        }
        self.samples += u64::from(count);
        self.min_composition = self.min_composition.min(composition);
        self.duration = self.duration.saturating_add(u64::from(count) * u64::from(duration));
    }

    /// Adds one sample of a fragment, behind which time may have jumped.
    pub(crate) fn add_apart(&mut self, dts: i64, composition: i32, duration: u32) {
        self.add(1, dts, composition, duration);
        let end = dts.saturating_add(duration.into()).saturating_sub(self.first_dts);
        self.duration = self.duration.max(u64::try_from(end).unwrap_or(0));
    }
}

/// Samples of the tables, from 0: the first that plays, and the first that does not any more.
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Samples that follow each other alike.
struct Run {
    first: u32,
    count: u32,
    dts: i64,
    delta: u32,
    composition: i32,
}

impl Run {
    /// How many of them are presented before `time`.
    fn before(&self, time: i64) -> u32 {
        let ahead = time.saturating_sub(self.dts.saturating_add(self.composition.into()));
        let delta = i64::from(self.delta);
        // delta is at least 1; rounded up.
        let count = ahead.max(0) / delta + i64::from(ahead.max(0) % delta != 0);
        u32::try_from(count).unwrap_or(u32::MAX).min(self.count)
    }
}

/// Finds the samples that `edit` shows.
///
/// Video begins with the sync sample at or before the edit's beginning, or with the first there is. Audio begins up to a
/// second earlier than the edit, because its decoder has to run in; that is as much as ffmpeg gives. Video ends
/// with the last sample, in decode order, that is presented before the edit's end; audio ends there.
pub(crate) fn range(
    tables: &Tables,
    track: Track,
    timescale: u32,
    movie_timescale: u32,
    edit: &Edit,
    windows: &mut Windows,
    reader: &dyn ReadAt,
) -> Result<Range, MediaError> {
    let begin = edit.media_time;
    let end = |duration: u64| {
        let ticks = i64::try_from(rescale(duration, movie_timescale, timescale)).unwrap_or(i64::MAX);
        begin.saturating_add(ticks)
    };
    let exact_end = edit.duration.map(end);
    // The duration is rounded to ticks of the movie. Where those are longer than a sample, one may be missing.
    let lenient_end = edit.duration.map(|duration| end(duration.saturating_add(1)));
    let tick = timescale / movie_timescale.max(1);

    let mut start = None;
    let mut first_sync = None;
    let mut after = 0;
    let mut visible = false;
    runs(tables, windows, reader, 0..tables.samples, |run, windows, sync| {
        let end = if tick >= run.delta { lenient_end } else { exact_end };
        let shown = end.map_or(run.count, |end| run.before(end));
        if shown > 0 {
            after = run.first + shown;
        }
        // Some sample is still there when the edit begins.
        visible |= run.before(begin.saturating_sub(run.delta.into()).saturating_add(1)) < shown;
        match track {
            Track::Audio => {
                let early = begin.saturating_sub(timescale.into()).saturating_sub(run.delta.into());
                let skipped = run.before(early.saturating_add(1));
                if start.is_none() && skipped < run.count {
                    start = Some(run.first + skipped);
                }
                Ok(shown == run.count)
            }
            Track::Video => {
                let eligible = run.first + run.before(begin.saturating_add(1));
                let mut at = run.first;
                while at < run.first + run.count && (at < eligible || first_sync.is_none()) {
                    // Every sample is a sync sample without the table: the last one, at once.
                    if tables.stss.is_none() && at + 1 < eligible {
                        at = eligible - 1;
                    }
                    let Some(key) = tables.settle_sync(sync, windows, reader, at)? else { break };
                    if key >= run.first + run.count {
                        break;
                    }
                    first_sync.get_or_insert(key);
                    if key < eligible {
                        start = Some(key);
                    }
                    at = key + 1;
                }
                Ok(true)
            }
        }
    })?;
    let start = start.or(first_sync).unwrap_or(0);
    Ok(Range { start, end: if visible { after.max(start) } else { start } })
}

/// Adds up the samples of `range`.
pub(crate) fn totals(
    tables: &Tables,
    range: &Range,
    windows: &mut Windows,
    reader: &dyn ReadAt,
) -> Result<Totals, MediaError> {
    let mut totals = Totals::default();
    runs(tables, windows, reader, range.start..range.end, |run, _, _| {
        totals.add(run.count, run.dts, run.composition, run.delta);
        Ok(true)
    })?;
    Ok(totals)
}

/// Visits the runs of equal times within `range`, until `visit` answers false.
fn runs(
    tables: &Tables,
    windows: &mut Windows,
    reader: &dyn ReadAt,
    range: std::ops::Range<u32>,
    mut visit: impl FnMut(&Run, &mut Windows, &mut Place) -> Result<bool, MediaError>,
) -> Result<(), MediaError> {
    let mut place = Place::default();
    let mut sync = Place::default();
    while place.sample < range.end {
        tables.settle_time(&mut place, windows, reader)?;
        let target = if place.sample < range.start { range.start } else { range.end };
        let count = (target - place.sample).min(place.stts_left).min(place.ctts_left);
        let run = Run {
            first: place.sample,
            count,
            dts: place.dts,
            delta: place.delta,
            composition: place.composition,
        };
        if place.sample >= range.start && !visit(&run, windows, &mut sync)? {
            break;
        }
        place.skip_time(count);
    }
    Ok(())
}
