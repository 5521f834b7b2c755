//! Where a stream is in what it plays: for another run to go on from there.

use serde::{Deserialize, Serialize};

use super::{roll::Wanted, rundown::Rundown};
use crate::{media::part::Part, spec::Repeat};

/// Where a stream is in what it plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In a file.
    File(FilePlace),
    /// In playlists.
    Lists(Box<ListPlaces>),
}

/// A place in each of a stream's playlists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListPlaces {
    /// What is seen; and heard, unless another one is.
    pub(crate) picture: ListPlace,
    /// What is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sound: Option<ListPlace>,
}

impl ListPlaces {
    /// Each of them.
    pub(crate) fn each(&self) -> impl Iterator<Item = &ListPlace> {
        [Some(&self.picture), self.sound.as_ref()].into_iter().flatten()
    }

    /// The same with other times in the items that play, one for each list.
    pub(crate) fn at(mut self, times: impl IntoIterator<Item = u64>) -> Self {
        let lists = [Some(&mut self.picture), self.sound.as_mut()].into_iter().flatten();
        for (list, ms) in lists.zip(times) {
            list.playing.iter_mut().for_each(|playing| playing.skip_ms = ms);
        }
        self
    }
}

/// A place in a file that plays lap after lap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FilePlace {
    /// Laps that are over.
    pub(crate) laps: u64,
    /// How far into the file, in milliseconds.
    pub(crate) ms: u64,
}

/// A place in a playlist, and the playlist as it was by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListPlace {
    /// What is in it, and what comes next.
    pub(crate) rundown: Rundown,
    /// What plays, and how far into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) playing: Option<Wanted>,
}

/// Where a run begins in its file, and what of it plays first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// The place.
    pub(crate) place: FilePlace,
    /// From there to the end of the lap, where the file is read natively; `None` is all of it.
    pub(crate) part: Option<Part>,
}

impl FilePlace {
    /// The laps that are left of so many.
    pub(crate) fn rest(self, repeat: Repeat) -> Repeat {
        match repeat.laps() {
            None => Repeat::Forever,
            Some(laps) => {
                Repeat::Times(u32::try_from(u64::from(laps).saturating_sub(self.laps)).unwrap_or(1).max(1))
            }
        }
    }

    /// The same so many milliseconds later, in a file of this length that plays as often as this. It stays within it.
    pub(crate) fn later(self, by_ms: u64, length_ms: u64, repeat: Repeat) -> Self {
        if length_ms == 0 {
            return self;
        }
        let ms = self.ms.saturating_add(by_ms);
        let (over, ms) = (ms / length_ms, ms % length_ms);
        let laps = self.laps.saturating_add(over);
        match repeat.laps() {
            Some(most) if laps >= u64::from(most) => {
                Self { laps: u64::from(most).saturating_sub(1), ms: length_ms }
            }
            _ => Self { laps, ms },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_moves_on_lap_by_lap_and_stays_within_the_last() {
        let place = |laps, ms| FilePlace { laps, ms };
        assert_eq!(place(2, 500).later(0, 1_000, Repeat::Forever), place(2, 500));
        assert_eq!(place(2, 500).later(500, 1_000, Repeat::Forever), place(3, 0));
        assert_eq!(place(2, 500).later(3_700, 1_000, Repeat::Forever), place(6, 200));
        assert_eq!(place(0, 500).later(3_700, 1_000, Repeat::Times(3)), place(2, 1_000));
        assert_eq!(place(0, 500).later(3_700, 0, Repeat::Once), place(0, 500));
    }

    #[test]
    fn of_so_many_laps_those_that_are_over_are_not_played_again() {
        let rest = |laps, repeat| FilePlace { laps, ms: 0 }.rest(repeat);
        assert_eq!(rest(2, Repeat::Times(5)), Repeat::Times(3));
        assert_eq!(rest(9, Repeat::Times(5)), Repeat::Times(1));
        assert_eq!(rest(0, Repeat::Once).laps(), Some(1));
        assert_eq!(rest(7, Repeat::Forever), Repeat::Forever);
    }
}
