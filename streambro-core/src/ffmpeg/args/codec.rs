//! The encoders that there are, and what decodes for them.

use std::path::Path;

use crate::spec::{Decode, Encoder};

/// An encoder of ffmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Codec {
    X264,
    Nvenc,
    Qsv,
    VideoToolbox,
    Vaapi,
}

impl Codec {
    /// Every one, libx264 first.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 5] = [Self::X264, Self::Nvenc, Self::Qsv, Self::VideoToolbox, Self::Vaapi];

    /// The one that an encoder names; `None` for the choice of whatever works.
    pub(crate) fn of(encoder: Encoder) -> Option<Self> {
        Some(match encoder {
            Encoder::Auto => return None,
            Encoder::X264 => Self::X264,
            Encoder::Nvenc => Self::Nvenc,
            Encoder::Qsv => Self::Qsv,
            Encoder::VideoToolbox => Self::VideoToolbox,
            Encoder::Vaapi => Self::Vaapi,
        })
    }

    /// What it is called in a spec.
    pub(crate) fn encoder(self) -> Encoder {
        match self {
            Self::X264 => Encoder::X264,
            Self::Nvenc => Encoder::Nvenc,
            Self::Qsv => Encoder::Qsv,
            Self::VideoToolbox => Encoder::VideoToolbox,
            Self::Vaapi => Encoder::Vaapi,
        }
    }

    /// Whether a device is of its kind: a spec for whatever works may name one of another's.
    pub(crate) fn takes(self, device: &Path) -> bool {
        match self {
            Self::Nvenc => device.to_str().is_some_and(|text| text.parse::<u8>().is_ok()),
            Self::Qsv | Self::Vaapi => device.is_absolute(),
            Self::X264 | Self::VideoToolbox => false,
        }
    }

    /// ffmpeg's name of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X264 => "libx264",
            Self::Nvenc => "h264_nvenc",
            Self::Qsv => "h264_qsv",
            Self::VideoToolbox => "h264_videotoolbox",
            Self::Vaapi => "h264_vaapi",
        }
    }
}

/// What decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decoder {
    /// The processor.
    Software,
    /// The encoder's device, or with libx264 whatever ffmpeg finds.
    Device,
}

impl Decoder {
    /// What is tried for `codec`, in this order, each after the one before has failed.
    pub(crate) fn attempts(codec: Codec, decode: Decode) -> &'static [Self] {
        match (decode, codec) {
            (Decode::Software, _) | (Decode::Auto, Codec::X264) => &[Self::Software],
            (Decode::Device, _) => &[Self::Device],
            (Decode::Auto, _) => &[Self::Device, Self::Software],
        }
    }
}
