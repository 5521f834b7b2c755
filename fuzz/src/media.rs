//! A file through every reader: walked, blocked, rewound, measured and placed in time.

use std::cell::Cell;
use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;

use streambro_core::media::cursor::{Cursor, Mark, open};
use streambro_core::media::error::MediaError;
use streambro_core::media::index::{AudioConfig, Index};
use streambro_core::media::packet::{Content, Packet, Sample, Track};
use streambro_core::media::probe::probe;
use streambro_core::media::read::ReadAt;
use streambro_core::media::timeline::{Silence, Timeline};
use streambro_core::media::{aac, flv};

/// Samples of a file that are looked at. Inputs are small, but chunks may lie over each other.
const MAX_SAMPLES: usize = 20_000;
/// Milliseconds of the timeline that are filled at once.
const STEP_MS: u64 = 1_000;
/// Steps of the timeline: enough for two laps of every file of the corpus.
const MAX_STEPS: u64 = 200;
/// Times that a reader says `WouldBlock` before it is all in memory.
const MAX_BLOCKS: u32 = 200;

/// Does with `file` all that a stream does.
///
/// # Panics
/// When something does not hold that must hold for any bytes.
pub fn exercise(file: &[u8]) {
    let len = file.len() as u64;
    let measured = probe(file, len);
    let index = match open(file, len) {
        Ok(index) => Arc::new(index),
        Err(error) => return check_refusal(file, &error),
    };
    let (samples, end) = walk(file, &index);
    check_samples(&samples, file);
    let measured = match measured {
        Ok(measured) => Some(measured),
        // What opening does not look at is found on the way.
        Err(error) => {
            assert!(end == End::Error(error.to_string()) || end == End::Enough, "{error}, but {end:?}");
            None
        }
    };
    if let (Some(measured), End::File) = (measured, &end) {
        let count = |track| samples.iter().filter(|sample| sample.track == track).count() as u64;
        assert_eq!(measured.video.map_or(0, |video| video.samples), count(Track::Video));
        assert_eq!(measured.audio.map_or(0, |audio| audio.samples), count(Track::Audio));
        assert!(!measured.truncated);
    }
    walk_blocked(file, &samples, &end);
    place(file, &index);
    let script = flv::metadata::on_metadata(&index, true);
    assert!(script.len() < 1_024);
}

/// A refusal is the same when the file comes in pieces.
fn check_refusal(file: &[u8], error: &MediaError) {
    let reader = Patchy::new(file);
    let again = unblocked(|| open(&reader, file.len() as u64)).expect_err("it was refused before");
    assert_eq!(again.to_string(), error.to_string());
}

/// How a walk ended.
#[derive(Debug, PartialEq)]
enum End {
    File,
    Error(String),
    /// It was long enough.
    Enough,
}

fn walk(file: &[u8], index: &Arc<Index>) -> (Vec<Sample>, End) {
    let mut cursor = Cursor::new(Arc::clone(index));
    let mut samples = vec![];
    while samples.len() < MAX_SAMPLES {
        match cursor.peek(file) {
            Ok(Some(sample)) => samples.push(sample),
            Ok(None) => return (samples, End::File),
            Err(error) => {
                let text = error.to_string();
                let again = cursor.peek(file).expect_err("errors stay");
                assert_eq!(again.to_string(), text);
                return (samples, End::Error(text));
            }
        }
        cursor.advance();
    }
    (samples, End::Enough)
}

fn check_samples(samples: &[Sample], file: &[u8]) {
    let len = file.len() as u64;
    // Timestamps of FLV may be equal.
    let least = i64::from(!file.starts_with(b"FLV"));
    let mut last: [Option<i64>; 2] = [None; 2];
    for sample in samples {
        assert!(sample.len > 0 && sample.offset + u64::from(sample.len) <= len, "{sample:?} of {len}");
        let last = &mut last[sample.track as usize];
        assert!(last.is_none_or(|last| sample.dts - last >= least), "{sample:?} after {last:?}");
        *last = Some(sample.dts);
    }
}

/// Walks through a reader that is not always ready, goes back and forth, and sees the same.
fn walk_blocked(file: &[u8], samples: &[Sample], end: &End) {
    let reader = Patchy::new(file);
    let index = unblocked(|| open(&reader, file.len() as u64)).expect("it was opened before");
    let mut cursor = Cursor::new(Arc::new(index));
    let mut mark: Option<(Mark, usize)> = None;
    let mut jumps = 8;
    let mut at = 0;
    while at < MAX_SAMPLES {
        match unblocked(|| cursor.peek(&reader)) {
            Ok(Some(sample)) => assert_eq!(Some(&sample), samples.get(at), "sample {at}"),
            Ok(None) => {
                assert_eq!((at, end), (samples.len(), &End::File));
                break;
            }
            Err(error) => {
                assert_eq!((at, end), (samples.len(), &End::Error(error.to_string())));
                break;
            }
        }
        match reader.dice(16) {
            0 => mark = Some((cursor.mark(), at)),
            1 if jumps > 0 => {
                jumps -= 1;
                match &mark {
                    Some((mark, place)) => {
                        cursor.rewind(mark);
                        at = *place;
                    }
                    None => {
                        cursor.restart();
                        at = 0;
                    }
                }
                continue;
            }
            _ => {}
        }
        cursor.advance();
        at += 1;
    }
}

/// Asks until it does not block any more.
fn unblocked<T>(mut ask: impl FnMut() -> Result<T, MediaError>) -> Result<T, MediaError> {
    for _ in 0..=MAX_BLOCKS {
        match ask() {
            Err(error) if error.would_block() => {}
            answer => return answer,
        }
    }
    panic!("it blocks though the bytes are there");
}

/// Plays two laps, step by step, and keeps to what a stream keeps to.
fn place(file: &[u8], index: &Arc<Index>) {
    let mut cursor = Cursor::new(Arc::clone(index));
    let mut timeline = Timeline::new(silence(index));
    timeline.begin(index);
    let mut check = Check::default();
    let mut out = vec![];
    let mut laps = 2;
    let mut placed = 0;
    for step in 0..MAX_STEPS {
        let until = step * STEP_MS;
        loop {
            let Ok(sample) = cursor.peek(file) else { return };
            let Some(sample) = sample else {
                if timeline.item_end_ms() > until {
                    break;
                }
                timeline.fill(timeline.item_end_ms(), &mut out);
                check.drain(&mut out);
                timeline.end();
                laps -= 1;
                if laps == 0 {
                    return;
                }
                cursor.restart();
                timeline.begin(index);
                continue;
            };
            if timeline.due_ms(&sample) > until {
                break;
            }
            timeline.place(&sample, &mut out);
            check.drain(&mut out);
            cursor.advance();
            placed += 1;
            if placed == MAX_SAMPLES {
                return;
            }
        }
        timeline.fill(until, &mut out);
        check.drain(&mut out);
    }
}

fn silence(index: &Index) -> Silence {
    let silent = AudioConfig::silent();
    let config = index.audio.as_ref().and_then(|audio| audio.configs.first()).unwrap_or(&silent);
    let known = aac::silent_frame(config.channel_config).is_some();
    Silence {
        frame_samples: if known { config.frame_samples } else { 0 },
        sample_rate: NonZeroU32::new(config.sample_rate).unwrap_or(NonZeroU32::MIN),
    }
}

#[derive(Default)]
struct Check {
    last: [Option<u64>; 2],
}

impl Check {
    fn drain(&mut self, out: &mut Vec<Packet>) {
        // At 96 kHz a second of silence has 94 frames.
        let silent = out.iter().filter(|packet| packet.content == Content::Silence).count();
        assert!(silent <= 400, "{silent} silent frames at once");
        for packet in out.drain(..) {
            let last = &mut self.last[packet.track as usize];
            assert!(last.is_none_or(|last| last < packet.dts), "{packet:?} after {last:?}");
            assert!(packet.cts < 1 << 23, "{packet:?}");
            *last = Some(packet.dts);
        }
    }
}

/// A file whose bytes are not always in memory, and come in pieces. Chance is drawn from its own bytes.
struct Patchy<'a> {
    bytes: &'a [u8],
    chance: Cell<u64>,
    /// What was asked for when it last blocked: that is there the next time.
    missing: Cell<Option<u64>>,
    blocks: Cell<u32>,
}

impl<'a> Patchy<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let seed = bytes.iter().rev().take(32).fold(bytes.len() as u64 | 1, |seed, &byte| {
            // FNV-1a.
            (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        Self { bytes, chance: Cell::new(seed | 1), missing: Cell::new(None), blocks: Cell::new(0) }
    }

    /// A number below `sides`.
    fn dice(&self, sides: u64) -> u64 {
        // xorshift64 (Marsaglia, 2003).
        let mut x = self.chance.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.chance.set(x);
        (x >> 32) % sides
    }
}

impl ReadAt for Patchy<'_> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let fetched = self.missing.take() == Some(offset);
        if !fetched && self.blocks.get() < MAX_BLOCKS && self.dice(4) == 0 {
            self.blocks.set(self.blocks.get() + 1);
            self.missing.set(Some(offset));
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = match self.dice(4) {
            0 => buf.len().min(1 + self.dice(16) as usize),
            _ => buf.len(),
        };
        self.bytes.read_at(&mut buf[..len], offset)
    }
}
