//! Sample descriptions (ISO/IEC 14496-12, 8.5.2; -14, 5.6; -15, 5.4; QuickTime File Format, sound descriptions).

use super::atoms::{Atom, Atoms, at_least};
use crate::media::configs::{audio_config, codec, name, too_large, video_config};
use crate::media::error::{MediaError, Unsupported};
use crate::media::index::{AudioConfig, VideoConfig};
use crate::media::packet::Track;
use crate::media::read::ReadAt;
use crate::media::window::{exact, fill};

/// Descriptions of one track. Encoders write one; joined files have a handful.
const MAX_ENTRIES: u64 = 64;
/// 31 sequence and 255 picture parameter sets of ordinary size fit well.
const MAX_AVCC: u64 = 64 << 10;
/// An AudioSpecificConfig with a described channel layout stays below 300 bytes.
const MAX_ESDS: u64 = 4 << 10;

/// Parses the descriptions of a track with `parse`, all of them or none.
pub(crate) fn all<C>(
    reader: &dyn ReadAt,
    stsd: &Atom,
    parse: impl Fn(&dyn ReadAt, &Atom, u8) -> Result<(C, u16), MediaError>,
) -> Result<Vec<(C, u16)>, MediaError> {
    at_least(stsd, 8)?;
    let [version, _, _, _, count @ ..] = exact::<8>(reader, stsd.body)?;
    let count = u64::from(u32::from_be_bytes(count)).min((stsd.len() - 8) / 8);
    if count > MAX_ENTRIES {
        return Err(too_large("a track has more than 64 sample descriptions"));
    }
    let mut entries = Atoms::of(reader, &stsd.inside(8));
    let mut configs = Vec::new();
    while let Some(entry) = entries.next_whole()?
        && (configs.len() as u64) < count
    {
        configs.push(parse(reader, &entry, version)?);
    }
    if configs.is_empty() {
        return Err(MediaError::Malformed { what: "a track has no sample description", offset: stsd.start });
    }
    Ok(configs)
}

/// Parses a video description. Also returns its data_reference_index.
pub(crate) fn video(reader: &dyn ReadAt, entry: &Atom, _: u8) -> Result<(VideoConfig, u16), MediaError> {
    match &entry.kind {
        b"avc1" | b"avc3" => {}
        b"encv" | b"drmi" => return Err(MediaError::Unsupported(vec![Unsupported::Encrypted(Track::Video)])),
        kind => return Err(codec(Track::Video, name(kind))),
    }
    // SampleEntry and VisualSampleEntry (8.5.2.2, 12.1.3.2).
    let reference = reference(reader, entry, 78)?;
    let missing = || MediaError::Unsupported(vec![Unsupported::NoConfiguration(Track::Video)]);
    let avcc = child(reader, &entry.inside(78), *b"avcC")?.ok_or_else(missing)?;
    if avcc.len() > MAX_AVCC {
        return Err(too_large("a decoder configuration has more than 64 KiB"));
    }
    video_config(load(reader, &avcc)?, avcc.start).map(|config| (config, reference))
}

/// Parses an audio description. Also returns its data_reference_index.
pub(crate) fn audio(
    reader: &dyn ReadAt,
    entry: &Atom,
    stsd_version: u8,
) -> Result<(AudioConfig, u16), MediaError> {
    match &entry.kind {
        b"mp4a" => {}
        b"enca" | b"drms" => return Err(MediaError::Unsupported(vec![Unsupported::Encrypted(Track::Audio)])),
        kind => return Err(codec(Track::Audio, name(kind))),
    }
    // SampleEntry and AudioSampleEntry (8.5.2.2, 12.2.3.2).
    let reference = reference(reader, entry, 28)?;
    let version = u16::from_be_bytes(exact(reader, entry.body + 8)?);
    // In a description box of version 0 these are QuickTime's longer forms; in version 1 the ISO's own, not longer.
    let extra = match version {
        1 if stsd_version == 0 => 16,
        2 if stsd_version == 0 => 36,
        _ => 0,
    };
    let content = entry.inside(28 + extra);
    let esds = match child(reader, &content, *b"esds")? {
        Some(esds) => Some(esds),
        None => match child(reader, &content, *b"wave")? {
            Some(wave) => child(reader, &wave, *b"esds")?,
            None => None,
        },
    };
    let missing = || MediaError::Unsupported(vec![Unsupported::NoConfiguration(Track::Audio)]);
    let esds = esds.ok_or_else(missing)?;
    if esds.len() > MAX_ESDS {
        return Err(too_large("an elementary stream description has more than 4 KiB"));
    }
    let bytes = load(reader, &esds)?;
    let malformed =
        || MediaError::Malformed { what: "the elementary stream description is broken", offset: esds.start };
    let decoder = decoder_config(bytes.get(4..).unwrap_or_default()).ok_or_else(malformed)?;
    // Object types (ISO/IEC 14496-1, table 5): MPEG-4 audio and the profiles of MPEG-2 AAC.
    match decoder.object_type {
        0x40 | 0x66..=0x68 => {}
        0x69 | 0x6b => return Err(codec(Track::Audio, "MP3".to_owned())),
        other => return Err(codec(Track::Audio, format!("mp4a.{other:02x}"))),
    }
    audio_config(decoder.specific.into(), esds.start).map(|config| (config, reference))
}

fn reference(reader: &dyn ReadAt, entry: &Atom, fixed: u64) -> Result<u16, MediaError> {
    at_least(entry, fixed)?;
    Ok(u16::from_be_bytes(exact(reader, entry.body + 6)?))
}

/// Finds a box in a description. QuickTime ends such lists with four zero bytes, others with garbage: no error.
fn child(reader: &dyn ReadAt, parent: &Atom, kind: [u8; 4]) -> Result<Option<Atom>, MediaError> {
    let mut children = Atoms::of(reader, parent);
    loop {
        match children.next_whole() {
            Ok(Some(atom)) if atom.kind == kind => return Ok(Some(atom)),
            Ok(Some(_)) => {}
            Ok(None) | Err(MediaError::Malformed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn load(reader: &dyn ReadAt, atom: &Atom) -> Result<Box<[u8]>, MediaError> {
    let mut bytes = vec![0; usize::try_from(atom.len()).unwrap_or(0)];
    fill(reader, &mut bytes, atom.body)?;
    Ok(bytes.into())
}

struct Decoder<'a> {
    object_type: u8,
    specific: &'a [u8],
}

/// ISO/IEC 14496-1, 7.2.6.5 and 7.2.6.6: ES_Descriptor, DecoderConfigDescriptor, DecoderSpecificInfo.
fn decoder_config(bytes: &[u8]) -> Option<Decoder<'_>> {
    let mut stream = descriptor(bytes, 3)?;
    let flags = *stream.get(2)?;
    stream = stream.get(3..)?;
    if flags & 0x80 != 0 {
        stream = stream.get(2..)?;
    }
    if flags & 0x40 != 0 {
        let len = usize::from(*stream.first()?);
        stream = stream.get(1 + len..)?;
    }
    if flags & 0x20 != 0 {
        stream = stream.get(2..)?;
    }
    let config = descriptor(stream, 4)?;
    let object_type = *config.first()?;
    let specific = descriptor(config.get(13..)?, 5).unwrap_or_default();
    Some(Decoder { object_type, specific })
}

/// The content of the first descriptor, which must have `tag`. A content that is cut off ends where the bytes end.
fn descriptor(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    let (&found, mut rest) = bytes.split_first()?;
    if found != tag {
        return None;
    }
    // expandable class size: ISO/IEC 14496-1, 8.3.3; at most four bytes.
    let mut len = 0;
    for _ in 0..4 {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(&rest[..len.min(rest.len())])
}
