//! One track of an open file: first its tables, then its fragments, as samples on the item's clock.

use super::fragments::{self, Fragments};
use super::tables::{self, Raw, Tables, Windows};
use crate::media::error::MediaError;
use crate::media::packet::{Sample, Track};
use crate::media::read::ReadAt;

/// How to walk one track.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) track: Track,
    /// The decoder configuration of each sample description; equal ones share one.
    pub(crate) descriptions: Box<[u16]>,
    /// What is added to the time of the media.
    pub(crate) shift: i64,
    pub(crate) tables: Tables,
    pub(crate) fragments: Option<Fragments>,
    /// Before the first sample that plays.
    pub(crate) start: Place,
}

/// A place between two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Tables(tables::Place),
    Fragments(fragments::Place),
}

impl Lane {
    /// Returns the sample at `place` and moves on. `None` after the last.
    ///
    /// # Errors
    /// Leave `place` between the same two samples.
    pub(crate) fn step(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
    ) -> Result<Option<Sample>, MediaError> {
        let before = *place;
        let Some(raw) = self.raw(place, windows, reader)? else { return Ok(None) };
        self.sample(&raw).inspect_err(|_| *place = before).map(Some)
    }

    /// The same in the time of the media.
    pub(crate) fn raw(
        &self,
        place: &mut Place,
        windows: &mut Windows,
        reader: &dyn ReadAt,
    ) -> Result<Option<Raw>, MediaError> {
        if let Place::Tables(inner) = place {
            if let Some(raw) = self.tables.step(inner, windows, reader)? {
                return Ok(Some(raw));
            }
            let Some(fragments) = &self.fragments else { return Ok(None) };
            *place = Place::Fragments(fragments.start(inner.dts));
        }
        match (place, &self.fragments) {
            (Place::Fragments(inner), Some(fragments)) => fragments.step(inner, &mut windows.chunks, reader),
            _ => Ok(None),
        }
    }

    fn sample(&self, raw: &Raw) -> Result<Sample, MediaError> {
        let broken = |what| MediaError::Malformed { what, offset: raw.offset };
        let dts = raw.dts.checked_add(self.shift).ok_or_else(|| broken("a time is out of range"))?;
        // Numbered from 1; some write 0 for the only one.
        let description = usize::try_from(raw.description.saturating_sub(1)).unwrap_or(usize::MAX);
        let config = self.descriptions.get(description).copied();
        Ok(Sample {
            track: self.track,
            key: raw.key || self.track == Track::Audio,
            config: config.ok_or_else(|| broken("a sample has no description"))?,
            dts,
            pts: dts.checked_add(raw.composition.into()).ok_or_else(|| broken("a time is out of range"))?,
            duration: raw.duration,
            offset: raw.offset,
            len: raw.len,
        })
    }
}
