//! A playlist as it was at one moment, and what became of its items.

use std::path::PathBuf;

use serde::Serialize;

use super::Reason;
use crate::spec::{Item, ItemId};

/// A playlist that plays, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlaylistStatus {
    /// One more with each edit. An edit that names it is refused once it is another.
    pub version: u64,
    /// What plays now, or played last: then it has an end, and the picture stands still. `None` before the first.
    pub now: Option<AsRun>,
    /// What comes next if nothing changes; `None` when nothing does.
    pub next: Option<ItemId>,
    /// Everything in it, in the order in which it is written.
    pub items: Vec<PlaylistItem>,
}

/// An item and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PlaylistItem {
    /// Its number.
    pub id: ItemId,
    /// What it plays.
    pub item: Item,
}

/// An item that went on the air, or should have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AsRun {
    /// Which time it is that something went on the air, from 0.
    pub number: u64,
    /// Which item.
    pub item: ItemId,
    /// Its file, as it was given.
    pub file: PathBuf,
    /// When it began, in milliseconds since 1970; up to a tenth of a second before its first picture was due.
    pub began_unix_ms: u64,
    /// When it began, in milliseconds on the stream's clock.
    pub began_ms: u64,
    /// How long it played, in milliseconds; `None` while it does.
    pub played_ms: Option<u64>,
    /// How it ended; `None` while it plays.
    pub end: Option<ItemEnd>,
}

/// How an item ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemEnd {
    /// It has played to its end.
    Finished,
    /// It was skipped.
    Skipped,
    /// The stream ended while it played.
    Stopped,
    /// It could not be opened, joined or read any further.
    #[non_exhaustive]
    Failed {
        /// Why.
        reason: Reason,
        /// The same in words.
        detail: String,
    },
}
