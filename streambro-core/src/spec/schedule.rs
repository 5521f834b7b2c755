//! When a stream is on the air, as data. What that means at a moment is computed, never remembered.

mod airing;
#[cfg(test)]
mod airing_tests;
mod cron;
#[cfg(test)]
mod cron_tests;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod oracle;
mod preview;
#[cfg(test)]
mod preview_tests;
mod window;
mod wire;
#[cfg(test)]
mod wire_tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

pub use self::{
    airing::Airing,
    preview::Preview,
    window::{Window, WindowEnd},
};
use crate::error::{Error, ErrorKind, Result};

/// Windows beyond this are surely a mistake.
const MAX_WINDOWS: usize = 64;

/// When a stream is on the air: from a start to an end, and if it has windows, only inside of them.
///
/// An *instant* is the same for everyone. A *civil* time is what a clock on the wall shows, in the schedule's zone: it follows
/// the changes to and from summer time. Where a change leaves a civil time out, what begins or ends then does so as much later
/// as the clock jumps; where one comes twice, the first counts. A *duration* is time that passes, whatever any clock shows,
/// also while the machine sleeps.
///
/// As JSON, instants are RFC 3339 texts (`"2026-12-24T18:00:00+01:00"`, also with a zone as in RFC 9557), civil times are
/// `"22:00"` or `"22:00:30"`, and durations are milliseconds in fields that end with `_ms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "wire::Schedule", into = "wire::Schedule")]
pub struct Schedule {
    start: Option<Timestamp>,
    end: Option<End>,
    zone: TimeZone,
    windows: Vec<Window>,
    missed: MissedStart,
}

/// What ends a schedule for good.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    At(Timestamp),
    After(SignedDuration),
    Until(Time),
}

/// What happens when a start was missed by more than a minute, because the host was down or asleep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissedStart {
    /// The stream starts late, if its time is not over yet. Of several that were missed there is one start.
    #[default]
    StartLate,
    /// The stream waits for its next window.
    Skip,
}

impl Schedule {
    /// From now on, for ever, until something else is said. Civil times are UTC's.
    pub fn new() -> Self {
        Self { start: None, end: None, zone: TimeZone::UTC, windows: vec![], missed: MissedStart::default() }
    }

    /// The same; civil times are those of a zone, by its IANA name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// `InvalidSpec` when there is no such zone.
    pub fn in_zone(name: &str) -> Result<Self> {
        Ok(Self { zone: zone(name)?, ..Self::new() })
    }

    /// Begins at an instant. Default: when it is handed to the manager.
    #[must_use]
    pub fn starting(mut self, at: Timestamp) -> Self {
        self.start = Some(at);
        self
    }

    /// Ends at an instant, for good. In place of any other end.
    #[must_use]
    pub fn ending(mut self, at: Timestamp) -> Self {
        self.end = Some(End::At(at));
        self
    }

    /// Ends when so much time has passed since the start, for good: `24 h` are 24 hours, whatever the clocks do. After no time
    /// at all it ends at once. In place of any other end.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.end = Some(End::After(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)));
        self
    }

    /// Ends when the clock on the wall shows this for the first time after the start, for good. In place of any other end.
    #[must_use]
    pub fn until(mut self, time: Time) -> Self {
        self.end = Some(End::Until(time));
        self
    }

    /// Adds a window, of which there may be 64. Between its windows the stream is off the air; those that touch or overlap are
    /// one, and those that do so for 400 days are taken to do so for ever.
    #[must_use]
    pub fn window(mut self, window: Window) -> Self {
        self.windows.push(window);
        self
    }

    /// Chooses what happens when a start was missed. Default: [`MissedStart::StartLate`].
    #[must_use]
    pub fn missed(mut self, missed: MissedStart) -> Self {
        self.missed = missed;
        self
    }

    /// Returns the zone of its civil times.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub(crate) fn skips_missed(&self) -> bool {
        self.missed == MissedStart::Skip
    }

    /// # Errors
    /// `InvalidSpec`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.zone.iana_name().is_none() && self.zone != TimeZone::UTC {
            return Err(invalid("its zone has no IANA name"));
        }
        if self.windows.len() > MAX_WINDOWS {
            return Err(invalid("at most 64 windows per schedule"));
        }
        if let (Some(start), Some(End::At(end))) = (self.start, self.end)
            && end <= start
        {
            return Err(invalid(format!("it ends, {end}, before it begins, {start}")));
        }
        self.windows.iter().try_for_each(Window::check)
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::new()
    }
}

fn zone(name: &str) -> Result<TimeZone> {
    let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown());
    zone.ok_or_else(|| {
        invalid(format!("no time zone is called {name:?}; use an IANA name such as Europe/Berlin"))
    })
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidSpec, "schedule", detail)
}
