//! What a file is, by its own bytes: neither its name nor ffmpeg's guess counts.
//!
//! ffmpeg takes any file for a playlist that looks like one, whatever it is called, and then opens what the playlist
//! names (CVE-2016-1897, CVE-2023-6603). So a file is looked at here first, and ffmpeg is told with `-f` and
//! `-format_whitelist` what was found.

use super::{
    error::{MediaError, Unsupported},
    format::{FIRST_BOXES, Format},
    read::ReadAt,
};

/// Bytes that are looked at. A transport stream shows its pattern in far less.
const HEAD: usize = 8_192;

/// Packets of a transport stream that must begin with a sync byte; a shorter file must do so to its end.
const PACKETS: usize = 8;

/// The least packets that make a transport stream.
const LEAST_PACKETS: usize = 3;

/// Tags that are stepped over before a text, as ffmpeg does.
const MAX_TAGS: usize = 4;

/// How texts begin that lead to other files. Compared without case.
const PLAYLISTS: &[(&[u8], &str)] = &[
    (b"#ext", "an HLS or M3U playlist"),
    (b"ffconcat", "a concat list of ffmpeg"),
    (b"[playlist]", "a PLS playlist"),
    (b"[reference]", "an ASX playlist"),
    (b"v=0", "a session description (SDP)"),
    (b"rtsptext", "an RTSP link"),
];

/// XML and what is in it. Looked for in all of the text.
const DOCUMENTS: &[(&[u8], &str)] = &[
    (b"<mpd", "a DASH manifest"),
    (b"<smoothstreamingmedia", "a Smooth Streaming manifest"),
    (b"<smil", "a SMIL playlist"),
    (b"<asx", "an ASX playlist"),
    (b"<playlist", "an XSPF playlist"),
    (b"<compositionplaylist", "an IMF playlist"),
    (b"<html", "a web page"),
];

/// How other formats begin that people may bring, for the error's sake.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (8, b"AVI ", "an AVI file"),
    (8, b"WAVE", "a WAV file"),
    (8, b"WEBP", "a picture"),
    (0, b"\x00\x00\x01\xba", "an MPEG program stream"),
    (0, b"\x00\x00\x01\xb3", "a bare MPEG video"),
    (0, b"\x00\x00\x00\x01", "a bare H.264 or HEVC video"),
    (0, b"\x00\x00\x01", "a bare video"),
    (0, b"\x30\x26\xb2\x75", "a WMV or ASF file"),
    (0, b"\x06\x0e\x2b\x34", "an MXF file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"fLaC", "a FLAC file"),
    (0, b"DKIF", "an IVF file"),
    (0, b".RMF", "a RealMedia file"),
    (0, b"\x89PNG", "a picture"),
    (0, b"\xff\xd8\xff", "a picture"),
    (0, b"GIF8", "a picture"),
    (0, b"BM", "a picture"),
    (0, b"PK\x03\x04", "an archive"),
    (0, b"\x1f\x8b", "an archive"),
    (0, b"%PDF", "a PDF document"),
];

/// Says what a file of `len` bytes is, by its first bytes.
///
/// # Errors
/// `Unsupported` with [`Playlist`](Unsupported::Playlist) when it is a text that leads to other files, with
/// [`Format`](Unsupported::Format) when it is none of the formats; those of the reader.
pub fn sniff<R: ReadAt + ?Sized>(reader: &R, len: u64) -> Result<Format, MediaError> {
    let head = &head(&reader, len)?[..];
    // First: a film may begin like a playlist only if somebody made it so.
    let refused = match playlist(head) {
        Some(what) => Unsupported::Playlist(what),
        None => match format(head, len) {
            Some(format) => return Ok(format),
            None => refusal(head),
        },
    };
    Err(MediaError::Unsupported(vec![refused]))
}

/// The first bytes of a file, up to `HEAD`.
fn head(reader: &dyn ReadAt, len: u64) -> Result<Vec<u8>, MediaError> {
    let mut head = vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(HEAD)];
    let mut have = 0;
    while have < head.len() {
        match reader.read_at(&mut head[have..], have as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    head.truncate(have);
    Ok(head)
}

fn format(head: &[u8], len: u64) -> Option<Format> {
    match head {
        [b'F', b'L', b'V', _, _, offset @ ..] => flv(offset).then_some(Format::Flv),
        [0x1a, 0x45, 0xdf, 0xa3, header @ ..] => matroska(header).then_some(Format::Matroska),
        _ if mov(head, len) => Some(Format::Mov),
        // A text may have a sync byte in the right places; a transport stream does not begin as a text.
        _ if !is_text(head) && mpegts(head, len) => Some(Format::MpegTs),
        _ => None,
    }
}

/// E.2: where the body begins.
fn flv(offset: &[u8]) -> bool {
    offset.first_chunk().is_some_and(|bytes| u32::from_be_bytes(*bytes) >= 9)
}

/// A first box by its name, whose size can be (ISO/IEC 14496-12, 4.2).
fn mov(head: &[u8], len: u64) -> bool {
    let Some(([s0, s1, s2, s3, kind @ ..], rest)) = head.split_first_chunk::<8>() else { return false };
    let size = match u32::from_be_bytes([*s0, *s1, *s2, *s3]) {
        0 => len,
        1 => match rest.first_chunk() {
            Some(size) if u64::from_be_bytes(*size) >= 16 => u64::from_be_bytes(*size),
            _ => return false,
        },
        size => size.into(),
    };
    FIRST_BOXES.contains(&kind) && size >= 8
}

/// The header of EBML (RFC 8794, 11.2.1) with a document type of Matroska (RFC 9559, 5).
fn matroska(header: &[u8]) -> bool {
    let Some((size, mut rest)) = vint(header, false) else { return false };
    rest = &rest[..usize::try_from(size).unwrap_or(usize::MAX).min(rest.len())];
    while let Some((id, after)) = vint(rest, true)
        && let Some((size, body)) = vint(after, false)
        && let Some((content, after)) =
            usize::try_from(size).ok().and_then(|size| body.split_at_checked(size))
    {
        // EBMLDocType, which zeros may pad.
        if id == 0x4282 {
            let end = content.iter().position(|&byte| byte == 0).unwrap_or(content.len());
            return [b"matroska".as_slice(), b"webm"].contains(&&content[..end]);
        }
        rest = after;
    }
    false
}

/// A number of variable size (RFC 8794, 4). An id keeps the bit that marks its size.
fn vint(bytes: &[u8], id: bool) -> Option<(u64, &[u8])> {
    let (&first, _) = bytes.split_first()?;
    let len = first.leading_zeros() as usize + 1;
    let (number, rest) = bytes.split_at_checked(len)?;
    if len > 8 {
        return None;
    }
    let value = number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
    Some((if id { value } else { value & !(1 << (7 * len)) }, rest))
}

/// Packets of 188 bytes (ISO/IEC 13818-1, 2.4.3.2), with 4 bytes of time before or 16 of checks behind each of them.
/// The first one may be cut off at its front.
fn mpegts(head: &[u8], len: u64) -> bool {
    const SYNC: u8 = 0x47;
    [188, 192, 204].into_iter().any(|size| {
        (0..size.min(head.len())).any(|start| {
            let mut packets = head[start..].iter().step_by(size).take(PACKETS);
            let enough = head[start..].len().div_ceil(size).min(PACKETS);
            let least = if len > HEAD as u64 { PACKETS } else { LEAST_PACKETS };
            enough >= least && packets.all(|&byte| byte == SYNC)
        })
    })
}

/// What kind of playlist it is, by its first word.
fn playlist(head: &[u8]) -> Option<&'static str> {
    let text = text(head);
    let found = PLAYLISTS.iter().find(|(start, _)| {
        text.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    });
    found.map(|(_, what)| *what)
}

/// Why a file is none of the formats.
fn refusal(head: &[u8]) -> Unsupported {
    let text = text(head);
    if is_text(text) {
        let lower = text.to_ascii_lowercase();
        let named = DOCUMENTS.iter().find(|(tag, _)| lower.windows(tag.len()).any(|part| part == *tag));
        return Unsupported::Playlist(match named {
            Some((_, what)) => what,
            None if lower.starts_with(b"<") => "an XML document",
            None => "a text",
        });
    }
    let other = OTHERS.iter().find(|(at, start, _)| text.get(*at..).is_some_and(|it| it.starts_with(start)));
    Unsupported::Format(other.map_or("of no known format", |(_, _, what)| what))
}

/// What is left behind tags of MP3 (ID3v2, 3.1), a byte order mark and white space.
fn text(mut head: &[u8]) -> &[u8] {
    for _ in 0..MAX_TAGS {
        let [b'I', b'D', b'3', _, _, flags, s0, s1, s2, s3, rest @ ..] = head else { break };
        let size = [s0, s1, s2, s3].into_iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        head = rest.get(size + footer..).unwrap_or_default();
    }
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start()
}

/// Whether it begins as texts do, in UTF-8 or UTF-16.
fn is_text(head: &[u8]) -> bool {
    let start = &head[..head.len().min(256)];
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return true;
    }
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // Only the last letter is cut off.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests;
