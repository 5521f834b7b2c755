//! The choices of an encoding that have names.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// What encodes the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Encoder {
    /// The first that works here, of the order that the manager was given.
    #[default]
    Auto,
    /// libx264, on the processor.
    X264,
    /// NVIDIA's.
    Nvenc,
    /// Intel's Quick Sync Video.
    Qsv,
    /// Apple's.
    #[serde(rename = "videotoolbox")]
    VideoToolbox,
    /// Whatever the Video Acceleration API drives: Intel's, AMD's.
    Vaapi,
}

impl FromStr for Encoder {
    type Err = Error;

    /// Reads a [name](Self::name).
    ///
    /// # Errors
    /// `InvalidSpec` for anything else.
    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Auto, Self::X264, Self::Nvenc, Self::Qsv, Self::VideoToolbox, Self::Vaapi];
        all.into_iter().find(|encoder| encoder.name() == text).ok_or_else(|| {
            let detail = "write auto, x264, nvenc, qsv, videotoolbox or vaapi";
            Error::new(ErrorKind::InvalidSpec, text, detail)
        })
    }
}

impl Encoder {
    /// Returns the name that JSON, C, Python and the documentation use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::X264 => "x264",
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::VideoToolbox => "videotoolbox",
            Self::Vaapi => "vaapi",
        }
    }

    /// Whether a device does it, and not the processor. Of [`Auto`](Self::Auto) nobody knows yet.
    pub(crate) fn is_hardware(self) -> bool {
        !matches!(self, Self::Auto | Self::X264)
    }
}

/// How much time the encoder takes for quality, by libx264's names. The slower, the better the picture at the same
/// bitrate.
///
/// Other encoders have steps of their own: NVENC `p1` to `p7`, Quick Sync `veryfast` to `veryslow`, VAAPI a driver's
/// numbers; `Ultrafast` and `Superfast` are their fastest. VideoToolbox has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Preset {
    /// With libx264, the slowest of `Veryfast`, `Superfast` and `Ultrafast` that is fast enough here: a trial of two
    /// seconds holds one and a half times real time. With hardware, its own middle.
    #[default]
    Auto,
    /// The fastest, with a visibly worse picture.
    Ultrafast,
    /// Faster than `Veryfast`.
    Superfast,
    /// What live encoding on a processor usually takes.
    Veryfast,
    /// Slower than `Veryfast`.
    Faster,
    /// Slower than `Faster`.
    Fast,
    /// libx264's own default.
    Medium,
    /// Slower than `Medium`.
    Slow,
    /// Slower than `Slow`.
    Slower,
    /// The slowest.
    Veryslow,
}

/// What the picture is like, by libx264's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tune {
    /// Film.
    Film,
    /// Drawn animation.
    Animation,
    /// Film whose grain matters.
    Grain,
    /// Slides and stills.
    StillImage,
    /// For weak players.
    FastDecode,
    /// Without delay in the encoder.
    ZeroLatency,
}

/// The H.264 profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Profile {
    /// For players of the oldest kind.
    Baseline,
    /// Between the two.
    Main,
    /// What every platform recommends.
    #[default]
    High,
}

/// What decodes the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decode {
    /// With a hardware encoder its device first, and the processor when that fails; with libx264 the processor.
    #[default]
    Auto,
    /// The processor.
    Software,
    /// The encoder's device; with libx264 whatever hardware ffmpeg finds.
    Device,
}

/// How much memory and how many threads ffmpeg gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Memory {
    /// Queues of 1,024 packets and one thread each for decoding, filtering and encoding: 20 % less private memory and
    /// 14 % less processor time than ffmpeg's own counts (libx264 720p30), at the price of at most one core for each.
    #[default]
    Lean,
    /// Queues of 2,048 packets and ffmpeg's own thread counts: for pictures that one core cannot encode in time.
    Roomy,
    /// As said.
    Custom {
        /// Packets that may wait for the writer (`-max_muxing_queue_size`), 8 to 65,536.
        queue: u32,
        /// Threads for each of decoding, filtering and encoding, up to 64; 0 leaves it to ffmpeg.
        threads: u32,
    },
}
