//! Plans that change while streams wait, start and run.

use std::{sync::Arc, time::Duration};

use jiff::civil;
use tokio::time::timeout;

use super::tests::{Hands, between, instant, manager, planned, until};
use crate::{
    ErrorKind, EventKind, Phase, Reason, Schedule, Window,
    manager::tests::{BOUND, begin, spec},
};

#[tokio::test]
async fn the_end_can_be_moved_and_dropped_while_it_runs() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let extended = manager.extend("a", Duration::from_secs(15 * 60)).await.unwrap();
    assert_eq!(extended.end, Some(instant("10:45")));
    clock.go("10:40");
    manager.look_now(&clock).await;
    assert!(manager.clear_end("a").await.unwrap());
    assert!(!manager.clear_end("a").await.unwrap(), "there is none any more");
    assert_eq!(manager.extend("a", Duration::from_secs(1)).await.unwrap_err().kind, ErrorKind::InvalidSpec);
    clock.go("23:00");
    manager.look_now(&clock).await;
    let run = manager.stream("a").unwrap();
    assert_eq!(run.status().phase, Phase::Starting);
    // A duration of nothing ends now.
    assert_eq!(manager.reschedule("a", Schedule::new().lasting(Duration::ZERO)).await.unwrap(), None);
    assert_eq!(timeout(BOUND, run.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
    assert_eq!(manager.extend("a", Duration::from_secs(1)).await.unwrap_err().kind, ErrorKind::NotFound);
    assert_eq!(
        manager.schedule(spec("b").schedule(Schedule::new().lasting(Duration::ZERO))).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn what_runs_and_is_wanted_by_the_new_schedule_as_well_goes_on() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let run = manager.stream("a").unwrap();
    let now = manager.reschedule("a", between("09:50", "10:10")).await.unwrap().unwrap();
    assert_eq!(now.end, Some(instant("10:10")));
    manager.look_now(&clock).await;
    assert!(Arc::ptr_eq(&run.0, &manager.stream("a").unwrap().0) && !run.0.is_stopping());
    let next = manager.reschedule("a", between("12:00", "12:10")).await.unwrap().unwrap();
    assert_eq!(next.start, instant("12:00"));
    assert_eq!(timeout(BOUND, run.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
    until("it waits", || manager.is_waiting("a")).await;
}

#[tokio::test]
async fn cancelling_ends_what_runs_and_leaves_no_plan() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let window = Window::daily(civil::time(10, 0, 0, 0), civil::time(11, 0, 0, 0));
    manager.schedule(spec("a").schedule(Schedule::new().window(window))).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let run = manager.stream("a").unwrap();
    manager.cancel("a").await.unwrap();
    assert_eq!(timeout(BOUND, run.ended()).await.unwrap().reason, Some(Reason::Stopped));
    assert!(manager.upcoming(5).is_empty());
    assert_eq!(manager.cancel("a").await.unwrap_err().kind, ErrorKind::NotFound);
    clock.go("2026-06-02T10:30:00Z");
    manager.look_now(&clock).await;
    assert_eq!(manager.status("a").unwrap().phase, Phase::Ended);
}

#[tokio::test]
async fn a_replaced_stream_has_the_schedule_of_the_new_spec() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let late = manager.replace(planned("a", "11:00", "11:30")).await.unwrap_err();
    assert_eq!(late.kind, ErrorKind::InvalidSpec, "{late}");
    let second = manager.replace(planned("a", "10:00", "10:45").priority(3)).await.unwrap();
    clock.go("10:30");
    manager.look_now(&clock).await;
    assert!(!second.0.is_stopping(), "the end of the first run is none of this one");
    clock.go("10:45");
    assert_eq!(timeout(BOUND, second.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));

    manager.schedule(planned("b", "10:45", "11:00")).await.unwrap();
    manager.is_in("b", Phase::Starting).await;
    let free = manager.replace(spec("b").priority(3)).await.unwrap();
    clock.go("12:00");
    manager.look_now(&clock).await;
    assert!(!free.0.is_stopping(), "it has no schedule any more");
}

#[tokio::test]
async fn a_stream_that_runs_gets_a_schedule_by_being_replaced_and_goes_on() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let stream = manager.start(spec("a")).await.unwrap();
    manager.is_in("a", Phase::Starting).await;
    let refusal = manager.start(planned("a", "10:00", "10:30")).await.unwrap_err();
    assert_eq!(refusal.kind, ErrorKind::AlreadyExists);
    assert!(refusal.detail.contains("`schedule`"), "{refusal}");
    assert_eq!(
        manager.schedule(planned("a", "10:00", "10:30")).await.unwrap_err().kind,
        ErrorKind::AlreadyExists
    );
    let same = manager.replace(planned("a", "10:00", "10:30")).await.unwrap();
    assert!(Arc::ptr_eq(&stream.0, &same.0), "no connection notices");
    clock.go("10:30");
    assert_eq!(timeout(BOUND, stream.ended()).await.unwrap().reason, Some(Reason::ScheduleEnded));
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_being_started_leaves_no_plan() {
    let clock = Hands::at("10:00");
    let manager = manager(&clock).await;
    let window = Window::daily(civil::time(10, 0, 0, 0), civil::time(11, 0, 0, 0));
    let daily = || spec("a").schedule(Schedule::new().window(window.clone()));
    let held_up = manager.0.sources.shelf.hold_up().await;
    let mut opening = Box::pin(manager.start(daily()));
    begin(&mut opening).await;
    manager.clear_all();
    drop(held_up);
    timeout(BOUND, opening.await.unwrap().ended()).await.unwrap();
    assert!(manager.upcoming(5).is_empty());
}

#[tokio::test]
async fn each_change_of_a_plan_is_told_once() {
    let clock = Hands::at("09:00");
    let manager = manager(&clock).await;
    let mut events = manager.subscribe(1_024);
    manager.schedule(planned("a", "10:00", "10:30")).await.unwrap();
    manager.look_now(&clock).await;
    clock.go("10:00");
    manager.look_now(&clock).await;
    manager.is_in("a", Phase::Starting).await;
    manager.look_now(&clock).await;
    let mut told = vec![];
    while let Some(event) = events.try_next() {
        if let EventKind::Schedule { now, next } = event.kind {
            told.push((now.is_some(), next.is_some()));
        }
    }
    assert_eq!(told, [(false, true), (true, false)]);
}
