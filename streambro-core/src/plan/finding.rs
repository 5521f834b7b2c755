//! What is worth knowing of a file, by name.

use serde::Serialize;

use crate::{spec::Encode, status::Severity};

/// Something worth knowing of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The same in words, with figures and what to do about it.
    pub detail: String,
    /// How to encode it so that this is mended. `None` when encoding does not help, or need not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<Encode>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The native engine cannot copy it: an error where ffmpeg cannot help either, else a note.
    NotNative,
    /// The file ends before its own tables say: it plays up to there and ends the stream.
    Truncated,
    /// There is no sound: a silent track is added, because platforms demand one.
    SilentAudio,
    /// There is no picture, which platforms demand.
    NoPicture,
    /// Keyframes are far apart.
    LongKeyframeInterval,
    /// Pictures behind a keyframe may need those before it.
    OpenGop,
    /// More bits than the platform takes.
    HighBitrate,
    /// Fewer bits than the platform asks for.
    LowBitrate,
    /// A colour format that platforms do not decode.
    UnusualPicture,
    /// A profile of H.264 that platforms do not decode.
    UnusualProfile,
    /// More pixels than the platform takes.
    LargePicture,
    /// More pictures per second than the platform takes.
    HighFrameRate,
    /// Fields instead of whole pictures.
    Interlaced,
    /// The frame rate varies.
    VariableFrameRate,
    /// A kind of AAC, a sample rate or a number of channels that the platform does not ask for.
    UnusualAudio,
    /// More bits of sound than the platform takes.
    HighAudioBitrate,
    /// The platform ends a broadcast, or its recording, before the stream ends.
    LongSession,
    /// Two items cannot be joined without a new connection, or look unlike each other.
    ItemsDiffer,
}
