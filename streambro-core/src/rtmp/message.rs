//! What goes around a payload on its way out: message and chunk headers (5.3.1).

use std::fmt;

use crate::media::packet::Track;

/// The longest payload that a header can announce (5.3.1.2.1: three bytes).
pub const MAX_BODY: u32 = 0xFF_FFFF;

/// In the timestamp field, says that four more bytes follow (5.3.1.3).
const EXTENDED: u32 = 0xFF_FFFF;

/// Message types (5.4, 6.2, 7.1).
pub(super) mod kind {
    pub(crate) const SET_CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW_ACK_SIZE: u8 = 5;
    pub(crate) const SET_PEER_BANDWIDTH: u8 = 6;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const COMMAND: u8 = 20;
}

/// Chunk streams. 2 is set by 5.4, the others are what ffmpeg takes: one for each kind, so that none disturbs the
/// timestamp deltas of another.
pub(super) mod csid {
    pub(crate) const CONTROL: u8 = 2;
    pub(crate) const CONNECTION: u8 = 3;
    pub(crate) const AUDIO: u8 = 4;
    pub(crate) const VIDEO: u8 = 6;
    pub(crate) const STREAM: u8 = 8;
}

/// What a header says of its message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Announce {
    pub(super) csid: u8,
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) body_len: u32,
    pub(super) chunk_size: u32,
}

/// The headers of one message, from which its wire form follows.
///
/// The wire form is the header, then the body in pieces of the chunk size with a short header between them.
#[derive(Clone, Copy)]
pub struct MessageHead {
    /// The message header, then the header of every further chunk.
    bytes: [u8; Self::LONGEST + Self::LONGEST_NEXT],
    len: u8,
    next_len: u8,
    body_len: u32,
    chunk_size: u32,
}

impl MessageHead {
    /// Basic header, type 0 header, extended timestamp.
    const LONGEST: usize = 1 + 11 + 4;
    /// Basic header, extended timestamp.
    const LONGEST_NEXT: usize = 1 + 4;

    /// A type 0 header (5.3.1.2.1), which depends on no other.
    pub(super) fn full(message: Announce, timestamp: u32) -> Self {
        let mut head = Self::new(message);
        head.push(&[message.csid]);
        head.push(&timestamp.min(EXTENDED).to_be_bytes()[1..]);
        head.push(&message.body_len.to_be_bytes()[1..]);
        head.push(&[message.kind]);
        // The one little-endian field of the protocol.
        head.push(&message.stream.to_le_bytes());
        if timestamp >= EXTENDED {
            head.push(&timestamp.to_be_bytes());
            // Repeated in front of each piece (5.3.1.3).
            head.push_next(&timestamp.to_be_bytes());
        }
        head
    }

    /// A type 1 header (5.3.1.2.2): a delta to the message before. `delta` is below 0xFFFFFF.
    fn delta(message: Announce, delta: u32) -> Self {
        let mut head = Self::new(message);
        head.push(&[0x40 | message.csid]);
        head.push(&delta.to_be_bytes()[1..]);
        head.push(&message.body_len.to_be_bytes()[1..]);
        head.push(&[message.kind]);
        head
    }

    fn new(message: Announce) -> Self {
        assert!(message.body_len <= MAX_BODY, "a message has at most 16 MiB - 1");
        debug_assert!((2..64).contains(&message.csid) && message.chunk_size > 0);
        let mut head = Self {
            bytes: [0; Self::LONGEST + Self::LONGEST_NEXT],
            len: 0,
            next_len: 0,
            body_len: message.body_len,
            chunk_size: message.chunk_size,
        };
        head.push_next(&[0xC0 | message.csid]);
        head
    }

    fn push(&mut self, bytes: &[u8]) {
        let at = usize::from(self.len);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }

    fn push_next(&mut self, bytes: &[u8]) {
        let at = Self::LONGEST + usize::from(self.next_len);
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        self.next_len += bytes.len() as u8;
    }

    fn first(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn next(&self) -> &[u8] {
        &self.bytes[Self::LONGEST..Self::LONGEST + usize::from(self.next_len)]
    }

    /// Returns how many bytes the message has on the wire, headers and all.
    pub fn wire_len(&self) -> u32 {
        // At a chunk size of 1 this is under 2^24 * 6.
        let further = self.body_len.div_ceil(self.chunk_size).saturating_sub(1);
        u32::from(self.len) + self.body_len + further * u32::from(self.next_len)
    }

    /// Walks the wire form from its byte `from` on, at most `room` bytes of it.
    ///
    /// Any split of the wire form into calls yields the same bytes.
    pub fn pieces(&self, from: u32, room: u32) -> impl Iterator<Item = Piece<'_>> {
        let end = self.wire_len().min(from.saturating_add(room));
        let mut at = from;
        std::iter::from_fn(move || {
            let piece = (at < end).then(|| self.piece(at, end - at))?;
            at += piece.len();
            Some(piece)
        })
    }

    /// The piece at byte `at`, which exists, cut to `room`.
    fn piece(&self, at: u32, room: u32) -> Piece<'_> {
        let Some(beyond) = at.checked_sub(u32::from(self.len)) else {
            return Piece::head(&self.first()[at as usize..], room);
        };
        let period = self.chunk_size + u32::from(self.next_len);
        let (chunk, within) = (beyond / period, beyond % period);
        match within.checked_sub(self.chunk_size) {
            Some(into) => Piece::head(&self.next()[into as usize..], room),
            None => {
                let start = chunk * self.chunk_size + within;
                let len = room.min(self.chunk_size - within).min(self.body_len - start);
                Piece::Body { start, len }
            }
        }
    }

    /// Appends the whole message; `body` has the length that was announced.
    pub(super) fn write(&self, body: &[u8], out: &mut Vec<u8>) {
        debug_assert_eq!(body.len(), self.body_len as usize);
        out.reserve(self.wire_len() as usize);
        for piece in self.pieces(0, u32::MAX) {
            out.extend_from_slice(match piece {
                Piece::Head(bytes) => bytes,
                Piece::Body { start, len } => &body[start as usize..(start + len) as usize],
            });
        }
    }
}

impl fmt::Debug for MessageHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageHead")
            .field("first", &self.first())
            .field("next", &self.next())
            .field("body_len", &self.body_len)
            .field("chunk_size", &self.chunk_size)
            .finish()
    }
}

/// A run of bytes of a message's wire form. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These bytes of a header.
    Head(&'a [u8]),
    /// These bytes of the payload.
    Body {
        /// Where they begin in the payload.
        start: u32,
        /// How many they are.
        len: u32,
    },
}

impl<'a> Piece<'a> {
    fn head(bytes: &'a [u8], room: u32) -> Self {
        Self::Head(&bytes[..bytes.len().min(room as usize)])
    }

    /// Returns how many bytes of the wire it covers.
    #[expect(clippy::len_without_is_empty, reason = "a piece is never empty")]
    pub fn len(&self) -> u32 {
        match *self {
            Self::Head(bytes) => bytes.len() as u32,
            Self::Body { len, .. } => len,
        }
    }
}

/// Writes the headers of a stream's audio and video.
///
/// The first message of a track takes a type 0 header with its absolute timestamp, each further one a type 1 header
/// with a small delta. Whatever a delta cannot say in 24 bits (a gap, a step back, the wrap at 2^32 ms) takes type 0
/// again: what an extended delta means is in dispute, and node-media-server 4.4 goes deaf when deltas cross 2^32.
#[derive(Clone, Debug)]
pub struct MediaHeaders {
    stream: u32,
    chunk_size: u32,
    last_audio: Option<u32>,
    last_video: Option<u32>,
}

impl MediaHeaders {
    /// Begins for the message stream `stream` with chunks of `chunk_size` bytes, which is not 0.
    pub fn new(stream: u32, chunk_size: u32) -> Self {
        Self { stream, chunk_size, last_audio: None, last_video: None }
    }

    /// Forgets the timestamps: the next message of each track takes a type 0 header.
    pub fn reset(&mut self) {
        (self.last_audio, self.last_video) = (None, None);
    }

    /// Returns the headers of the next message of `track`. `timestamp` is in milliseconds, modulo 2^32.
    ///
    /// # Panics
    /// When `body_len` exceeds [`MAX_BODY`].
    pub fn next(&mut self, track: Track, timestamp: u32, body_len: u32) -> MessageHead {
        let (csid, kind, last) = match track {
            Track::Audio => (csid::AUDIO, kind::AUDIO, &mut self.last_audio),
            Track::Video => (csid::VIDEO, kind::VIDEO, &mut self.last_video),
        };
        let message = Announce { csid, kind, stream: self.stream, body_len, chunk_size: self.chunk_size };
        let delta = last.replace(timestamp).and_then(|last| timestamp.checked_sub(last));
        match delta {
            Some(delta) if delta < EXTENDED => MessageHead::delta(message, delta),
            _ => MessageHead::full(message, timestamp),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wire(head: &MessageHead) -> Vec<u8> {
        let body: Vec<u8> = (0..head.body_len).map(|i| i as u8).collect();
        let mut out = Vec::new();
        head.write(&body, &mut out);
        assert_eq!(out.len(), head.wire_len() as usize);
        out
    }

    fn headers() -> MediaHeaders {
        MediaHeaders::new(1, 4096)
    }

    #[test]
    fn a_small_frame_is_a_header_and_its_payload() {
        let mut headers = headers();
        assert_eq!(wire(&headers.next(Track::Audio, 0, 3)), b"\x04\0\0\0\0\0\x03\x08\x01\0\0\0\x00\x01\x02");
        assert_eq!(wire(&headers.next(Track::Audio, 21, 3)), b"\x44\0\0\x15\0\0\x03\x08\x00\x01\x02");
        assert_eq!(wire(&headers.next(Track::Video, 40, 0)), b"\x06\0\0\x28\0\0\0\x09\x01\0\0\0");
        assert_eq!(wire(&headers.next(Track::Video, 40, 0)), b"\x46\0\0\0\0\0\0\x09");
    }

    #[test]
    fn ten_kilobytes_take_three_chunks() {
        let head = headers().next(Track::Video, 1000, 10_000);
        let bytes = wire(&head);
        assert_eq!(bytes.len(), 12 + 10_000 + 2);
        assert_eq!(bytes[..12], *b"\x06\0\x03\xe8\0\x27\x10\x09\x01\0\0\0");
        assert_eq!((bytes[12 + 4096], bytes[12 + 4096 + 1 + 4096]), (0xC6, 0xC6));
        let pieces: Vec<_> = head.pieces(0, u32::MAX).collect();
        assert_eq!(
            pieces[1..],
            [
                Piece::Body { start: 0, len: 4096 },
                Piece::Head(b"\xc6"),
                Piece::Body { start: 4096, len: 4096 },
                Piece::Head(b"\xc6"),
                Piece::Body { start: 8192, len: 1808 },
            ]
        );
    }

    #[test]
    fn a_body_of_whole_chunks_ends_without_a_header() {
        assert_eq!(headers().next(Track::Video, 0, 8192).wire_len(), 12 + 8192 + 1);
    }

    #[test]
    fn extended_timestamps_begin_at_0xffffff_and_repeat() {
        let below = headers().next(Track::Audio, 0xFF_FFFE, 1);
        assert_eq!(wire(&below), b"\x04\xff\xff\xfe\0\0\x01\x08\x01\0\0\0\x00");
        let at = headers().next(Track::Audio, 0xFF_FFFF, 4097);
        let bytes = wire(&at);
        assert_eq!(bytes[..16], *b"\x04\xff\xff\xff\0\x10\x01\x08\x01\0\0\0\x00\xff\xff\xff");
        assert_eq!(bytes[16 + 4096..], *b"\xc4\x00\xff\xff\xff\x00");
        let half = headers().next(Track::Audio, 1 << 31, 1);
        assert_eq!(wire(&half), b"\x04\xff\xff\xff\0\0\x01\x08\x01\0\0\0\x80\0\0\0\x00");
    }

    #[test]
    fn deltas_cross_every_boundary_but_the_wrap() {
        for start in [0xFF_FFF0u32, 0x7FFF_FFF0] {
            let mut headers = headers();
            headers.next(Track::Video, start, 1);
            assert_eq!(wire(&headers.next(Track::Video, start + 33, 1)), b"\x46\0\0\x21\0\0\x01\x09\x00");
        }
        let mut headers = headers();
        headers.next(Track::Video, 0xFFFF_FFF0, 1);
        assert_eq!(wire(&headers.next(Track::Video, 17, 1)), b"\x06\0\0\x11\0\0\x01\x09\x01\0\0\0\x00");
    }

    #[test]
    fn gaps_steps_back_and_resets_take_a_full_header() {
        let mut headers = headers();
        headers.next(Track::Audio, 100, 1);
        assert_eq!(wire(&headers.next(Track::Audio, 99, 1))[0], 0x04);
        assert_eq!(wire(&headers.next(Track::Audio, 99 + 0xFF_FFFF, 1))[0], 0x04);
        assert_eq!(wire(&headers.next(Track::Audio, 99 + 0xFF_FFFF + 0xFF_FFFE, 1))[0], 0x44);
        headers.reset();
        assert_eq!(wire(&headers.next(Track::Audio, 99 + 0xFF_FFFF + 0xFF_FFFE, 1))[0], 0x04);
    }

    proptest! {
        #[test]
        fn any_split_of_the_wire_form_is_the_wire_form(
            timestamp in prop_oneof![0u32..10, 0xFF_FFF0u32..0x100_0010, any::<u32>()],
            body_len in 0u32..700, chunk_size in 1u32..300, rooms in prop::collection::vec(1u32..50, 1..20),
        ) {
            let mut headers = MediaHeaders::new(7, chunk_size);
            for head in [headers.next(Track::Video, timestamp, body_len), headers.next(Track::Video, timestamp, body_len)] {
                let body: Vec<u8> = (0..body_len).map(|i| i as u8).collect();
                let (mut split, mut from) = (Vec::new(), 0);
                for room in rooms.iter().cycle() {
                    if from == head.wire_len() { break; }
                    let before = split.len() as u32;
                    for piece in head.pieces(from, *room) {
                        prop_assert!(piece.len() > 0);
                        match piece {
                            Piece::Head(bytes) => split.extend_from_slice(bytes),
                            Piece::Body { start, len } =>
                                split.extend_from_slice(&body[start as usize..(start + len) as usize]),
                        }
                    }
                    let taken = split.len() as u32 - before;
                    prop_assert_eq!(taken, (*room).min(head.wire_len() - from));
                    from += taken;
                }
                prop_assert_eq!(split, wire(&head));
                prop_assert_eq!(head.pieces(head.wire_len(), 9).count(), 0);
                prop_assert_eq!(head.pieces(u32::MAX, 9).count(), 0);
            }
        }
    }
}
