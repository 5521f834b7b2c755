//! The walk itself: what blocks, what is marked, what is rewound.

use std::cell::Cell;
use std::io;
use std::sync::Arc;

use streambro_core::media::cursor::{Cursor, Mark, open};
use streambro_core::media::error::MediaError;
use streambro_core::media::packet::Sample;
use streambro_core::media::read::ReadAt;

use crate::build::*;

/// Every sample of a file, and what ended it.
pub(crate) fn walk<R: ReadAt + ?Sized>(reader: &R, len: u64) -> (Vec<Sample>, Option<MediaError>) {
    let mut cursor = Cursor::new(Arc::new(open(reader, len).unwrap()));
    let mut samples = Vec::new();
    loop {
        match cursor.peek(reader) {
            Ok(Some(sample)) => samples.push(sample),
            Ok(None) => return (samples, None),
            Err(error) => return (samples, Some(error)),
        }
        cursor.advance();
    }
}

pub(crate) fn samples(file: &[u8]) -> Vec<Sample> {
    let (samples, end) = walk(file, file.len() as u64);
    assert!(end.is_none(), "{end:?}");
    samples
}

/// Two tracks whose tables are longer than a window.
pub(crate) fn long_tables() -> Vec<u8> {
    let n = 1_000u32;
    let sizes: Vec<u32> = (0..n).map(|i| 30 + i % 7).collect();
    let offsets: Vec<u32> = (0..n).map(|i| DATA + 1 + i).collect();
    let rows = |f: &dyn Fn(u32) -> Vec<u32>| (0..n).map(f).collect::<Vec<_>>();
    let make = |kind: &[u8; 4], rows: &[Vec<u32>]| {
        table(kind, 0, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let tables = |step: u32| {
        vec![
            make(b"stts", &rows(&|i| vec![1, step + i % 3])),
            make(b"stsc", &rows(&|i| vec![i + 1, 1, 1])),
            full(b"stsz", 0, 0, &[&words(&[0, n]), &words(&sizes)]),
            make(b"stco", &offsets.iter().map(|&offset| vec![offset]).collect::<Vec<_>>()),
        ]
    };
    let mut video = tables(40);
    video.push(make(b"ctts", &rows(&|i| vec![1, i % 3 * 40])));
    video.push(make(b"stss", &(0..n / 10).map(|i| vec![i * 10 + 1]).collect::<Vec<_>>()));
    let data = [&[0xff][..], &idr(100), &vec![0; 2_000]].concat();
    file(&data, &[Trak::video(video), Trak::audio(tables(1024))])
}

/// Answers `WouldBlock` to every second call.
struct Blocking<'a>(&'a [u8], Cell<bool>);

impl ReadAt for Blocking<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.set(!self.1.get());
        if self.1.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read_at(buf, offset)
    }
}

fn blocked(error: &MediaError) -> bool {
    matches!(error, MediaError::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn blocking_walk(file: &[u8]) -> Vec<Sample> {
    let index = Arc::new(open(file, file.len() as u64).unwrap());
    let reader = Blocking(file, Cell::new(false));
    let mut cursor = Cursor::new(index);
    let mut samples = Vec::new();
    let mut calls = 0;
    loop {
        calls += 1;
        assert!(calls < 100_000, "no progress after {} samples", samples.len());
        match cursor.peek(&reader) {
            Ok(Some(sample)) => samples.push(sample),
            Ok(None) => return samples,
            Err(error) if blocked(&error) => continue,
            Err(error) => panic!("{error}"),
        }
        cursor.advance();
    }
}

#[test]
fn a_reader_that_blocks_every_second_call_yields_the_same() {
    let file = long_tables();
    assert_eq!(samples(&file).len(), 2_000);
    assert_eq!(blocking_walk(&file), samples(&file));
    let file = crate::fragments::fragmented();
    assert_eq!(blocking_walk(&file), samples(&file));
    let file = crate::tables::flv(40);
    assert_eq!(blocking_walk(&file), samples(&file));
}

#[test]
fn a_mark_leads_back_to_the_same_samples() {
    for file in [long_tables(), crate::fragments::fragmented(), crate::tables::flv(40)] {
        let all = samples(&file);
        let mut cursor = Cursor::new(Arc::new(open(&file[..], file.len() as u64).unwrap()));
        let mut marks: Vec<Mark> = Vec::new();
        for (i, sample) in all.iter().enumerate() {
            // Before a peek and behind it alike.
            if i % 2 == 0 {
                marks.push(cursor.mark());
            }
            assert_eq!(cursor.peek(&file[..]).unwrap().as_ref(), Some(sample));
            assert_eq!(cursor.peek(&file[..]).unwrap().as_ref(), Some(sample));
            if i % 2 == 1 {
                marks.push(cursor.mark());
            }
            cursor.advance();
        }
        for (i, mark) in marks.iter().enumerate().rev() {
            cursor.rewind(mark);
            for expected in all.iter().skip(i).take(3) {
                assert_eq!(cursor.peek(&file[..]).unwrap().as_ref(), Some(expected));
                cursor.advance();
            }
        }
        cursor.restart();
        assert_eq!(cursor.peek(&file[..]).unwrap(), all.first().copied());
    }
}

#[test]
fn a_mark_is_small() {
    println!("a mark has {} bytes, a cursor {}", size_of::<Mark>(), size_of::<Cursor>());
    assert!(size_of::<Mark>() <= 512, "{}", size_of::<Mark>());
    assert!(size_of::<Cursor>() <= 2_048, "{}", size_of::<Cursor>());
}

#[test]
fn advance_without_a_peek_does_nothing() {
    let file = long_tables();
    let mut cursor = Cursor::new(Arc::new(open(&file[..], file.len() as u64).unwrap()));
    cursor.advance();
    assert_eq!(cursor.peek(&file[..]).unwrap(), samples(&file).first().copied());
}

#[test]
fn samples_are_merged_by_decode_time_and_video_comes_first() {
    let all = samples(&long_tables());
    let us = |sample: &Sample| {
        let timescale =
            if sample.track == streambro_core::media::packet::Track::Video { 1_000 } else { 48_000 };
        i128::from(sample.dts) * 1_000_000_000 / timescale
    };
    assert!(all.is_sorted_by(|a, b| us(a) < us(b) || us(a) == us(b) && a.track <= b.track));
}
