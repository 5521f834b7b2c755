//! A clock that shows another time than it is.

use std::time::{Duration, Instant};

use streambro_core::{
    Clock,
    jiff::{SignedDuration, Timestamp},
};

/// Begins at any instant, and goes on from there at any speed.
#[derive(Clone, Copy, Debug)]
pub struct Warp {
    at: Timestamp,
    speed: f64,
    since: Instant,
}

impl Warp {
    /// Shows `at` now, and `speed` seconds more after each second.
    #[must_use]
    pub fn new(at: Timestamp, speed: f64) -> Self {
        Self { at, speed, since: Instant::now() }
    }
}

impl Clock for Warp {
    fn wall(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.passed()).unwrap_or(SignedDuration::MAX);
        self.at.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    fn passed(&self) -> Duration {
        Duration::try_from_secs_f64(self.since.elapsed().as_secs_f64() * self.speed).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_at_speed_shows_more_than_has_passed_and_never_goes_back() {
        let clock = Warp::new(Timestamp::UNIX_EPOCH, 1e6);
        let (passed, since) = (clock.passed(), clock.since.elapsed());
        assert!(passed <= since.mul_f64(1e6), "{passed:?} of {since:?}");
        assert!(clock.passed() >= passed && clock.wall() > Timestamp::UNIX_EPOCH);
    }
}
