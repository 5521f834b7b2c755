//! Descriptors of media: where a frame lies and when it is due, never its bytes.

/// The kind of a track. A stream has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// H.264.
    Video,
    /// AAC.
    Audio,
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
