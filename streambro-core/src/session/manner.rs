//! How a destination is served, as far as its connection must know.

use std::time::Duration;

use crate::spec::{Destination, Lag, Rotation};

/// How a destination is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Where the connection's time stamps begin.
    pub(super) first_timestamp: u32,
    /// How long a connection lasts, in milliseconds.
    pub(super) rotate_after_ms: u64,
    /// Lag beyond this is given up, if it is not the library's own.
    pub(super) most_lag: Option<Duration>,
    /// Something is left out then, rather than the film waiting.
    pub(super) skips: bool,
}

impl From<&Destination> for Manner {
    fn from(destination: &Destination) -> Self {
        Self {
            first_timestamp: destination.first_timestamp,
            rotate_after_ms: destination.rotation.map_or(u64::MAX, Rotation::every_ms),
            most_lag: destination.lag.map(Lag::most),
            skips: destination.lag.is_some_and(Lag::skips),
        }
    }
}
