//! Changes of a playlist that plays.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Item;

/// The number of an item in a playlist that plays: from 0 in the order of the spec, then one more for each that is added.
/// A number is never used again while the stream runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct ItemId(pub u64);

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of a stream's playlists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlaylistKind {
    /// What is seen; and heard, unless there is a list of sounds.
    #[default]
    Main,
    /// What is heard: that of [`Source::sound`](super::Source::sound).
    Sound,
}

/// One change of a playlist that plays. None makes a new connection.
///
/// What plays now goes on to its end, whatever becomes of it in the list; only [`Skip`](Self::Skip) and
/// [`Jump`](Self::Jump) end it sooner, at its next keyframe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Edit {
    /// Adds an item behind all others.
    Append(Item),
    /// Adds an item before another one.
    Insert {
        /// The other one.
        before: ItemId,
        /// What is added.
        item: Item,
    },
    /// Takes an item away.
    Remove(ItemId),
    /// Moves an item.
    Move {
        /// Which.
        id: ItemId,
        /// Before which; `None` is behind all others.
        before: Option<ItemId>,
    },
    /// Puts something else in the place of an item, under its number.
    Replace {
        /// Which.
        id: ItemId,
        /// What is there instead.
        item: Item,
    },
    /// Puts another list in the place of this one. It begins when what plays now has ended.
    ReplaceAll(Vec<Item>),
    /// Lets an item play next, and those behind it after that.
    Cue(ItemId),
    /// Ends what plays now.
    Skip,
    /// Ends what plays now, and goes on with this item.
    Jump(ItemId),
}

impl Edit {
    /// What it adds.
    pub(crate) fn added(&self) -> &[Item] {
        match self {
            Self::Append(item) | Self::Insert { item, .. } | Self::Replace { item, .. } => {
                std::slice::from_ref(item)
            }
            Self::ReplaceAll(items) => items,
            Self::Remove(_) | Self::Move { .. } | Self::Cue(_) | Self::Skip | Self::Jump(_) => &[],
        }
    }

    /// Whether it ends what plays now.
    pub(crate) fn cuts(&self) -> bool {
        matches!(self, Self::Skip | Self::Jump(_))
    }
}
