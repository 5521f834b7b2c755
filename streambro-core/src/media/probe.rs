//! What a file is, measured by walking all of it.

use std::sync::Arc;

use serde::Serialize;

use super::aac::AudioSpecificConfig;
use super::cursor::{Cursor, MAX_EMPTY, open_any};
use super::error::{MediaError, Unsupported};
use super::h264::{AvcC, Sps, is_slice};
use super::index::{AudioConfig, Index, TrackInfo, VideoConfig};
use super::lane::Lane;
use super::mp4::tables::Windows;
use super::packet::{Sample, Track};
use super::read::ReadAt;

/// NAL units before the first slice that are looked at: parameter sets, supplements, a delimiter.
const MAX_NAL_UNITS: u32 = 64;

/// Keyframes behind the first that are looked into: an encoder makes all of them alike.
const MAX_KEYFRAMES: u64 = 8;

/// What is in a file. Times are milliseconds, rates bits per second.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MediaInfo {
    /// The file format.
    pub container: Container,
    /// From item time 0 to the end of the longest track, in milliseconds.
    pub duration_ms: u64,
    /// The file ends before its last sample: what lies before the cut still plays, and is what is measured here.
    pub truncated: bool,
    /// The video track.
    pub video: Option<VideoInfo>,
    /// The audio track.
    pub audio: Option<AudioInfo>,
    /// What is in the way of playing it although it could be measured.
    #[serde(skip)]
    pub(crate) obstacles: Vec<Unsupported>,
}

/// A file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Container {
    /// MP4 or QuickTime with its samples in tables.
    Mp4,
    /// MP4 whose samples, or some of them, are in movie fragments.
    FragmentedMp4,
    /// Flash Video.
    Flv,
}

/// A video track.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct VideoInfo {
    /// Always `h264`.
    pub codec: &'static str,
    /// profile_idc: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// level_idc, ten times the level's number.
    pub level: u8,
    /// In pixels, after cropping.
    pub width: u32,
    /// In pixels, after cropping.
    pub height: u32,
    /// Bits of a luma sample; more than 8 is beyond what platforms decode.
    pub bit_depth: u8,
    /// chroma_format_idc: 1 is 4:2:0, the one that platforms decode.
    pub chroma_format: u8,
    /// Whether pictures may be coded as fields.
    pub interlaced: bool,
    /// Mean pictures per second.
    pub frame_rate: f64,
    /// Some picture lasts much longer or shorter than the mean: by a tenth, and by more than 2 ms.
    pub variable_frame_rate: bool,
    /// Mean distance of keyframes, in milliseconds.
    pub keyframe_interval_ms: u64,
    /// The largest distance of keyframes, the way from the last one to the end included, in milliseconds.
    pub max_keyframe_interval_ms: u64,
    /// Whether the first picture is an IDR. `None` when that could not be read.
    pub first_is_idr: Option<bool>,
    /// Whether a keyframe behind the first is no IDR, so that pictures behind it may need those before it. `None` when
    /// there is none, or it could not be read. Eight are looked at.
    pub open_gop: Option<bool>,
    /// How many pictures there are.
    pub samples: u64,
    /// Mean bits per second.
    pub bitrate: u64,
    /// Bits in the fullest second, counted from the first sample.
    pub peak_bitrate: u64,
    /// How long the first picture is decoded before it is shown, in milliseconds.
    pub decode_delay_ms: u64,
    /// Pictures are shown in another order than they are decoded.
    pub reordered: bool,
    /// How many decoder configurations there are.
    pub configs: usize,
}

/// An audio track.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AudioInfo {
    /// Always `aac`.
    pub codec: &'static str,
    /// Audio object type: 2 is AAC-LC, 5 HE-AAC, 29 HE-AAC v2.
    pub object_type: u8,
    /// Samples per second of the core coder.
    pub sample_rate: u32,
    /// Coded channels; 0 when the file describes them in a way that is not understood.
    pub channels: u8,
    /// Mean bits per second.
    pub bitrate: u64,
    /// How many frames there are.
    pub samples: u64,
    /// How many decoder configurations there are.
    pub configs: usize,
}

/// Measures a file of `len` bytes by walking over all of its samples. Reads tables, not media.
///
/// Unlike [`open`](super::cursor::open) it accepts a first picture that is not an IDR, and reports it.
///
/// # Errors
/// As [`open`](super::cursor::open). `WouldBlock` begins anew at the next call.
pub fn probe<R: ReadAt + ?Sized>(reader: &R, len: u64) -> Result<MediaInfo, MediaError> {
    let index = Arc::new(open_any(&reader, len)?);
    let mut cursor = Cursor::new(Arc::clone(&index));
    let mut video = Meter::new(index.video.as_ref());
    let mut audio = Meter::new(index.audio.as_ref());
    let mut open_gop = None;
    let truncated = loop {
        match cursor.peek(reader) {
            Ok(Some(sample)) => match sample.track {
                Track::Video => {
                    video.add(&sample);
                    if sample.key && (2..=1 + MAX_KEYFRAMES).contains(&video.keys) {
                        let idr = is_idr(&reader, &index, &sample)?;
                        open_gop = idr.map_or(open_gop, |idr| Some(!idr || open_gop == Some(true)));
                    }
                }
                Track::Audio => audio.add(&sample),
            },
            Ok(None) => break false,
            Err(MediaError::Truncated { .. }) => break true,
            Err(error) => return Err(error),
        }
        cursor.advance();
    };
    let first_is_idr = begins_with_idr(&reader, &index)?;
    let first = (first_is_idr == Some(false)).then_some(Unsupported::FirstPicture);
    Ok(MediaInfo {
        obstacles: first.into_iter().chain(index.length_obstacle()).collect(),
        container: container(&index),
        duration_ms: video.end_ms().max(audio.end_ms()),
        truncated,
        video: index.video.as_ref().map(|info| VideoInfo { open_gop, ..video.video(info, first_is_idr) }),
        audio: index.audio.as_ref().map(|info| audio.audio(info)),
    })
}

fn container(index: &Index) -> Container {
    let lane = index.layout.video.as_ref().or(index.layout.audio.as_ref());
    match lane {
        Some(Lane::Mp4(lane)) if lane.fragments.is_some() => Container::FragmentedMp4,
        Some(Lane::Flv(_)) => Container::Flv,
        _ => Container::Mp4,
    }
}

/// Tells whether the first picture that plays is an IDR. `None` when there is none, or it cannot be read.
pub(crate) fn begins_with_idr(reader: &dyn ReadAt, index: &Index) -> Result<Option<bool>, MediaError> {
    let Some(lane) = &index.layout.video else { return Ok(None) };
    let mut windows = Windows::default();
    let mut place = lane.start();
    let mut empty = 0;
    let sample = loop {
        match lane.step(&mut place, &mut windows, reader) {
            Ok(Some(sample)) if sample.len == 0 => {
                empty += 1;
                if empty > MAX_EMPTY {
                    return Err(MediaError::Malformed { what: "samples are empty", offset: sample.offset });
                }
            }
            Ok(Some(sample)) => break sample,
            Ok(None) | Err(MediaError::Truncated { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    };
    is_idr(reader, index, &sample)
}

/// Tells whether a picture is an IDR. `None` when it cannot be read.
pub(super) fn is_idr(
    reader: &dyn ReadAt,
    index: &Index,
    sample: &Sample,
) -> Result<Option<bool>, MediaError> {
    let config = index.video.as_ref().and_then(|info| info.configs.get(usize::from(sample.config)));
    let Some(config) = config else { return Ok(None) };
    match first_slice(reader, sample, config.nal_length_size.into()) {
        Err(MediaError::Truncated { .. }) => Ok(None),
        kind => Ok(kind?.map(|kind| kind == 5)),
    }
}

/// The type of the first NAL unit that holds picture data. Reads only headers.
fn first_slice(reader: &dyn ReadAt, sample: &Sample, prefix: usize) -> Result<Option<u8>, MediaError> {
    let window = &mut super::window::Window::default();
    let end = sample.offset.saturating_add(sample.len.into());
    let mut at = sample.offset;
    for _ in 0..MAX_NAL_UNITS {
        if end.saturating_sub(at) <= prefix as u64 {
            break;
        }
        let bytes = window.bytes(reader, at, prefix + 1, end)?;
        let len = bytes[..prefix].iter().fold(0, |len: u64, &byte| len << 8 | u64::from(byte));
        let kind = bytes[prefix] & 0x1f;
        if len > 0 && is_slice(kind) {
            return Ok(Some(kind));
        }
        at = at.saturating_add(prefix as u64).saturating_add(len);
    }
    Ok(None)
}

/// Adds up the samples of one track. Times are ticks of `timescale`.
#[derive(Default)]
struct Meter {
    timescale: u64,
    /// Mean duration of a sample, from the index.
    mean: f64,
    samples: u64,
    bytes: u64,
    duration: u64,
    first: Option<Sample>,
    last: Option<Sample>,
    last_key: i64,
    keys: u64,
    max_key_gap: u64,
    variable: bool,
    reordered: bool,
    /// The second that is being counted, its bytes, and the most of all.
    second: u64,
    second_bytes: u64,
    peak_bytes: u64,
}

impl Meter {
    fn new<C>(info: Option<&TrackInfo<C>>) -> Self {
        let Some(info) = info else { return Self { timescale: 1, ..Self::default() } };
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let mean = info.duration as f64 / info.samples.max(1) as f64;
        Self { timescale: info.timescale.get().into(), mean, ..Self::default() }
    }

    fn add(&mut self, sample: &Sample) {
        let first = *self.first.get_or_insert(*sample);
        if let Some(last) = self.last {
            // Only now: the last sample of a file may last anything.
            let off = (f64::from(last.duration) - self.mean).abs();
            #[expect(clippy::cast_precision_loss, reason = "a threshold")]
            let two_ms = self.timescale as f64 * 0.002;
            self.variable |= off > two_ms.max(self.mean * 0.1);
            self.reordered |= sample.pts < last.pts;
        }
        if sample.key {
            if self.keys > 0 {
                self.max_key_gap = self.max_key_gap.max(sample.dts.abs_diff(self.last_key));
            }
            self.keys += 1;
            self.last_key = sample.dts;
        }
        let second = sample.dts.abs_diff(first.dts) / self.timescale;
        if second != self.second {
            self.second = second;
            self.second_bytes = 0;
        }
        self.second_bytes += u64::from(sample.len);
        self.peak_bytes = self.peak_bytes.max(self.second_bytes);
        self.samples += 1;
        self.bytes += u64::from(sample.len);
        self.duration = self.duration.saturating_add(sample.duration.into());
        self.last = Some(*sample);
    }

    fn ms(&self, ticks: u64) -> u64 {
        let ms = u128::from(ticks) * 1_000 / u128::from(self.timescale.max(1));
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    /// The end of the last sample in decode order; with reordering that is also about when the last picture ends.
    fn end_ms(&self) -> u64 {
        let (Some(first), Some(last)) = (self.first, self.last) else { return 0 };
        let reordering = first.pts.saturating_sub(first.dts);
        let end = last.dts.saturating_add(last.duration.into()).saturating_add(reordering.max(0));
        self.ms(u64::try_from(end).unwrap_or(0))
    }

    fn bitrate(&self) -> u64 {
        let bits = u128::from(self.bytes) * 8 * u128::from(self.timescale);
        u64::try_from(bits / u128::from(self.duration.max(1))).unwrap_or(u64::MAX)
    }

    fn video(&self, info: &TrackInfo<VideoConfig>, first_is_idr: Option<bool>) -> VideoInfo {
        let config = info.configs.first();
        let sps = config.and_then(|config| Sps::parse(AvcC::parse(&config.avcc)?.sps));
        let to_end =
            self.last.map_or(0, |last| last.dts.saturating_add(last.duration.into()).abs_diff(self.last_key));
        let gap = if self.keys > 0 { self.max_key_gap.max(to_end) } else { self.duration };
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        let frame_rate = self.samples as f64 * self.timescale as f64 / self.duration.max(1) as f64;
        VideoInfo {
            codec: "h264",
            profile: config.map_or(0, |config| config.profile),
            level: config.map_or(0, |config| config.level),
            width: config.map_or(0, |config| config.width),
            height: config.map_or(0, |config| config.height),
            bit_depth: sps.map_or(8, |sps| sps.bit_depth),
            chroma_format: sps.map_or(1, |sps| sps.chroma_format),
            interlaced: sps.is_some_and(|sps| sps.interlaced),
            frame_rate,
            variable_frame_rate: self.variable,
            keyframe_interval_ms: self.ms(self.duration / self.keys.max(1)),
            max_keyframe_interval_ms: self.ms(gap),
            first_is_idr,
            open_gop: None,
            samples: self.samples,
            bitrate: self.bitrate(),
            peak_bitrate: self.peak_bytes.saturating_mul(8),
            decode_delay_ms: self
                .ms(u64::try_from(info.first_pts.saturating_sub(info.first_dts)).unwrap_or(0)),
            reordered: self.reordered,
            configs: info.configs.len(),
        }
    }

    fn audio(&self, info: &TrackInfo<AudioConfig>) -> AudioInfo {
        let config = info.configs.first();
        let parsed = config.and_then(|config| AudioSpecificConfig::parse(&config.asc));
        AudioInfo {
            codec: "aac",
            object_type: config.map_or(0, |config| config.object_type),
            sample_rate: config.map_or(0, |config| config.sample_rate),
            channels: parsed.map_or(0, |parsed| parsed.channels),
            bitrate: self.bitrate(),
            samples: self.samples,
            configs: info.configs.len(),
        }
    }
}
