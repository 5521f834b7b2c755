//! What the mission asks of schedules, scenario by scenario, at a real server.

use streambro_core::jiff::civil::time as civil;
use streambro_core::{Phase, Reason, Repeat, Schedule, StreamManager, StreamSpec, Window};
use streambro_tests::nginx::Nginx;

use super::desk::{
    BOUND, Book, Hands, at, even_clip, live, looked, manager, phase, spec, status, today, until,
};

/// Who is on the air, and whether all of them send.
async fn on_the_air(manager: &StreamManager, expected: &[&str]) {
    for id in expected {
        phase(manager, id, Phase::Live).await;
        let before = status(manager, id).bytes;
        until(&format!("{id} sends"), BOUND, || status(manager, id).bytes > before).await;
    }
    let off = manager.list().into_iter().filter(|status| !expected.contains(&status.id.as_str()));
    for status in off {
        assert!(matches!(status.phase, Phase::Scheduled | Phase::Ended), "{status:#?}");
    }
}

async fn film(nginx: &Nginx, id: &str) -> StreamSpec {
    spec(id, &even_clip().make().await, Repeat::Forever, &nginx.rtmp_url("live"), id)
}

#[tokio::test]
async fn a_manual_and_a_scheduled_stream_side_by_side() {
    let (nginx, clock) = (Nginx::start().await, Hands::at(&today("09:59")));
    let manager = manager(&clock).await;
    let manual = manager.start(film(&nginx, "manual").await).await.unwrap();
    let planned = film(&nginx, "planned").await;
    let planned = planned.schedule(Schedule::new().starting(at("10:00")).ending(at("10:30")));
    let first = manager.schedule(planned.clone()).await.unwrap().unwrap();
    assert_eq!((first.start, first.end), (at("10:00"), Some(at("10:30"))));
    assert_eq!(manager.schedule(planned).await.unwrap(), Some(first), "said twice");
    live(&manual).await;
    looked().await;
    assert_eq!(status(&manager, "planned").phase, Phase::Scheduled);

    clock.sleep_until(&today("10:00"));
    on_the_air(&manager, &["manual", "planned"]).await;
    let run = manager.stream("planned").unwrap();
    clock.sleep_until(&today("10:30"));
    let end = run.ended().await;
    assert_eq!(end.reason, Some(Reason::ScheduleEnded));
    looked().await;
    on_the_air(&manager, &["manual"]).await;
    assert_eq!(status(&manager, "manual").legs[0].attempts, 1, "nothing touched it");

    manual.stop();
    manual.ended().await;
    assert_eq!(nginx.settled("planned", 1, BOUND).await.len(), 1);
    assert_eq!(nginx.settled("manual", 1, BOUND).await.len(), 1);
}

#[tokio::test]
async fn stop_by_hand_during_a_scheduled_stream_cancels_that_window_and_not_the_next() {
    let (nginx, clock) = (Nginx::start().await, Hands::at(&today("09:00")));
    let manager = manager(&clock).await;
    let window = Window::daily(civil(10, 0, 0, 0), civil(10, 30, 0, 0));
    let daily = film(&nginx, "daily").await.schedule(Schedule::new().window(window));
    manager.schedule(daily).await.unwrap();
    clock.sleep_until(&today("10:00"));
    on_the_air(&manager, &["daily"]).await;
    let mut book = Book::of(&manager);
    let run = manager.stream("daily").unwrap();
    manager.stop("daily").unwrap();
    assert_eq!(run.ended().await.reason, Some(Reason::Stopped));

    for minute in ["10:05", "10:29", "10:31", "18:00"] {
        clock.sleep_until(&today(minute));
        looked().await;
        assert_eq!(status(&manager, "daily").phase, Phase::Scheduled, "{minute}");
    }
    book.audit();
    assert!(book.phases("daily").iter().all(|(_, to, _)| matches!(to, Phase::Stopping | Phase::Ended)));
    book = Book::of(&manager);

    clock.sleep_until("2026-06-02T10:00:00Z");
    on_the_air(&manager, &["daily"]).await;
    assert!(!book.phases("daily").is_empty());
    clock.sleep_until("2026-06-02T10:30:00Z");
    phase(&manager, "daily", Phase::Scheduled).await;
    assert_eq!(nginx.settled("daily", 2, BOUND).await.len(), 2);
}

#[tokio::test]
async fn of_three_that_overlap_each_ends_by_itself_and_only_itself() {
    let (nginx, clock) = (Nginx::start().await, Hands::at(&today("09:58")));
    let manager = manager(&clock).await;
    for (id, from, to) in [("a", "10:00", "10:30"), ("b", "10:15", "10:45"), ("c", "10:20", "11:00")] {
        let schedule = Schedule::new().starting(at(from)).ending(at(to));
        manager.schedule(film(&nginx, id).await.schedule(schedule)).await.unwrap();
    }
    let times: [(&str, &[&str]); 7] = [
        ("09:59", &[]),
        ("10:00", &["a"]),
        ("10:15", &["a", "b"]),
        ("10:20", &["a", "b", "c"]),
        ("10:30", &["b", "c"]),
        ("10:45", &["c"]),
        ("11:00", &[]),
    ];
    for (time, expected) in times {
        clock.sleep_until(&today(time));
        looked().await;
        on_the_air(&manager, expected).await;
    }
    for id in ["a", "b", "c"] {
        assert_eq!(nginx.settled(id, 1, BOUND).await.len(), 1, "one connection each");
    }
    let reasons: Vec<_> = manager.history().iter().map(|run| (run.id.to_string(), run.reason)).collect();
    let ended = |id: &str| (id.to_owned(), Reason::ScheduleEnded);
    assert_eq!(reasons, [ended("a"), ended("b"), ended("c")]);
    assert!(manager.upcoming(10).is_empty());
}
