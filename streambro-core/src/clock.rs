//! What time it is: by the wall, for people and schedules, and by what has passed. What is waited for uses tokio's clock,
//! which tests can pause.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Milliseconds since 1970; 0 on a host whose clock is before that.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The two clocks that schedules follow. Bring one of your own to try a schedule out.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// The wall clock. It may jump either way.
    fn wall(&self) -> Timestamp;

    /// Time that has passed since a fixed point, also while the machine slept. It never goes back.
    fn passed(&self) -> Duration;
}

/// The machine's own: CLOCK_REALTIME, and CLOCK_BOOTTIME where there is one.
#[derive(Debug)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        // One that jiff cannot tell was never set.
        Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn passed(&self) -> Duration {
        #[cfg(target_os = "linux")]
        let clock = ClockId::Boottime;
        // Apple's goes on in sleep.
        #[cfg(not(target_os = "linux"))]
        let clock = ClockId::Monotonic;
        let passed = clock_gettime(clock);
        // Both count from the boot on, and nanoseconds are below 10^9.
        Duration::new(passed.tv_sec.unsigned_abs(), u32::try_from(passed.tv_nsec).unwrap_or(0))
    }
}
