//! The stream's one unbroken clock.
//!
//! Items follow each other for ever on one axis that starts at 0 and never goes back. Each item has an *origin*, the
//! presentation time of its first picture; the next item's origin is the video duration further. Audio is anchored to
//! its item's video, not to the audio before it, so that tracks of unequal length never drift apart: what is left over
//! at a joint is trimmed, what is missing is filled with silence.
//!
//! Arithmetic is exact. Inside an item every time is an integer number of *units*, where a second has as many units as
//! the least common multiple of all timescales; only the result is floored to milliseconds.

use std::num::NonZeroU32;

use super::{
    index::Index,
    packet::{Content, Packet, Sample, Track},
};

/// Units per second beyond which exactness is given up for picoseconds, rounded once per sample and once per joint.
const MAX_UNIT: i128 = 1 << 62;
const PICOS: i128 = 1_000_000_000_000;

/// No time in a file is further off than 136 years; a hostile one is cut to that, which keeps every sum inside 128 bits.
const MAX_SECONDS: i128 = 1 << 32;

/// FLV's composition time is a signed 24-bit number of milliseconds (FLV 10.1, E.4.3.1).
const MAX_CTS: i64 = 0x7f_ffff;

/// How often a picture that stands still is sent again, in milliseconds: a viewer who comes meanwhile sees it that soon.
const HOLD_PICTURE_MS: i128 = 1_000;

/// What follows a picture that stood still comes no sooner, in milliseconds: a picture of a slow film lasts as long.
const HELD_AT_LEAST_MS: i128 = 50;

/// How long a picture of a film lasts whose own length nobody knows any more.
const PICTURE_MS: i64 = 40;

/// What is held at once, in milliseconds: a receiver that comes back after hours does not get them in one piece.
const MOST_HELD_MS: i128 = 10_000;

/// What the timeline did to the media, for status and tests. Counts of frames since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrections {
    /// Silent AAC frames that filled a hole or stood in for a missing track.
    pub silence: u64,
    /// Audio frames left out at joints: encoder priming, and what reached over the end of the video.
    pub trimmed: u64,
    /// Decode times raised by the monotonic guard. Anything but 0 means a file with broken time stamps.
    pub raised: u64,
}

/// The format of the silence that fills holes: one constant frame repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Samples in a frame.
    pub frame_samples: u16,
    /// Samples per second.
    pub sample_rate: NonZeroU32,
}

/// Places samples on the stream's clock.
///
/// It is a small value: copying it is how a place in the stream is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    unit: i128,
    /// Where the current item's first decode time lies.
    start: i128,
    /// The stream's DTS delay: how far presentation lies behind decoding at an item's start. Only grows.
    delay: i128,
    /// How long the current item lasts.
    length: i128,
    item: Item,
    /// Where the last audio frame ended.
    audio_end: i128,
    silence: Silence,
    first_item: bool,
    last_dts: [i64; 2],
    /// When the picture that is shown last is shown.
    last_shown: i64,
    corrections: Corrections,
}

#[derive(Clone, Copy, Debug)]
struct Item {
    video: Option<Axis>,
    audio: Option<Axis>,
    /// The item's presentation time that falls on `start + delay`; without tracks, when the picture is due again.
    origin: i128,
    joint: bool,
    /// Nothing follows: there is no joint at its end.
    last: bool,
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    timescale: NonZeroU32,
    first_dts: i64,
}

impl Timeline {
    /// Creates a clock at 0. `silence` is the stream's audio format where the file has none.
    pub fn new(silence: Silence) -> Self {
        Self {
            unit: 1,
            start: 0,
            delay: 0,
            length: 0,
            item: Item { video: None, audio: None, origin: 0, joint: false, last: false },
            audio_end: 0,
            silence,
            first_item: true,
            last_dts: [-1; 2],
            last_shown: 0,
            corrections: Corrections::default(),
        }
    }

    /// Begins the next item (or the next lap of the same one) where the current one ends.
    pub fn begin(&mut self, index: &Index) {
        self.start += self.length;
        self.adopt_unit(index);
        let (video, audio) = (index.video.as_ref(), index.audio.as_ref());
        let origin = match (video, audio) {
            (Some(video), _) => self.units(video.first_pts, video.timescale),
            // Priming lies before 0 and is not part of what is heard.
            (None, Some(audio)) => self.units(audio.first_pts.max(0), audio.timescale),
            (None, None) => 0,
        };
        let delay = video.map_or(0, |video| {
            let ahead = video.first_pts.saturating_sub(video.first_dts);
            self.units(ahead.saturating_sub(video.min_composition.min(0)).max(0), video.timescale)
        });
        self.length = match (video, audio) {
            (Some(video), _) => self.units(clamped(video.duration), video.timescale),
            (None, Some(audio)) => {
                let priming = audio.first_pts.min(0);
                self.units(clamped(audio.duration).saturating_add(priming).max(0), audio.timescale)
            }
            (None, None) => 0,
        };
        self.delay = self.delay.max(delay);
        self.item = Item {
            video: video.map(|track| Axis { timescale: track.timescale, first_dts: track.first_dts }),
            audio: audio.map(|track| Axis { timescale: track.timescale, first_dts: track.first_dts }),
            origin,
            joint: !self.first_item,
            last: false,
        };
        if self.first_item {
            // Priming is pre-roll: make room for it, so that no time stamp is negative.
            let audio_start = audio.map_or(0, |track| self.presented(track.first_dts, track.timescale));
            self.start -= audio_start.min(0);
            let begin = self.start + self.delay;
            self.audio_end =
                audio.map_or(begin, |track| self.presented(track.first_dts, track.timescale).min(begin));
        }
    }

    /// Declares that nothing follows the current item: sound that reaches over its end is kept.
    pub fn last(&mut self) {
        self.item.last = true;
    }

    /// Ends the current item. The next sample must follow a [`begin`](Self::begin).
    pub fn end(&mut self) {
        self.first_item = false;
    }

    /// Says how long the current item is after all, in ticks of its picture, else of its sound: for one that began
    /// before anyone knew.
    pub fn cut(&mut self, ticks: u64) {
        if let Some(axis) = self.item.video.or(self.item.audio) {
            self.length = self.units(clamped(ticks), axis.timescale);
        }
    }

    /// Begins a time without a source where the current item ends. It lasts until the next item begins.
    pub fn hold(&mut self) {
        self.start += self.length;
        self.length = 0;
        self.item = Item { video: None, audio: None, origin: self.start, joint: false, last: false };
    }

    /// Goes on holding up to `until_ms`: with silence, and with `picture`, a keyframe, over and over. Returns whether that
    /// was all: a long time comes in parts.
    pub fn hold_until(&mut self, until_ms: u64, picture: Option<&Sample>, out: &mut Vec<Packet>) -> bool {
        let most = self.start + self.length + self.unit * MOST_HELD_MS / 1_000;
        let whole = self.units_of_ms(until_ms) <= most;
        let until = self.units_of_ms(until_ms).min(most);
        while let Some(picture) = picture.filter(|_| self.item.origin <= until) {
            let at = self.item.origin;
            self.fill_until(at, out);
            let dts = self.monotonic(Track::Video, self.floor_ms(at));
            out.push(Packet {
                track: Track::Video,
                key: true,
                joint: false,
                config: picture.config,
                dts: dts.unsigned_abs(),
                cts: self.floor_ms(self.delay).clamp(0, MAX_CTS).unsigned_abs() as u32,
                content: Content::Sample { offset: picture.offset, len: picture.len },
            });
            self.item.origin += self.unit * HOLD_PICTURE_MS / 1_000;
        }
        self.fill_until(until, out);
        // The next picture was due at `origin`, the last one has just gone, if there was one.
        let shown = self.item.origin - self.unit * (HOLD_PICTURE_MS - HELD_AT_LEAST_MS) / 1_000;
        self.length = self.length.max(until.max(shown) - self.start);
        whole
    }

    /// Passes over everything up to `until_ms`, and sends nothing for it.
    pub fn skip_to(&mut self, until_ms: u64) {
        let until = self.units_of_ms(until_ms);
        self.length = self.length.max(until - self.start);
        self.item.origin = self.item.origin.max(until);
        self.audio_end = self.audio_end.max(self.start + self.delay + self.length);
    }

    /// Places one sample; appends it, and the silence that is due before it, to `out`.
    pub fn place(&mut self, sample: &Sample, out: &mut Vec<Packet>) {
        match sample.track {
            Track::Video => self.place_video(sample, out),
            Track::Audio => self.place_audio(sample, out),
        }
    }

    /// When the sample would be due: its decode time in milliseconds, as [`place`](Self::place) would set it.
    pub fn due_ms(&self, sample: &Sample) -> u64 {
        let units = match (sample.track, self.item.video, self.item.audio) {
            (Track::Video, Some(axis), _) => {
                self.start + self.units(sample.dts.saturating_sub(axis.first_dts), axis.timescale)
            }
            (Track::Audio, _, Some(axis)) => self.presented(sample.pts, axis.timescale),
            _ => self.start,
        };
        self.floor_ms(units).max(0).unsigned_abs()
    }

    /// Fills with silence what no audio of this item can fill any more, up to `until_ms`: no sample that was not placed
    /// yet may be due before.
    ///
    /// This is what keeps an audio track alive under a picture that does not change for minutes.
    pub fn fill(&mut self, until_ms: u64, out: &mut Vec<Packet>) {
        let until = self.units_of_ms(until_ms);
        self.fill_until(until.min(self.start + self.delay + self.length), out);
    }

    /// What has been trimmed, filled and raised so far.
    pub fn corrections(&self) -> Corrections {
        self.corrections
    }

    /// Where the next item would begin, in milliseconds.
    pub fn item_end_ms(&self) -> u64 {
        self.floor_ms(self.start + self.length).max(0).unsigned_abs()
    }

    /// How long the current item is, or the time without a source by now, in milliseconds.
    pub fn item_length_ms(&self) -> u64 {
        self.floor_ms(self.length).max(0).unsigned_abs()
    }

    /// How far the current item has been placed, in milliseconds since its first decode time: to behind its last picture, as
    /// far as that can be told.
    pub fn reached_ms(&self) -> u64 {
        let track = if self.item.video.is_some() { Track::Video } else { Track::Audio };
        let decoded = self.last_dts[track as usize];
        let shown = self.last_shown - self.floor_ms(self.delay);
        let placed = decoded.max(shown) - self.floor_ms(self.start);
        (placed.max(0) + PICTURE_MS).unsigned_abs()
    }

    fn place_video(&mut self, sample: &Sample, out: &mut Vec<Packet>) {
        let Some(axis) = self.item.video else { return };
        let dts = self.start + self.units(sample.dts.saturating_sub(axis.first_dts), axis.timescale);
        let pts = self.presented(sample.pts, axis.timescale);
        // Samples come in the order of their decode times, so no audio can come that is due before this.
        self.fill_until(dts, out);
        let dts_ms = self.monotonic(Track::Video, self.floor_ms(dts));
        let cts = (self.floor_ms(pts) - dts_ms).clamp(0, MAX_CTS);
        self.last_shown = self.last_shown.max(dts_ms + cts);
        out.push(Packet {
            track: Track::Video,
            key: sample.key,
            joint: std::mem::take(&mut self.item.joint),
            config: sample.config,
            dts: dts_ms.unsigned_abs(),
            cts: cts.unsigned_abs() as u32,
            content: Content::Sample { offset: sample.offset, len: sample.len },
        });
    }

    fn place_audio(&mut self, sample: &Sample, out: &mut Vec<Packet>) {
        let Some(axis) = self.item.audio else { return };
        let begin = self.presented(sample.pts, axis.timescale);
        let frame = self.sound_of(sample, axis);
        let middle = begin + frame / 2;
        let item_begin = self.start + self.delay;
        let priming = !self.first_item && middle < item_begin;
        let taken = middle < self.audio_end;
        let beyond = !self.item.last && middle >= item_begin + self.length;
        if priming || taken || beyond {
            self.corrections.trimmed += 1;
            return;
        }
        // A hole that is hardly longer than a frame is a time stamp that jitters.
        if begin - self.audio_end > self.silent_frame() * 3 / 2 {
            self.fill_until(begin, out);
        }
        let dts = self.monotonic(Track::Audio, self.floor_ms(begin));
        self.audio_end = begin + frame;
        let joint = self.item.video.is_none() && std::mem::take(&mut self.item.joint);
        out.push(Packet {
            track: Track::Audio,
            key: true,
            joint,
            config: sample.config,
            dts: dts.unsigned_abs(),
            cts: 0,
            content: Content::Sample { offset: sample.offset, len: sample.len },
        });
    }

    /// Fills with silence as long as a whole frame fits before `until`.
    fn fill_until(&mut self, until: i128, out: &mut Vec<Packet>) {
        let frame = self.silent_frame();
        while frame > 0 && until - self.audio_end >= frame {
            let dts = self.monotonic(Track::Audio, self.floor_ms(self.audio_end));
            self.audio_end += frame;
            self.corrections.silence += 1;
            out.push(Packet {
                track: Track::Audio,
                key: true,
                joint: false,
                config: 0,
                dts: dts.unsigned_abs(),
                cts: 0,
                content: Content::Silence,
            });
        }
    }

    /// How long a frame of the stream's audio format lasts; 0 when there is no silence in that format.
    fn silent_frame(&self) -> i128 {
        self.units(self.silence.frame_samples.into(), self.silence.sample_rate)
    }

    /// How long a sample sounds. MP4 has no word for a hole but a frame that lasts longer than there is sound in it.
    fn sound_of(&self, sample: &Sample, axis: Axis) -> i128 {
        let lasts = self.units(sample.duration.into(), axis.timescale);
        match self.silent_frame() {
            // The stream's format is that of the first configuration.
            full if full > 0 && sample.config == 0 => lasts.min(full),
            _ => lasts,
        }
    }

    /// Where a presentation time of the item lies on the stream's clock.
    fn presented(&self, pts: i64, timescale: NonZeroU32) -> i128 {
        self.start + self.delay + self.units(pts, timescale) - self.item.origin
    }

    fn monotonic(&mut self, track: Track, dts: i64) -> i64 {
        let last = &mut self.last_dts[track as usize];
        if dts <= *last {
            self.corrections.raised += 1;
        }
        *last = dts.max(*last + 1);
        *last
    }

    fn units(&self, ticks: i64, timescale: NonZeroU32) -> i128 {
        let timescale = i128::from(timescale.get());
        let ticks = i128::from(ticks).clamp(-MAX_SECONDS * timescale, MAX_SECONDS * timescale);
        (ticks * self.unit).div_euclid(timescale)
    }

    fn units_of_ms(&self, ms: u64) -> i128 {
        i128::from(ms).min(i128::from(u32::MAX) * 1_000) * self.unit / 1_000
    }

    fn floor_ms(&self, units: i128) -> i64 {
        let ms = (units * 1_000).div_euclid(self.unit);
        // Beyond 2^53 ms (285,000 years) only a hostile file can point.
        ms.clamp(-(1 << 53), 1 << 53) as i64
    }

    /// Finds a unit in which this item's ticks are whole, and moves what is already placed over to it.
    fn adopt_unit(&mut self, index: &Index) {
        let timescales = [
            index.video.as_ref().map(|track| track.timescale),
            index.audio.as_ref().map(|track| track.timescale),
            Some(self.silence.sample_rate),
        ];
        let unit = timescales.into_iter().flatten().fold(self.unit, |unit, timescale| {
            let timescale = i128::from(timescale.get());
            if unit > MAX_UNIT { unit } else { unit / gcd(unit, timescale) * timescale }
        });
        let unit = if unit > MAX_UNIT { PICOS } else { unit };
        let old = self.unit;
        for value in [&mut self.start, &mut self.delay, &mut self.length, &mut self.audio_end] {
            // Whole seconds apart, so that the product stays inside 128 bits.
            *value = value.div_euclid(old) * unit + (value.rem_euclid(old) * unit).div_euclid(old);
        }
        self.unit = unit;
    }
}

fn clamped(ticks: u64) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests;
