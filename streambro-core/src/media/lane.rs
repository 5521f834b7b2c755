//! One track of an open file, whatever the format.

use super::error::MediaError;
use super::flv;
use super::mp4;
use super::mp4::tables::Windows;
use super::packet::Sample;
use super::read::ReadAt;

/// How to walk one track.
#[derive(Debug)]
pub(crate) enum Lane {
    Mp4(mp4::lane::Lane),
    Flv(flv::read::Lane),
}

/// A place between two samples of a track.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Mp4(mp4::lane::Place),
    Flv(flv::read::Place),
}

impl Lane {
    /// Before the first sample that plays.
    pub(crate) fn start(&self) -> Place {
        match self {
            Self::Mp4(lane) => Place::Mp4(lane.start),
            Self::Flv(lane) => Place::Flv(lane.start()),
        }
    }

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
        match (self, place) {
            (Self::Mp4(lane), Place::Mp4(place)) => lane.step(place, windows, reader),
            (Self::Flv(lane), Place::Flv(place)) => lane.step(place, &mut windows.chunks, reader),
            // A mark of another file.
            _ => Ok(None),
        }
    }
}
