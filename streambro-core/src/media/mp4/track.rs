//! One trak box (ISO/IEC 14496-12, 8.3 to 8.7): where its parts lie, before anything is chosen.

use std::num::NonZeroU32;

use super::atoms::{Atom, Atoms, at_least};
use super::edits::Edits;
use super::tables::{Sizes, Table, Tables};
use crate::media::configs::too_large;
use crate::media::error::{MediaError, Unsupported};
use crate::media::packet::Track;
use crate::media::read::ReadAt;
use crate::media::window::exact;

/// Samples of a track: 155 hours at 120 frames a second. Beyond, opening alone would take seconds.
pub(crate) const MAX_SAMPLES: u32 = 1 << 26;
/// Data references of a track that are looked at.
const MAX_REFERENCES: usize = 64;

/// A track as its boxes describe it.
#[derive(Debug, Default)]
pub(crate) struct Trak {
    /// `None`: neither video nor audio.
    pub(crate) kind: Option<Track>,
    pub(crate) id: u32,
    pub(crate) enabled: bool,
    pub(crate) timescale: Option<NonZeroU32>,
    pub(crate) edits: Edits,
    pub(crate) stsd: Option<Atom>,
    pub(crate) tables: Tables,
    dref: Option<Atom>,
}

impl Trak {
    pub(crate) fn parse(reader: &dyn ReadAt, trak: &Atom) -> Result<Self, MediaError> {
        let mut track = Self::default();
        let mut children = Atoms::of(reader, trak);
        while let Some(atom) = children.next_whole()? {
            match &atom.kind {
                b"tkhd" => track.tkhd(reader, &atom)?,
                b"edts" => {
                    if let Some(elst) = Atoms::of(reader, &atom).find(*b"elst")? {
                        track.edits = Edits::parse(reader, &elst)?;
                    }
                }
                b"mdia" => track.mdia(reader, &atom)?,
                _ => {}
            }
        }
        Ok(track)
    }

    fn tkhd(&mut self, reader: &dyn ReadAt, atom: &Atom) -> Result<(), MediaError> {
        at_least(atom, 24)?;
        let [version, _, _, flags] = exact(reader, atom.body)?;
        self.enabled = flags & 1 == 1;
        let at = if version == 1 { 20 } else { 12 };
        self.id = u32::from_be_bytes(exact(reader, atom.body + at)?);
        Ok(())
    }

    fn mdia(&mut self, reader: &dyn ReadAt, mdia: &Atom) -> Result<(), MediaError> {
        let mut children = Atoms::of(reader, mdia);
        while let Some(atom) = children.next_whole()? {
            match &atom.kind {
                b"mdhd" => {
                    at_least(&atom, 24)?;
                    let [version] = exact(reader, atom.body)?;
                    let at = if version == 1 { 20 } else { 12 };
                    self.timescale = NonZeroU32::new(u32::from_be_bytes(exact(reader, atom.body + at)?));
                }
                b"hdlr" => {
                    at_least(&atom, 12)?;
                    self.kind = match &exact(reader, atom.body + 8)? {
                        b"vide" => Some(Track::Video),
                        b"soun" => Some(Track::Audio),
                        _ => None,
                    };
                }
                b"minf" => self.minf(reader, &atom)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn minf(&mut self, reader: &dyn ReadAt, minf: &Atom) -> Result<(), MediaError> {
        let mut children = Atoms::of(reader, minf);
        while let Some(atom) = children.next_whole()? {
            match &atom.kind {
                b"dinf" => self.dref = Atoms::of(reader, &atom).find(*b"dref")?,
                b"stbl" => self.stbl(reader, &atom)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn stbl(&mut self, reader: &dyn ReadAt, stbl: &Atom) -> Result<(), MediaError> {
        let tables = &mut self.tables;
        let mut children = Atoms::of(reader, stbl);
        while let Some(atom) = children.next_whole()? {
            match &atom.kind {
                b"stsd" => self.stsd = Some(atom),
                b"stts" => tables.stts = Table::parse(reader, &atom, 8)?,
                b"ctts" => tables.ctts = Some(Table::parse(reader, &atom, 8)?),
                b"stsc" => tables.stsc = Table::parse(reader, &atom, 12)?,
                b"stsz" => (tables.sizes, tables.samples) = Sizes::stsz(reader, &atom)?,
                b"stz2" => (tables.sizes, tables.samples) = Sizes::stz2(reader, &atom)?,
                b"stco" => (tables.chunks, tables.wide) = (Table::parse(reader, &atom, 4)?, false),
                b"co64" => (tables.chunks, tables.wide) = (Table::parse(reader, &atom, 8)?, true),
                b"stss" => tables.stss = Some(Table::parse(reader, &atom, 4)?),
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails when there are more samples than can be walked.
    pub(crate) fn bounded(&self) -> Result<(), MediaError> {
        if self.tables.samples > MAX_SAMPLES {
            return Err(too_large("a track has more than 67,108,864 samples"));
        }
        Ok(())
    }

    /// Fails when one of the data references (numbered from 1) that are used names another file.
    pub(crate) fn inside(
        &self,
        reader: &dyn ReadAt,
        mut used: impl Iterator<Item = u16>,
    ) -> Result<(), MediaError> {
        let Some(dref) = &self.dref else { return Ok(()) };
        let mut external = 0u64;
        let mut references = Atoms::of(reader, &dref.inside(8));
        for index in 0..MAX_REFERENCES {
            let Some(atom) = references.next_whole()? else { break };
            at_least(&atom, 4)?;
            let [_, _, _, flags] = exact(reader, atom.body)?;
            // 8.7.2: flag 1 means this file. Without it an empty location names nothing else either.
            if flags & 1 == 0 && atom.len() > 5 {
                external |= 1 << index;
            }
        }
        let is_external = |reference: u16| {
            reference.checked_sub(1).is_some_and(|index| index < 64 && external >> index & 1 == 1)
        };
        if used.any(is_external) {
            return Err(MediaError::Unsupported(vec![Unsupported::ExternalData]));
        }
        Ok(())
    }
}
