//! What the example programs share.

pub mod channel;
pub mod density;
pub mod encoding;
pub mod many;
pub mod memory;
pub mod receiver;
pub mod screen;
pub mod station;

/// The samples of the README, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The samples of the guide to supervision, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/supervision.md")]
pub struct Supervision;

/// The samples of the guide to encoding, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/encoding.md")]
pub struct Encoding;

/// The samples of the guide to playlists, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/playlists.md")]
pub struct Playlists;

/// The samples of the guide to schedules, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/schedule.md")]
pub struct Schedules;

/// The samples of the guide to state, held to the library.
#[cfg(doctest)]
#[doc = include_str!("../../docs/state.md")]
pub struct State;
