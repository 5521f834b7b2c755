use std::time::Duration;

use jiff::civil::time;

use super::tests::*;
use crate::spec::{Schedule, Window};

#[test]
fn an_end_is_moved_both_ways_and_what_is_cut_off_does_not_come_back() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    assert_eq!(desk.extend("a", 30), Some(at("2026-06-01T13:30")));
    assert_eq!(desk.extend("a", -10), Some(at("2026-06-01T13:20")));
    assert_eq!(desk.run("24 h"), ["-a 13:20:00", "+a 12:00:00"]);
    for schedule in [noon(), noon_for("1 h")] {
        let mut desk = Desk::at("12:10");
        desk.put("a", schedule.clone());
        desk.run("5 m");
        let end = desk.entry("a").unwrap().now().unwrap().end.unwrap();
        let left = end.duration_since(at("2026-06-01T12:20")).as_secs() / 60;
        assert_eq!(desk.extend("a", -left), Some(at("2026-06-01T12:20")));
        assert_eq!(desk.run("23 h"), ["-a 12:20:00"], "{schedule:?}");
    }
}

#[test]
fn an_end_in_the_past_ends_at_once() {
    for schedule in [noon(), noon_for("1 h")] {
        let mut desk = Desk::at("12:30");
        desk.put("a", schedule);
        desk.run("1 m");
        desk.extend("a", -50);
        assert_eq!(desk.look(), "-a");
        assert_eq!(desk.run("20 h"), [""; 0]);
    }
}

#[test]
fn what_lasts_is_extended_by_what_passes() {
    let mut desk = Desk::at("12:00");
    desk.put("a", noon_for("1 h"));
    desk.run("10 m");
    desk.clocks.jump(7_200);
    desk.extend("a", 10);
    assert_eq!(desk.run("59 m"), [""; 0]);
    assert_eq!(desk.run("1 m"), ["-a 15:10:00"]);
}

#[test]
fn the_end_of_what_comes_next_is_moved_for_that_time_only() {
    let mut desk = Desk::daily();
    desk.look();
    assert_eq!(desk.extend("a", 30), Some(at("2026-06-01T13:30")));
    assert_eq!(desk.run("48 h"), ["+a 12:00:00", "-a 13:30:00", "+a 12:00:00", "-a 13:00:00"]);
}

#[test]
fn a_moved_end_of_what_comes_next_holds_for_a_late_start_and_for_a_stop_of_nothing() {
    let mut desk = Desk::daily();
    desk.look();
    desk.extend("a", 30);
    desk.stop("a");
    desk.restart("95 m");
    assert_eq!(desk.run("1 h"), ["+a 13:20:00", "-a 13:30:00"]);
}

#[test]
fn what_comes_next_and_is_cut_to_nothing_does_not_come() {
    let mut desk = Desk::daily();
    desk.look();
    assert_eq!(desk.extend("a", -90), Some(at("2026-06-01T12:00")));
    desk.look();
    assert_eq!(desk.entry("a").unwrap().next().unwrap().start, at("2026-06-02T12:00"));
    assert_eq!(desk.run("25 h"), ["+a 12:00:00"]);
    assert_eq!(desk.clocks.wall, at("2026-06-02T12:45"));
}

#[test]
fn an_extended_airing_takes_in_what_begins_before_its_end() {
    let mut desk = Desk::at("12:10");
    desk.put("a", noon().window(Window::daily(time(13, 30, 0, 0), time(15, 0, 0, 0))));
    desk.run("1 m");
    desk.extend("a", 60);
    desk.look();
    let entry = desk.entry("a").unwrap();
    assert_eq!(entry.next().unwrap().start, at("2026-06-01T14:00"));
    let plan: Vec<_> = entry.plan(desk.clocks.wall).take(3).collect();
    assert!(plan.windows(2).all(|pair| pair[0].end.unwrap() <= pair[1].start), "{plan:?}");
    assert_eq!(desk.run("3 h"), ["-a 15:00:00"]);
}

#[test]
fn an_extended_next_airing_lies_apart_from_those_after_it() {
    let mut desk = Desk::daily();
    desk.look();
    desk.extend("a", 24 * 60);
    let plan: Vec<_> = desk.entry("a").unwrap().plan(desk.clocks.wall).take(3).collect();
    assert_eq!(plan[0].end, Some(at("2026-06-02T13:00")));
    assert_eq!(plan[1].start, at("2026-06-03T12:00"));
    desk.clear_end("a");
    let plan: Vec<_> = desk.entry("a").unwrap().plan(desk.clocks.wall).take(3).collect();
    assert_eq!(plan.len(), 1);
    assert_eq!((plan[0].start, plan[0].end), (at("2026-06-01T12:00"), None));
}

#[test]
fn an_end_that_is_dropped_is_no_end_until_somebody_stops_it() {
    for on in [true, false] {
        let mut desk = Desk::daily();
        desk.run(if on { "20 m" } else { "1 m" });
        assert!(desk.clear_end("a"));
        assert!(!desk.clear_end("a"));
        assert_eq!(desk.extend("a", 5), None);
        assert_eq!(desk.run("72 h").len(), usize::from(!on));
        desk.restart("1 h");
        assert_eq!(desk.run("24 h").len(), 1);
        desk.clocks.set("2026-06-06T18:00");
        desk.look();
        desk.stop("a");
        assert_eq!(desk.run("18 h"), ["+a 12:00:00"]);
    }
}

#[test]
fn one_whose_end_was_dropped_is_stopped_inside_a_later_window_and_begins_at_the_one_after() {
    let mut desk = Desk::daily();
    desk.run("1 m");
    desk.clear_end("a");
    desk.run("15 m");
    desk.clocks.set("2026-06-03T12:30");
    desk.look();
    desk.stop("a");
    assert_eq!(desk.run("24 h"), ["+a 12:00:00"]);
}

#[test]
fn another_schedule_keeps_a_run_that_it_wants_as_well_and_ends_one_that_it_does_not() {
    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.reschedule("a", Schedule::new().ending(at("2026-06-01T12:40")));
    assert_eq!(desk.run("1 h"), ["-a 12:40:00"]);
    assert!(desk.entry("a").is_none());

    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.reschedule("a", Schedule::new().window(Window::daily(time(14, 0, 0, 0), time(15, 0, 0, 0))));
    assert_eq!(desk.run("3 h"), ["-a 12:15:00", "+a 14:00:00", "-a 15:00:00"]);

    let mut desk = Desk::daily();
    desk.run("30 m");
    desk.reschedule("a", None);
    assert_eq!(desk.run("72 h"), [""; 0]);
    assert!(desk.is_on("a"));
}

#[test]
fn a_schedule_that_lasts_for_no_time_ends_at_once() {
    for starts in [true, false] {
        let mut desk = Desk::daily();
        desk.clocks.pass(duration("20 m"));
        desk.look();
        if starts {
            desk.start("a");
        }
        desk.reschedule("a", Schedule::new().lasting(Duration::ZERO));
        assert_eq!(desk.look(), "-a");
        assert!(desk.entry("a").is_none());
    }
}

#[test]
fn another_schedule_ends_what_waits_for_another_attempt_without_one() {
    let mut desk = Desk::daily();
    desk.clocks.pass(duration("20 m"));
    desk.look();
    desk.fail("a");
    desk.reschedule("a", Schedule::new().lasting(Duration::ZERO));
    assert_eq!(desk.run("1 h"), [""; 0]);
}

#[test]
fn who_is_wanted_right_now_begins_although_it_was_stopped_and_ends_as_scheduled() {
    let mut desk = Desk::daily();
    desk.run("20 m");
    desk.stop("a");
    desk.run("10 m");
    desk.agenda.want(&sid("a"), desk.clocks.now());
    assert!(desk.start("a"));
    assert_eq!(desk.run("1 h"), ["-a 13:00:00"]);
}
