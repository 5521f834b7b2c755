//! The sample tables of a track (ISO/IEC 14496-12, 8.6 and 8.7), read through windows.

use super::atoms::{Atom, at_least};
use crate::media::error::MediaError;
use crate::media::read::ReadAt;
use crate::media::window::{Window, exact};

/// Entries without samples that may follow each other.
const MAX_EMPTY: u32 = 16;

/// Where the entries of one table lie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Table {
    pub(crate) at: u64,
    pub(crate) count: u32,
    pub(crate) end: u64,
}

impl Table {
    /// Entries of `size` bytes behind a full box header and a count; never more than fit.
    pub(crate) fn parse(reader: &dyn ReadAt, atom: &Atom, size: u64) -> Result<Self, MediaError> {
        at_least(atom, 8)?;
        let count = u32::from_be_bytes(exact(reader, atom.body + 4)?);
        Ok(Self::new(atom.body + 8, count, size, atom.end))
    }

    fn new(at: u64, count: u32, size: u64, end: u64) -> Self {
        let fit = u32::try_from(end.saturating_sub(at) / size).unwrap_or(u32::MAX);
        let count = count.min(fit);
        Self { at, count, end: at + u64::from(count) * size }
    }

    pub(crate) fn read<const N: usize>(
        &self,
        window: &mut Window,
        reader: &dyn ReadAt,
        index: u32,
    ) -> Result<[u8; N], MediaError> {
        window.get(reader, self.at + u64::from(index) * N as u64, self.end)
    }
}

/// The sizes of samples: stsz or stz2.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sizes {
    Same(u32),
    /// Sizes of 4, 8, 16 or 32 bits.
    Listed(Table, u8),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Listed(Table::default(), 32)
    }
}

impl Sizes {
    /// Parses stsz. Also returns the number of samples.
    pub(crate) fn stsz(reader: &dyn ReadAt, atom: &Atom) -> Result<(Self, u32), MediaError> {
        at_least(atom, 12)?;
        let [_, _, _, _, s0, s1, s2, s3, count @ ..] = exact::<12>(reader, atom.body)?;
        let count = u32::from_be_bytes(count);
        match u32::from_be_bytes([s0, s1, s2, s3]) {
            0 => {
                let table = Table::new(atom.body + 12, count, 4, atom.end);
                Ok((Self::Listed(table, 32), table.count))
            }
            size => Ok((Self::Same(size), count)),
        }
    }

    /// Parses stz2. Also returns the number of samples.
    pub(crate) fn stz2(reader: &dyn ReadAt, atom: &Atom) -> Result<(Self, u32), MediaError> {
        at_least(atom, 12)?;
        let [_, _, _, _, _, _, _, bits, count @ ..] = exact::<12>(reader, atom.body)?;
        if !matches!(bits, 4 | 8 | 16) {
            return Err(MediaError::Malformed { what: "a sample size has odd bits", offset: atom.start });
        }
        let room = (atom.len() - 12).saturating_mul(8) / u64::from(bits);
        let count = u32::from_be_bytes(count).min(u32::try_from(room).unwrap_or(u32::MAX));
        let table = Table { at: atom.body + 12, count, end: atom.end };
        Ok((Self::Listed(table, bits), count))
    }

    fn read(&self, window: &mut Window, reader: &dyn ReadAt, sample: u32) -> Result<u32, MediaError> {
        Ok(match self {
            Self::Same(size) => *size,
            Self::Listed(table, 32) => u32::from_be_bytes(table.read(window, reader, sample)?),
            Self::Listed(table, 16) => u16::from_be_bytes(table.read(window, reader, sample)?).into(),
            Self::Listed(table, 8) => table.read::<1>(window, reader, sample)?[0].into(),
            Self::Listed(table, _) => {
                let [pair] = table.read::<1>(window, reader, sample / 2)?;
                u32::from(if sample.is_multiple_of(2) { pair >> 4 } else { pair & 15 })
            }
        })
    }
}

/// All tables of a track.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tables {
    /// Samples that have a size and, once [`fit`](Self::fit) was called, a place.
    pub(crate) samples: u32,
    pub(crate) sizes: Sizes,
    pub(crate) stts: Table,
    pub(crate) ctts: Option<Table>,
    pub(crate) stsc: Table,
    /// Chunk offsets.
    pub(crate) chunks: Table,
    /// Whether chunk offsets have 64 bits (co64).
    pub(crate) wide: bool,
    /// Sync samples; without the table every sample is one.
    pub(crate) stss: Option<Table>,
}

/// One window per table.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pub(crate) stts: Window,
    pub(crate) ctts: Window,
    pub(crate) stsc: Window,
    pub(crate) sizes: Window,
    /// Chunk offsets; in the fragmented part and in FLV, everything.
    pub(crate) chunks: Window,
    pub(crate) stss: Window,
}

impl Windows {
    pub(crate) fn for_scan() -> Self {
        Self {
            stts: Window::for_scan(),
            ctts: Window::for_scan(),
            stsc: Window::for_scan(),
            sizes: Window::for_scan(),
            chunks: Window::for_scan(),
            stss: Window::for_scan(),
        }
    }
}

/// A sample in the time of its media: no edit applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw {
    pub(crate) key: bool,
    /// sample_description_index.
    pub(crate) description: u32,
    pub(crate) dts: i64,
    pub(crate) composition: i32,
    pub(crate) duration: u32,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// A place between two samples.
///
/// The fields behind `sample` are what the runs around it say. [`Tables::settle`] loads them when a run is used up,
/// which changes what is known, not where the place is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The next sample, from 0.
    pub(crate) sample: u32,
    pub(crate) dts: i64,
    /// The next entry of stts, and what the current one has left.
    stts: u32,
    pub(crate) stts_left: u32,
    pub(crate) delta: u32,
    ctts: u32,
    pub(crate) ctts_left: u32,
    pub(crate) composition: i32,
    /// The next entry of stsc; the current one ends before chunk `run_end`.
    stsc: u32,
    run_end: u32,
    per_chunk: u32,
    description: u32,
    /// The next chunk, and what the current one has left.
    chunk: u32,
    chunk_left: u32,
    offset: u64,
    /// The next entry of stss, and the current one: a sample's number from 1, 0 before the first.
    stss: u32,
    sync: u32,
}

impl Tables {
    /// Returns the sample at `place` and moves on. `None` after the last.
    ///
    /// # Errors
    /// Leave `place` where it was.
    pub(crate) fn step(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
    ) -> Result<Option<Raw>, MediaError> {
        if place.sample >= self.samples || !self.settle_chunk(place, windows, reader)? {
            return Ok(None);
        }
        self.settle_time(place, windows, reader)?;
        self.settle_sync(place, windows, reader, place.sample)?;
        let len = self.sizes.read(&mut windows.sizes, reader, place.sample)?;
        let raw = Raw {
            key: self.stss.is_none() || place.sync == place.sample + 1,
            description: place.description,
            dts: place.dts,
            composition: place.composition,
            duration: place.delta,
            offset: place.offset,
            len,
        };
        place.chunk_left -= 1;
        place.offset = place.offset.saturating_add(u64::from(len));
        place.skip_time(1);
        Ok(Some(raw))
    }

    /// Loads the runs of stts and ctts that hold the next sample.
    pub(crate) fn settle_time(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
    ) -> Result<(), MediaError> {
        let mut empty = 0;
        while place.stts_left == 0 {
            if place.stts >= self.stts.count {
                // Too short a table: the last duration goes on.
                place.delta = place.delta.max(1);
                place.stts_left = u32::MAX;
                break;
            }
            let [c0, c1, c2, c3, delta @ ..] = self.stts.read::<8>(&mut windows.stts, reader, place.stts)?;
            place.stts += 1;
            place.stts_left = u32::from_be_bytes([c0, c1, c2, c3]);
            // Only the last sample may last no time (8.6.1.2), and nothing lasts less; time must advance.
            place.delta =
                Some(u32::from_be_bytes(delta)).filter(|&delta| delta <= i32::MAX as u32).unwrap_or(1).max(1);
            count_empty(&mut empty, &self.stts)?;
        }
        let Some(ctts) = &self.ctts else {
            place.ctts_left = u32::MAX;
            return Ok(());
        };
        let mut empty = 0;
        while place.ctts_left == 0 {
            if place.ctts >= ctts.count {
                place.composition = 0;
                place.ctts_left = u32::MAX;
                break;
            }
            let [c0, c1, c2, c3, offset @ ..] = ctts.read::<8>(&mut windows.ctts, reader, place.ctts)?;
            place.ctts += 1;
            place.ctts_left = u32::from_be_bytes([c0, c1, c2, c3]);
            // Signed in version 1; version 0 has no use for more than 31 bits, and some write negative ones there.
            place.composition = i32::from_be_bytes(offset);
            count_empty(&mut empty, ctts)?;
        }
        Ok(())
    }

    /// Moves to the first sync sample that is not before `sample` (from 0).
    pub(crate) fn settle_sync(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
        sample: u32,
    ) -> Result<Option<u32>, MediaError> {
        let Some(stss) = &self.stss else { return Ok(Some(sample)) };
        while place.sync <= sample {
            if place.stss >= stss.count {
                return Ok(None);
            }
            place.sync = u32::from_be_bytes(stss.read(&mut windows.stss, reader, place.stss)?);
            place.stss += 1;
        }
        Ok(Some(place.sync - 1))
    }

    /// Opens the chunk that holds the next sample. False when there is none.
    fn settle_chunk(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
    ) -> Result<bool, MediaError> {
        let mut empty = 0;
        while place.chunk_left == 0 {
            if place.chunk >= place.run_end {
                let Some(run) = self.run(place.stsc, &mut windows.stsc, reader)? else { return Ok(false) };
                place.stsc += 1;
                place.run_end = run.end;
                place.per_chunk = run.per_chunk;
                place.description = run.description;
                count_empty(&mut empty, &self.stsc)?;
            }
            if place.chunk >= place.run_end {
                continue;
            }
            if place.per_chunk == 0 {
                place.chunk = place.run_end;
                continue;
            }
            place.offset = if self.wide {
                u64::from_be_bytes(self.chunks.read(&mut windows.chunks, reader, place.chunk)?)
            } else {
                u32::from_be_bytes(self.chunks.read(&mut windows.chunks, reader, place.chunk)?).into()
            };
            place.chunk += 1;
            place.chunk_left = place.per_chunk;
        }
        Ok(true)
    }

    fn run(&self, index: u32, window: &mut Window, reader: &dyn ReadAt) -> Result<Option<Run>, MediaError> {
        if index >= self.stsc.count {
            return Ok(None);
        }
        let at = self.stsc.at + u64::from(index) * 12;
        // With the entry behind it in one read: where that begins, this one ends.
        let last = index + 1 == self.stsc.count;
        let bytes = window.bytes(reader, at, if last { 12 } else { 24 }, self.stsc.end)?;
        let word = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u32::from_be_bytes(*word));
        let end = match last {
            true => self.chunks.count,
            false if word(12) <= word(0) => {
                return Err(MediaError::Malformed { what: "chunks are out of order", offset: at });
            }
            false => (word(12) - 1).min(self.chunks.count),
        };
        Ok(Some(Run { end, per_chunk: word(4), description: word(8) }))
    }

    /// Leaves out samples for which there is no chunk.
    pub(crate) fn fit(&mut self, windows: &mut Windows, reader: &dyn ReadAt) -> Result<(), MediaError> {
        let mut places = 0u64;
        let mut chunk = 0;
        for index in 0..self.stsc.count {
            let Some(run) = self.run(index, &mut windows.stsc, reader)? else { break };
            // As the walk does: whatever number the first run names, it begins with the first chunk.
            places += u64::from(run.end.saturating_sub(chunk)) * u64::from(run.per_chunk);
            chunk = chunk.max(run.end);
            if places >= u64::from(self.samples) {
                break;
            }
        }
        self.samples = u32::try_from(places).unwrap_or(u32::MAX).min(self.samples);
        Ok(())
    }
}

impl Place {
    /// Moves over `count` samples of one run, in time only.
    pub(crate) fn skip_time(&mut self, count: u32) {
        self.sample += count;
        self.stts_left -= count;
        self.ctts_left -= count;
        // At most 2^26 samples of less than 2^31 ticks each.
        self.dts += i64::from(self.delta) * i64::from(count);
    }
}

struct Run {
    end: u32,
    per_chunk: u32,
    description: u32,
}

fn count_empty(count: &mut u32, table: &Table) -> Result<(), MediaError> {
    *count += 1;
    if *count > MAX_EMPTY {
        return Err(MediaError::Malformed { what: "a table is full of empty runs", offset: table.at });
    }
    Ok(())
}
