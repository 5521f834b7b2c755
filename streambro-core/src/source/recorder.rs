//! From the bytes of one run of ffmpeg to frames on a tape.

use std::{mem, sync::Arc};

use super::tape::Tape;
use crate::media::{
    configs::{audio_config, too_large, video_config},
    error::{MediaError, Unsupported},
    flv::{
        clock::Clock,
        stream::{Demuxer, Unit, UnitKind},
    },
    index::{AudioConfig, Index, Layout, TrackInfo, VideoConfig},
    packet::{Sample, Track},
};

/// Ticks per second of FLV.
const TIMESCALE: std::num::NonZeroU32 = std::num::NonZeroU32::new(1_000).expect("not zero");
/// How long the first frame of a track that the header announces is waited for, in milliseconds of the other.
const PATIENCE_MS: i64 = 3_000;
/// The same in frames.
const PATIENCE_FRAMES: usize = 1_024;
/// Frames of sound that wait for a keyframe at most: a minute and a half.
const MOST_PENDING: usize = 4_096;
/// All of them in bytes.
const PATIENCE_BYTES: usize = 32 << 20;
/// Bytes of a configuration, as in files.
const MAX_CONFIGURATION: usize = 64 << 10;
/// How long a picture lasts before there was another, in milliseconds.
const LONE_PICTURE_MS: i64 = 40;

/// Writes what one run of ffmpeg makes to a tape.
#[derive(Debug)]
pub(super) struct Recorder {
    tape: Arc<Tape>,
    demuxer: Demuxer,
    video: Side<VideoConfig>,
    audio: Side<AudioConfig>,
    /// Frames that wait until it is known what there is.
    pending: Vec<(Sample, Vec<u8>)>,
    pending_bytes: usize,
    begun: bool,
    /// Whether there is video.
    seen: bool,
}

/// What is known of a track.
#[derive(Debug)]
struct Side<C> {
    config: Option<(u16, C)>,
    clock: Clock,
    /// Decode and presentation time of its first frame.
    first: Option<(i64, i64)>,
    last_dts: i64,
    /// The latest time that is shown.
    last_pts: i64,
    /// Between the last two decode times.
    step: i64,
}

impl<C> Default for Side<C> {
    fn default() -> Self {
        Self { config: None, clock: Clock::default(), first: None, last_dts: 0, last_pts: 0, step: 0 }
    }
}

impl Recorder {
    /// Before the first byte.
    pub(super) fn new(tape: Arc<Tape>) -> Self {
        Self {
            tape,
            demuxer: Demuxer::default(),
            video: Side::default(),
            audio: Side::default(),
            pending: vec![],
            pending_bytes: 0,
            begun: false,
            seen: false,
        }
    }

    /// Takes what has come out of the pipe, and shows `copy` what went onto the tape.
    ///
    /// # Errors
    /// When it is no FLV with H.264 and AAC. Nothing can follow an error.
    pub(super) fn push(&mut self, bytes: &[u8], mut copy: impl FnMut(&Unit<'_>)) -> Result<(), MediaError> {
        let mut demuxer = mem::take(&mut self.demuxer);
        demuxer.push(bytes);
        let taken = self.take_all(&mut demuxer, &mut copy);
        self.demuxer = demuxer;
        taken
    }

    /// Ends what the run made; with `lap`, because its source has ended. Returns whether there was anything.
    pub(super) fn end(&mut self, lap: bool) -> bool {
        if !self.begun && !self.pending.is_empty() {
            self.begin();
        }
        if !self.begun {
            return false;
        }
        // A run that was cut off has shown pictures before others that it had yet to make: what follows comes behind all.
        let shown = self.shown_ms().filter(|_| !lap).map_or(0, |(_, length)| length);
        self.tape.end(self.made_ms().max(shown).unsigned_abs(), lap);
        true
    }

    /// Whether a leg could begin.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// How much the run made so far, in milliseconds from its first picture, else its first sound.
    pub(super) fn made_ms(&self) -> i64 {
        match (&self.video.first, &self.audio.first) {
            (Some((first, _)), _) => self.video.last_dts + self.video.step() - first,
            (None, Some((first, _))) => self.audio.last_dts + self.audio.step() - first,
            (None, None) => 0,
        }
    }

    /// The first time that is shown, as ffmpeg wrote it, and how much is shown from there, in milliseconds.
    pub(super) fn shown_ms(&self) -> Option<(i64, i64)> {
        let of = |first: Option<(i64, i64)>, end: i64| first.map(|(_, pts)| (pts, end - pts));
        of(self.video.first, self.video.last_pts + self.video.step())
            .or_else(|| of(self.audio.first, self.audio.last_pts + self.audio.step()))
    }

    /// Where what the run made ends, as ffmpeg wrote it: that of the track that reaches furthest, in milliseconds.
    pub(super) fn furthest_ms(&self) -> Option<i64> {
        let video = self.video.first.map(|_| self.video.last_pts + self.video.step());
        video.max(self.audio.first.map(|_| self.audio.last_pts + self.audio.step()))
    }

    fn take_all(
        &mut self,
        demuxer: &mut Demuxer,
        copy: &mut impl FnMut(&Unit<'_>),
    ) -> Result<(), MediaError> {
        let mut announced = demuxer.tracks();
        while let Some(unit) = demuxer.take()? {
            self.take(&unit, copy)?;
        }
        announced = announced.or_else(|| demuxer.tracks());
        if !self.begun && self.is_complete(announced.unwrap_or([true, true])) {
            self.begin();
        }
        Ok(())
    }

    fn take(&mut self, unit: &Unit<'_>, copy: &mut impl FnMut(&Unit<'_>)) -> Result<(), MediaError> {
        let (key, composition) = match unit.kind {
            UnitKind::Configuration => {
                self.configure(unit)?;
                copy(unit);
                return Ok(());
            }
            UnitKind::Frame { key, composition } => (key, composition),
        };
        let (times, config) = match unit.track {
            Track::Video => {
                self.seen = true;
                // What a copy begins with before its first keyframe cannot be shown.
                if self.video.first.is_none() && !key {
                    return Ok(());
                }
                (self.video.tick(unit, composition)?, self.video.number(unit.track)?)
            }
            Track::Audio => (self.audio.tick(unit, 0)?, self.audio.number(unit.track)?),
        };
        let (dts, pts, step) = times;
        let duration = match (unit.track, &self.audio.config) {
            (Track::Audio, Some((_, config))) => config.frame_ms(),
            _ => step,
        };
        let sample = Sample {
            track: unit.track,
            key,
            config,
            dts,
            pts,
            duration: u32::try_from(duration).unwrap_or(0),
            offset: 0,
            len: u32::try_from(unit.payload.len()).unwrap_or(0),
        };
        copy(unit);
        if self.begun {
            self.append(sample, unit.payload);
        } else {
            self.pending_bytes += unit.payload.len();
            if self.pending_bytes > PATIENCE_BYTES {
                return Err(too_large("ffmpeg makes 32 MiB of one track before there is any of the other"));
            }
            self.pending.push((sample, unit.payload.to_vec()));
        }
        Ok(())
    }

    fn configure(&mut self, unit: &Unit<'_>) -> Result<(), MediaError> {
        if unit.payload.len() > MAX_CONFIGURATION {
            return Err(too_large("a decoder configuration has more than 64 KiB"));
        }
        let bytes: Box<[u8]> = unit.payload.into();
        let many = || too_large("ffmpeg changed the configuration too often");
        match unit.track {
            Track::Video => {
                let config = video_config(bytes, 0)?;
                let number = self.tape.configure_video(config.clone()).ok_or_else(many)?;
                self.video.config = Some((number, config));
            }
            Track::Audio => {
                let config = audio_config(bytes, 0)?;
                let number = self.tape.configure_audio(config.clone()).ok_or_else(many)?;
                self.audio.config = Some((number, config));
            }
        }
        Ok(())
    }

    /// Whether there is a frame of each track, or no sense in waiting for one.
    fn is_complete(&self, [video, audio]: [bool; 2]) -> bool {
        let has = (self.video.first.is_some(), self.audio.first.is_some());
        if self.pending.is_empty() {
            return false;
        }
        // A keyframe may be long in coming, and there is no film without.
        if video && !has.0 && self.seen && self.pending.len() < MOST_PENDING {
            return false;
        }
        let span = match (self.pending.first(), self.pending.last()) {
            (Some((first, _)), Some((last, _))) => last.dts - first.dts,
            _ => 0,
        };
        let patient = span < PATIENCE_MS && self.pending.len() < PATIENCE_FRAMES;
        has == (video, audio) || !patient
    }

    fn begin(&mut self) {
        self.begun = true;
        self.tape.begin(Index {
            video: self.video.info(),
            audio: self.audio.info(),
            layout: Layout::default(),
        });
        for (sample, payload) in mem::take(&mut self.pending) {
            self.append(sample, &payload);
        }
    }

    fn append(&self, sample: Sample, payload: &[u8]) {
        let leads = sample.track == Track::Video || self.video.first.is_none();
        self.tape.append(sample, payload, leads);
    }
}

impl<C: Clone> Side<C> {
    /// Returns decode time, presentation time and what passed since the last decode time.
    fn tick(&mut self, unit: &Unit<'_>, composition: i32) -> Result<(i64, i64, i64), MediaError> {
        let (dts, time) = self.clock.tick(unit.timestamp, 0)?;
        let pts = time + i64::from(composition);
        if self.first.is_some() {
            self.step = dts - self.last_dts;
        } else {
            self.first = Some((dts, pts));
            self.last_pts = pts;
        }
        self.last_dts = dts;
        self.last_pts = self.last_pts.max(pts);
        Ok((dts, pts, self.step))
    }

    fn number(&self, track: Track) -> Result<u16, MediaError> {
        let missing = || MediaError::Unsupported(vec![Unsupported::NoConfiguration(track)]);
        self.config.as_ref().map(|(number, _)| *number).ok_or_else(missing)
    }

    fn step(&self) -> i64 {
        if self.step > 0 { self.step } else { LONE_PICTURE_MS }
    }

    /// What the timeline must know. How long it will be nobody knows yet.
    fn info(&self) -> Option<TrackInfo<C>> {
        let (first_dts, first_pts) = self.first?;
        Some(TrackInfo {
            timescale: TIMESCALE,
            configs: vec![],
            first_dts,
            first_pts,
            min_composition: 0,
            duration: u64::MAX,
            samples: 0,
        })
    }
}
