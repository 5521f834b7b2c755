//! FLV files as input: H.264 and AAC, in milliseconds.

use std::num::NonZeroU32;

use super::clock::Clock;
use super::tag::{self, Content, Tag};
use crate::media::configs::{audio_config, too_large, video_config};
use crate::media::error::{MediaError, Unsupported};
use crate::media::index::{AudioConfig, Index, Layout, TrackInfo, VideoConfig};
use crate::media::lane::Lane as AnyLane;
use crate::media::packet::{Sample, Track};
use crate::media::read::ReadAt;
use crate::media::window::{Window, exact, fill};

/// Ticks per second of every track.
const TIMESCALE: NonZeroU32 = NonZeroU32::new(1_000).expect("not zero");
/// Different configurations of a track.
const MAX_CONFIGS: usize = 64;
/// Changes from one configuration to another.
const MAX_CHANGES: usize = 1_024;
/// Bytes of a configuration.
const MAX_CONFIGURATION: u64 = 64 << 10;
/// How long a picture lasts when it is the only one, in milliseconds.
const LONE_PICTURE: u32 = 40;

/// How to walk one track.
#[derive(Debug)]
pub(crate) struct Lane {
    track: Track,
    len: u64,
    /// Subtracted from every time.
    origin: i64,
    /// How long a frame lasts, by configuration, in milliseconds; empty for video.
    durations: Box<[u32]>,
    /// Where configurations change, and to which.
    changes: Box<[(u64, u16)]>,
    start: Place,
}

/// A place between two samples of a track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The next tag.
    at: u64,
    config: u16,
    clock: Clock,
    /// The next sample, and for video the one behind it, once they are known.
    current: Option<Frame>,
    ahead: Option<Frame>,
    /// There are no more: because the file ends, or at this offset is cut.
    ended: Option<Option<u64>>,
    /// What the last sample lasted.
    duration: u32,
}

/// A sample whose duration is not known yet.
#[derive(Clone, Copy, Debug)]
struct Frame {
    key: bool,
    config: u16,
    dts: i64,
    pts: i64,
    offset: u64,
    len: u32,
}

impl Lane {
    pub(crate) fn start(&self) -> Place {
        self.start
    }

    /// Returns the sample at `place` and moves on. `None` after the last.
    ///
    /// # Errors
    /// Leave `place` between the same two samples.
    pub(crate) fn step(
        &self,
        place: &mut Place,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<Option<Sample>, MediaError> {
        self.settle(place, window, reader)?;
        let Some(frame) = place.current else {
            return match place.ended {
                Some(Some(needed)) => Err(MediaError::Truncated { needed }),
                _ => Ok(None),
            };
        };
        let duration = match (self.track, place.ahead) {
            (Track::Audio, _) => self.durations.get(usize::from(frame.config)).copied().unwrap_or(1),
            (Track::Video, Some(next)) => u32::try_from(next.dts - frame.dts).unwrap_or(0),
            (Track::Video, None) if place.duration > 0 => place.duration,
            (Track::Video, None) => LONE_PICTURE,
        };
        place.duration = duration;
        place.current = place.ahead.take();
        Ok(Some(Sample {
            track: self.track,
            key: frame.key,
            config: frame.config,
            dts: frame.dts - self.origin,
            pts: frame.pts - self.origin,
            duration,
            offset: frame.offset,
            len: frame.len,
        }))
    }

    /// Finds the next sample and, for video, the one behind it. Each turn of the loop leaves a sound place behind.
    fn settle(&self, place: &mut Place, window: &mut Window, reader: &dyn ReadAt) -> Result<(), MediaError> {
        while place.ended.is_none()
            && (place.current.is_none() || self.track == Track::Video && place.ahead.is_none())
        {
            let tag = match tag::next(&mut place.at, window, reader, self.len, Some(self.track)) {
                Ok(Some(tag)) => tag,
                Ok(None) => {
                    place.ended = Some(None);
                    break;
                }
                Err(MediaError::Truncated { needed }) => {
                    place.ended = Some(Some(needed));
                    break;
                }
                Err(error) => return Err(error),
            };
            match tag.content {
                Content::Configuration => {
                    if let Ok(index) = self.changes.binary_search_by_key(&tag.start, |change| change.0) {
                        place.config = self.changes[index].1;
                    }
                }
                Content::Frame { key, composition } if tag.end > tag.body => {
                    let (dts, time) = place.clock.tick(tag.timestamp, tag.start)?;
                    let pts = time + i64::from(composition);
                    let len = u32::try_from(tag.end - tag.body).unwrap_or(u32::MAX);
                    let frame = Frame { key, config: place.config, dts, pts, offset: tag.body, len };
                    *if place.current.is_none() { &mut place.current } else { &mut place.ahead } =
                        Some(frame);
                }
                _ => {}
            }
            place.at = tag.next;
        }
        Ok(())
    }
}

/// Opens an FLV file of `len` bytes: walks its tags once.
///
/// # Errors
/// Those of the reader; `Malformed` when it is not FLV; `Unsupported` when a codec is another one.
pub(crate) fn open(reader: &dyn ReadAt, len: u64) -> Result<Index, MediaError> {
    // E.2: signature, version, flags, and where the body begins; then the size of the tag before the first, 0.
    let [.., o0, o1, o2, o3] = exact::<9>(reader, 0)?;
    let header = u64::from(u32::from_be_bytes([o0, o1, o2, o3]));
    if header < 9 {
        return Err(MediaError::Malformed { what: "the FLV header is too small", offset: 5 });
    }
    let mut video = Survey::<VideoConfig>::default();
    let mut audio = Survey::<AudioConfig>::default();
    let mut at = header + 4;
    let window = &mut Window::default();
    loop {
        match tag::next(&mut at, window, reader, len, None) {
            Ok(Some(tag)) => {
                match tag.track {
                    Track::Video => video.add(&tag, reader, video_config)?,
                    Track::Audio => audio.add(&tag, reader, audio_config)?,
                }
                at = tag.next;
            }
            // What lies before the cut still plays.
            Ok(None) | Err(MediaError::Truncated { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    let first = [video.first, audio.first].into_iter().flatten();
    let Some(origin) = first.map(|(_, pts)| pts).min() else {
        return Err(MediaError::Unsupported(vec![Unsupported::NoTrack]));
    };
    let durations: Box<[u32]> =
        audio.configs.iter().map(|config| u32::try_from(config.frame_ms()).unwrap_or(1)).collect();
    let last_audio = durations.get(usize::from(audio.current)).copied();
    let (video, video_lane) = video.finish(Track::Video, origin, len, Box::default(), None)?.unzip();
    let (audio, audio_lane) = audio.finish(Track::Audio, origin, len, durations, last_audio)?.unzip();
    let layout = Layout { video: video_lane.map(AnyLane::Flv), audio: audio_lane.map(AnyLane::Flv), len };
    Ok(Index { video, audio, layout })
}

/// What the tags of a track are together.
struct Survey<C> {
    configs: Vec<C>,
    current: u16,
    changes: Vec<(u64, u16)>,
    start: Option<Place>,
    clock: Clock,
    /// Decode and presentation time of the first sample.
    first: Option<(i64, i64)>,
    min_composition: i64,
    /// The last difference of two decode times.
    step: u32,
    samples: u64,
}

impl<C> Default for Survey<C> {
    fn default() -> Self {
        Self {
            configs: Vec::new(),
            current: 0,
            changes: Vec::new(),
            start: None,
            clock: Clock::default(),
            first: None,
            min_composition: i64::MAX,
            step: 0,
            samples: 0,
        }
    }
}

impl<C: PartialEq> Survey<C> {
    fn add(
        &mut self,
        tag: &Tag,
        reader: &dyn ReadAt,
        parse: impl Fn(Box<[u8]>, u64) -> Result<C, MediaError>,
    ) -> Result<(), MediaError> {
        match tag.content {
            // ffmpeg writes an empty one first where it learns it from the frames (MPEG-TS to FLV, 5.1).
            Content::Configuration if tag.end <= tag.body => Ok(()),
            Content::Configuration => self.configure(tag, parse(load(tag, reader)?, tag.start)?),
            Content::Frame { key, composition } if tag.end > tag.body => self.frame(tag, key, composition),
            _ => Ok(()),
        }
    }

    fn configure(&mut self, tag: &Tag, config: C) -> Result<(), MediaError> {
        let index = match self.configs.iter().position(|known| *known == config) {
            Some(index) => index,
            None if self.configs.len() == MAX_CONFIGS => {
                return Err(too_large("a track has more than 64 configurations"));
            }
            None => {
                self.configs.push(config);
                self.configs.len() - 1
            }
        };
        let index = u16::try_from(index).unwrap_or(0);
        if index != self.current {
            if self.changes.len() == MAX_CHANGES {
                return Err(too_large("a track changes its configuration more than 1,024 times"));
            }
            self.changes.push((tag.start, index));
            self.current = index;
        }
        Ok(())
    }

    fn frame(&mut self, tag: &Tag, key: bool, composition: i32) -> Result<(), MediaError> {
        // A recording that was begun in the middle starts with its first keyframe.
        if self.first.is_none() && !key {
            return Ok(());
        }
        let before = self.clock.dts();
        let (dts, time) = self.clock.tick(tag.timestamp, tag.start)?;
        let pts = time + i64::from(composition);
        match self.first {
            None => {
                self.first = Some((dts, pts));
                self.start = Some(Place { at: tag.start, config: self.current, ..Place::default() });
            }
            Some(_) => self.step = u32::try_from(dts - before).unwrap_or(0),
        }
        self.min_composition = self.min_composition.min(pts - dts);
        self.samples += 1;
        Ok(())
    }

    fn finish(
        self,
        track: Track,
        origin: i64,
        len: u64,
        durations: Box<[u32]>,
        last: Option<u32>,
    ) -> Result<Option<(TrackInfo<C>, Lane)>, MediaError> {
        let (Some((first_dts, first_pts)), Some(start)) = (self.first, self.start) else { return Ok(None) };
        if self.configs.is_empty() {
            return Err(MediaError::Unsupported(vec![Unsupported::NoConfiguration(track)]));
        }
        let last = last.unwrap_or(if self.step > 0 { self.step } else { LONE_PICTURE });
        let info = TrackInfo {
            timescale: TIMESCALE,
            configs: self.configs,
            first_dts: first_dts - origin,
            first_pts: first_pts - origin,
            min_composition: self.min_composition,
            duration: (self.clock.dts() - first_dts).unsigned_abs() + u64::from(last),
            samples: self.samples,
        };
        Ok(Some((info, Lane { track, len, origin, durations, changes: self.changes.into(), start })))
    }
}

fn load(tag: &Tag, reader: &dyn ReadAt) -> Result<Box<[u8]>, MediaError> {
    let size = tag.end.saturating_sub(tag.body);
    if size > MAX_CONFIGURATION {
        return Err(too_large("a decoder configuration has more than 64 KiB"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
    fill(reader, &mut bytes, tag.body)?;
    Ok(bytes.into())
}
