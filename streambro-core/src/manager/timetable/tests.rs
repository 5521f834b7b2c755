//! The verbs that speak of time, on a clock that is set by hand; nobody listens where the streams go.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64, atomic::Ordering::Relaxed},
    time::Duration,
};

use jiff::{Timestamp, civil};
use tokio::time::timeout;

use crate::{
    Clock, Destination, ErrorKind, EventKind, Phase, Reason, Schedule, Source, StreamManager, StreamSpec,
    Subscription, Window,
    manager::tests::{BOUND, begin, spec},
    schedule::Entry,
};

/// A clock that shows what it was set to.
#[derive(Clone, Debug)]
pub(super) struct Hands(Arc<Face>);

#[derive(Debug)]
struct Face {
    time: Mutex<(Timestamp, Duration)>,
    looks: AtomicU64,
}

impl Hands {
    pub(super) fn at(time: &str) -> Self {
        let time = Mutex::new((instant(time), Duration::from_secs(100)));
        Self(Arc::new(Face { time, looks: AtomicU64::new(0) }))
    }

    /// Lets time pass until then.
    pub(super) fn go(&self, time: &str) {
        let mut face = self.0.time.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (face.0, instant(time));
        *face = (to, face.1 + Duration::try_from(to.duration_since(from)).expect("time goes on"));
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        self.0.looks.fetch_add(1, Relaxed);
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn passed(&self) -> Duration {
        self.0.time.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// `10:15` on the first of June 2026, UTC, or a whole instant.
pub(super) fn instant(time: &str) -> Timestamp {
    let whole = if time.len() == 5 { format!("2026-06-01T{time}:00Z") } else { time.to_owned() };
    whole.parse().expect("it is an instant")
}

pub(super) fn between(from: &str, to: &str) -> Schedule {
    Schedule::new().starting(instant(from)).ending(instant(to))
}

pub(super) fn planned(id: &str, from: &str, to: &str) -> StreamSpec {
    spec(id).schedule(between(from, to))
}

/// The same with the key of another one.
pub(super) fn with_key(id: &str, key: &str, from: &str, to: &str) -> StreamSpec {
    let to_key = Destination::new("rtmp://127.0.0.1:1/live", key).unwrap();
    going_to(to_key, planned(id, from, to))
}

pub(super) fn going_to(destination: Destination, mut spec: StreamSpec) -> StreamSpec {
    spec.destinations = vec![Arc::new(destination)];
    spec
}

pub(super) fn without_schedule(mut spec: StreamSpec) -> StreamSpec {
    spec.schedule = None;
    spec
}

fn of_film(film: &Path, mut spec: StreamSpec) -> StreamSpec {
    spec.source = Source::file(film);
    spec
}

pub(super) async fn manager(clock: &Hands) -> StreamManager {
    StreamManager::builder().clock(clock.clone()).build().await.unwrap()
}

/// Waits until something is so.
pub(super) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BOUND, wait).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"));
}

impl StreamManager {
    /// Lets the agenda be looked at, and whatever follows from it begin.
    pub(super) async fn look_now(&self, clock: &Hands) {
        for _ in 0..2 {
            let before = clock.0.looks.load(Relaxed);
            self.attend();
            until("the clock is looked at", || clock.0.looks.load(Relaxed) > before).await;
        }
    }

    pub(super) async fn is_in(&self, id: &str, phase: Phase) {
        until(&format!("{id} is {phase:?}"), || self.status(id).is_ok_and(|status| status.phase == phase))
            .await;
    }

    pub(super) fn is_waiting(&self, id: &str) -> bool {
        self.status(id).is_ok_and(|status| status.phase == Phase::Scheduled)
    }
}

pub(super) async fn event<T>(
    events: &mut Subscription,
    mut wanted: impl FnMut(&EventKind) -> Option<T>,
) -> T {
    let wait = async {
        loop {
            if let Some(found) = wanted(&events.next().await.expect("the manager is there").kind) {
                return found;
            }
        }
    };
    timeout(BOUND, wait).await.expect("it is told")
}

#[tokio::test]
async fn a_planned_stream_waits_runs_and_ends_as_its_schedule_says() {
    let clock = Hands::at("09:00");
    let manager = manager(&clock).await;
    let first = manager.schedule(planned("a", "10:00", "10:30")).await.unwrap().unwrap();
    assert_eq!((first.start, first.end), (instant("10:00"), Some(instant("10:30"))));
    let status = manager.status("a").unwrap();
    assert_eq!((status.phase, status.schedule.unwrap().next), (Phase::Scheduled, Some(first)));
    assert_eq!(manager.list().len(), 1);
    assert_eq!(manager.upcoming(5)[0].airing, first);

    clock.go("10:00");
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;
    let status = manager.status("a").unwrap();
    assert_eq!(status.schedule.map(|schedule| (schedule.now, schedule.next)), Some((Some(first), None)));
    let run = manager.stream("a").unwrap();
    clock.go("10:30");
    let end = timeout(BOUND, run.ended()).await.unwrap();
    assert_eq!(end.reason, Some(Reason::ScheduleEnded));
    until("nothing of it is left", || manager.upcoming(5).is_empty()).await;
    assert_eq!(manager.history()[0].reason, Reason::ScheduleEnded);
}

#[tokio::test]
async fn an_end_that_comes_while_nobody_answers_ends_it_and_nothing_is_tried_any_more() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    let mut events = manager.subscribe(1_024);
    until("an attempt has failed", || manager.status("a").is_ok_and(|s| s.legs[0].reason.is_some())).await;
    let run = manager.stream("a").unwrap();
    clock.go("10:30");
    let end = timeout(BOUND, run.ended()).await.unwrap();
    assert_eq!(end.reason, Some(Reason::ScheduleEnded));
    let attempts = end.legs[0].attempts;
    while events.try_next().is_some() {}
    // Longer than it would wait before the next attempt.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(events.try_next().is_none());
    assert_eq!(run.status().legs[0].attempts, attempts);
}

#[tokio::test]
async fn a_start_by_hand_must_be_in_its_time_and_ends_with_it() {
    let clock = Hands::at("09:00");
    let manager = manager(&clock).await;
    let refusal = manager.start(planned("a", "10:00", "10:30")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::InvalidSpec);
    assert!(
        refusal.detail.contains("2026-06-01T10:00:00Z") && refusal.detail.contains("`schedule`"),
        "{refusal}"
    );
    assert!(manager.list().is_empty());
    clock.go("10:10");
    let stream = manager.start(planned("a", "10:00", "10:30")).await.unwrap();
    let same = manager.start(planned("a", "10:00", "10:30")).await.unwrap();
    assert!(Arc::ptr_eq(&stream.0, &same.0));
    let refusal = manager.start(planned("a", "10:00", "10:45")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::AlreadyExists);
    assert!(refusal.detail.contains("`schedule`"), "{refusal}");
    // Stopped by hand, it may be started by hand once more.
    manager.stop("a").unwrap();
    timeout(BOUND, stream.ended()).await.unwrap();
    let again = manager.start(planned("a", "10:00", "10:30")).await.unwrap();
    clock.go("10:30");
    assert_eq!(timeout(BOUND, again.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
    let late = manager.start(planned("b", "10:00", "10:30")).await.unwrap_err();
    assert!(late.detail.contains("nothing is left"), "{late}");
}

#[tokio::test]
async fn a_stream_that_is_stopped_by_its_handle_is_back_at_its_next_window() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let window = Window::daily(civil::time(10, 0, 0, 0), civil::time(11, 0, 0, 0));
    manager.schedule(spec("a").schedule(Schedule::new().window(window))).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let run = manager.stream("a").unwrap();
    run.stop();
    timeout(BOUND, run.ended()).await.unwrap();
    until("it waits", || manager.is_waiting("a")).await;
    clock.go("10:59");
    manager.look_now(&clock).await;
    assert!(manager.is_waiting("a"));
    clock.go("2026-06-02T10:00:00Z");
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;
    assert!(!Arc::ptr_eq(&run.0, &manager.stream("a").unwrap().0));
}

#[tokio::test]
async fn a_start_that_fails_is_told_and_tried_again_while_its_time_lasts() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let dir = tempfile::tempdir().unwrap();
    let film = dir.path().join("late.mp4");
    let wanted = of_film(&film, planned("a", "10:00", "10:30"));
    let mut events = manager.subscribe(64);
    manager.schedule(wanted).await.unwrap();
    let failed = |kind: &EventKind| match kind {
        EventKind::StartFailed { error, retry_in_ms, .. } => Some((*error, *retry_in_ms)),
        _ => None,
    };
    assert_eq!(event(&mut events, failed).await, (ErrorKind::SourceUnreadable, Some(1_000)));
    until("it waits", || manager.is_waiting("a")).await;
    let status = manager.status("a").unwrap();
    assert_eq!(status.reason, Some(Reason::StartFailed));
    assert!(status.detail.contains("late.mp4"), "{status:?}");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media/clip.mp4"), &film).unwrap();
    clock.go("10:01");
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;

    fs::remove_file(&film).unwrap();
    let wanted = of_film(&film, planned("b", "10:00", "10:30"));
    manager.schedule(wanted).await.unwrap();
    event(&mut events, failed).await;
    clock.go("10:30");
    manager.look_now(&clock).await;
    until("nothing is left", || manager.upcoming(9).is_empty() && manager.status("b").is_err()).await;
}

#[tokio::test]
async fn while_the_clock_shows_1970_nothing_begins_and_then_everything_that_is_due() {
    let clock = Hands::at("1970-01-01T00:01:00Z");
    let manager = manager(&clock).await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    let always = Schedule::new().window(Window::daily(civil::time(0, 0, 0, 0), civil::time(23, 59, 0, 0)));
    manager.schedule(spec("always").schedule(always)).await.unwrap();
    manager.look_now(&clock).await;
    assert!(manager.is_waiting("a") && manager.is_waiting("always"));
    // By hand it may be, and is not ended by a clock that says nothing.
    manager.start(spec("by-hand")).await.unwrap();
    clock.go("10:10");
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;
    manager.is_in("always", Phase::Starting).await;
}

#[tokio::test]
async fn a_start_that_outlasts_its_window_does_not_count_for_the_next() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let window = |from, until| Window::daily(civil::time(10, from, 0, 0), civil::time(10, until, 0, 0));
    let held_up = manager.0.sources.shelf.hold_up().await;
    let twice = Schedule::new().window(window(0, 30)).window(window(31, 59));
    manager.schedule(spec("a").schedule(twice)).await.unwrap();
    manager.is_in("a", Phase::Preparing).await;
    let first = manager.stream("a").unwrap();
    clock.go("10:30");
    manager.look_now(&clock).await;
    clock.go("10:31");
    manager.look_now(&clock).await;
    drop(held_up);
    manager.is_in("a", Phase::Starting).await;
    assert!(!Arc::ptr_eq(&first.0, &manager.stream("a").unwrap().0));
    clock.go("10:59");
    manager.look_now(&clock).await;
    until("it waits", || manager.is_waiting("a")).await;
}

#[tokio::test]
async fn a_start_by_hand_beside_the_planned_one_is_the_same_run() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let held_up = manager.0.sources.shelf.hold_up().await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    manager.is_in("a", Phase::Preparing).await;
    let mut by_hand = Box::pin(manager.start(planned("a", "10:00", "10:30")));
    begin(&mut by_hand).await;
    drop(held_up);
    let stream = by_hand.await.unwrap();
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;
    manager.look_now(&clock).await;
    assert!(Arc::ptr_eq(&stream.0, &manager.stream("a").unwrap().0) && !stream.0.is_stopping());
}

#[tokio::test]
async fn a_start_that_hangs_holds_up_no_other() {
    let clock = Hands::at("09:59");
    let manager = StreamManager::builder().clock(clock.clone()).unlimited().build().await.unwrap();
    for n in 0..200 {
        manager.schedule(planned(&format!("s{n:03}"), "10:00", "10:30")).await.unwrap();
    }
    let held_up = manager.0.sources.shelf.hold_up().await;
    clock.go("10:00");
    manager.look_now(&clock).await;
    until("all open their source", || manager.list().iter().all(|status| status.phase == Phase::Preparing))
        .await;
    drop(held_up);
    until("all are on their way", || manager.list().iter().all(|status| status.phase == Phase::Starting))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_planned_streams_are_one_task_that_looks_once_a_second() {
    let clock = Hands::at("09:00");
    let manager = StreamManager::builder().clock(clock.clone()).unlimited().build().await.unwrap();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let template = planned("s", "10:00", "10:30");
    let nth = |n: usize| {
        let id = format!("s{n:06}");
        let to = Destination::new("rtmp://127.0.0.1:1/live", &*id).unwrap();
        let mut wanted = going_to(to, template.clone());
        wanted.id = id;
        wanted
    };
    // As they come back after a restart: one after the other takes longer than a test may.
    let entries = (1_000..100_000).map(|n| {
        let spec = nth(n);
        let id = spec.check().unwrap();
        (id, Entry::new(Arc::new(spec), manager.0.timetable.now()), None)
    });
    manager.0.timetable.restore(entries.collect());
    for n in 0..1_000 {
        manager.schedule(nth(n)).await.unwrap();
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks() - before, 1);
    manager.look_now(&clock).await;
    let looks = clock.0.looks.load(Relaxed);
    let since = std::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let looks = clock.0.looks.load(Relaxed) - looks;
    let most = 2 * since.elapsed().as_secs() + 2;
    assert!((1..=most).contains(&looks), "{looks} looks in {:?}", since.elapsed());
    assert_eq!(manager.upcoming(3).len(), 3);
    assert_eq!(manager.clear_all(), 100_000);
}
