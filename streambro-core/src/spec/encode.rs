//! How a picture and its sound are encoded, where they are.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Video;

/// What encodes the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    VideoToolbox,
    /// Whatever the Video Acceleration API drives: Intel's, AMD's.
    Vaapi,
}

/// How a source is encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encode {
    #[serde(default)]
    pub(crate) encoder: Encoder,
    /// The render node for VAAPI and Quick Sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<PathBuf>,
    /// Keeps encoding lap after lap instead of once.
    #[serde(default)]
    pub(crate) live: bool,
}

impl Encode {
    /// Encodes with `encoder`.
    pub fn new(encoder: Encoder) -> Self {
        Self { encoder, device: None, live: false }
    }
}

impl From<Encode> for Video {
    fn from(encode: Encode) -> Self {
        Self::Encode(Box::new(encode))
    }
}
