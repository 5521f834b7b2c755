//! Files that are sound but cannot be copied, each with its reason.

use streambro_core::media::cursor::open;
use streambro_core::media::error::{MediaError, Unsupported};
use streambro_core::media::packet::Track;
use streambro_core::media::probe::probe;

use crate::build::*;

fn reasons(file: &[u8]) -> Vec<Unsupported> {
    match open(file, file.len() as u64) {
        Err(MediaError::Unsupported(reasons)) => reasons,
        other => panic!("{other:?}"),
    }
}

fn entry(track: Track, entry: Vec<u8>) -> Vec<Unsupported> {
    let mut trak = match track {
        Track::Video => Trak::video(four_pictures()),
        Track::Audio => Trak::audio(four_pictures()),
    };
    trak.entries = vec![entry];
    // The other track is fine: the file is refused all the same.
    let other = match track {
        Track::Video => Trak::audio(four_pictures()),
        Track::Audio => Trak::video(four_pictures()),
    };
    reasons(&file(&picture_data(), &[trak, other]))
}

fn codec(track: Track, codec: &str) -> Vec<Unsupported> {
    vec![Unsupported::Codec { track, codec: codec.to_owned() }]
}

#[test]
fn other_codecs_are_named() {
    for kind in [b"hvc1", b"hev1", b"mp4v", b"av01"] {
        let name = std::str::from_utf8(kind).unwrap();
        assert_eq!(entry(Track::Video, avc1_with(kind, &[])), codec(Track::Video, name));
    }
    let mp3 = mp4a_with(b"mp4a", 0, &[], &esds(0x6b, &[]));
    assert_eq!(entry(Track::Audio, mp3), codec(Track::Audio, "MP3"));
    assert_eq!(entry(Track::Audio, mp4a_with(b"Opus", 0, &[], &[])), codec(Track::Audio, "Opus"));
    let xhe = mp4a_with(b"mp4a", 0, &[], &esds(0x40, &[0xf9, 0x46, 0x40, 0]));
    assert!(matches!(&entry(Track::Audio, xhe)[..], [Unsupported::Codec { .. }]));
}

#[test]
fn encryption_is_named() {
    let avcc = atom(b"avcC", &[&avcc()]);
    assert_eq!(entry(Track::Video, avc1_with(b"encv", &avcc)), [Unsupported::Encrypted(Track::Video)]);
    assert_eq!(entry(Track::Audio, mp4a_with(b"enca", 0, &[], &[])), [Unsupported::Encrypted(Track::Audio)]);
}

#[test]
fn missing_configurations_are_named() {
    let none = [Unsupported::NoConfiguration(Track::Video)];
    assert_eq!(entry(Track::Video, avc1_with(b"avc3", &[])), none);
    assert_eq!(entry(Track::Video, avc1_with(b"avc1", &atom(b"avcC", &[]))), none);
    let empty = [1, 100, 0, 40, 0xff, 0xe0, 0];
    assert_eq!(entry(Track::Video, avc1_with(b"avc1", &atom(b"avcC", &[&empty]))), none);
    assert_eq!(
        entry(Track::Audio, mp4a_with(b"mp4a", 0, &[], &esds(0x40, &[]))),
        [Unsupported::NoConfiguration(Track::Audio)]
    );
}

#[test]
fn other_layouts_are_named() {
    let cmov = [ftyp(), atom(b"moov", &[&atom(b"cmov", &[&[0; 20]])])].concat();
    assert_eq!(reasons(&cmov), [Unsupported::CompressedHeader]);
    let mut trak = Trak::video(four_pictures());
    trak.dref = full(b"url ", 0, 0, &[b"file:///elsewhere.mov\0"]);
    assert_eq!(reasons(&file(&picture_data(), &[trak.clone()])), [Unsupported::ExternalData]);
    trak.dref = full(b"url ", 0, 0, &[b"\0"]);
    let empty_location = file(&picture_data(), &[trak]);
    assert!(open(&empty_location[..], empty_location.len() as u64).is_ok());
    let mut trak = Trak::video(four_pictures());
    for edits in [&[(40, 0), (40, 80)][..], &[(40, -2)], &[(10, 9_999)]] {
        trak.elst = Some(elst(edits));
        assert_eq!(reasons(&file(&picture_data(), &[trak.clone()])), [Unsupported::EditList]);
    }
    trak.elst = Some(table(b"elst", 0, &[&[160, 0, 2 << 16]]));
    assert_eq!(reasons(&file(&picture_data(), &[trak])), [Unsupported::EditList]);
    assert_eq!(reasons(&file(&[], &[])), [Unsupported::NoTrack]);
    assert_eq!(reasons(b"RIFF....WAVE"), [Unsupported::Container]);
    assert_eq!(reasons(b""), [Unsupported::Container]);
}

#[test]
fn a_first_picture_that_is_no_idr_is_named_and_measured() {
    let mut data = picture_data();
    data[4] = 0x41;
    let file = file(&data, &[Trak::video(four_pictures())]);
    assert_eq!(reasons(&file), [Unsupported::FirstPicture]);
    assert_eq!(probe(&file[..], file.len() as u64).unwrap().video.unwrap().first_is_idr, Some(false));
}

#[test]
fn flash_codecs_are_named() {
    let flv = |kind: u8, body: &[u8]| {
        let size = u8::try_from(body.len()).unwrap();
        [
            &b"FLV\x01\x05\0\0\0\x09\0\0\0\0"[..],
            &[kind, 0, 0, size, 0, 0, 0, 0, 0, 0, 0],
            body,
            &[0, 0, 0, 11 + size],
        ]
        .concat()
    };
    assert_eq!(reasons(&flv(9, &[0x12, 0, 0])), codec(Track::Video, "Sorenson H.263"));
    assert_eq!(reasons(&flv(9, b"\x90hvc1\0\0\0")), codec(Track::Video, "hvc1"));
    assert_eq!(reasons(&flv(8, &[0x2f, 0, 0])), codec(Track::Audio, "MP3"));
    assert_eq!(reasons(&flv(0x29, &[0x17, 1])), [Unsupported::Encrypted(Track::Video)]);
    assert_eq!(reasons(&flv(9, &[0x17, 1, 0, 0, 0, 1])), [Unsupported::NoConfiguration(Track::Video)]);
    assert_eq!(reasons(&flv(18, &[2])), [Unsupported::NoTrack]);
}
