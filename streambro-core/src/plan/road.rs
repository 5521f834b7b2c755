//! Which way a file takes to its destinations: from this process, through ffmpeg, or not at all.

use serde::Serialize;

use super::{explain::Plan, known::Known};
use crate::{
    media::{error::Unsupported, foreign::ForeignAudio, format::Format, packet::Track},
    spec::Video,
};

/// What a user does who wants a picture encoded.
pub(super) const ENCODE: &str = "let its `video` be encoded";

/// What a host does that has no ffmpeg.
const INSTALL: &str = "install ffmpeg 5.1 or newer with its ffprobe, or bring an MP4 file with H.264 and AAC";

/// Which way a file takes. `why` is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", tag = "type")]
#[non_exhaustive]
pub enum Road {
    /// As it is in the file, from inside this process.
    Copy,
    /// As it is in the file; ffmpeg writes it anew in a form that is read natively.
    #[non_exhaustive]
    Remux {
        /// What the native readers cannot do.
        why: String,
    },
    /// The picture as it is in the file; ffmpeg encodes the sound.
    #[non_exhaustive]
    EncodeAudio {
        /// What is the matter with the sound.
        why: String,
    },
    /// ffmpeg encodes picture and sound.
    #[non_exhaustive]
    Encode {
        /// Who wants that.
        why: String,
    },
    /// It cannot be sent.
    #[non_exhaustive]
    Refused {
        /// What kind of remedy it wants.
        block: Block,
        /// What is in the way.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

/// What kind of remedy a refused file wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Block {
    /// It would go with ffmpeg, which this host lacks.
    NoFfmpeg,
    /// It would go if it were encoded, which nobody asked for.
    NeedsEncoding,
    /// Another file.
    File,
}

impl Road {
    /// Returns how the stream would be sent; `None` when it cannot be.
    pub fn plan(&self) -> Option<Plan> {
        match self {
            Self::Copy => Some(Plan::Copy),
            Self::Remux { .. } => Some(Plan::Remux),
            Self::EncodeAudio { .. } => Some(Plan::EncodeAudio),
            Self::Encode { .. } => Some(Plan::Encode),
            Self::Refused { .. } => None,
        }
    }

    /// Whether the picture goes out as it is in the file, or would.
    pub(super) fn copies_picture(&self) -> bool {
        !matches!(self, Self::Encode { .. })
    }

    /// Whether the sound goes out as it is in the file, or would.
    pub(super) fn copies_sound(&self) -> bool {
        !matches!(self, Self::Encode { .. } | Self::EncodeAudio { .. })
    }

    fn refused(block: Block, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Refused { block, why: why.into(), remedy: remedy.into() }
    }
}

/// Chooses the way for a file of which so much is known; `ffmpeg` says whether this host has one that may be used.
pub(crate) fn road(wish: &Video, known: &Known<'_>, ffmpeg: bool) -> Road {
    let obstacles = known.probe.map_or(&[][..], |probe| &probe.obstacles);
    if let Some(why) = named(obstacles, Help::None) {
        return Road::refused(Block::File, why, "bring another file, or make this one anew");
    }
    let road = match wish {
        Video::Encode(_) => encode(known),
        Video::Copy => copy(known, obstacles),
    };
    match road {
        Road::Remux { why } | Road::EncodeAudio { why } | Road::Encode { why } if !ffmpeg => {
            Road::refused(Block::NoFfmpeg, format!("{why}; but there is no ffmpeg here"), INSTALL)
        }
        road => road,
    }
}

fn encode(known: &Known<'_>) -> Road {
    // The native readers tell of no picture where its codec is in their way; ffprobe does.
    let seen = known.foreign.is_some() || known.probe.is_some_and(|probe| probe.info.is_some());
    if seen && known.picture().is_none() {
        let remedy = "send its sound as it is, with `video` at `copy`, or make a film with a picture";
        return Road::refused(Block::File, "there is no picture to encode", remedy);
    }
    Road::Encode { why: "encoding was asked for: ffmpeg encodes it".to_owned() }
}

fn copy(known: &Known<'_>, obstacles: &[Unsupported]) -> Road {
    if known.probe.is_some_and(|probe| probe.info.is_some() && obstacles.is_empty()) {
        return Road::Copy;
    }
    if let Some(why) = named(obstacles, Help::Encode) {
        return Road::refused(Block::NeedsEncoding, why, ENCODE);
    }
    if let Some(video) = known.foreign.and_then(|foreign| foreign.video.as_ref())
        && video.codec != "h264"
    {
        let why = format!("the video codec is {}; only H.264 can be sent as it is", video.codec);
        return Road::refused(Block::NeedsEncoding, why, ENCODE);
    }
    if let Some(why) = named(obstacles, Help::EncodeAudio) {
        return Road::EncodeAudio { why: format!("{why}: ffmpeg encodes the sound and copies the picture") };
    }
    if let Some(audio) = known.foreign.and_then(|foreign| foreign.audio.as_ref())
        && !is_aac(audio)
    {
        let codec = match &audio.profile {
            Some(profile) if audio.codec == "aac" => format!("aac ({profile})"),
            _ => audio.codec.clone(),
        };
        let why =
            format!("the audio codec is {codec}: ffmpeg encodes the sound as AAC and copies the picture");
        return Road::EncodeAudio { why };
    }
    match named(obstacles, Help::Remux) {
        Some(why) => Road::Remux { why: format!("{why}: ffmpeg copies it into FLV") },
        None => {
            let format = known.format;
            // Only a probe that failed leaves an MP4 or FLV file without obstacles here.
            let read = if matches!(format, Format::Mov | Format::Flv) { "could not be" } else { "is not" };
            Road::Remux { why: format!("{} {read} read natively: ffmpeg copies it into FLV", format.word()) }
        }
    }
}

/// Whether FLV and its receivers take the sound as it is: what the native readers take as well (ISO/IEC 14496-3, 1.5.1).
fn is_aac(audio: &ForeignAudio) -> bool {
    let profile = audio.profile.as_deref();
    audio.codec == "aac"
        && profile.is_none_or(|it| matches!(it, "Main" | "LC" | "LTP" | "HE-AAC" | "HE-AACv2"))
}

/// What ffmpeg can do about an obstacle. Each was tried with ffmpeg 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Help {
    /// `-c copy` writes a file without it.
    Remux,
    /// It encodes the sound.
    EncodeAudio,
    /// It encodes the picture; with `-c copy` it stays, or becomes worse.
    Encode,
    /// Nothing.
    None,
}

/// The obstacles against which this helps, in words, each once.
fn named(obstacles: &[Unsupported], wanted: Help) -> Option<String> {
    let mut words: Vec<String> = vec![];
    for obstacle in obstacles.iter().filter(|obstacle| help(obstacle) == wanted) {
        let word = obstacle.to_string();
        if !words.contains(&word) {
            words.push(word);
        }
    }
    (!words.is_empty()).then(|| words.join("; "))
}

fn help(obstacle: &Unsupported) -> Help {
    match obstacle {
        Unsupported::CompressedHeader => Help::Remux,
        Unsupported::Codec { track: Track::Audio, .. } => Help::EncodeAudio,
        Unsupported::Codec { track: Track::Video, .. } => Help::Encode,
        // Copied, the pictures between a keyframe and the edit all come out at the moment of the cut.
        Unsupported::EditList => Help::Encode,
        // Copied, it still begins with a picture that needs others.
        Unsupported::FirstPicture => Help::Encode,
        // ffmpeg has no such limits.
        Unsupported::TooLarge(_) => Help::Encode,
        // ffmpeg reads samples that lie in another file from this one: noise. Without parameter sets it decodes nothing.
        Unsupported::ExternalData | Unsupported::NoConfiguration(_) => Help::None,
        Unsupported::Encrypted(_) | Unsupported::NoTrack => Help::None,
        Unsupported::TooShort { .. } | Unsupported::TooLong => Help::None,
        Unsupported::Container | Unsupported::Playlist(_) | Unsupported::Format(_) => Help::None,
    }
}

#[cfg(test)]
mod tests;
