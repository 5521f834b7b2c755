//! Why a file cannot be read, or cannot be copied.

use std::io;

use serde::Serialize;

use super::packet::Track;

/// What stopped a reader.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The file could not be read. `WouldBlock` means: not in memory yet, ask again.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file ends before something that it announces.
    #[error("the file ends before byte {needed}: it is incomplete, or still being written")]
    Truncated {
        /// The first offset beyond what was needed.
        needed: u64,
    },
    /// The file breaks the rules of its format.
    #[error("{what} at byte {offset}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
        /// Where.
        offset: u64,
    },
    /// The file is sound, but copying it natively is not possible. Never empty.
    #[error("{}", list(.0))]
    Unsupported(Vec<Unsupported>),
}

impl MediaError {
    /// Whether it only means that the bytes are not in memory yet.
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

fn list(reasons: &[Unsupported]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A reason why a file cannot be copied natively.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "reason", content = "what")]
#[non_exhaustive]
pub enum Unsupported {
    /// Neither MP4 nor FLV.
    #[error("this is neither an MP4 nor an FLV file")]
    Container,
    /// A text that leads to other files, or could. What is there is in words.
    #[error("this is {0}, not a film; name the film itself")]
    Playlist(&'static str),
    /// None of the formats that can be read, here or by ffmpeg. What it is instead is in words.
    #[error(
        "this is {0}; a film is an MP4, FLV, Matroska or MPEG-TS file: make one, for instance with ffmpeg"
    )]
    Format(&'static str),
    /// No H.264 and no AAC track.
    #[error("there is no track that can be copied")]
    NoTrack,
    /// Samples are encrypted.
    #[error("the {} track is encrypted", .0.word())]
    Encrypted(Track),
    /// A codec that legacy RTMP cannot carry.
    #[error("the {} codec is {codec}; only {} can be sent as it is", .track.word(), .track.codec())]
    Codec {
        /// Which track.
        track: Track,
        /// Its four-character code or name.
        codec: String,
    },
    /// Parameter sets are only inside the samples (avc3), or missing.
    #[error("the decoder configuration of the {} track is not in the header", .0.word())]
    NoConfiguration(Track),
    /// The movie header is compressed.
    #[error("the movie header is compressed (cmov)")]
    CompressedHeader,
    /// Samples are in another file.
    #[error("samples lie in another file (dref)")]
    ExternalData,
    /// More than a delay and one edit, or an edit that changes the speed.
    #[error("the edit list has several edits")]
    EditList,
    /// The first picture that would play depends on pictures before it.
    #[error("the first picture is not an IDR")]
    FirstPicture,
    /// It ends as soon as it begins: looped, it would make the stream spin.
    #[error("it lasts {ms} ms; a stream needs at least {} ms", super::index::MIN_LENGTH_MS)]
    TooShort {
        /// How long it lasts.
        ms: u64,
    },
    /// Its time stamps span more than a year: they are broken.
    #[error("its time stamps span more than a year")]
    TooLong,
    /// The file is larger than a limit of the format or of streambro.
    #[error("{0}")]
    TooLarge(&'static str),
}
