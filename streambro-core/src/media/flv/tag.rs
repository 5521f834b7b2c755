//! One tag of a file (FLV 10.1, annex E.4).

use crate::media::configs::{codec, name};
use crate::media::error::{MediaError, Unsupported};
use crate::media::packet::Track;
use crate::media::read::ReadAt;
use crate::media::window::Window;

/// Bytes of a tag's header.
const HEADER: u64 = 11;
/// The longest prefix of a payload: one byte, a FourCC, a composition time.
const PREFIX: u64 = 8;
/// Tags without meaning that may follow each other, as in a file that ends with zeros.
const MAX_UNKNOWN: u32 = 4_096;

/// A tag of a track that matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag {
    pub(crate) start: u64,
    pub(crate) track: Track,
    /// In milliseconds; wraps.
    pub(crate) timestamp: u32,
    pub(crate) content: Content,
    /// Its payload behind the prefix.
    pub(crate) body: u64,
    pub(crate) end: u64,
    /// Where the next tag begins.
    pub(crate) next: u64,
}

/// What is in a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// A decoder configuration.
    Configuration,
    Frame {
        key: bool,
        /// Presentation less decode time, in milliseconds.
        composition: i32,
    },
    /// A command, or the end of a sequence.
    Nothing,
}

/// Reads the first video or audio tag that begins at `at` or later. `None` at the end of the file.
///
/// Moves `at` over tags that do not matter, and only over those.
///
/// # Errors
/// `Truncated` when the file ends inside a tag that matters.
pub(crate) fn next(
    at: &mut u64,
    window: &mut Window,
    reader: &dyn ReadAt,
    len: u64,
    wanted: Option<Track>,
) -> Result<Option<Tag>, MediaError> {
    let mut unknown = 0;
    loop {
        let start = *at;
        if start >= len {
            return Ok(None);
        }
        let have = (len - start).min(HEADER + PREFIX);
        let bytes = window.bytes(reader, start, usize::try_from(have).unwrap_or(0), len)?;
        let &[kind, s0, s1, s2, t0, t1, t2, t3, _, _, _, ref prefix @ ..] = bytes else {
            return Err(MediaError::Truncated { needed: start.saturating_add(HEADER) });
        };
        let size = u64::from(u32::from_be_bytes([0, s0, s1, s2]));
        let payload = start.saturating_add(HEADER);
        let end = payload.saturating_add(size);
        // Behind each tag stands its size, in four bytes.
        let next = end.saturating_add(4);
        let track = match kind & 0x1f {
            8 => Track::Audio,
            9 => Track::Video,
            18 => {
                *at = next;
                continue;
            }
            _ => {
                unknown += 1;
                if unknown > MAX_UNKNOWN {
                    return Err(MediaError::Malformed { what: "tags have unknown types", offset: start });
                }
                *at = next;
                continue;
            }
        };
        if wanted.is_some_and(|wanted| wanted != track) {
            *at = next;
            continue;
        }
        if kind & 0x20 != 0 {
            return Err(MediaError::Unsupported(vec![Unsupported::Encrypted(track)]));
        }
        if end > len {
            return Err(MediaError::Truncated { needed: end });
        }
        let prefix = &prefix[..prefix.len().min(usize::try_from(size).unwrap_or(usize::MAX))];
        let Some((content, skip)) = parse(track, prefix)? else {
            *at = next;
            continue;
        };
        let timestamp = u32::from_be_bytes([t3, t0, t1, t2]);
        return Ok(Some(Tag { start, track, timestamp, content, body: payload + skip, end, next }));
    }
}

/// What a payload that begins with `prefix` is, and how long its prefix is. `None`: too short to mean anything.
pub(super) fn parse(track: Track, prefix: &[u8]) -> Result<Parsed, MediaError> {
    match track {
        Track::Video => video(prefix),
        Track::Audio => audio(prefix),
    }
}

type Parsed = Option<(Content, u64)>;

/// VIDEODATA (E.4.3.1) and ExVideoTagHeader (Enhanced RTMP 1). `None`: too short to mean anything.
fn video(prefix: &[u8]) -> Result<Parsed, MediaError> {
    let Some(&first) = prefix.first() else { return Ok(None) };
    let key = first >> 4 & 7 == 1;
    let is_command = first >> 4 & 7 == 5;
    let signed = |bytes: [u8; 3]| i32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0]) >> 8;
    if first & 0x80 != 0 {
        let Some(four_cc) = prefix.get(1..5).and_then(|bytes| bytes.first_chunk()) else { return Ok(None) };
        if four_cc != b"avc1" {
            return Err(codec(Track::Video, name(four_cc)));
        }
        return Ok(match (first & 15, prefix) {
            _ if is_command => Some((Content::Nothing, 5)),
            (0, _) => Some((Content::Configuration, 5)),
            (1, &[.., c0, c1, c2]) if prefix.len() == 8 => {
                Some((Content::Frame { key, composition: signed([c0, c1, c2]) }, 8))
            }
            (3, _) => Some((Content::Frame { key, composition: 0 }, 5)),
            _ => Some((Content::Nothing, 5)),
        });
    }
    let codec_name = match first & 15 {
        7 => {
            return Ok(match *prefix {
                _ if is_command => Some((Content::Nothing, 1)),
                [_, 0, _, _, _, ..] => Some((Content::Configuration, 5)),
                [_, 1, c0, c1, c2, ..] => {
                    Some((Content::Frame { key, composition: signed([c0, c1, c2]) }, 5))
                }
                [_, _, ..] => Some((Content::Nothing, 2)),
                _ => None,
            });
        }
        2 => "Sorenson H.263",
        3 | 6 => "Screen Video",
        4 | 5 => "VP6",
        12 => "HEVC",
        13 => "AV1",
        _ => "unknown",
    };
    Err(codec(Track::Video, codec_name.to_owned()))
}

/// AUDIODATA (E.4.2.1) and ExAudioTagHeader (Enhanced RTMP 2). `None`: too short to mean anything.
fn audio(prefix: &[u8]) -> Result<Parsed, MediaError> {
    let Some(&first) = prefix.first() else { return Ok(None) };
    let content = |kind| match kind {
        0 => Content::Configuration,
        1 => Content::Frame { key: true, composition: 0 },
        _ => Content::Nothing,
    };
    let codec_name = match first >> 4 {
        10 => return Ok(prefix.get(1).map(|&kind| (content(kind), 2))),
        9 => {
            let Some(four_cc) = prefix.get(1..5).and_then(|bytes| bytes.first_chunk()) else {
                return Ok(None);
            };
            if four_cc == b"mp4a" {
                return Ok(Some((content(first & 15), 5)));
            }
            return Err(codec(Track::Audio, name(four_cc)));
        }
        0 | 3 => "PCM",
        1 => "ADPCM",
        2 | 14 => "MP3",
        4..=6 => "Nellymoser",
        7 | 8 => "G.711",
        11 => "Speex",
        _ => "unknown",
    };
    Err(codec(Track::Audio, codec_name.to_owned()))
}
