//! A clock that is set by hand, and streams that follow it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streambro_core::jiff::{SignedDuration, Timestamp};
use streambro_core::{Builder, Clock, Phase, StreamManager, StreamStatus};

pub(super) use super::super::publish::desk::{BOUND, Book, even_clip, live, spec, until};

/// A clock on the wall, and time that passes beside it.
#[derive(Clone, Debug)]
pub(super) struct Hands(Arc<Mutex<Face>>);

#[derive(Debug)]
struct Face {
    wall: Timestamp,
    passed: Duration,
    set: Instant,
}

impl Hands {
    /// A clock that shows an instant, such as `2026-06-01T10:00:00Z`, and goes on from there.
    pub(super) fn at(instant: &str) -> Self {
        let wall = instant.parse().expect("it is an instant");
        Self(Arc::new(Mutex::new(Face { wall, passed: Duration::from_secs(1_000), set: Instant::now() })))
    }

    /// Lets time pass that nobody noticed, until an instant: a machine that slept.
    pub(super) fn sleep_until(&self, instant: &str) {
        let to: Timestamp = instant.parse().expect("it is an instant");
        let mut face = self.face();
        let by = to.duration_since(face.wall);
        face.passed += Duration::try_from(by).expect("time does not go back");
        face.wall = to;
    }

    /// Sets the wall clock and lets no time pass.
    pub(super) fn set(&self, instant: &str) {
        self.face().wall = instant.parse().expect("it is an instant");
    }

    fn face(&self) -> std::sync::MutexGuard<'_, Face> {
        let mut face = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = face.set.elapsed();
        face.wall += SignedDuration::try_from(since).expect("a test is short");
        face.passed += since;
        face.set += since;
        face
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        self.face().wall
    }

    fn passed(&self) -> Duration {
        self.face().passed
    }
}

/// 2026-06-01, at a time of the day such as `10:15`, UTC.
pub(super) fn today(time: &str) -> String {
    format!("2026-06-01T{time}:00Z")
}

/// The same as an instant.
pub(super) fn at(time: &str) -> Timestamp {
    today(time).parse().expect("it is an instant")
}

pub(super) async fn manager(clock: &Hands) -> StreamManager {
    builder(clock).build().await.expect("the settings are good")
}

pub(super) fn builder(clock: &Hands) -> Builder {
    StreamManager::builder().clock(clock.clone())
}

pub(super) fn status(manager: &StreamManager, id: &str) -> StreamStatus {
    manager.status(id).expect("it is known")
}

/// Waits until a stream is in a phase, whether it has a run or not.
pub(super) async fn phase(manager: &StreamManager, id: &str, phase: Phase) {
    let what = format!("{id} is {phase:?}");
    until(&what, BOUND, || manager.status(id).is_ok_and(|status| status.phase == phase)).await;
}

/// Waits until the manager has looked at the clock twice: whatever it shows has been acted on.
pub(super) async fn looked() {
    // It looks once a second; a test that needs more fails for a reason.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
}
