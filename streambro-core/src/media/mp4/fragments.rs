//! Movie fragments (ISO/IEC 14496-12, 8.8), walked one after the other.

use super::atoms::{Atom, atom};
use super::edits::MAX_TIME;
use super::tables::Raw;
use super::track::MAX_SAMPLES;
use crate::media::error::MediaError;
use crate::media::packet::Track;
use crate::media::read::ReadAt;
use crate::media::window::Window;

/// What samples of a track are unless their fragment says otherwise (trex, 8.8.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) track: u32,
    pub(crate) description: u32,
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// The fragments of one track.
#[derive(Debug)]
pub(crate) struct Fragments {
    pub(crate) track: Track,
    pub(crate) id: u32,
    /// Of every track in the file.
    pub(crate) defaults: Box<[Defaults]>,
    /// Where the first fragment may begin.
    pub(crate) at: u64,
    /// Where the file ends.
    pub(crate) end: u64,
}

/// Whose samples a traf holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Owner {
    #[default]
    Nobody,
    Us,
    /// Another track, whose bytes must be counted because ours follow them.
    Counted,
}

/// A place between two samples of the fragments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The next box of the file.
    at: u64,
    /// The current moof, its next box and its end.
    moof: u64,
    moof_at: u64,
    moof_end: u64,
    /// The next box of the current traf and its end.
    traf_at: u64,
    traf_end: u64,
    owner: Owner,
    defaults: Defaults,
    /// What data offsets in this traf count from.
    base: u64,
    /// Where the next sample's bytes begin.
    data: u64,
    /// The next entry of the current trun, how many are left, and where they end.
    entry: u64,
    left: u32,
    entries_end: u64,
    run_flags: u32,
    /// Flags of the next sample, when it is the first of a run that names them.
    first_flags: Option<u32>,
    dts: i64,
    /// No sample may be decoded before this.
    floor: i64,
}

/// tfhd (8.8.7).
mod tfhd {
    pub(super) const BASE: u32 = 1;
    pub(super) const DESCRIPTION: u32 = 2;
    pub(super) const DURATION: u32 = 8;
    pub(super) const SIZE: u32 = 0x10;
    pub(super) const FLAGS: u32 = 0x20;
    pub(super) const BASE_IS_MOOF: u32 = 0x2_0000;
}

/// trun (8.8.8).
mod trun {
    pub(super) const DATA_OFFSET: u32 = 1;
    pub(super) const FIRST_FLAGS: u32 = 4;
    pub(super) const DURATION: u32 = 0x100;
    pub(super) const SIZE: u32 = 0x200;
    pub(super) const FLAGS: u32 = 0x400;
    pub(super) const COMPOSITION: u32 = 0x800;
    /// What each entry may hold, in this order.
    pub(super) const FIELDS: [u32; 4] = [DURATION, SIZE, FLAGS, COMPOSITION];
}

/// sample_flags (8.8.3.1): depends on others, and is not a sync sample.
const DEPENDS: u32 = 0x0100_0000;
const NOT_SYNC: u32 = 0x0001_0000;

impl Fragments {
    pub(crate) fn start(&self, dts: i64) -> Place {
        Place { at: self.at, dts, floor: dts, ..Place::default() }
    }

    /// Returns the sample at `place` and moves on. `None` after the last.
    ///
    /// # Errors
    /// Leave `place` between the same two samples.
    pub(crate) fn step(
        &self,
        place: &mut Place,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<Option<Raw>, MediaError> {
        if !self.settle(place, window, reader)? {
            return Ok(None);
        }
        let entry = Entry::read(place, window, reader)?;
        let raw = Raw {
            key: self.track == Track::Audio || entry.flags & (DEPENDS | NOT_SYNC) == 0,
            description: place.defaults.description,
            dts: place.dts,
            composition: entry.composition,
            duration: entry.duration,
            offset: place.data,
            len: entry.size,
        };
        place.consume(&entry);
        place.dts = place.dts.saturating_add(entry.duration.into());
        place.floor = raw.dts.saturating_add(1);
        Ok(Some(raw))
    }

    /// Goes on to the next entry of ours. Each turn of the loop leaves a sound place behind.
    fn settle(
        &self,
        place: &mut Place,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<bool, MediaError> {
        loop {
            if place.left > 0 {
                if place.owner == Owner::Us {
                    return Ok(true);
                }
                if place.entry_size() == 0 {
                    let bytes = u64::from(place.left) * u64::from(place.defaults.size);
                    place.data = place.data.saturating_add(bytes);
                    place.left = 0;
                } else {
                    let entry = Entry::read(place, window, reader)?;
                    place.consume(&entry);
                }
            } else if place.traf_at < place.traf_end {
                match atom(window, reader, place.traf_at, place.traf_end)? {
                    Some(child) => {
                        self.enter(place, &inner(child)?, window, reader)?;
                        place.traf_at = child.end;
                    }
                    None => place.traf_at = place.traf_end,
                }
            } else if place.moof_at < place.moof_end {
                match atom(window, reader, place.moof_at, place.moof_end)? {
                    Some(child) => {
                        if &inner(child)?.kind == b"traf" {
                            place.traf_at = child.body;
                            place.traf_end = child.end;
                            place.owner = Owner::Nobody;
                        }
                        place.moof_at = child.end;
                    }
                    None => place.moof_at = place.moof_end,
                }
            } else {
                let Some(child) = atom(window, reader, place.at, self.end)? else { return Ok(false) };
                if &child.kind == b"moof" {
                    let moof = child.whole()?;
                    place.moof = moof.start;
                    place.moof_at = moof.body;
                    place.moof_end = moof.end;
                    place.data = moof.start;
                }
                place.at = child.end;
            }
        }
    }

    fn enter(
        &self,
        place: &mut Place,
        child: &Atom,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<(), MediaError> {
        match &child.kind {
            b"tfhd" => self.header(place, child, window, reader),
            b"tfdt" if place.owner == Owner::Us => time(place, child, window, reader),
            b"trun" if place.owner != Owner::Nobody => self.run(place, child, window, reader),
            _ => Ok(()),
        }
    }

    fn header(
        &self,
        place: &mut Place,
        child: &Atom,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<(), MediaError> {
        let mut fields = Fields::open(child, window, reader, 40)?;
        let flags = fields.flags;
        let id = fields.u32()?;
        let mut defaults =
            self.defaults.iter().find(|defaults| defaults.track == id).copied().unwrap_or_default();
        let base = if flags & tfhd::BASE != 0 {
            fields.u64()?
        } else if flags & tfhd::BASE_IS_MOOF != 0 {
            place.moof
        } else {
            // 8.8.7.1: the first counts from the moof, the others from where the data before them ends.
            place.data
        };
        let fixed = flags & (tfhd::BASE | tfhd::BASE_IS_MOOF) != 0;
        if flags & tfhd::DESCRIPTION != 0 {
            defaults.description = fields.u32()?;
        }
        if flags & tfhd::DURATION != 0 {
            defaults.duration = fields.u32()?;
        }
        if flags & tfhd::SIZE != 0 {
            defaults.size = fields.u32()?;
        }
        if flags & tfhd::FLAGS != 0 {
            defaults.flags = fields.u32()?;
        }
        place.owner = match (id == self.id, fixed) {
            (true, _) => Owner::Us,
            (false, true) => Owner::Nobody,
            (false, false) => Owner::Counted,
        };
        place.base = base;
        place.data = base;
        place.defaults = defaults;
        Ok(())
    }

    fn run(
        &self,
        place: &mut Place,
        child: &Atom,
        window: &mut Window,
        reader: &dyn ReadAt,
    ) -> Result<(), MediaError> {
        let mut fields = Fields::open(child, window, reader, 16)?;
        let flags = fields.flags;
        let count = fields.u32()?;
        let mut data = place.data;
        if flags & trun::DATA_OFFSET != 0 {
            // Signed: data may lie before its moof.
            let offset = i64::from(fields.u32()?.cast_signed());
            data = place.base.checked_add_signed(offset).ok_or_else(|| fields.broken())?;
        }
        let first_flags = if flags & trun::FIRST_FLAGS != 0 { Some(fields.u32()?) } else { None };
        let entry = fields.at();
        let mut next = Place { run_flags: flags, data, first_flags, entry, entries_end: child.end, ..*place };
        let count = match next.entry_size() {
            // Nothing but a count: no more than the file has room for.
            0 => self.end.checked_div(next.defaults.size.into()).map_or(0, |room| room.min(count.into())),
            size => u64::from(count).min(child.end.saturating_sub(entry) / u64::from(size)),
        };
        next.left = u32::try_from(count).unwrap_or(u32::MAX).min(MAX_SAMPLES.saturating_add(1));
        *place = next;
        Ok(())
    }
}

/// tfdt (8.8.12).
fn time(place: &mut Place, child: &Atom, window: &mut Window, reader: &dyn ReadAt) -> Result<(), MediaError> {
    let mut fields = Fields::open(child, window, reader, 12)?;
    let time = if fields.version == 1 { fields.u64()? } else { fields.u32()?.into() };
    if time > MAX_TIME {
        return Err(fields.broken());
    }
    // Fragments that were joined without care begin before the last one ended; time does not go back.
    place.dts = time.cast_signed().max(place.floor);
    Ok(())
}

fn inner(child: Atom) -> Result<Atom, MediaError> {
    match child.clipped {
        None => Ok(child),
        Some(_) => {
            Err(MediaError::Malformed { what: "a box is larger than what holds it", offset: child.start })
        }
    }
}

impl Place {
    fn entry_size(&self) -> u32 {
        4 * trun::FIELDS.iter().map(|field| u32::from(self.run_flags & field != 0)).sum::<u32>()
    }

    fn consume(&mut self, entry: &Entry) {
        self.entry += u64::from(self.entry_size());
        self.left -= 1;
        self.data = self.data.saturating_add(entry.size.into());
        self.first_flags = None;
    }
}

/// One sample of a trun.
struct Entry {
    duration: u32,
    size: u32,
    flags: u32,
    composition: i32,
}

impl Entry {
    fn read(place: &Place, window: &mut Window, reader: &dyn ReadAt) -> Result<Self, MediaError> {
        let size = usize::try_from(place.entry_size()).unwrap_or(0);
        let defaults = &place.defaults;
        let mut values = [defaults.duration, defaults.size, defaults.flags, 0];
        if size > 0 {
            let bytes = window.bytes(reader, place.entry, size, place.entries_end)?;
            let mut words = bytes.as_chunks().0.iter().copied().map(u32::from_be_bytes);
            for (value, field) in values.iter_mut().zip(trun::FIELDS) {
                if place.run_flags & field != 0 {
                    *value = words.next().unwrap_or(*value);
                }
            }
        }
        let [duration, size, flags, composition] = values;
        Ok(Self {
            // As in the tables: time must advance.
            duration: if duration > i32::MAX as u32 { 1 } else { duration.max(1) },
            size,
            flags: place.first_flags.unwrap_or(flags),
            // Signed in version 1; version 0 has no use for more than 31 bits.
            composition: composition.cast_signed(),
        })
    }
}

/// The fields at the beginning of a full box.
struct Fields {
    start: u64,
    version: u8,
    flags: u32,
    bytes: [u8; 40],
    len: usize,
    read: usize,
    body: u64,
}

impl Fields {
    fn open(child: &Atom, window: &mut Window, reader: &dyn ReadAt, most: usize) -> Result<Self, MediaError> {
        let len = usize::try_from(child.len()).unwrap_or(usize::MAX).min(most);
        let mut bytes = [0; 40];
        bytes[..len].copy_from_slice(window.bytes(reader, child.body, len, child.end)?);
        let mut fields =
            Self { start: child.start, version: 0, flags: 0, bytes, len, read: 0, body: child.body };
        let head = fields.u32()?;
        fields.version = (head >> 24) as u8;
        fields.flags = head & 0xff_ffff;
        Ok(fields)
    }

    fn u32(&mut self) -> Result<u32, MediaError> {
        let word = self.bytes[..self.len].get(self.read..).and_then(|rest| rest.first_chunk());
        let word = u32::from_be_bytes(*word.ok_or_else(|| self.broken())?);
        self.read += 4;
        Ok(word)
    }

    fn u64(&mut self) -> Result<u64, MediaError> {
        Ok(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    fn at(&self) -> u64 {
        self.body + self.read as u64
    }

    fn broken(&self) -> MediaError {
        MediaError::Malformed { what: "a fragment is broken", offset: self.start }
    }
}
