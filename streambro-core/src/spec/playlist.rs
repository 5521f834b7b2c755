//! Many files one after the other, on one unbroken connection.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

/// Items beyond this are surely a mistake: a year of songs.
const MAX_ITEMS: usize = 100_000;

/// A part of a list shorter than this would make a stream spin, in milliseconds.
const MIN_PART_MS: u64 = 100;

/// One file of a playlist, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The file.
    pub(crate) file: PathBuf,
    /// Where in it it begins, in milliseconds; at the next keyframe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from_ms: Option<u64>,
    /// Where in it it ends, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_ms: Option<u64>,
}

impl Item {
    /// Plays a file. With a `media_root`, a relative path is taken from there.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: path.into(), from_ms: None, to_ms: None }
    }

    /// Sets the in point: it begins with the last keyframe that is shown at or before `at`. In milliseconds of the film.
    #[must_use]
    pub fn starting_at(mut self, at: Duration) -> Self {
        self.from_ms = Some(millis(at));
        self
    }

    /// Sets the out point: it ends before the first keyframe that is shown at or after `at`. In milliseconds of the film.
    #[must_use]
    pub fn ending_at(mut self, at: Duration) -> Self {
        self.to_ms = Some(millis(at));
        self
    }

    /// Returns the path as it was given.
    pub fn path(&self) -> &std::path::Path {
        &self.file
    }

    /// Returns the in point.
    pub fn in_point(&self) -> Option<Duration> {
        self.from_ms.map(Duration::from_millis)
    }

    /// Returns the out point.
    pub fn out_point(&self) -> Option<Duration> {
        self.to_ms.map(Duration::from_millis)
    }

    /// # Errors
    /// `InvalidSpec` when its points leave nothing to play.
    pub(crate) fn check(&self) -> Result<()> {
        let from = self.from_ms.unwrap_or(0);
        match self.to_ms {
            Some(to) if to < from.saturating_add(MIN_PART_MS) => Err(Error::new(
                ErrorKind::InvalidSpec,
                self.file.display().to_string(),
                format!("its out point, {to} ms, leaves nothing behind its in point, {from} ms"),
            )),
            _ => Ok(()),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Item {
    fn from(path: P) -> Self {
        Self::file(path)
    }
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

/// Many files one after the other. How often all of them play is up to [`Source::repeat`](super::Source::repeat).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Playlist {
    /// Shared with what plays: a list of a thousand films is there once.
    pub(crate) items: Vec<Arc<Item>>,
    /// In which order.
    #[serde(default)]
    pub(crate) order: Order,
    /// What becomes of an item that cannot be played.
    #[serde(default)]
    pub(crate) on_failure: OnFailure,
    /// What happens when nothing follows.
    #[serde(default)]
    pub(crate) at_end: AtEnd,
    /// What becomes of an item that does not fit.
    #[serde(default)]
    pub(crate) on_mismatch: OnMismatch,
}

impl Playlist {
    /// Lists files in their order.
    pub fn new<I: Into<Item>>(items: impl IntoIterator<Item = I>) -> Self {
        Self {
            items: items.into_iter().map(|item| Arc::new(item.into())).collect(),
            order: Order::default(),
            on_failure: OnFailure::default(),
            at_end: AtEnd::default(),
            on_mismatch: OnMismatch::default(),
        }
    }

    /// Plays them in another order each time, and none twice in a row. The same seed gives the same orders.
    #[must_use]
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.order = Order::Shuffle { seed };
        self
    }

    /// Chooses what happens when an item cannot be played. Default: [`OnFailure::Skip`].
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Chooses what happens when nothing follows. Default: [`AtEnd::Finish`].
    #[must_use]
    pub fn at_end(mut self, at_end: AtEnd) -> Self {
        self.at_end = at_end;
        self
    }

    /// Chooses what happens when an item looks or sounds unlike the first. Default: [`OnMismatch::Refuse`].
    #[must_use]
    pub fn on_mismatch(mut self, on_mismatch: OnMismatch) -> Self {
        self.on_mismatch = on_mismatch;
        self
    }

    /// # Errors
    /// `InvalidSpec`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.items.is_empty() {
            return Err(Error::new(ErrorKind::InvalidSpec, "playlist", "it has no item to begin with"));
        }
        check_count(self.items.len())?;
        self.items.iter().try_for_each(|item| item.check())
    }
}

/// # Errors
/// `InvalidSpec` for more items than a list may have.
pub(crate) fn check_count(items: usize) -> Result<()> {
    if items <= MAX_ITEMS {
        return Ok(());
    }
    let detail = format!("a list has at most {MAX_ITEMS} items, and this would have {items}");
    Err(Error::new(ErrorKind::InvalidSpec, "playlist", detail))
}

/// In which order a playlist plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Order {
    /// As it is written.
    #[default]
    Sequential,
    /// Another one each time.
    Shuffle {
        /// What the orders follow from.
        seed: u64,
    },
}

/// What happens when an item of a playlist cannot be opened or read, or cannot join what plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The next one plays.
    #[default]
    Skip,
    /// The picture stands still until it is there; one that failed on the way goes on where it was.
    Hold,
}

/// What happens when an item of a playlist has another size, or another sample rate, number of channels or kind of AAC, than
/// the first one: no receiver takes that on one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnMismatch {
    /// It is refused: by `start` if it is among the first two, by an edit that adds it, else when its turn comes.
    #[default]
    Refuse,
    /// ffmpeg makes it alike. With [`Builder::renditions`](crate::Builder::renditions) it does that once.
    Render,
}

/// What happens when nothing follows in a playlist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AtEnd {
    /// The stream ends.
    #[default]
    Finish,
    /// The picture stands still until something is added.
    Hold,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_leave_nothing_are_refused_by_name() {
        let item = Item::file("a.mp4").starting_at(Duration::from_secs(5)).ending_at(Duration::from_secs(5));
        let error = Playlist::new([item]).check().unwrap_err();
        assert_eq!((error.kind, error.subject.as_str()), (ErrorKind::InvalidSpec, "a.mp4"));
        Playlist::new([Item::file("a.mp4").starting_at(Duration::from_secs(5))]).check().unwrap();
        assert_eq!(Playlist::new::<Item>([]).check().unwrap_err().kind, ErrorKind::InvalidSpec);
    }

    #[test]
    fn json_round_trips() {
        let list =
            Playlist::new(["a.mp4", "b.flv"]).shuffle(7).on_failure(OnFailure::Hold).at_end(AtEnd::Hold);
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<Playlist>(&json).unwrap(), list);
        serde_json::from_str::<Playlist>(r#"{"items":[{"file":"a","form_ms":1}]}"#).unwrap_err();
    }
}
