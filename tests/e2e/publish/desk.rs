//! Managers, specs and a record of what happened.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use streambro_core::{
    Destination, Event, EventKind, LegPhase, Phase, Reason, Repeat, Source, Stream, StreamManager,
    StreamSpec, StreamStatus,
};
use streambro_tests::ffmpeg::Clip;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes on a busy machine, shorter than patience.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// 4.8 s with B-frames: 144 pictures and 225 audio frames end together, so that a loop joins without trimming.
pub(crate) fn even_clip() -> Clip {
    Clip::new().seconds(4.8).gop(24)
}

pub(crate) async fn manager() -> StreamManager {
    StreamManager::builder().build().await.expect("the default settings are good")
}

pub(crate) fn spec(id: &str, file: &Path, repeat: Repeat, url: &str, key: &str) -> StreamSpec {
    StreamSpec::new(id, Source::file(file).repeat(repeat)).destination(to(url, key))
}

pub(crate) fn to(url: &str, key: &str) -> Destination {
    Destination::new(url, key).expect("the rig's addresses are good")
}

pub(crate) async fn live(stream: &Stream) {
    reach(stream, Phase::Live).await;
}

pub(crate) async fn reach(stream: &Stream, phase: Phase) {
    match timeout(BOUND, stream.wait_for(phase)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{error}"),
        Err(_) => panic!("not {phase:?} within {BOUND:?}: {:#?}", stream.status()),
    }
}

/// Waits until a stream has ended, and checks why.
pub(crate) async fn ends(stream: &Stream, reason: Reason) -> StreamStatus {
    let status = timeout(BOUND * 2, stream.ended())
        .await
        .unwrap_or_else(|_| panic!("not ended within {:?}: {:#?}", BOUND * 2, stream.status()));
    assert_eq!((status.phase, status.reason), (Phase::Ended, Some(reason)), "{status:#?}");
    status
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, bound: Duration, mut so: impl FnMut() -> bool) -> Duration {
    let since = Instant::now();
    while !so() {
        assert!(since.elapsed() < bound, "not within {bound:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    since.elapsed()
}

/// Everything that a manager has told since this was made.
pub(crate) struct Book {
    events: Arc<Mutex<Vec<Event>>>,
    reader: JoinHandle<()>,
}

/// A leg's change: its number, where it is, why, in which words, and when it tries again.
pub(crate) type LegChange = (usize, LegPhase, Option<Reason>, String, Option<u64>);

impl Book {
    pub(crate) fn of(manager: &StreamManager) -> Self {
        let mut subscription = manager.subscribe(4_096);
        let events = Arc::new(Mutex::new(Vec::new()));
        let pages = Arc::clone(&events);
        let reader = tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                pages.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
        Self { events, reader }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the manager has closed the subscription.
    pub(crate) fn closed(&self) -> bool {
        self.reader.is_finished()
    }

    /// The changes of a stream's phase, and why.
    pub(crate) fn phases(&self, id: &str) -> Vec<(Phase, Phase, Option<Reason>)> {
        let of = |event: Event| match event.kind {
            EventKind::Phase { from, to, reason, .. } if is(event.stream.as_ref(), id) => {
                Some((from, to, reason))
            }
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }

    /// The changes of a stream's legs.
    pub(crate) fn legs(&self, id: &str) -> Vec<LegChange> {
        let of = |event: Event| match event.kind {
            EventKind::Leg { leg, phase, reason, detail, retry_in_ms, .. }
                if is(event.stream.as_ref(), id) =>
            {
                Some((leg, phase, reason, detail, retry_in_ms))
            }
            _ => None,
        };
        self.events().into_iter().filter_map(of).collect()
    }

    /// Waits until a stream's first leg waits for another attempt, for whatever reason.
    pub(crate) async fn failure(&self, id: &str) -> (Reason, String, u64) {
        let mut found = None;
        until(&format!("an attempt of {id} fails"), BOUND, || {
            found = self.legs(id).into_iter().find_map(|(_, phase, reason, detail, retry)| {
                let retry = retry.filter(|_| phase == LegPhase::Waiting)?;
                Some((reason?, detail, retry))
            });
            found.is_some()
        })
        .await;
        found.expect("it was waited for")
    }

    /// Checks that numbers have no gap and that every change starts where the last one led.
    pub(crate) fn audit(&self) {
        let events = self.events();
        for pair in events.windows(2) {
            assert_eq!(pair[1].seq, pair[0].seq + 1, "{pair:#?}");
            assert!(pair[1].unix_ms + 1_000 >= pair[0].unix_ms, "{pair:#?}");
        }
        let mut ids: Vec<_> = events.iter().filter_map(|event| event.stream.clone()).collect();
        ids.sort();
        ids.dedup();
        for id in ids {
            let phases = self.phases(id.as_str());
            for pair in phases.windows(2) {
                // A new run under the same id begins afresh.
                assert!(pair[1].0 == pair[0].1 || pair[0].1 == Phase::Ended, "{id}: {phases:?}");
            }
            assert!(phases.iter().all(|(from, to, _)| from != to), "{id}: {phases:?}");
        }
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn is(stream: Option<&streambro_core::StreamId>, id: &str) -> bool {
    stream.is_some_and(|stream| stream.as_str() == id)
}
