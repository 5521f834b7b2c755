//! Files that lie. Nothing panics, nothing hangs, nothing grows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use streambro_core::media::cursor::{Cursor, open};
use streambro_core::media::error::MediaError;
use streambro_core::media::probe::probe;

use crate::build::*;

/// Opens and walks; returns how many samples there were.
fn survive(file: &[u8]) -> u64 {
    let len = file.len() as u64;
    let _ = probe(file, len);
    let Ok(index) = open(file, len) else { return 0 };
    let mut cursor = Cursor::new(Arc::new(index));
    let mut count = 0;
    while let Ok(Some(sample)) = cursor.peek(file) {
        assert!(sample.len > 0 && sample.offset + u64::from(sample.len) <= len);
        cursor.advance();
        count += 1;
        assert!(count < 1_000_000, "no end");
    }
    count
}

fn quick(file: &[u8]) -> u64 {
    let begin = Instant::now();
    let count = survive(file);
    // A debug build on a busy machine takes milliseconds; what hangs takes for ever.
    assert!(begin.elapsed() < Duration::from_secs(20), "took {:?}", begin.elapsed());
    count
}

#[test]
fn boxes_that_loop_or_lie_about_their_size() {
    for size in [1u32, 2, 7, 8, 0xffff_ffff] {
        let mut file = file(&picture_data(), &[Trak::video(four_pictures())]);
        for at in 0..file.len() - 4 {
            let saved = file[at..at + 4].to_vec();
            file[at..at + 4].copy_from_slice(&size.to_be_bytes());
            survive(&file);
            file[at..at + 4].copy_from_slice(&saved);
        }
    }
    // Nothing but empty boxes.
    let empty = [0, 0, 0, 8, b'f', b'r', b'e', b'e'].repeat(100_000);
    assert!(matches!(open(&empty[..], empty.len() as u64), Err(MediaError::Malformed { .. })));
    let zero_sized = [ftyp(), vec![0, 0, 0, 0], b"moov".to_vec(), vec![0; 64]].concat();
    assert!(open(&zero_sized[..], zero_sized.len() as u64).is_err());
}

#[test]
fn a_header_that_claims_four_gigabytes() {
    let file = [&ftyp()[..], &[0xff, 0xff, 0xff, 0xff], b"moov", &[0; 100]].concat();
    assert!(matches!(open(&file[..], file.len() as u64), Err(MediaError::Truncated { .. })));
    let long = [&ftyp()[..], &[0, 0, 0, 1], b"moov", &[0xff; 8], &[0; 100]].concat();
    assert!(matches!(open(&long[..], long.len() as u64), Err(MediaError::Truncated { .. })));
}

#[test]
fn ten_thousand_tracks() {
    let trak = Trak::video(four_pictures());
    let file = file(&picture_data(), &vec![trak; 10_000]);
    assert!(matches!(open(&file[..], file.len() as u64), Err(MediaError::Unsupported(_))));
}

#[test]
fn counts_beyond_their_boxes() {
    for kind in [b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss"] {
        let huge = full(kind, 0, 0, &[&words(&[u32::MAX, 1, 1, 1])]);
        quick(&file(&picture_data(), &[Trak::video(with(four_pictures(), kind, huge))]));
    }
    let same = full(b"stsz", 0, 0, &[&words(&[1, u32::MAX])]);
    let chunks = table(b"stsc", 0, &[&[1, u32::MAX, 1]]);
    let tables = with(with(four_pictures(), b"stsz", same), b"stsc", chunks);
    let bytes = file(&picture_data(), &[Trak::video(tables.clone())]);
    assert!(matches!(open(&bytes[..], bytes.len() as u64), Err(MediaError::Unsupported(_))));
    // As many samples as are allowed, without a byte for each.
    let same = full(b"stsz", 0, 0, &[&words(&[7, 1 << 26])]);
    assert!(quick(&file(&picture_data(), &[Trak::video(with(tables, b"stsz", same))])) < 1_000);
}

#[test]
fn empty_runs_and_empty_samples() {
    for kind in [b"stts", b"ctts"] {
        let empty = table(kind, 0, &vec![&[0, 40][..]; 10_000]);
        quick(&file(&picture_data(), &[Trak::video(with(four_pictures(), kind, empty))]));
    }
    let runs: Vec<[u32; 3]> = (1..10_000).map(|first| [first, 0, 1]).collect();
    let stsc = table(b"stsc", 0, &runs.iter().map(|run| &run[..]).collect::<Vec<_>>());
    let stco = table(b"stco", 0, &vec![&[DATA][..]; 10_000]);
    quick(&file(&picture_data(), &[Trak::video(with(with(four_pictures(), b"stsc", stsc), b"stco", stco))]));
    let none = full(b"stsz", 0, 0, &[&words(&[0, 100_000]), &vec![0; 400_000]]);
    let stsc = table(b"stsc", 0, &[&[1, 100_000, 1]]);
    quick(&file(&picture_data(), &[Trak::video(with(with(four_pictures(), b"stsz", none), b"stsc", stsc))]));
}

#[test]
fn an_error_comes_again_at_the_next_call() {
    let two_chunks = |last: u32| {
        let tables = with(four_pictures(), b"stsc", table(b"stsc", 0, &[&[1, 2, 1], &[2, 2, last]]));
        with(tables, b"stco", table(b"stco", 0, &[&[DATA], &[DATA + 120]]))
    };
    let sizes = words(&[&[100][..], &[0; 5_000], &[20]].concat());
    let empties = with(four_pictures(), b"stsz", full(b"stsz", 0, 0, &[&words(&[0, 5_002]), &sizes]));
    let empties = with(empties, b"stsc", table(b"stsc", 0, &[&[1, 5_002, 1]]));
    for (tables, good) in [(two_chunks(7), 2), (empties, 1)] {
        let file = file(&picture_data(), &[Trak::video(tables)]);
        let mut cursor = Cursor::new(Arc::new(open(&file[..], file.len() as u64).unwrap()));
        let start = cursor.mark();
        for _ in 0..2 {
            for _ in 0..good {
                assert!(matches!(cursor.peek(&file[..]), Ok(Some(_))));
                cursor.advance();
            }
            let error = cursor.peek(&file[..]).unwrap_err();
            assert!(matches!(error, MediaError::Malformed { .. }), "{error}");
            assert_eq!(cursor.peek(&file[..]).unwrap_err().to_string(), error.to_string());
            cursor.rewind(&start);
        }
    }
}

#[test]
fn times_at_the_edge_of_arithmetic() {
    for media_time in [i64::MAX, i64::MIN, 1 << 60, -1, -2] {
        for duration in [0, 1, u64::MAX] {
            let edit = |duration: u64, time: i64| {
                [&duration.to_be_bytes()[..], &time.to_be_bytes(), &words(&[1 << 16])].concat()
            };
            let edits = [edit(duration, -1), edit(duration, media_time)].concat();
            let mut trak = Trak::video(four_pictures());
            trak.tables.push(table(b"ctts", 1, &[&[2, 1 << 31], &[2, u32::MAX >> 1]]));
            trak.elst = Some(full(b"elst", 1, 0, &[&words(&[2]), &edits]));
            for timescale in [1, u32::MAX] {
                trak.timescale = timescale;
                quick(&file(&picture_data(), &[trak.clone(), Trak::audio(four_pictures())]));
            }
        }
    }
}

#[test]
fn every_prefix_and_every_flipped_byte() {
    let flash = crate::tables::flv(3);
    let fragmented = crate::fragments::fragmented();
    let files = [file(&picture_data(), &[Trak::video(four_pictures())]), flash, fragmented[..5_000].to_vec()];
    for mut file in files {
        for end in 0..file.len() {
            survive(&file[..end]);
        }
        for at in 0..file.len().min(3_000) {
            for bit in [1, 0x80, 0xff] {
                file[at] ^= bit;
                survive(&file);
                file[at] ^= bit;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_behind_a_signature(bytes in prop::collection::vec(any::<u8>(), 0..600), flash in any::<bool>()) {
        let head = if flash { b"FLV\x01\x05\0\0\0\x09\0\0\0\0".to_vec() } else { ftyp() };
        survive(&[head, bytes].concat());
    }

    #[test]
    fn random_tables(
        rows in prop::collection::vec(prop::collection::vec(0u32..200, 12), 6),
        wild in any::<[u32; 4]>(),
        at in 0usize..6,
    ) {
        let kinds = [b"stts", b"ctts", b"stsc", b"stco", b"stss", b"stsz"];
        let mut tables = four_pictures();
        for (i, (kind, row)) in kinds.iter().zip(&rows).enumerate() {
            let tail = if i == at { words(&wild) } else { vec![] };
            tables = with(tables, kind, full(kind, 1, 0, &[&words(row), &tail]));
        }
        survive(&file(&picture_data(), &[Trak::video(tables.clone()), Trak::audio(tables)]));
    }

    #[test]
    fn random_damage(hits in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 4]>()), 1..8), which in 0usize..3) {
        let mut file = match which {
            0 => crate::walk::long_tables(),
            1 => crate::fragments::fragmented(),
            _ => crate::tables::flv(12),
        };
        for (at, bytes) in hits {
            let at = at.index(file.len() - 4);
            file[at..at + 4].copy_from_slice(&bytes);
        }
        survive(&file);
    }
}
