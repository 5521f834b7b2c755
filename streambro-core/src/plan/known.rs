//! What is known of a file, whoever found it out.

use crate::{
    media::{foreign::Foreign, format::Format},
    survey::Probe,
};

/// What is known of a file: by its first bytes, by the native readers where they read it, by ffprobe where it was asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// What the file is by its first bytes.
    pub format: Format,
    /// What the native readers say. `None` for formats that they do not read.
    pub probe: Option<&'a Probe>,
    /// What ffprobe says. `None` where it was not needed, or there is none.
    pub foreign: Option<&'a Foreign>,
}

/// The picture, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picture<'a> {
    /// ffmpeg's name of the codec.
    pub codec: &'a str,
    /// The profile's name. `None` when it is one that every platform decodes, or not known.
    pub unusual_profile: Option<&'a str>,
    pub width: u32,
    pub height: u32,
    pub fps: Option<f64>,
    /// Whether it is 8-bit 4:2:0.
    pub plain: Option<bool>,
    pub interlaced: bool,
    pub variable_frame_rate: bool,
    pub bitrate: Option<u64>,
    pub max_keyframe_interval_ms: Option<u64>,
    pub open_gop: Option<bool>,
}

/// The sound, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sound<'a> {
    /// ffmpeg's name of the codec.
    pub codec: &'a str,
    /// Whether it is AAC of the low complexity profile.
    pub low_complexity: Option<bool>,
    pub sample_rate: u32,
    pub channels: u32,
    pub bitrate: Option<u64>,
}

impl<'a> Known<'a> {
    pub(super) fn picture(&self) -> Option<Picture<'a>> {
        if let Some(info) = self.probe.and_then(|probe| probe.info.as_ref()) {
            let video = info.video.as_ref()?;
            return Some(Picture {
                codec: video.codec,
                unusual_profile: unusual(video.profile),
                width: video.width,
                height: video.height,
                fps: Some(video.frame_rate),
                plain: Some(video.bit_depth <= 8 && video.chroma_format == 1),
                interlaced: video.interlaced,
                variable_frame_rate: video.variable_frame_rate,
                bitrate: Some(video.bitrate),
                max_keyframe_interval_ms: Some(video.max_keyframe_interval_ms),
                open_gop: video.open_gop,
            });
        }
        let foreign = self.foreign?;
        let video = foreign.video.as_ref()?;
        let sound = foreign.audio.as_ref().and_then(|audio| audio.bitrate).unwrap_or(0);
        Some(Picture {
            codec: &video.codec,
            unusual_profile: video.profile.as_deref().filter(|profile| !USUAL.contains(profile)),
            width: video.width,
            height: video.height,
            fps: video.frame_rate,
            plain: video.is_plain(),
            interlaced: video.interlaced,
            variable_frame_rate: video.variable_frame_rate,
            // Matroska and MPEG-TS tell the rate of the whole only.
            bitrate: video.bitrate.or_else(|| foreign.bitrate.map(|whole| whole.saturating_sub(sound))),
            max_keyframe_interval_ms: None,
            open_gop: None,
        })
    }

    pub(super) fn sound(&self) -> Option<Sound<'a>> {
        if let Some(info) = self.probe.and_then(|probe| probe.info.as_ref()) {
            let audio = info.audio.as_ref()?;
            return Some(Sound {
                codec: audio.codec,
                low_complexity: Some(audio.object_type == 2),
                sample_rate: audio.sample_rate,
                channels: audio.channels.into(),
                bitrate: Some(audio.bitrate),
            });
        }
        let audio = self.foreign?.audio.as_ref()?;
        Some(Sound {
            codec: &audio.codec,
            low_complexity: audio.profile.as_deref().map(|profile| profile == "LC"),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            bitrate: audio.bitrate,
        })
    }

    /// How long it lasts, in milliseconds.
    pub(super) fn duration_ms(&self) -> Option<u64> {
        let native = self.probe.and_then(|probe| probe.info.as_ref()).map(|info| info.duration_ms);
        native.or_else(|| self.foreign?.duration_ms)
    }
}

impl Picture<'_> {
    /// Its lines; its columns if it is upright. 0 when that is not known.
    pub(super) fn lines(&self) -> u32 {
        self.width.min(self.height)
    }
}

/// ffmpeg's names of the profiles of H.264 that every platform decodes.
const USUAL: [&str; 4] = ["Baseline", "Constrained Baseline", "Main", "High"];

/// The name of a profile_idc (ISO/IEC 14496-10, A.2) that not every platform decodes.
fn unusual(profile: u8) -> Option<&'static str> {
    match profile {
        66 | 77 | 100 => None,
        88 => Some("Extended"),
        110 => Some("High 10"),
        122 => Some("High 4:2:2"),
        244 => Some("High 4:4:4 Predictive"),
        44 => Some("CAVLC 4:4:4"),
        _ => Some("unknown"),
    }
}
