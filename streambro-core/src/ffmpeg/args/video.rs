//! How each encoder is told the same thing.

use std::{path::PathBuf, time::Duration};

use super::{
    Args, Codec, Decoder, Shape,
    filters::{Frames, Trim, chain},
};
use crate::spec::{Encode, Fps, Preset, Profile, Size, Tune};

/// The device's name among ffmpeg's arguments.
const DEVICE: &str = "hw";
/// Pictures a second beyond which keyframes may come more often than asked, where the rate is not known.
const FASTEST: f64 = 120.0;

/// Pictures that an encoder holds back at most: libx264 looks 60 ahead at its slowest, reorders 16 and has a few in each
/// thread.
const HELD: f64 = 100.0;
/// How much sound ffmpeg keeps by itself until the picture of the same time is there.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a picture is encoded, everything decided.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(super) codec: Codec,
    pub(super) decoder: Decoder,
    pub(super) size: Option<Size>,
    pub(super) fps: Option<Fps>,
    pub(super) raw: Vec<String>,
    bitrate: u64,
    max_bitrate: u64,
    buffer: u64,
    keyframes: Duration,
    preset: Preset,
    tune: Option<Tune>,
    profile: Profile,
    device: Option<PathBuf>,
    /// Pictures a second, as near as is known.
    rate: f64,
}

impl Picture {
    /// The picture of `encode`, with what was chosen of it.
    ///
    /// [`Preset::Auto`] is `Veryfast` with libx264 and the middle with others.
    pub(crate) fn new(
        encode: &Encode,
        codec: Codec,
        decoder: Decoder,
        preset: Preset,
        source: Shape,
    ) -> Self {
        let bitrate = encode.resolved_bitrate(source.size, source.fps);
        Self {
            codec,
            decoder,
            size: encode.size,
            fps: encode.fps,
            raw: encode.raw.clone(),
            bitrate,
            max_bitrate: encode.resolved_max(bitrate),
            buffer: encode.resolved_buffer(bitrate),
            keyframes: encode.resolved_keyframes(),
            preset: match (preset, codec) {
                (Preset::Auto, Codec::X264) => Preset::Veryfast,
                (preset, _) => preset,
            },
            tune: encode.tune,
            profile: encode.profile,
            device: encode.device.clone().filter(|device| codec.takes(device)),
            rate: encode.fps.map_or(source.fps, Fps::as_f64),
        }
    }

    /// How long sound must wait for pictures, where that is longer than ffmpeg waits by itself.
    ///
    /// With slides at one a second the encoder has seen half a minute before it gives the first one. Sound that has
    /// gone ahead makes the FLV muxer refuse it: no time may be before the first that was written.
    pub(super) fn patience(&self) -> Option<Duration> {
        // An unknown rate is not a slow one.
        let held = if self.rate > 0.0 { HELD / self.rate } else { 0.0 };
        let held = Duration::try_from_secs_f64(held).unwrap_or(Duration::MAX).min(Duration::from_secs(3_600));
        (held > PATIENCE).then_some(held)
    }

    /// Keyframes at most so many pictures apart. Where the frame rate is not known, the times alone decide.
    fn gop(&self) -> u64 {
        let pictures = self.keyframes.as_secs_f64() * self.fps.map_or(FASTEST, Fps::as_f64);
        // Below 5,000: 20 s at 240 a second are the most that a spec allows.
        (pictures.round() as u64).max(1)
    }
}

/// What opens devices.
pub(super) fn devices(args: &mut Args, picture: &Picture) {
    let node = |kind: &str, name: &str| match &picture.device {
        Some(path) => format!("{kind}={name}:{}", path.display()),
        None => format!("{kind}={name}"),
    };
    match (picture.codec, picture.decoder) {
        (Codec::Nvenc, Decoder::Device) => {
            args.pair("-init_hw_device", node("cuda", DEVICE));
        }
        // Quick Sync has decoders of its own for each codec; the driver beneath decodes whatever comes.
        (Codec::Qsv, _) => {
            args.pair("-init_hw_device", node("vaapi", "va"));
            args.pair("-init_hw_device", format!("qsv={DEVICE}@va"));
        }
        (Codec::Vaapi, _) => {
            args.pair("-init_hw_device", node("vaapi", DEVICE));
            args.pair("-filter_hw_device", DEVICE);
        }
        _ => {}
    }
}

/// What decodes.
pub(super) fn decoding(args: &mut Args, picture: &Picture) {
    if picture.decoder == Decoder::Software {
        return;
    }
    let (method, device, frames) = match picture.codec {
        // Falls back to the processor by itself.
        Codec::X264 => ("auto", None, None),
        Codec::Nvenc => ("cuda", Some(DEVICE), Some("cuda")),
        Codec::Qsv => ("vaapi", Some("va"), Some("vaapi")),
        Codec::Vaapi => ("vaapi", Some(DEVICE), Some("vaapi")),
        Codec::VideoToolbox if picture.size.is_some() => ("videotoolbox", None, None),
        Codec::VideoToolbox => ("videotoolbox", None, Some("videotoolbox_vld")),
    };
    args.pair("-hwaccel", method);
    if let Some(device) = device {
        args.pair("-hwaccel_device", device);
    }
    if let Some(frames) = frames {
        args.pair("-hwaccel_output_format", frames);
    }
}

/// Filters and encoder.
pub(super) fn encoding(args: &mut Args, picture: &Picture, trim: Option<Trim>) {
    let (filters, frames) = chain(picture, trim);
    if !filters.is_empty() {
        args.pair("-vf", filters);
    }
    args.pair("-c:v", picture.codec.name());
    private(args, picture);
    args.pair("-b:v", picture.bitrate);
    args.pair("-maxrate", picture.max_bitrate);
    args.pair("-bufsize", picture.buffer);
    args.pair("-g", picture.gop());
    args.pair("-force_key_frames", keyframes(picture.keyframes));
    match frames {
        Frames::Planar => args.pair("-pix_fmt", "yuv420p"),
        Frames::TwoPlanes => args.pair("-pix_fmt", "nv12"),
        Frames::Device => {}
    }
}

/// What only this encoder understands.
fn private(args: &mut Args, picture: &Picture) {
    match picture.codec {
        Codec::X264 => {
            args.pair("-preset", x264_preset(picture.preset));
            if let Some(tune) = picture.tune {
                args.pair("-tune", x264_tune(tune));
            }
            args.pair("-profile:v", profile(picture.profile));
            // Scene changes begin no GOP: platforms cut their segments at keyframes.
            args.pair("-sc_threshold", 0);
            args.pair("-keyint_min", picture.gop());
        }
        Codec::Nvenc => {
            args.pair("-preset", nvenc_preset(picture.preset));
            if picture.tune == Some(Tune::ZeroLatency) {
                args.pair("-tune", "ll");
            }
            args.pair("-profile:v", profile(picture.profile));
            args.pair("-rc", if picture.max_bitrate == picture.bitrate { "cbr" } else { "vbr" });
            args.pair("-no-scenecut", 1);
            // A keyframe on demand is an I picture otherwise, at which nobody can join.
            args.pair("-forced-idr", 1);
            if picture.decoder == Decoder::Software
                && let Some(card) = &picture.device
            {
                args.pair("-gpu", card.display());
            }
        }
        // The rate control follows from the bitrates: constant where the two are equal.
        Codec::Qsv => {
            args.pair("-preset", qsv_preset(picture.preset));
            args.pair("-profile:v", profile(picture.profile));
            args.pair("-forced_idr", 1);
            args.pair("-adaptive_i", 0);
        }
        Codec::Vaapi => {
            if let Some(quality) = vaapi_quality(picture.preset) {
                args.pair("-quality", quality);
            }
            let baseline = "constrained_baseline";
            args.pair(
                "-profile:v",
                if picture.profile == Profile::Baseline { baseline } else { profile(picture.profile) },
            );
        }
        Codec::VideoToolbox => {
            args.pair("-profile:v", profile(picture.profile));
            // Apple's software encoder is no reason to leave libx264 aside.
            args.pair("-allow_sw", 0);
        }
    }
}

/// The expression that makes a keyframe of the first picture of each interval.
///
/// `t` counts from the first picture of the run. Intervals are told by where the last forced keyframe lay, not by how
/// many there were: after a gap, `n_forced` would ask for one keyframe after the other until it has caught up. A
/// millisecond is added for times that are a hair below a whole number.
fn keyframes(interval: Duration) -> String {
    let seconds = super::seconds(interval);
    format!(
        "expr:if(isnan(prev_forced_t),1,gte(t+0.001,(floor((prev_forced_t+0.001)/{seconds})+1)*{seconds}))"
    )
}

fn x264_preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast => "ultrafast",
        Preset::Superfast => "superfast",
        Preset::Auto | Preset::Veryfast => "veryfast",
        Preset::Faster => "faster",
        Preset::Fast => "fast",
        Preset::Medium => "medium",
        Preset::Slow => "slow",
        Preset::Slower => "slower",
        Preset::Veryslow => "veryslow",
    }
}

fn x264_tune(tune: Tune) -> &'static str {
    match tune {
        Tune::Film => "film",
        Tune::Animation => "animation",
        Tune::Grain => "grain",
        Tune::StillImage => "stillimage",
        Tune::FastDecode => "fastdecode",
        Tune::ZeroLatency => "zerolatency",
    }
}

/// NVENC's steps since ffmpeg 4.4: 1 is the fastest and 4 the middle.
fn nvenc_preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast | Preset::Superfast => "p1",
        Preset::Veryfast => "p2",
        Preset::Faster | Preset::Fast => "p3",
        Preset::Auto | Preset::Medium => "p4",
        Preset::Slow => "p5",
        Preset::Slower => "p6",
        Preset::Veryslow => "p7",
    }
}

fn qsv_preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Ultrafast | Preset::Superfast | Preset::Veryfast => "veryfast",
        Preset::Faster => "faster",
        Preset::Fast => "fast",
        Preset::Auto | Preset::Medium => "medium",
        Preset::Slow => "slow",
        Preset::Slower => "slower",
        Preset::Veryslow => "veryslow",
    }
}

/// The driver's number, higher for faster. Intel has 1 to 7; a driver with fewer takes its highest. `None` is its own.
fn vaapi_quality(preset: Preset) -> Option<u8> {
    Some(match preset {
        Preset::Auto => return None,
        Preset::Ultrafast | Preset::Superfast | Preset::Veryfast => 7,
        Preset::Faster => 6,
        Preset::Fast => 5,
        Preset::Medium => 4,
        Preset::Slow => 3,
        Preset::Slower => 2,
        Preset::Veryslow => 1,
    })
}

fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::Baseline => "baseline",
        Profile::Main => "main",
        Profile::High => "high",
    }
}
