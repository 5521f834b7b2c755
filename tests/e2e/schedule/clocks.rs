//! Clocks that are set while streams run.

use std::time::Duration;

use streambro_core::jiff::civil::time as civil;
use streambro_core::{Phase, Reason, Repeat, Schedule, Window};
use streambro_tests::nginx::Nginx;

use super::desk::{BOUND, Book, Hands, even_clip, looked, manager, phase, spec, status, today};

#[tokio::test]
async fn a_wall_clock_that_is_set_restarts_nothing_and_is_followed_at_once() {
    let (nginx, clock) = (Nginx::start().await, Hands::at(&today("10:00")));
    let film = even_clip().make().await;
    let manager = manager(&clock).await;
    let window = Window::daily(civil(8, 0, 0, 0), civil(12, 0, 0, 0));
    let wanted = |id: &str, schedule: Schedule| {
        spec(id, &film, Repeat::Forever, &nginx.rtmp_url("live"), id).schedule(schedule)
    };
    manager.schedule(wanted("daily", Schedule::new().window(window))).await.unwrap();
    manager.schedule(wanted("hours", Schedule::new().lasting(Duration::from_secs(3 * 3_600)))).await.unwrap();
    phase(&manager, "daily", Phase::Live).await;
    phase(&manager, "hours", Phase::Live).await;
    let book = Book::of(&manager);
    for time in ["11:00", "09:00", "08:00", "11:59"] {
        clock.set(&today(time));
        looked().await;
    }
    assert!(book.phases("daily").is_empty() && book.phases("hours").is_empty(), "{:#?}", book.events());

    // What the clock says ends; what lasts goes on for as long as it was to last.
    let run = manager.stream("daily").unwrap();
    clock.set(&today("12:00"));
    let end = tokio::time::timeout(BOUND, run.ended()).await.unwrap();
    assert_eq!(end.reason, Some(Reason::ScheduleEnded));
    // It was on the air today: a clock that goes back does not repeat it.
    clock.set(&today("10:00"));
    looked().await;
    assert_eq!(status(&manager, "daily").phase, Phase::Scheduled);
    assert_eq!(status(&manager, "hours").phase, Phase::Live);
    assert_eq!(status(&manager, "hours").legs[0].attempts, 1);
    clock.sleep_until(&today("13:05"));
    phase(&manager, "hours", Phase::Ended).await;
    assert_eq!(nginx.settled("daily", 1, BOUND).await.len(), 1);
    assert_eq!(nginx.settled("hours", 1, BOUND).await.len(), 1);
}

#[tokio::test]
async fn after_two_hours_of_sleep_what_is_over_ends_and_what_is_due_begins() {
    let (nginx, clock) = (Nginx::start().await, Hands::at(&today("10:00")));
    let film = even_clip().make().await;
    let manager = manager(&clock).await;
    for (id, from, to) in [("morning", 9, 11), ("slept-through", 11, 12), ("noon", 11, 13)] {
        let window = Window::daily(civil(from, 0, 0, 0), civil(to - 1, 59, 0, 0));
        let wanted = spec(id, &film, Repeat::Forever, &nginx.rtmp_url("live"), id);
        manager.schedule(wanted.schedule(Schedule::new().window(window))).await.unwrap();
    }
    phase(&manager, "morning", Phase::Live).await;
    let run = manager.stream("morning").unwrap();
    clock.sleep_until(&today("12:00"));
    assert_eq!(tokio::time::timeout(BOUND, run.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
    phase(&manager, "noon", Phase::Live).await;
    assert_eq!(status(&manager, "slept-through").phase, Phase::Scheduled);
    assert_eq!(manager.history().len(), 1);
}
