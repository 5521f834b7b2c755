//! A small FLV reader of the tests' own, so that recordings are not judged by the reader under test.

use std::io;
use std::path::Path;

/// What a tag carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Type 8.
    Audio,
    /// Type 9.
    Video,
    /// Type 18: onMetaData and its like.
    Script,
    /// Any other type byte.
    Other(u8),
}

/// One FLV tag.
#[derive(Clone, Debug)]
pub struct Tag {
    /// What it carries.
    pub kind: Kind,
    /// Milliseconds, all 32 bits: 24 and the extension byte on top.
    pub timestamp: u32,
    /// The whole body: the codec prefix and the payload.
    pub body: Vec<u8>,
}

impl Tag {
    /// The codec prefix: 5 bytes for AVC, 2 for AAC, none for the rest.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.body[..self.prefix_len()]
    }

    /// What follows the prefix: the sample as it lies in the source file.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.body[self.prefix_len()..]
    }

    /// Whether it is an AVC or AAC sequence header.
    #[must_use]
    pub fn is_header(&self) -> bool {
        match (self.kind, self.prefix_len()) {
            (Kind::Video | Kind::Audio, 1..) => self.body[1] == 0,
            _ => false,
        }
    }

    /// Whether it carries a sample: neither a header, nor an end of sequence, nor script.
    #[must_use]
    pub fn is_sample(&self) -> bool {
        matches!(self.kind, Kind::Video | Kind::Audio) && self.prefix_len() > 0 && self.body[1] == 1
    }

    /// Whether it is a video keyframe (frame type 1).
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.kind == Kind::Video && self.body.first().is_some_and(|b| b >> 4 == 1)
    }

    /// Composition time offset of an AVC tag in milliseconds; 0 for any other.
    #[must_use]
    pub fn cts(&self) -> i32 {
        match (self.kind, self.prefix()) {
            (Kind::Video, &[_, _, a, b, c]) => i32::from_be_bytes([a, b, c, 0]) >> 8,
            _ => 0,
        }
    }

    /// MD5 of the payload in lower-case hexadecimal, as ffprobe gives it.
    #[must_use]
    pub fn md5(&self) -> String {
        format!("{:x}", md5::compute(self.payload()))
    }

    fn prefix_len(&self) -> usize {
        let want = match (self.kind, self.body.first()) {
            (Kind::Video, Some(b)) if b & 0x0F == 7 => 5,
            (Kind::Audio, Some(b)) if b >> 4 == 10 => 2,
            _ => 0,
        };
        if self.body.len() < want { 0 } else { want }
    }
}

/// A whole FLV file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// The header's audio flag.
    pub has_audio: bool,
    /// The header's video flag.
    pub has_video: bool,
    /// Every complete tag, in file order.
    pub tags: Vec<Tag>,
    /// Whether the file ends in the middle of a tag: its writer was killed.
    pub truncated: bool,
}

impl File {
    /// The samples of one kind, in order.
    pub fn samples(&self, kind: Kind) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(move |tag| tag.kind == kind && tag.is_sample())
    }

    /// The sequence headers of one kind, in order.
    pub fn headers(&self, kind: Kind) -> impl Iterator<Item = &Tag> {
        self.tags.iter().filter(move |tag| tag.kind == kind && tag.is_header())
    }
}

/// Reads a file.
///
/// # Errors
/// What the file system says; `InvalidData` for what is not FLV or whose tags do not follow each other.
pub fn read(path: &Path) -> io::Result<File> {
    parse(&std::fs::read(path)?)
}

/// Reads an FLV file that is already in memory.
///
/// # Errors
/// `InvalidData` for what is not FLV or whose tags do not follow each other.
pub fn parse(bytes: &[u8]) -> io::Result<File> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if bytes.len() < 13 || &bytes[..3] != b"FLV" {
        return Err(invalid("no FLV header".to_owned()));
    }
    let start = be32(&bytes[5..9]) as usize;
    let mut file = File { has_audio: bytes[4] & 4 != 0, has_video: bytes[4] & 1 != 0, ..File::default() };
    let mut at = start + 4;
    while at < bytes.len() {
        let Some(head) = bytes.get(at..at + 11) else {
            file.truncated = true;
            break;
        };
        let len = be32(&[0, head[1], head[2], head[3]]) as usize;
        let Some(body) = bytes.get(at + 11..at + 11 + len) else {
            file.truncated = true;
            break;
        };
        let kind = match head[0] & 0x1F {
            8 => Kind::Audio,
            9 => Kind::Video,
            18 => Kind::Script,
            other => Kind::Other(other),
        };
        let timestamp = be32(&[head[7], head[4], head[5], head[6]]);
        file.tags.push(Tag { kind, timestamp, body: body.to_vec() });
        at += 11 + len;
        match bytes.get(at..at + 4).map(be32) {
            Some(previous) if previous as usize == 11 + len => at += 4,
            Some(previous) => {
                return Err(invalid(format!("tag of {len} bytes followed by size {previous} at {at}")));
            }
            None => {
                file.truncated = true;
                break;
            }
        }
    }
    Ok(file)
}

fn be32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(kind: u8, ts: u32, body: &[u8]) -> Vec<u8> {
        let len = (body.len() as u32).to_be_bytes();
        let ts = ts.to_be_bytes();
        let mut out = vec![kind, len[1], len[2], len[3], ts[1], ts[2], ts[3], ts[0], 0, 0, 0];
        out.extend_from_slice(body);
        out.extend_from_slice(&(11 + body.len() as u32).to_be_bytes());
        out
    }

    #[test]
    fn reads_prefixes_times_and_a_cut_end() {
        let mut bytes = b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec();
        bytes.extend(tag(9, 0, &[0x17, 0, 0, 0, 0, 1, 2]));
        bytes.extend(tag(9, 0x8102_0304, &[0x17, 1, 0xFF, 0xFF, 0xFE, 9, 9]));
        bytes.extend(tag(8, 5, &[0xAF, 1, 7]));
        let whole = parse(&bytes).unwrap();
        assert!(whole.has_audio && whole.has_video && !whole.truncated);
        assert_eq!(whole.headers(Kind::Video).count(), 1);
        let video: Vec<_> = whole.samples(Kind::Video).collect();
        assert_eq!((video[0].timestamp, video[0].cts(), video[0].is_key()), (0x8102_0304, -2, true));
        assert_eq!(video[0].payload(), [9, 9]);
        assert_eq!(whole.samples(Kind::Audio).next().unwrap().payload(), [7]);
        bytes.truncate(bytes.len() - 6);
        let cut = parse(&bytes).unwrap();
        assert!(cut.truncated);
        assert_eq!(cut.tags.len(), 2);
    }
}
