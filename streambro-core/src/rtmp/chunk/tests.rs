use proptest::prelude::*;

use super::*;
use crate::media::packet::Track;
use crate::rtmp::message::{MediaHeaders, Piece};

type Owned = (u8, u32, u32, Vec<u8>);

/// Reads `input` in splits of `step` bytes.
fn read_in(reader: &mut ChunkReader, input: &[u8], step: usize) -> Result<Vec<Owned>, ChunkError> {
    let mut messages = Vec::new();
    for mut part in input.chunks(step) {
        while let Some(message) = reader.read(&mut part)? {
            messages.push((message.kind, message.stream, message.timestamp, message.body.into_owned()));
        }
        assert!(part.is_empty());
    }
    Ok(messages)
}

/// Reads `input` whole and byte by byte; both must agree.
fn read(input: &[u8]) -> Result<Vec<Owned>, ChunkError> {
    let (mut whole, mut dribble) = (ChunkReader::new(), ChunkReader::new());
    let messages = read_in(&mut whole, input, input.len().max(1));
    assert_eq!(messages, read_in(&mut dribble, input, 1));
    if messages.is_ok() {
        for reader in [whole, dribble] {
            let buffers: usize = reader.streams.iter().filter(|s| !s.open).map(|s| s.body.capacity()).sum();
            assert_eq!(buffers, 0, "idle chunk streams hold no buffer");
        }
    }
    messages
}

fn message(kind: u8, stream: u32, timestamp: u32, body: &[u8]) -> Owned {
    (kind, stream, timestamp, body.to_vec())
}

#[test]
fn the_four_header_types_build_on_each_other() {
    let input = b"\x05\0\0\x64\0\0\x02\x14\x01\0\0\0ab\
        \x45\0\0\x0a\0\0\x01\x12c\
        \x85\0\0\x05d\
        \xc5e";
    let expected = [
        message(0x14, 1, 100, b"ab"),
        message(0x12, 1, 110, b"c"),
        message(0x12, 1, 115, b"d"),
        message(0x12, 1, 120, b"e"),
    ];
    assert_eq!(read(input).unwrap(), expected);
}

#[test]
fn chunk_stream_ids_take_one_two_or_three_bytes() {
    for (basic, csid) in [
        (&b"\x02"[..], 2),
        (b"\x3f", 63),
        (b"\x00\x00", 64),
        (b"\x00\xff", 319),
        (b"\x01\x00\x00", 64),
        (b"\x01\xff\xff", 65_599),
    ] {
        let input = [basic, b"\0\0\0\0\0\x01\x14\0\0\0\0x"].concat();
        assert_eq!(read(&input).unwrap(), [message(0x14, 0, 0, b"x")]);
        let mut orphan = basic.to_vec();
        orphan[0] |= 0xC0;
        assert_eq!(read(&orphan), Err(ChunkError::NoHeader { csid }));
    }
}

#[test]
fn messages_interleave_on_eight_chunk_streams() {
    let mut input = Vec::new();
    for csid in 3..11u8 {
        input.extend_from_slice(&[csid, 0, 0, 0, 0, 0, 200, 0x14, 0, 0, 0, 0]);
        input.extend_from_slice(&[csid; 128]);
    }
    for csid in 3..11u8 {
        input.push(0xC0 | csid);
        input.extend_from_slice(&[csid; 72]);
    }
    let expected: Vec<_> = (3..11).map(|csid| message(0x14, 0, 0, &[csid; 200])).collect();
    assert_eq!(read(&input).unwrap(), expected);

    let begun =
        (3..12u8).flat_map(|csid| [&[csid, 0, 0, 0, 0, 0, 200, 0x14, 0, 0, 0, 0][..], &[csid; 128]].concat());
    assert_eq!(read(&begun.collect::<Vec<_>>()), Err(ChunkError::TooManyStreams));
}

#[test]
fn a_ninth_chunk_stream_takes_the_place_of_the_idlest() {
    let begin = |csid: u8| [csid, 0, 0, 0, 0, 0, 1, 0x14, 0, 0, 0, 0, csid];
    let mut input: Vec<u8> = (3..11).flat_map(begin).collect();
    input.extend_from_slice(&[0xC3, 3]); // 3 was used again, so 4 goes.
    input.extend_from_slice(&begin(11));
    assert_eq!(read(&input).unwrap().len(), 10);
    assert_eq!(read(&[input.clone(), vec![0xC3, 3]].concat()).unwrap().len(), 11);
    assert_eq!(read(&[input, vec![0xC4]].concat()), Err(ChunkError::NoHeader { csid: 4 }));
}

#[test]
fn extended_timestamps_are_read_with_and_without_repetition() {
    let head = b"\x05\xff\xff\xff\0\0\xc8\x14\0\0\0\0\x01\x00\x00\x02";
    let body: Vec<u8> = (100..=255).chain(0..44).collect();
    let expected = [message(0x14, 0, 0x0100_0002, &body)];
    let with = [head, &body[..128], b"\xc5\x01\x00\x00\x02", &body[128..]].concat();
    assert_eq!(read(&with).unwrap(), expected);
    let without = [head, &body[..128], b"\xc5", &body[128..]].concat();
    assert_eq!(read(&without).unwrap(), expected);
}

#[test]
fn without_repetition_four_last_bytes_end_the_message() {
    let mut input = b"\x05\xff\xff\xff\0\0\x84\x14\0\0\0\0\x01\x00\x00\x02".to_vec();
    input.extend_from_slice(&[7; 128]);
    input.extend_from_slice(b"\xc5abcd\x03\0\0\0\0\0\x01\x14\0\0\0\0z");
    let messages = read(&input).unwrap();
    assert_eq!(messages[0].3[128..], *b"abcd");
    assert_eq!(messages[1].3, b"z");
}

#[test]
fn set_chunk_size_acts_from_the_next_chunk_on() {
    let mut input = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\x01\0".to_vec();
    input.extend_from_slice(b"\x03\0\0\0\0\x01\x2c\x14\0\0\0\0");
    input.extend_from_slice(&[1; 256]);
    input.push(0xC3);
    input.extend_from_slice(&[1; 44]);
    assert_eq!(read(&input).unwrap(), [message(0x14, 0, 0, &[1; 300])]);
}

#[test]
fn impossible_chunk_sizes_are_refused() {
    for size in [0, 0x8000_0000, 0x0100_0000, u32::MAX] {
        let mut input = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0".to_vec();
        input.extend_from_slice(&u32::to_be_bytes(size));
        assert_eq!(read(&input), Err(ChunkError::ChunkSize { size }));
    }
    for size in [1, 0xFF_FFFF] {
        let mut input = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0".to_vec();
        input.extend_from_slice(&u32::to_be_bytes(size));
        assert_eq!(read(&input), Ok(vec![]));
    }
}

#[test]
fn abort_drops_what_was_begun() {
    let mut input = b"\x03\0\0\0\0\0\xc8\x14\0\0\0\0".to_vec();
    input.extend_from_slice(&[1; 128]);
    input.extend_from_slice(b"\x02\0\0\0\0\0\x04\x02\0\0\0\0\0\0\0\x03");
    input.extend_from_slice(b"\x43\0\0\0\0\0\x01\x14z");
    assert_eq!(read(&input).unwrap(), [message(0x14, 0, 0, b"z")]);
}

#[test]
fn a_large_message_is_refused_before_it_arrives() {
    let mut reader = ChunkReader::new();
    let mut input = &b"\x03\0\0\0\xff\xff\xff\x14\0\0\0\0"[..];
    assert_eq!(reader.read(&mut input), Err(ChunkError::MessageTooLarge { len: 0xFF_FFFF }));
    assert!(reader.heap() < 1024);
    assert_eq!(read(b"\x03\0\0\0\x01\0\x01\x14\0\0\0\0"), Err(ChunkError::MessageTooLarge { len: 65_537 }));
}

#[test]
fn announcing_costs_no_memory_and_unfinished_messages_are_bounded() {
    let mut reader = ChunkReader::new();
    let mut wire = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\xff\xff".to_vec();
    wire.extend((3..11u8).flat_map(|csid| [csid, 0, 0, 0, 1, 0, 0, 0x14, 0, 0, 0, 0]));
    // The first of them would go on for 65,535 bytes; the rest are part of it.
    read_in(&mut reader, &wire, 7).unwrap();
    assert!(reader.heap() < 2048);

    let mut reader = ChunkReader::new();
    let mut wire = b"\x02\0\0\0\0\0\x04\x01\0\0\0\0\0\0\xff\xff".to_vec();
    for csid in 3..11u8 {
        wire.extend_from_slice(&[csid, 0, 0, 0, 1, 0, 0, 0x14, 0, 0, 0, 0]);
        wire.extend_from_slice(&[0; 65_535]);
    }
    assert_eq!(read_in(&mut reader, &wire, 1000), Err(ChunkError::TooMuchUnfinished));
    assert!(reader.heap() <= 4 * 65_536 + 1024);
}

#[test]
fn a_message_in_one_piece_is_not_copied() {
    let mut reader = ChunkReader::new();
    let mut input = &b"\x02\0\0\0\0\0\x04\x03\0\0\0\0\0\0\0\x01"[..];
    let message = reader.read(&mut input).unwrap().unwrap();
    assert!(matches!(message.body, Cow::Borrowed(_)));
}

proptest! {
    #[test]
    fn junk_never_panics_and_never_hoards(bytes in prop::collection::vec(any::<u8>(), 0..4000), step in 1usize..50) {
        let mut reader = ChunkReader::new();
        let _ = read_in(&mut reader, &bytes, step);
        prop_assert!(reader.heap() <= 2 * 4000 + 1024);
    }

    #[test]
    fn what_the_writer_writes_is_read_back(
        start in prop_oneof![0u32..100, 0xFF_FF00u32..0x100_0100, 0x7FFF_FF00u32..0x8000_0100, 0xFFFF_FF00..=u32::MAX],
        frames in prop::collection::vec((any::<bool>(), 0u32..60, 0usize..9000), 1..30),
        chunk_size in prop_oneof![1u32..200, Just(4096)], step in 1usize..5000,
    ) {
        let mut headers = MediaHeaders::new(1, chunk_size);
        let mut wire = [&b"\x02\0\0\0\0\0\x04\x01\0\0\0\0"[..], &chunk_size.to_be_bytes()].concat();
        let (mut expected, mut timestamp) = (Vec::new(), start);
        for (index, (is_audio, delta, len)) in frames.into_iter().enumerate() {
            timestamp = timestamp.wrapping_add(delta);
            let body: Vec<u8> = (0..len).map(|i| (i + index) as u8).collect();
            let (track, kind) = if is_audio { (Track::Audio, 8) } else { (Track::Video, 9) };
            for piece in headers.next(track, timestamp, len as u32).pieces(0, u32::MAX) {
                match piece {
                    Piece::Head(bytes) => wire.extend_from_slice(bytes),
                    Piece::Body { start, len } => wire.extend_from_slice(&body[start as usize..][..len as usize]),
                }
            }
            expected.push((kind, 1, timestamp, body));
        }
        let mut reader = ChunkReader::with_max_message(16 << 20);
        prop_assert_eq!(read_in(&mut reader, &wire, step).unwrap(), expected);
    }
}
