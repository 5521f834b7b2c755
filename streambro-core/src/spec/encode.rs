//! How a picture and its sound are encoded, where they are.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Video;

mod bitrate;
mod check;
mod fps;
mod kinds;
mod raw;

use bitrate::usual as usual_bitrate;
pub use fps::Fps;
pub use kinds::{Decode, Encoder, Memory, Preset, Profile, Tune};

/// Two seconds: what YouTube, Twitch and Facebook recommend, and below the four that they allow.
const KEYFRAMES: Duration = Duration::from_secs(2);
/// Bits a second of sound: what the platforms recommend for stereo.
const AUDIO_BITRATE: u64 = 128_000;
/// Samples a second of sound: what every RTMP platform takes.
const SAMPLE_RATE: u32 = 44_100;

/// How a source is encoded: H.264 in 8-bit 4:2:0 and AAC, which every RTMP platform takes.
///
/// Everything has a default but the encoder. What is not said about size and frame rate stays as it is in the source.
///
/// ```
/// use streambro_core::{Encoder, Fps, Preset, Video};
///
/// let encode = Video::encode(Encoder::Auto)
///     .size(1280, 720)
///     .fps(Fps::new(30_000, 1_001))
///     .bitrate(3_000_000)
///     .preset(Preset::Veryfast);
/// # let _ = encode;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Encode {
    /// What encodes. Default: the first that works.
    #[serde(default)]
    pub(crate) encoder: Encoder,
    /// Bits per second of the picture. Default: by size and frame rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bitrate: Option<u64>,
    /// The most bits per second. Default: the bitrate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_bitrate: Option<u64>,
    /// The size of the rate control buffer, in bits. Default: twice the bitrate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    buffer: Option<u64>,
    /// The size of the picture. Default: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<Size>,
    /// Pictures per second. Default: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fps: Option<Fps>,
    /// The time between keyframes, in milliseconds. Default: 2,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyframe_interval_ms: Option<u64>,
    /// How much time the encoder takes for quality. Default: as much as this host has for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) preset: Preset,
    /// What the picture is like. Default: nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tune: Option<Tune>,
    /// The profile of H.264. Default: high.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) profile: Profile,
    /// Bits per second of the sound. Default: 128,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audio_bitrate: Option<u64>,
    /// Samples per second of the sound. Default: 44,100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample_rate: Option<u32>,
    /// Channels of the sound, 1 or 2. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channels: Option<u8>,
    /// What decodes. Default: a device where that works.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) decode: Decode,
    /// How much memory ffmpeg may use. Default: lean.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) memory: Memory,
    /// The device that encodes, such as `/dev/dri/renderD128`; of NVENC the number of the card. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<PathBuf>,
    /// Whether every lap is encoded anew; else the first is kept and copied.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(crate) live: bool,
    /// Options of ffmpeg, as they are. Only where the manager allows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) raw: Vec<String>,
}

/// A picture's width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Size {
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
}

impl Encode {
    /// Encodes with `encoder`.
    pub fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            bitrate: None,
            max_bitrate: None,
            buffer: None,
            size: None,
            fps: None,
            keyframe_interval_ms: None,
            preset: Preset::Auto,
            tune: None,
            profile: Profile::High,
            audio_bitrate: None,
            sample_rate: None,
            channels: None,
            decode: Decode::Auto,
            memory: Memory::Lean,
            device: None,
            live: false,
            raw: vec![],
        }
    }

    /// Sets the picture's bits a second, 50,000 to 200,000,000. Default: by size and frame rate, 3,000,000 for 720p30
    /// and 5,000,000 for 1080p30.
    #[must_use]
    pub fn bitrate(mut self, bits_per_second: u64) -> Self {
        self.bitrate = Some(bits_per_second);
        self
    }

    /// Lets the picture's bitrate rise to so many bits a second. Default: the bitrate, which makes it constant.
    #[must_use]
    pub fn max_bitrate(mut self, bits_per_second: u64) -> Self {
        self.max_bitrate = Some(bits_per_second);
        self
    }

    /// Sets the size in bits of the buffer over which the bitrate is held (ffmpeg's `-bufsize`). Default: twice the
    /// bitrate.
    ///
    /// It is the viewer's buffer in the encoder's arithmetic: it takes no memory here and there.
    #[must_use]
    pub fn buffer(mut self, bits: u64) -> Self {
        self.buffer = Some(bits);
        self
    }

    /// Fits the picture into `width` x `height`, both even: its shape is kept and what is left over is black. Pixels
    /// come out square. Default: as in the source, an odd last row or column left out.
    #[must_use]
    pub fn size(mut self, width: u32, height: u32) -> Self {
        self.size = Some(Size { width, height });
        self
    }

    /// Holds a constant frame rate, repeating and leaving out pictures. Default: as in the source, also where it varies.
    #[must_use]
    pub fn fps(mut self, fps: impl Into<Fps>) -> Self {
        self.fps = Some(fps.into());
        self
    }

    /// Sets how far apart keyframes are, 250 ms to 20 s. Default: 2 s. Scene changes add none.
    ///
    /// It is kept on the film's clock: no frame rate makes it drift.
    #[must_use]
    pub fn keyframe_interval(mut self, interval: Duration) -> Self {
        self.keyframe_interval_ms = Some(u64::try_from(interval.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Trades time for quality. Default: [`Preset::Auto`].
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// Tells the encoder what the picture is like. Default: nothing. Encoders other than libx264 know little of this
    /// and leave out what they do not know.
    #[must_use]
    pub fn tune(mut self, tune: Tune) -> Self {
        self.tune = Some(tune);
        self
    }

    /// Chooses the H.264 profile. Default: [`Profile::High`].
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets the sound's bits a second, 16,000 to 512,000. Default: 128,000.
    #[must_use]
    pub fn audio_bitrate(mut self, bits_per_second: u64) -> Self {
        self.audio_bitrate = Some(bits_per_second);
        self
    }

    /// Sets the sound's samples a second: 22,050, 24,000, 32,000, 44,100 or 48,000. Default: 44,100.
    #[must_use]
    pub fn sample_rate(mut self, hz: u32) -> Self {
        self.sample_rate = Some(hz);
        self
    }

    /// Chooses mono (1) or stereo (2). Default: stereo.
    #[must_use]
    pub fn channels(mut self, channels: u8) -> Self {
        self.channels = Some(channels);
        self
    }

    /// Chooses what decodes the source. Default: [`Decode::Auto`].
    #[must_use]
    pub fn decode(mut self, decode: Decode) -> Self {
        self.decode = decode;
        self
    }

    /// Chooses how much memory and how many threads ffmpeg gets. Default: [`Memory::Lean`].
    #[must_use]
    pub fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// Names the device: the render node for VAAPI and Quick Sync (`/dev/dri/renderD128`), the number of the card for
    /// NVENC (`0`). Default: ffmpeg's first.
    #[must_use]
    pub fn device(mut self, device: impl Into<PathBuf>) -> Self {
        self.device = Some(device.into());
        self
    }

    /// Keeps encoding lap after lap. Default: the first pass is kept and copied ever after.
    #[must_use]
    pub fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Adds raw output options of ffmpeg, each a name and its value: `["-x264-params", "aq-mode=3"]`.
    ///
    /// Only a manager that opted in takes them. Refused are options that take no value, filters, and whatever opens
    /// files, adds inputs and outputs, or changes what the stream consists of; the settings above are for those.
    #[must_use]
    pub fn raw<T: Into<String>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.raw.extend(args.into_iter().map(Into::into));
        self
    }

    /// The same without what does not change the picture: two that have it in common make the same rendition.
    pub(crate) fn canonical(&self) -> Self {
        Self {
            decode: Decode::default(),
            memory: Memory::default(),
            device: None,
            live: false,
            encoder: Encoder::Auto,
            ..self.clone()
        }
    }

    /// Whether there are raw options.
    pub(crate) fn has_raw(&self) -> bool {
        !self.raw.is_empty()
    }

    /// The picture's bits a second: as said, or what is usual for this size and frame rate of the source.
    pub(crate) fn resolved_bitrate(&self, source: Size, source_fps: f64) -> u64 {
        let fps = self.fps.map_or(source_fps, Fps::as_f64);
        let usual = || usual_bitrate(self.size.unwrap_or(source), fps);
        self.bitrate.unwrap_or_else(|| usual().min(self.max_bitrate.unwrap_or(u64::MAX)))
    }

    /// The most bits a second, where the bitrate is `bitrate`.
    pub(crate) fn resolved_max(&self, bitrate: u64) -> u64 {
        self.max_bitrate.unwrap_or(bitrate).max(bitrate)
    }

    /// The buffer in bits, where the bitrate is `bitrate`.
    pub(crate) fn resolved_buffer(&self, bitrate: u64) -> u64 {
        self.buffer.unwrap_or_else(|| bitrate.saturating_mul(2))
    }

    /// How far apart keyframes are.
    pub(crate) fn resolved_keyframes(&self) -> Duration {
        self.keyframe_interval_ms.map_or(KEYFRAMES, Duration::from_millis)
    }

    /// The sound's bits a second, samples a second and channels.
    pub(crate) fn resolved_sound(&self) -> (u64, u32, u8) {
        (
            self.audio_bitrate.unwrap_or(AUDIO_BITRATE),
            self.sample_rate.unwrap_or(SAMPLE_RATE),
            self.channels.unwrap_or(2),
        )
    }
}

impl From<Encode> for Video {
    fn from(encode: Encode) -> Self {
        Self::Encode(Box::new(encode))
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
mod tests;
