//! How one destination is served: what happens when it lags, and when its connection is made anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Platform;
use crate::error::{Error, ErrorKind, Result};

/// A planned reconnect before a platform's limit ends the broadcast in the middle of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// How old a connection gets, in milliseconds.
    every_ms: u64,
    /// How long it stays away, in milliseconds. Default: 0.
    #[serde(default)]
    pause_ms: u64,
}

/// Before a platform's limit there is so much left for a keyframe and a slow goodbye.
const RESERVE: Duration = Duration::from_secs(10 * 60);

/// Long enough that a platform takes what comes for a new broadcast. None publishes a number; Twitch holds a broadcast that
/// has dropped for 90 s. Our choice, not a measurement.
const NEW_BROADCAST: Duration = Duration::from_secs(120);

/// A connection that is made anew more often than this is never live.
const LEAST: Duration = Duration::from_secs(10);

impl Rotation {
    /// Makes the connection anew at the first keyframe after it has lasted for `every`, which is 10 s or more.
    pub fn every(every: Duration) -> Self {
        Self { every_ms: millis(every), pause_ms: 0 }
    }

    /// Stays away for so long in between, so that the platform begins a new broadcast. Default: 0, which continues the old one.
    /// The film waits meanwhile, unless it is on the air elsewhere.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause_ms = millis(pause);
        self
    }

    /// Makes a new broadcast ten minutes before a platform ends it, or stops keeping it; `None` for one that does neither.
    pub fn of(platform: &Platform) -> Option<Self> {
        let profile = platform.profile();
        let hours = profile.max_session_hours.into_iter().chain(profile.max_recorded_hours).min()?;
        let limit = Duration::from_secs(u64::from(hours) * 3_600);
        Some(Self::every(limit - RESERVE.min(limit / 2)).pause(NEW_BROADCAST))
    }

    pub(crate) fn every_ms(self) -> u64 {
        self.every_ms
    }

    pub(crate) fn pause_for(self) -> Duration {
        Duration::from_millis(self.pause_ms)
    }

    pub(crate) fn check(self) -> Result<()> {
        if u128::from(self.every_ms) < LEAST.as_millis() {
            return Err(Error::new(ErrorKind::InvalidSpec, "rotation", "a connection lasts 10 s at least"));
        }
        Ok(())
    }
}

/// What happens when a destination takes less than there is, beyond what catching up can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// Lag beyond this is given up, in milliseconds.
    most_ms: u64,
    /// Whether content is left out then; else the clock moves.
    #[serde(default)]
    skip: bool,
}

impl Lag {
    /// Beyond `most` of lag, which is 1 s or more, the film waits for it, if it is the only one on the air; else it leaves
    /// something out, up to a keyframe. The default, with 10 s.
    pub fn wait(most: Duration) -> Self {
        Self { most_ms: millis(most), skip: false }
    }

    /// Beyond `most` of lag, which is 1 s or more, it leaves something out, up to a keyframe, also when it is the only one:
    /// what is shown keeps to the clock.
    pub fn skip(most: Duration) -> Self {
        Self { most_ms: millis(most), skip: true }
    }

    pub(crate) fn most(self) -> Duration {
        Duration::from_millis(self.most_ms)
    }

    pub(crate) fn skips(self) -> bool {
        self.skip
    }

    pub(crate) fn check(self) -> Result<()> {
        if self.most_ms < 1_000 {
            return Err(Error::new(
                ErrorKind::InvalidSpec,
                "lag",
                "less than 1 s of lag is nothing to act upon",
            ));
        }
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_left_ten_minutes_before_its_limit() {
        let of = |platform| Rotation::of(&platform).map(|rotation: Rotation| rotation.every_ms() / 60_000);
        assert_eq!(of(Platform::Twitch), Some(48 * 60 - 10));
        assert_eq!(of(Platform::Facebook), Some(8 * 60 - 10));
        assert_eq!(of(Platform::YouTube), Some(12 * 60 - 10));
    }

    #[test]
    fn what_would_never_be_live_is_refused() {
        Rotation::every(Duration::from_secs(9)).check().unwrap_err();
        Lag::skip(Duration::from_millis(10)).check().unwrap_err();
        Lag::wait(Duration::from_secs(1)).check().unwrap();
    }
}
