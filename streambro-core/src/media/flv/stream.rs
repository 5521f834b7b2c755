//! FLV as it comes out of a pipe: piece by piece, no seeking, for as long as somebody writes.

use super::tag::{self, Content};
use super::write::{HEADER, MAX_BODY, TRAILER};
use crate::media::error::{MediaError, Unsupported};
use crate::media::packet::Track;

/// Signature, version, flags and where the body begins (E.2).
const FILE_HEADER: usize = 9;
/// A header that is longer than this is none.
const MAX_FILE_HEADER: usize = 1_024;
/// The longest prefix of a payload; see the tags of files.
const PREFIX: usize = 8;

/// Takes FLV apart as its bytes arrive.
///
/// It holds no more than one tag and what was pushed since the last call of [`take`](Self::take).
#[derive(Debug, Default)]
pub struct Demuxer {
    buf: Vec<u8>,
    /// What was taken of `buf`.
    taken: usize,
    /// Bytes before `buf`, for messages.
    offset: u64,
    tracks: Option<[bool; 2]>,
}

/// One tag of sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Which track it belongs to.
    pub track: Track,
    /// In milliseconds; wraps.
    pub timestamp: u32,
    /// What it is.
    pub kind: UnitKind,
    /// Its payload behind FLV's prefix.
    pub payload: &'a [u8],
    /// Its payload with the prefix.
    pub body: &'a [u8],
}

/// What a tag is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitKind {
    /// A decoder configuration.
    Configuration,
    /// A picture, or a frame of sound.
    Frame {
        /// Whether a receiver can begin there.
        key: bool,
        /// Presentation less decode time, in milliseconds.
        composition: i32,
    },
}

impl Demuxer {
    /// Takes what has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.buf.drain(..self.taken);
            self.offset += self.taken as u64;
            self.taken = 0;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// Whether it ends cleanly here: between two tags.
    pub fn is_between_tags(&self) -> bool {
        self.taken == self.buf.len()
    }

    /// Which tracks there will be, video first, as the file header says; `None` before it came.
    pub fn tracks(&self) -> Option<[bool; 2]> {
        self.tracks
    }

    /// Returns the next tag that matters; `None` when it is not there yet.
    ///
    /// # Errors
    /// `Malformed` when it is not FLV, `Unsupported` for another codec or encryption. Nothing comes after an error.
    pub fn take(&mut self) -> Result<Option<Unit<'_>>, MediaError> {
        if self.tracks.is_none() && !self.begin()? {
            return Ok(None);
        }
        loop {
            let at = self.taken;
            let rest = &self.buf[at..];
            let Some(&[kind, s0, s1, s2, t0, t1, t2, t3, _, _, _]) = rest.first_chunk::<HEADER>() else {
                return Ok(None);
            };
            let size = u32::from_be_bytes([0, s0, s1, s2]) as usize;
            debug_assert!(size <= MAX_BODY);
            let whole = HEADER + size + TRAILER;
            if rest.len() < whole {
                return Ok(None);
            }
            self.taken = at + whole;
            let track = match kind & 0x1f {
                8 => Track::Audio,
                9 => Track::Video,
                18 => continue,
                _ => {
                    let offset = self.offset + at as u64;
                    return Err(MediaError::Malformed { what: "a tag has an unknown type", offset });
                }
            };
            if kind & 0x20 != 0 {
                return Err(MediaError::Unsupported(vec![Unsupported::Encrypted(track)]));
            }
            let body = HEADER..HEADER + size;
            let prefix = &rest[body.start..body.start + size.min(PREFIX)];
            let Some((content, skip)) = tag::parse(track, prefix)? else { continue };
            let kind = match content {
                Content::Configuration => UnitKind::Configuration,
                Content::Frame { key, composition } => UnitKind::Frame { key, composition },
                Content::Nothing => continue,
            };
            let body = &self.buf[at + body.start..at + body.end];
            let payload = body.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default();
            if payload.is_empty() {
                continue;
            }
            let timestamp = u32::from_be_bytes([t3, t0, t1, t2]);
            return Ok(Some(Unit { track, timestamp, kind, payload, body }));
        }
    }

    /// Takes the file header and the size of the tag before the first.
    fn begin(&mut self) -> Result<bool, MediaError> {
        let Some(header) = self.buf.first_chunk::<FILE_HEADER>() else { return Ok(false) };
        let malformed = |what| MediaError::Malformed { what, offset: 0 };
        let &[b'F', b'L', b'V', _, flags, o0, o1, o2, o3] = header else {
            return Err(malformed("this is not FLV"));
        };
        let len = u32::from_be_bytes([o0, o1, o2, o3]) as usize;
        if !(FILE_HEADER..=MAX_FILE_HEADER).contains(&len) {
            return Err(malformed("the FLV header has no sound length"));
        }
        if self.buf.len() < len + TRAILER {
            return Ok(false);
        }
        self.taken = len + TRAILER;
        self.tracks = Some([flags & 1 != 0, flags & 4 != 0]);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::media::flv::{
        prefix,
        write::{Kind, file_header, tag_header, tag_trailer},
    };

    fn tag(kind: Kind, timestamp: u32, body: &[u8]) -> Vec<u8> {
        [&tag_header(kind, timestamp, body.len())[..], body, &tag_trailer(body.len())].concat()
    }

    fn film() -> Vec<u8> {
        let frame = |key, bytes: &[u8]| [&prefix::video_frame(key, 66)[..], bytes].concat();
        [
            &file_header(true)[..],
            &tag(Kind::Script, 0, b"metadata"),
            &tag(Kind::Video, 0, &[&prefix::VIDEO_HEADER[..], b"avcc"].concat()),
            &tag(Kind::Audio, 0, &[&prefix::AUDIO_HEADER[..], b"asc"].concat()),
            &tag(Kind::Video, 0x0102_0304, &frame(true, b"picture")),
            &tag(Kind::Audio, 7, &[&prefix::AUDIO_FRAME[..], b"sound"].concat()),
            // The end of the sequence, and a tag too short to mean anything.
            &tag(Kind::Video, 9, &[0x17, 2, 0, 0, 0]),
            &tag(Kind::Audio, 9, &[]),
            &tag(Kind::Video, 40, &frame(false, b"another")),
        ]
        .concat()
    }

    fn take(demuxer: &mut Demuxer, out: &mut Vec<(Track, u32, UnitKind, Vec<u8>)>) {
        while let Some(unit) = demuxer.take().unwrap() {
            out.push((unit.track, unit.timestamp, unit.kind, unit.payload.to_vec()));
        }
    }

    #[test]
    fn tags_come_out_with_their_times_and_payloads() {
        let (mut demuxer, mut out) = (Demuxer::default(), vec![]);
        assert_eq!(demuxer.tracks(), None);
        demuxer.push(&film());
        take(&mut demuxer, &mut out);
        let frame = |key, composition| UnitKind::Frame { key, composition };
        assert_eq!(
            out,
            [
                (Track::Video, 0, UnitKind::Configuration, b"avcc".to_vec()),
                (Track::Audio, 0, UnitKind::Configuration, b"asc".to_vec()),
                (Track::Video, 0x0102_0304, frame(true, 66), b"picture".to_vec()),
                (Track::Audio, 7, frame(true, 0), b"sound".to_vec()),
                (Track::Video, 40, frame(false, 66), b"another".to_vec()),
            ]
        );
        assert_eq!(demuxer.tracks(), Some([true, true]));
        assert!(demuxer.is_between_tags());
    }

    #[test]
    fn what_is_no_flv_or_no_h264_is_an_error() {
        let mut text = Demuxer::default();
        text.push(b"<html><body>");
        assert!(matches!(text.take(), Err(MediaError::Malformed { .. })));
        let mut hevc = Demuxer::default();
        hevc.push(&[&file_header(true)[..], &tag(Kind::Video, 0, b"\x1c\x01xxxxxx")].concat());
        assert!(matches!(hevc.take(), Err(MediaError::Unsupported(_))));
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_makes_no_difference(cuts in proptest::collection::vec(1_usize..40, 1..60)) {
            let film = film();
            let (mut whole, mut cut) = (vec![], vec![]);
            let mut demuxer = Demuxer::default();
            demuxer.push(&film);
            take(&mut demuxer, &mut whole);
            let (mut demuxer, mut rest) = (Demuxer::default(), &film[..]);
            for len in cuts.iter().cycle() {
                let (piece, behind) = rest.split_at((*len).min(rest.len()));
                demuxer.push(piece);
                take(&mut demuxer, &mut cut);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut demuxer = Demuxer::default();
            demuxer.push(&film()[..13]);
            demuxer.push(&bytes);
            while let Ok(Some(_)) = demuxer.take() {}
        }
    }
}
