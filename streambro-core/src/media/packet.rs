//! Descriptors of media: where a frame lies and when it is due, never its bytes.

use serde::Serialize;

/// The kind of a track. A stream has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Track {
    /// H.264.
    Video,
    /// AAC.
    Audio,
}

impl Track {
    /// Its name in a sentence.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
        }
    }

    /// The codec that it must have.
    pub(super) fn codec(self) -> &'static str {
        match self {
            Self::Video => "H.264",
            Self::Audio => "AAC",
        }
    }
}

/// One access unit (video) or one AAC frame as it lies in a file.
///
/// Times are ticks of the track's timescale on the *item's* clock: edit lists are already applied, so
/// presentation begins near 0 and priming or reordering makes the first values negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which track it belongs to.
    pub track: Track,
    /// A sync sample. Always true for audio.
    pub key: bool,
    /// Which of the track's configurations decodes it: an index into [`TrackInfo::configs`](super::index::TrackInfo).
    pub config: u16,
    /// Decode time, in ticks.
    pub dts: i64,
    /// Presentation time, in ticks. May precede `dts` (ctts version 1).
    pub pts: i64,
    /// How long it lasts, in ticks.
    pub duration: u32,
    /// Where its bytes begin in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u32,
}

/// One message's worth of media on the stream's clock, ready to be framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Which track it belongs to.
    pub track: Track,
    /// A receiver can begin to decode here. Always true for audio.
    pub key: bool,
    /// The first packet of an item or lap that is not the stream's first.
    pub joint: bool,
    /// Which of the track's configurations decodes it.
    pub config: u16,
    /// Decode time in milliseconds since the stream's start. Strictly increases within a track.
    pub dts: u64,
    /// Composition time in milliseconds: presentation minus decoding, 24 bits.
    pub cts: u32,
    /// Where its bytes are.
    pub content: Content,
}

/// Where a packet's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// In the file.
    Sample {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u32,
    },
    /// The stream's silent AAC frame.
    Silence,
}
