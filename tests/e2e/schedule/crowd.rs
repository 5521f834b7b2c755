//! Many that begin, and end, at the same instant.

use std::time::Duration;

use streambro_core::jiff::{SignedDuration, Timestamp};
use streambro_core::{EventKind, LegPhase, Phase, Repeat, Schedule, StreamManager};
use streambro_tests::hostile::{Attack, Hostile, Stage};

use super::desk::{BOUND, Book, even_clip, spec, until};

/// More than are let on at once when they come back after an outage.
const STREAMS: usize = 200;

/// What a busy machine may add to what `tests/bench/starts` measures, in milliseconds.
const LATEST: i64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_first_starts_in_the_same_second_all_go_live_and_none_waits_for_another() {
    let (server, film) = (Hostile::start(Attack::Nothing, Stage::Published).await, even_clip().make().await);
    let manager = StreamManager::builder().unlimited().build().await.unwrap();
    let start = Timestamp::now() + SignedDuration::from_secs(3);
    let end = start + SignedDuration::from_secs(15);
    for n in 0..STREAMS {
        let id = format!("s{n:03}");
        let schedule = Schedule::new().starting(start).ending(end);
        let wanted = spec(&id, &film, Repeat::Forever, &server.url(), &id).schedule(schedule);
        manager.schedule(wanted).await.unwrap();
    }
    let book = Book::of(&manager);
    let live = || manager.list().iter().filter(|status| status.phase == Phase::Live).count();
    until("all are live", BOUND, || live() == STREAMS).await;
    assert!(manager.list().iter().all(|status| status.legs[0].attempts == 1), "none was put off");
    let begun = late(&book, Phase::Starting, start);
    let on_air = late(&book, Phase::Live, start);
    until("all are off the air", BOUND * 2, || manager.history().len() == STREAMS).await;
    let ended = late(&book, Phase::Stopping, end);
    // A turn would show as a wait with a time for another try.
    let waits = book.events().into_iter().filter(|event| {
        matches!(&event.kind, EventKind::Leg { phase: LegPhase::Waiting, retry_in_ms: Some(_), .. })
    });
    assert_eq!(waits.count(), 0);
    println!("p99 of {STREAMS}: begun {begun} ms, live {on_air} ms, ended {ended} ms after the instant");
    for late in [begun, on_air, ended] {
        assert!((0..LATEST).contains(&late), "{late} ms");
    }
    manager.shutdown(Duration::from_secs(5)).await;
}

/// How late 99 of 100 streams came to a phase at most, in milliseconds after an instant. None came before it.
fn late(book: &Book, phase: Phase, since: Timestamp) -> i64 {
    let came = book.events().into_iter().filter_map(|event| match event.kind {
        EventKind::Phase { to, .. } if to == phase => {
            Some(i64::try_from(event.unix_ms).expect("it is this century") - since.as_millisecond())
        }
        _ => None,
    });
    let mut late: Vec<_> = came.collect();
    late.sort_unstable();
    assert_eq!(late.len(), STREAMS);
    assert!(late[0] >= 0, "{} ms before its time", -late[0]);
    late[STREAMS * 99 / 100]
}
