//! A film of ten hours: opening and walking it takes no more memory than a clip of a second.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use streambro_core::media::cursor::{Cursor, open};
use streambro_core::media::read::ReadAt;

use crate::build::*;

/// The words of a table from its first to its last byte.
type Made = (u64, u64, fn(u64) -> u32);

/// A file of which only some stretches exist; the rest is made up, or zero.
#[derive(Default)]
struct Sparse {
    solid: Vec<(u64, Vec<u8>)>,
    made: Vec<Made>,
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl ReadAt for Sparse {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(buf.len() as u64, Ordering::Relaxed);
        buf.fill(0);
        for (begin, end, word) in &self.made {
            let from = offset.max(*begin);
            let to = (offset + buf.len() as u64).min(*end);
            for at in from..to {
                let value = word((at - begin) / 4).to_be_bytes();
                buf[usize::try_from(at - offset).unwrap()] =
                    value[usize::try_from((at - begin) % 4).unwrap()];
            }
        }
        for (begin, bytes) in &self.solid {
            let end = begin + bytes.len() as u64;
            let from = offset.max(*begin);
            let to = (offset + buf.len() as u64).min(end);
            if from < to {
                let range = usize::try_from(from - begin).unwrap()..usize::try_from(to - begin).unwrap();
                let at = usize::try_from(from - offset).unwrap();
                buf[at..at + range.len()].copy_from_slice(&bytes[range]);
            }
        }
        Ok(buf.len())
    }
}

/// The header of a box of which only the first words exist.
fn head(kind: &[u8; 4], len: u64, more: &[u32]) -> Vec<u8> {
    [&u32::try_from(len).unwrap().to_be_bytes()[..], kind, &words(more)].concat()
}

/// 30 pictures a second with B-frames, each in a chunk of its own.
fn film(pictures: u64) -> (Sparse, u64) {
    let n = u32::try_from(pictures).unwrap();
    let ctts: fn(u64) -> u32 =
        |word| if word % 2 == 0 { 1 } else { [2, 4, 0, 0][(word / 2 % 4) as usize] * 512 };
    let sizes: fn(u64) -> u32 = |word| 2_000 + (word as u32).wrapping_mul(7_919) % 30_000;
    let chunks: fn(u64) -> u32 = |word| if word % 2 == 0 { 1 } else { 64 * (word as u32 / 2) };
    let fixed = Trak::video(vec![]).bytes();
    let tables = [
        (head(b"ctts", 16 + 8 * pictures, &[0, n]), 8 * pictures, Some(ctts)),
        (head(b"stsz", 20 + 4 * pictures, &[0, 0, n]), 4 * pictures, Some(sizes)),
        (head(b"co64", 16 + 8 * pictures, &[0, n]), 8 * pictures, Some(chunks)),
        (table(b"stts", 0, &[&[n, 512]]), 0, None),
        (table(b"stsc", 0, &[&[1, 1, 1]]), 0, None),
        (table(b"stss", 0, &[&[1]]), 0, None),
    ];
    let extra: u64 = tables.iter().map(|(head, body, _)| head.len() as u64 + body).sum();
    // The tables go behind stsd, at the end of every box around them: those grow by as much.
    let mut fixed = fixed;
    for kind in [b"trak", b"mdia", b"minf", b"stbl"] {
        let at = fixed.windows(4).position(|found| found == kind).unwrap() - 4;
        let old = u32::from_be_bytes(fixed[at..at + 4].try_into().unwrap());
        let new = old + u32::try_from(extra).unwrap();
        fixed[at..at + 4].copy_from_slice(&new.to_be_bytes());
    }
    let moov_size = 8 + mvhd().len() as u64 + fixed.len() as u64 + extra;
    let mut sparse = Sparse::default();
    let start = [ftyp(), head(b"moov", moov_size, &[]), mvhd(), fixed].concat();
    let mut at = start.len() as u64;
    sparse.solid.push((0, start));
    for (head, body, word) in tables {
        sparse.solid.push((at, head.clone()));
        at += head.len() as u64;
        sparse.made.extend(word.map(|word| (at, at + body, word)));
        at += body;
    }
    // The first chunk's offset is made up as 2^32.
    sparse.solid.push((1 << 32, idr(200)));
    (sparse, (1 << 32) + 64 * pictures + 40_000)
}

#[test]
fn the_length_of_a_film_does_not_matter() {
    let (film, len) = film(1_080_000);
    let begin = Instant::now();
    let index = Arc::new(open(&film, len).unwrap());
    let opened = begin.elapsed();
    let opening = film.reads.swap(0, Ordering::Relaxed);
    let info = index.video.as_ref().unwrap();
    assert_eq!((info.samples, info.duration), (1_080_000, 1_080_000 * 512));
    let mut cursor = Cursor::new(Arc::clone(&index));
    let mut count = 0u64;
    let mut last = i64::MIN;
    while let Some(sample) = cursor.peek(&film).unwrap() {
        assert!(sample.dts > last);
        last = sample.dts;
        count += 1;
        cursor.advance();
    }
    assert_eq!(count, 1_080_000);
    let walking = film.reads.load(Ordering::Relaxed);
    println!("open {opened:?} in {opening} reads, all {:?}, walk in {walking} reads", begin.elapsed());
    // 20 bytes of tables a sample, 512 at a time; and 16 KiB at a time to open.
    assert!(walking < 20 * 1_080_000 / 512 + 100, "{walking}");
    assert!(opening < 3_000, "{opening}");
}
